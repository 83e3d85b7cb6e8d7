"""The http kind: runs an exchange, judges the answer, and makes one Result of both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import structlog

from saasobs.core.monitor import Monitor
from saasobs.core.redact import redact_text
from saasobs.core.result import Check, Failure, Outcome, Reason, Result
from saasobs.probes.budget import TookTooLong, within_budget
from saasobs.probes.excerpt import decode, excerpt
from saasobs.probes.http.exchange import Hop, Seen
from saasobs.probes.http.expect import Answer, judge_content, judge_plain, judge_wire
from saasobs.probes.http.fetcher import Fetcher
from saasobs.probes.http.options import Expect, HttpOptions
from saasobs.probes.kind import Tools, broken
from saasobs.probes.net.certificate import describe
from saasobs.probes.verdict import Unmet, verdict

_KEPT: Final = 500
"""Characters of a header of the answer that is kept as an observation."""

_THREAD_FROM: Final = 128 * 1024
"""Bodies from this size on are judged in a thread: parsing them would hold up the loop for milliseconds."""

log = structlog.get_logger("saasobs.probes.http")


class HttpProbe:
    """Implements core.ports.Probe. Opens nothing before its first check, and belongs to the loop of that check."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._fetcher = Fetcher(tools)

    async def check(self, monitor: Monitor, check: Check) -> Result:
        seen = Seen()
        try:
            await self._fetcher.fetch(monitor.options, monitor, check, seen)
            return await self._judge(monitor.options, check, seen)
        except Exception as error:
            # Our own mistake, whatever it is: it must neither stop the daemon nor be held against the target.
            log.exception("check.broken", monitor=monitor.name, kind=monitor.kind)
            return broken(check, error, seen.duration())

    async def close(self) -> None:
        self._fetcher.close()

    async def _judge(self, options: HttpOptions, check: Check, seen: Seen) -> Result:
        now = self._tools.clock.now()
        answer = _answer(options, seen)
        observed = _observations(options, seen, answer, now)
        if seen.trouble is not None:
            reason, sentence = seen.trouble.reason, seen.trouble.sentence
            failure = Failure("request", "an answer", sentence, reason)
            outcome = Outcome.UNKNOWN if reason is Reason.INTERNAL else Outcome.DOWN
            return _result(check, seen, answer, observed, (outcome, reason, sentence), (failure,))
        expect = options.expect
        faults = judge_plain(expect, answer, now)
        if expect.of_wire:
            faults += judge_wire(expect, answer)
        if expect.reads_body or expect.headers:
            try:
                faults += await _content(expect, answer)
            except TookTooLong:
                if all(fault.failure.degraded for fault in faults):
                    judged = (Outcome.UNKNOWN, Reason.INTERNAL, _TOO_SLOW_TO_JUDGE)
                    return _result(check, seen, answer, observed, judged, _failures(faults))
        return _result(check, seen, answer, observed, verdict(faults), _failures(faults))


_TOO_SLOW_TO_JUDGE: Final = "this answer could not be judged: the patterns under expect take too long on it"


async def _content(expect: Expect, answer: Answer) -> list[Unmet]:
    if len(answer.body) >= _THREAD_FROM and not expect.has_patterns:
        return await asyncio.to_thread(judge_content, expect, answer)
    return within_budget(judge_content, expect, answer)


def _failures(faults: Sequence[Unmet]) -> tuple[Failure, ...]:
    return tuple(fault.failure for fault in faults)


def _result(
    check: Check,
    seen: Seen,
    answer: Answer,
    observed: dict[str, Any],
    judged: tuple[Outcome, Reason | None, str],
    failures: tuple[Failure, ...],
) -> Result:
    outcome, reason, message = judged
    said = ""
    if outcome is not Outcome.UP and answer.body:
        content_type = next(iter(answer.header("content-type")), "")
        said = excerpt(decode(answer.body[:_EXCERPT_BYTES], content_type))
    phases = seen.phases()
    return Result(check, outcome, answer.duration, reason, message, phases, observed, failures, said)


_EXCERPT_BYTES: Final = 16 * 1024


def _answer(options: HttpOptions, seen: Seen) -> Answer:
    last = seen.hops[-1]
    logged_in = options.auth is not None or bool(options.where.login)
    return Answer(last.status, seen.headers, seen.body, seen.duration(), seen.chain, last.http_version, logged_in)


def _observations(options: HttpOptions, seen: Seen, answer: Answer, now: int) -> dict[str, Any]:
    hops, last = seen.hops, seen.hops[-1]
    observed: dict[str, Any] = {"url": last.url, "redirects": len(hops) - 1}
    if answer.status:
        observed["status"] = answer.status
        observed["http_version"] = last.http_version
        observed["body_bytes"] = len(answer.body)
    if last.address:
        observed["address"] = last.address
    if len(hops) > 1:
        observed["hops"] = [_hop(hop) for hop in hops]
    if seen.chain:
        observed["certificate"] = describe(seen.chain, now)
    if seen.trace_id:
        observed["trace_id"] = seen.trace_id
    _keep_headers(observed, answer)
    if seen.notes is not None:
        observed |= seen.notes
    if options.proxy is not None:
        observed["proxy"] = options.proxy.place
    if not options.verify and (options.by_secure_proxy or any(hop.secure for hop in hops)):
        observed["insecure"] = True
    return observed


def _keep_headers(observed: dict[str, Any], answer: Answer) -> None:
    for name, value in answer.headers:
        if (key := _OBSERVED.get(name.lower())) is not None:
            observed[key] = redact_text(f"{observed[key]}, {value}" if key in observed else value)[:_KEPT]


_OBSERVED: Final = {"server-timing": "server_timing", "x-request-id": "request_id", "content-encoding": "compression"}


def _hop(hop: Hop) -> dict[str, Any]:
    return {"url": hop.url, "status": hop.status, "address": hop.address, "phases": hop.phases}
