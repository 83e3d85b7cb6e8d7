"""Service level objectives on monitors: availability, the error budget, and how fast it burns. Pure.

What counts is a share of checks, not of seconds: each slot's check that said anything about the target, confirmations
left out (they come faster while something fails, and would make every outage look worse). Up and degraded are
available; down is not; unknown and missed say nothing.

Alerts are multi-window and multi-burn-rate (Google's SRE Workbook, chapter 5, "Alerting on SLOs", method 6):

1. A burn rate of 1 spends exactly the budget in the objective's window. A pair of windows fires when the burn is above
   its rate both in the long one (it is worth a word) and in the short one (it is still going on).
2. The rates are the workbook's shares of the budget (2 % in 1 h, 5 % in 6 h, 10 % in 3 d), turned into rates for the
   window at hand, never below 1.
3. A check a minute is little traffic: one failed check in an hour burns a 99.9 % budget sixteen-fold. So a pair is
   quiet until MIN_BAD checks failed in its long window.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from saasobs.core.monitor import Objective, Severity
from saasobs.core.objective import Availability, Burn
from saasobs.core.ports import RollUp
from saasobs.core.result import Outcome
from saasobs.core.sketch import Sketch
from saasobs.core.values import DAY, HOUR, MINUTE, format_duration

MIN_BAD: Final = 4
BUCKET: Final = 5 * MINUTE
"""The grain of a tally, µs; every window is a multiple of it, and is rounded out by up to one."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two windows that must both burn; `share` of the budget spent within the long one."""

    long: int
    short: int
    share: float
    severity: Severity

    def rate(self, days: int) -> float:
        """The burn rate that spends `share` of a budget of so many days within the long window."""
        return max(1.0, self.share * days * DAY / self.long)


PAIRS: Final = (
    Pair(HOUR, BUCKET, 0.02, Severity.CRITICAL),
    Pair(6 * HOUR, 30 * MINUTE, 0.05, Severity.CRITICAL),
    Pair(3 * DAY, 6 * HOUR, 0.10, Severity.WARNING),
)
SPAN: Final = max(pair.long for pair in PAIRS)
"""How far back burn rates look."""
_RING: Final = SPAN // BUCKET + 1


class Tally:
    """Good and bad checks of one monitor by BUCKET, over the last SPAN: a ring, no larger after a year than at first.

    One thread writes; another one that reads meanwhile may miss the newest check.
    """

    __slots__ = ("_bad", "_good", "_newest", "last_bad")

    def __init__(self) -> None:
        self._good = array("I", [0]) * _RING
        self._bad = array("I", [0]) * _RING
        self._newest = 0
        """The number of the newest bucket; each is kept in the place that its number modulo the ring's size says."""
        self.last_bad = 0
        """When the newest bad check began (µs); 0: there was none."""

    def add(self, at: int, good: int, bad: int) -> None:
        """Count checks that began at `at` (µs)."""
        bucket = at // BUCKET
        for passed in range(max(self._newest, bucket - _RING) + 1, bucket + 1):
            self._good[passed % _RING] = self._bad[passed % _RING] = 0
        self._newest = max(self._newest, bucket)
        if bucket > self._newest - _RING:
            self._good[bucket % _RING] += good
            self._bad[bucket % _RING] += bad
            self.last_bad = max(self.last_bad, at) if bad else self.last_bad

    @property
    def spotless(self) -> bool:
        """Whether nothing failed at all."""
        return self.last_bad // BUCKET <= self._newest - _RING

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return sys.getsizeof(self._good) + sys.getsizeof(self._bad)

    def within(self, window: int, now: int) -> tuple[int, int]:
        """(good, bad) of the last `window`, rounded out to whole buckets."""
        first = max((now - window) // BUCKET, self._newest - _RING + 1)
        return _sum(self._good, first, self._newest), _sum(self._bad, first, self._newest)

    def set_back(self, micros: int) -> None:
        """The clock was set back: what was counted moves with it."""
        buckets = micros // BUCKET
        self._newest -= buckets
        self.last_bad -= micros if self.last_bad else 0
        shift = buckets % _RING
        self._good = self._good[shift:] + self._good[:shift]
        self._bad = self._bad[shift:] + self._bad[:shift]


def _sum(ring: array[int], first: int, last: int) -> int:
    """Of the buckets from the first to the last."""
    if first > last:
        return 0
    start, end = first % _RING, last % _RING + 1
    return sum(ring[start:end]) if start < end else sum(ring[start:]) + sum(ring[:end])


def burns(tally: Tally, objective: Objective, now: int) -> tuple[Burn, ...]:
    """Each pair of windows, the fastest first."""
    return tuple(_burn(tally, objective, pair, now) for pair in PAIRS)


def _burn(tally: Tally, objective: Objective, pair: Pair, now: int) -> Burn:
    good, bad = tally.within(pair.long, now)
    long_rate = _rate(good, bad, objective)
    short_rate = _rate(*tally.within(pair.short, now), objective)
    limit = pair.rate(objective.days)
    fires = bad >= MIN_BAD and long_rate >= limit and short_rate >= limit
    return Burn(pair.long, pair.short, limit, long_rate, short_rate, bad, pair.severity, fires)


def _rate(good: int, bad: int, objective: Objective) -> float:
    """How many times faster than allowed."""
    return bad / (good + bad) / (1 - objective.target / 100) if bad else 0.0


def budget_left(good: int, bad: int, objective: Objective) -> float | None:
    """The share of the error budget that is left: 1 untouched, 0 spent, negative overspent; None without checks."""
    total = good + bad
    return 1 - bad / (total * (1 - objective.target / 100)) if total else None


def tally_of(counts: Mapping[Outcome, int]) -> tuple[int, int]:
    """(good, bad) of counts by outcome."""
    return counts.get(Outcome.UP, 0) + counts.get(Outcome.DEGRADED, 0), counts.get(Outcome.DOWN, 0)


def summarize(
    monitor: str,
    rollups: Sequence[RollUp],
    since: int,
    until: int,
    objective: Objective | None,
    burning: Sequence[Burn],
) -> Availability:
    """Availability and latency over a range, from its roll-ups."""
    counts: dict[Outcome, int] = {}
    sketch = Sketch()
    for rollup in rollups:
        for outcome, count in rollup.counts.items():
            counts[outcome] = counts.get(outcome, 0) + count
        sketch.merge(Sketch.decode(rollup.sketch))
    good, bad = tally_of(counts)
    left = budget_left(good, bad, objective) if objective else None
    share = good / (good + bad) if good + bad else None
    p50, p95, p99 = (sketch.quantile(q) for q in (0.5, 0.95, 0.99))
    return Availability(monitor, since, until, counts, share, p50, p95, p99, objective, left, tuple(burning))


def sentence(objective: Objective, burn: Burn) -> str:
    """What is said when a pair fires."""
    window, target = format_duration(burn.long), f"{objective.target:g} %"
    return (
        f"{burn.bad} checks failed within {window}: the error budget of {target} over {objective.days} days burns"
        f" {burn.long_rate:.1f} times faster than it may"
    )
