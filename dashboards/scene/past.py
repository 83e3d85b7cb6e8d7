"""What the last 35 days were like: days and nights, quiet Sundays, two outages, two slow afternoons, one deploy.

All of it is pure: moments in Unix seconds go in, weights come out. A weight of 1 is the traffic of now.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

DAY: Final = 86_400
HOUR: Final = 3_600
_STEP: Final = 60
_FAILS: Final = 0.01
"""Of the failures that the scene itself makes: 35 days of those would leave no budget."""
_OUTAGE_FAILS: Final = 4.0
_UNEVEN: Final = 0.12


class Kind(Enum):
    """How a counter has grown."""

    USUAL = "usual"
    FAILED = "failed"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another."""

    start: float
    end: float

    def __contains__(self, at: float) -> bool:
        return self.start <= at < self.end


@dataclass(frozen=True)
class Past:
    """Until `now`, from `days` before. `grown` is what a counter of one a second counted."""

    now: float
    days: float = 35
    start: float = field(init=False)
    outages: tuple[Span, ...] = field(init=False)
    slow: tuple[Span, ...] = field(init=False)
    deployed: float = field(init=False)
    _sums: dict[Kind, list[float]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", self.now - self.days * DAY)
        object.__setattr__(self, "outages", self._spans((4.4, 0.45), (80, 0.7)))
        object.__setattr__(self, "slow", self._spans((2.2, 0.9), (50, 1.5)))
        object.__setattr__(self, "deployed", self.now - 2.4 * HOUR)
        object.__setattr__(self, "_sums", {kind: self._summed(self._weights[kind]) for kind in Kind})

    def _spans(self, *hours: tuple[float, float]) -> tuple[Span, ...]:
        """:param hours: how long ago each began, and how long it lasted."""
        return tuple(Span(self.now - ago * HOUR, self.now - (ago - length) * HOUR) for ago, length in hours)

    @property
    def _weights(self) -> dict[Kind, Callable[[float], float]]:
        return {Kind.USUAL: self.wave, Kind.FAILED: self._failing, Kind.SLOW: self._slowed}

    def wave(self, at: float) -> float:
        """Of traffic."""
        return _busy(at) / _busy(self.now)

    def _failing(self, at: float) -> float:
        return self.wave(at) * (_OUTAGE_FAILS if any(at in outage for outage in self.outages) else _FAILS)

    def _slowed(self, at: float) -> float:
        return 0.3 * self.wave(at) if any(at in one for one in self.slow) else 0.0

    def _summed(self, weight: Callable[[float], float]) -> list[float]:
        sums = [0.0]
        for i in range(int(self.days * DAY / _STEP) + 2):
            sums.append(sums[-1] + weight(self.start + (i + 0.5) * _STEP) * _STEP)
        return sums

    def grown(self, kind: Kind, at: float, mood: float = 0.0) -> float:
        """:param mood: 0 to 1: how a series differs from the others."""
        place = max(0.0, at - self.start) / _STEP
        i = min(int(place), len(self._sums[kind]) - 2)
        below, above = self._sums[kind][i], self._sums[kind][i + 1]
        even = below + (above - below) * (place - i)
        if kind is Kind.SLOW:
            return even
        period = (0.35 + mood) * HOUR
        turn = math.tau / period
        amplitude = _UNEVEN * (_FAILS if kind is Kind.FAILED else 1.0) / turn
        return even + amplitude * (1 + math.sin(turn * (at - self.start) + 7 * mood))


def _busy(at: float) -> float:
    """Most in the afternoon, least before dawn, half on Sundays (UTC)."""
    hour = at % DAY / HOUR
    weekday = int(at // DAY + 3) % 7
    day = 0.5 + 0.5 * math.cos((hour - 15) / 24 * math.tau)
    return (0.3 + 0.7 * day) * (0.5 if weekday == 6 else 0.7 if weekday == 5 else 1.0)
