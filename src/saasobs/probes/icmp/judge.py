"""Judging what became of the packets against what was expected. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from saasobs.core.result import Failure, Reason
from saasobs.core.values import format_duration
from saasobs.probes.icmp.options import IcmpExpect
from saasobs.probes.icmp.pinging import Tally
from saasobs.probes.verdict import Unmet, judge_time


def judge_tally(expect: IcmpExpect, tally: Tally, host: str) -> list[Unmet]:
    """What is not as expected of packets of which at least one was sent."""
    if not tally.received:
        return [_silent(tally, host)]
    return [*_loss(expect, tally), *judge_time(expect, tally.average), *_slowest(expect, tally)]


def _silent(tally: Tally, host: str) -> Unmet:
    reason = Reason.CONNECT_FAILED if tally.errors else Reason.RESPONSE_TIMEOUT
    failure = Failure("loss", "replies", f"0 of {tally.sent}", reason)
    what = "the packet was" if tally.sent == 1 else f"all {tally.sent} packets were"
    return Unmet(failure, f"{host} does not answer: {what} lost{_said(tally)}")


def _said(tally: Tally) -> str:
    """What was said most often about the lost packets."""
    if not tally.errors:
        return ""
    (words, times), *_ = Counter(tally.errors.values()).most_common(1)
    return f" ({words})" if times == tally.sent else f" ({times} of {tally.sent}: {words})"


def _loss(expect: IcmpExpect, tally: Tally) -> Iterator[Unmet]:
    for key, limit, degraded in (
        ("loss_down", expect.loss_down, False),
        ("loss_degraded", expect.loss_degraded, True),
    ):
        if limit and tally.loss >= limit:
            lost, note = tally.sent - tally.received, " (degraded)" if degraded else ""
            failure = Failure(key, f"less than {limit:g} %", f"{tally.loss:.0f} %", Reason.PACKET_LOSS, degraded)
            sentence = f"{lost} of {tally.sent} packets were lost{_said(tally)}, expected less than {limit:g} %{note}"
            yield Unmet(failure, sentence)
            return


def _slowest(expect: IcmpExpect, tally: Tally) -> Iterator[Unmet]:
    slowest = max(tally.round_trips.values())
    for key, limit, degraded in (
        ("slowest_down_over", expect.slowest_down_over, False),
        ("slowest_degraded_over", expect.slowest_degraded_over, True),
    ):
        if limit is not None and slowest > limit:
            seen, wanted, note = format_duration(slowest), format_duration(limit), " (degraded)" if degraded else ""
            failure = Failure(key, wanted, seen, Reason.TOO_SLOW, degraded)
            yield Unmet(failure, f"the slowest round trip took {seen}, more than {wanted}{note}")
            return
