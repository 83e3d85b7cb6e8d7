"""Judging what a name server answered against what was expected of it. Pure; called within a budget of CPU time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from saasobs.core.result import Failure, Reason
from saasobs.core.values import SECOND, format_duration
from saasobs.probes.dns.messages import Answer
from saasobs.probes.dns.names import plain
from saasobs.probes.dns.options import DnsOptions
from saasobs.probes.verdict import Unmet, short

_SHOWN: Final = 5
"""Records that a sentence names."""


def judge_answer(options: DnsOptions, answer: Answer) -> list[Unmet]:
    """What is not as expected; when the answer is another one altogether, only that."""
    wrong = list(_rcode(options, answer))
    if wrong:
        return wrong
    return [*_flags(options, answer), *_count(options, answer), *_records(options, answer),
            *_patterns(options, answer), *_ttl(options, answer), *_serial(options, answer)]  # fmt: skip


def _rcode(options: DnsOptions, answer: Answer) -> Iterator[Unmet]:
    wanted = options.expect.rcode
    if answer.rcode == wanted:
        return
    reason = Reason.DNS_MISMATCH
    if wanted == "NOERROR":
        reason = Reason.DNS_NOT_FOUND if answer.rcode == "NXDOMAIN" else Reason.DNS_FAILED
    words = f"{answer.rcode} ({short(answer.remark)})" if answer.remark else answer.rcode
    found = f" with {_shown(answer.records)}" if answer.records else ""
    failure = Failure("rcode", wanted, answer.rcode, reason)
    yield Unmet(failure, f"{_subject(options)}: the answer is {words}{found}, expected {wanted}")


def _flags(options: DnsOptions, answer: Answer) -> Iterator[Unmet]:
    if options.dnssec and not answer.authenticated:
        failure = Failure("dnssec", "the AD flag", "no AD flag", Reason.DNS_MISMATCH)
        yield Unmet(failure, f"{_subject(options)}: the answer is not authenticated by DNSSEC (no AD flag)")
    if options.expect.authoritative and not answer.authoritative:
        failure = Failure("authoritative", "the AA flag", "no AA flag", Reason.DNS_MISMATCH)
        yield Unmet(failure, f"{_subject(options)}: the server does not answer for the zone itself (no AA flag)")


def _count(options: DnsOptions, answer: Answer) -> Iterator[Unmet]:
    least, most, seen = options.expect.least, options.expect.max_records, len(answer.records)
    if seen < least:
        failure = Failure("min_records", str(least), str(seen), Reason.DNS_MISMATCH)
        yield Unmet(failure, f"{_subject(options)}: {_how_many(options, answer)}, expected at least {least}")
    if most is not None and seen > most:
        failure = Failure("max_records", str(most), str(seen), Reason.DNS_MISMATCH)
        yield Unmet(failure, f"{_subject(options)}: {seen} records, expected at most {most}")


def _how_many(options: DnsOptions, answer: Answer) -> str:
    seen = len(answer.records)
    if seen or not answer.aliases:
        return f"{seen} records" if seen else f"there is no {options.type} record"
    if answer.endless:
        return f"it is an alias without end ({short(' -> '.join(answer.aliases))})"
    return f"it is an alias of {short(answer.aliases[-1])}, for which the server gives no {options.type} record"


def _records(options: DnsOptions, answer: Answer) -> Iterator[Unmet]:
    seen = frozenset(answer.records)
    if options.exactly and answer.records and seen != options.exactly:
        failure = Failure("records", _shown(sorted(options.exactly)), _shown(answer.records), Reason.DNS_MISMATCH)
        differences = [f"{_shown(sorted(options.exactly - seen))} missing"] if options.exactly - seen else []
        differences += [f"{_shown(sorted(seen - options.exactly))} not expected"] if seen - options.exactly else []
        yield Unmet(failure, f"{_subject(options)}: {' and '.join(differences)}")
    if missing := sorted(options.among - seen):
        failure = Failure("contains", _shown(sorted(options.among)), _shown(answer.records), Reason.DNS_MISMATCH)
        yield Unmet(failure, f"{_subject(options)}: {_shown(missing)} missing, there is {_shown(answer.records)}")


def _patterns(options: DnsOptions, answer: Answer) -> Iterator[Unmet]:
    for pattern in options.expect.matches:
        if not any(pattern.search(record) for record in answer.records):
            failure = Failure("matches", pattern.pattern, _shown(answer.records), Reason.DNS_MISMATCH)
            yield Unmet(failure, f"{_subject(options)}: {_shown(answer.records)}, none matches {pattern.pattern}")
    for pattern in options.expect.not_matches:
        if found := next((record for record in answer.records if pattern.search(record)), None):
            failure = Failure("not_matches", pattern.pattern, short(found), Reason.DNS_MISMATCH)
            yield Unmet(failure, f"{_subject(options)}: {short(found)} matches {pattern.pattern}, which it must not")


def _ttl(options: DnsOptions, answer: Answer) -> Iterator[Unmet]:
    least, most = options.expect.ttl_min, options.expect.ttl_max
    for key, limit, ttl, words in (
        ("ttl_min", least, answer.ttl, "at least"),
        ("ttl_max", most, answer.longest_ttl, "at most"),
    ):
        if limit is None or ttl is None or (ttl * SECOND >= limit if key == "ttl_min" else ttl * SECOND <= limit):
            continue
        seen, wanted = format_duration(ttl * SECOND), format_duration(limit)
        failure = Failure(key, wanted, seen, Reason.DNS_MISMATCH)
        yield Unmet(failure, f"{_subject(options)}: the time to live is {seen}, expected {words} {wanted}")


def _serial(options: DnsOptions, answer: Answer) -> Iterator[Unmet]:
    wanted = options.expect.serial_min
    if wanted is None or answer.serial is None or (answer.serial - wanted) % 2**32 < 2**31:
        return
    failure = Failure("serial_min", str(wanted), str(answer.serial), Reason.DNS_MISMATCH)
    yield Unmet(failure, f"{_subject(options)}: the serial is {answer.serial}, expected {wanted} or newer")


def _subject(options: DnsOptions) -> str:
    return f"{options.type} {plain(options.query)}"


def _shown(records: Sequence[str]) -> str:
    if not records:
        return "nothing"
    more = f" and {len(records) - _SHOWN} more" if len(records) > _SHOWN else ""
    return ", ".join(short(record) for record in records[:_SHOWN]) + more
