"""Judging an answer against what was expected of it: values in, failures out. Pure; reads no clock, no network.

Each failure has its sentence. The ones that are cheap to judge (status, time, certificate) stand apart from those
that run the user's patterns over what a stranger answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import orjson

from saasobs.core.redact import MASK, secret_name
from saasobs.core.result import REASONS, Failure, Reason
from saasobs.probes.conditions import unmet
from saasobs.probes.excerpt import decode
from saasobs.probes.http.options import Expect, HttpExpect
from saasobs.probes.net.certificate import Certificate
from saasobs.probes.verdict import Unmet, judge_certificate, judge_time, short

_SHOWN: Final = 120
_BOM: Final = b"\xef\xbb\xbf"
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True)
class Answer:
    """What the last hop answered. `duration` is the whole check's, µs."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    duration: int
    chain: tuple[Certificate, ...] = ()
    http_version: str = ""
    logged_in: bool = False
    """Whether the request carried a login of its own."""

    def header(self, name: str) -> tuple[str, ...]:
        """Every value of a header (lower-case name)."""
        return tuple(value for given, value in self.headers if given.lower() == name)

    @cached_property
    def text(self) -> str:
        """The body by its charset."""
        return decode(self.body, next(iter(self.header("content-type")), ""))

    @cached_property
    def document(self) -> Any:
        """The body as JSON. :raises ValueError: it is none."""
        body = self.body.removeprefix(_BOM)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            return orjson.loads(self.text)  # JSON in another charset than RFC 8259 allows


def judge_plain(expect: Expect, answer: Answer, now: int) -> list[Unmet]:
    """Status, time and certificate."""
    faults = [] if answer.status in expect.status else [_status(expect, answer)]
    if expect.down_over is not None or expect.degraded_over is not None:
        faults += judge_time(expect, answer.duration)
    if answer.chain:
        faults += judge_certificate(expect, answer.chain, now)
    return faults


def judge_wire(expect: HttpExpect, answer: Answer) -> list[Unmet]:
    """How the answer came: version and compression."""
    return [*_version(expect, answer), *_compression(expect, answer)]


def judge_content(expect: Expect, answer: Answer) -> list[Unmet]:
    """Headers, texts, patterns and JSON: what may take long, and is called within a budget."""
    return [*_headers(expect, answer), *_texts(expect, answer), *_patterns(expect, answer), *_json(expect, answer)]


def _status(expect: Expect, answer: Answer) -> Unmet:
    refused = answer.logged_in and answer.status == _UNAUTHORIZED
    reason = Reason.AUTHENTICATION_FAILED if refused else Reason.STATUS_MISMATCH
    failure = Failure("status", str(expect.status), str(answer.status), reason)
    said = f"status {answer.status}, expected {expect.status}"
    return Unmet(failure, f"{REASONS[reason]}: {said}" if refused else said)


def _version(expect: HttpExpect, answer: Answer) -> Iterator[Unmet]:
    if expect.http_version and answer.http_version not in expect.http_version:
        expected, seen = " or ".join(expect.http_version), answer.http_version or "another version"
        failure = Failure("http_version", expected, seen, Reason.VERSION_MISMATCH)
        yield Unmet(failure, f"answered by HTTP {seen}, expected {expected}")


def _compression(expect: HttpExpect, answer: Answer) -> Iterator[Unmet]:
    wanted = expect.compression
    if wanted is None:
        return
    seen = compression(answer)
    met = bool(seen) == (wanted != "forbidden") and (isinstance(wanted, str) or set(seen) <= set(wanted))
    if not met:
        expected, shown = compression_expected(expect), short(", ".join(seen)) or "none"
        failure = Failure("compression", expected, shown, Reason.COMPRESSION_MISMATCH)
        yield Unmet(failure, f"the answer's compression is {shown}, expected {expected}")


def compression(answer: Answer) -> tuple[str, ...]:
    """The encodings of Content-Encoding, in order (RFC 9110 section 8.4); empty for none."""
    said = ",".join(answer.header("content-encoding")).lower().split(",")
    names = (_ALIASES.get(name.strip(), name.strip()) for name in said)
    return tuple(name for name in names if name not in ("", "identity"))


def compression_expected(expect: HttpExpect) -> str:
    """In the words of its failure."""
    words = {"required": "any", "forbidden": "none"}
    wanted = expect.compression
    return words[wanted] if isinstance(wanted, str) else " or ".join(wanted or ())


_ALIASES: Final = {"x-gzip": "gzip", "x-compress": "compress"}


def _headers(expect: Expect, answer: Answer) -> Iterator[Unmet]:
    for name, pattern in expect.headers.items():
        values = answer.header(name.lower())
        if any(pattern.search(value) for value in values):
            continue
        seen = _header_seen(name, values)
        failure = Failure(f"header {name}", pattern.pattern, seen, Reason.HEADER_MISMATCH)
        yield Unmet(failure, f"header {name} is {seen}, expected to match {pattern.pattern}")


def _header_seen(name: str, values: Sequence[str]) -> str:
    if not values:
        return "missing"
    return MASK if secret_name(name) else short(f'"{", ".join(values)}"')


def _texts(expect: Expect, answer: Answer) -> Iterator[Unmet]:
    for text in expect.body_contains:
        if text not in answer.text:
            failure = Failure("body_contains", short(text), "not in the body", Reason.BODY_MISMATCH)
            yield Unmet(failure, f'the body does not contain "{short(text)}"')
    for text in expect.body_not_contains:
        if text in answer.text:
            failure = Failure("body_not_contains", short(text), "in the body", Reason.BODY_MISMATCH)
            yield Unmet(failure, f'the body contains "{short(text)}", which it must not')


def _patterns(expect: Expect, answer: Answer) -> Iterator[Unmet]:
    for pattern in expect.body_matches:
        if not pattern.search(answer.text):
            failure = Failure("body_matches", pattern.pattern, "no match", Reason.BODY_MISMATCH)
            yield Unmet(failure, f"the body does not match {pattern.pattern}")
    for pattern in expect.body_not_matches:
        if found := pattern.search(answer.text):
            seen = short(found[0])
            failure = Failure("body_not_matches", pattern.pattern, seen, Reason.BODY_MISMATCH)
            yield Unmet(failure, f'the body matches {pattern.pattern} with "{seen}", which it must not')


def _json(expect: Expect, answer: Answer) -> Iterator[Unmet]:
    if not expect.json_:
        return
    try:
        document = answer.document
    except ValueError:
        failure = Failure("json", "JSON", "no JSON", Reason.JSON_MISMATCH)
        yield Unmet(failure, "the body is not JSON" if answer.body else "the body is empty, expected JSON")
        return
    for path, condition in expect.json_.items():
        if (fault := unmet(condition, path, document)) is not None:
            expected, seen = fault
            failure = Failure(f"json {path}", expected, seen, Reason.JSON_MISMATCH)
            yield Unmet(failure, f"{path} is {seen}, expected {expected}")
