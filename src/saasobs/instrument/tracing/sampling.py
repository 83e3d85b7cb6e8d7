"""Which traces are recorded, decided from the trace ID alone, so that services with one ratio agree. Pure.

The rule is that of OpenTelemetry's TraceIdRatioBased: the last eight bytes of the trace ID, as a number, are below
ratio · 2⁶⁴. Digits of equal length compare as texts like the numbers they stand for, so no number is made.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from saasobs.instrument.tracing.trace_context import SAMPLED, Parent

DIGITS: Final = 16
_ABOVE_ALL: Final = "g"


class Sampling(NamedTuple):
    """A sampler: what it does with a trace that begins here, and whether it follows the callers."""

    ratio: float
    follows_parent: bool
    bound: str
    """Trace IDs whose last sixteen digits are below this are recorded."""

    @classmethod
    def named(cls, sampler: str, ratio: float) -> Sampling:
        """:param sampler: one of the names of `OTEL_TRACES_SAMPLER`; `ratio` counts for those with a ratio."""
        kind = sampler.removeprefix("parentbased_")
        ratio = {"always_on": 1.0, "always_off": 0.0}.get(kind, ratio)
        bound = round(ratio * 2**64)
        text = _ABOVE_ALL if bound >= 2**64 else f"{bound:0{DIGITS}x}"
        return cls(ratio, sampler.startswith("parentbased_"), text)

    def begins(self, trace_id: str) -> bool:
        """Whether a trace that begins here is recorded."""
        return trace_id[DIGITS:] < self.bound

    def continues(self, parent: Parent) -> bool:
        """Whether a caller's trace is recorded here."""
        if self.follows_parent:
            return parent.flags & SAMPLED == SAMPLED
        return self.begins(parent.trace_id)
