"""The daemon's clock: wall time carried by the monotonic clock: a step of the wall clock is noticed, not obeyed."""

from __future__ import annotations

import time

from saasobs.core.values import SECOND

STEP = SECOND
"""A difference of more than this is a step (or a suspended machine); less is drift, followed silently."""


class SteadyClock:
    """Implements core.ports.Clock: `now` never jumps by itself; `adjust` says when the wall clock did."""

    def __init__(self) -> None:
        self._anchor = _wall() - _monotonic()

    def now(self) -> int:
        return self._anchor + _monotonic()

    def monotonic(self) -> float:
        return time.monotonic()

    def adjust(self) -> int:
        """Follow the wall clock; returns the step in µs when it was stepped, 0 for mere drift."""
        difference = _wall() - self.now()
        self._anchor += difference
        return difference if abs(difference) > STEP else 0


def _wall() -> int:
    return time.time_ns() // 1_000


def _monotonic() -> int:
    return time.monotonic_ns() // 1_000
