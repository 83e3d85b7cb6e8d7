"""From expectations that were not met to a verdict, for every kind alike; and the expectations that many kinds share.

Pure: values in, failures out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from saasobs.core.redact import redact_text
from saasobs.core.result import Failure, Outcome, Reason
from saasobs.core.thresholds import CERTIFICATE_DAYS, CERTIFICATE_DAYS_DOWN
from saasobs.core.values import format_duration
from saasobs.options import Options, PositiveDuration
from saasobs.probes.excerpt import visible
from saasobs.probes.net.certificate import Certificate, days_left, earliest

_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Unmet:
    """A failure and the sentence for a person."""

    failure: Failure
    sentence: str


def verdict(unmet_ones: Sequence[Unmet]) -> tuple[Outcome, Reason | None, str]:
    """The outcome of all failures together: the first that is no mere degradation speaks for them."""
    if not unmet_ones:
        return Outcome.UP, None, ""
    grave = next((one for one in unmet_ones if not one.failure.degraded), None)
    first = grave or unmet_ones[0]
    others = len(unmet_ones) - 1
    more = f" (and {others} more)" if others else ""
    return Outcome.DOWN if grave else Outcome.DEGRADED, first.failure.reason, first.sentence + more


def short(text: str, limit: int = _SHOWN) -> str:
    """What somebody else wrote, for a sentence: bounded, redacted, printable."""
    shown = visible(redact_text(text[: 4 * limit]))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


class Timed(Options):
    """How long a check may take."""

    degraded_over: PositiveDuration | None = None
    """A check that took longer finds the target degraded."""
    down_over: PositiveDuration | None = None
    """A check that took longer finds the target down."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.degraded_over is not None and self.down_over is not None and self.degraded_over >= self.down_over:
            raise ValueError("degraded_over must be shorter than down_over")
        return self


class Certified(Options):
    """How long the certificates of the chain must still be good."""

    certificate_days: Annotated[float, Field(ge=0)] = CERTIFICATE_DAYS
    """Degraded when a certificate of the chain expires within so many days; 0 switches it off."""
    certificate_days_down: Annotated[float, Field(ge=0)] = CERTIFICATE_DAYS_DOWN
    """Down when a certificate of the chain expires within so many days; 0 switches it off."""


def judge_time(expect: Timed, duration: int) -> Iterator[Unmet]:
    """`duration` of the whole check, µs."""
    seen = format_duration(duration)
    if expect.down_over is not None and duration > expect.down_over:
        limit = format_duration(expect.down_over)
        yield Unmet(Failure("down_over", limit, seen, Reason.TOO_SLOW), f"answered in {seen}, more than {limit}")
    elif expect.degraded_over is not None and duration > expect.degraded_over:
        limit = format_duration(expect.degraded_over)
        failure = Failure("degraded_over", limit, seen, Reason.TOO_SLOW, degraded=True)
        yield Unmet(failure, f"answered in {seen}, more than {limit} (degraded)")


def judge_certificate(expect: Certified, chain: Sequence[Certificate], now: int) -> Iterator[Unmet]:
    """The certificate of the chain that expires first."""
    if not chain:
        return
    left = days_left(chain, now)
    for key, days, degraded in (
        ("certificate_days_down", expect.certificate_days_down, False),
        ("certificate_days", expect.certificate_days, True),
    ):
        if days and left < days:
            failure = Failure(
                key, f"at least {days:g} days left", f"{left:.1f} days left", Reason.CERTIFICATE_EXPIRING, degraded
            )
            verb = f"expires in {left:.1f} days" if left > 0 else f"expired {-left:.1f} days ago"
            subject, note = earliest(chain).subject, " (degraded)" if degraded else ""
            yield Unmet(failure, f"the certificate {subject} {verb}, expected at least {days:g} days{note}")
            return
