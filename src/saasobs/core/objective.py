"""What is known of a monitor over a range of time: availability, latency, its error budget and how fast it burns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from saasobs.core.monitor import Objective, Severity
from saasobs.core.result import Outcome


@dataclass(frozen=True, slots=True)
class Burn:
    """The error budget's burn over a long and a short window (µs). A rate of 1 spends just the whole budget in time."""

    long: int
    short: int
    limit: float
    """The rate above which both windows must be for an alert."""
    long_rate: float
    short_rate: float
    bad: int
    """Failed checks in the long window."""
    severity: Severity
    fires: bool


@dataclass(frozen=True, slots=True)
class Availability:
    """One monitor from `since` to `until` (µs, rounded out to whole roll-ups)."""

    monitor: str
    since: int
    until: int
    counts: Mapping[Outcome, int]
    """Checks by outcome, confirmations left out."""
    availability: float | None
    """The share of available checks among those that said anything, 0 to 1; None without any."""
    p50: float | None
    """µs, of the checks that were answered, within 1 % (core.sketch)."""
    p95: float | None
    p99: float | None
    objective: Objective | None = None
    budget_left: float | None = None
    """1 untouched, 0 spent, negative overspent; None without an objective or without checks."""
    burns: tuple[Burn, ...] = ()


def percent(share: float) -> str:
    """A share for people, as in ``99.931``: 100.000 only when it is the whole."""
    return f"{100 * (share if share == 1 else min(share, 0.99999)):.3f}"


def budget_percent(left: float) -> str:
    """What is left of a budget, for people: rounded down to whole percents, ``<1`` for a rest that is none of them."""
    whole = math.floor(100 * left + 1e-9)
    return "<1" if whole == 0 and left > 0 else str(whole)
