"""How long what is kept where. Daily roll-ups are kept for good."""

from __future__ import annotations

from dataclasses import dataclass

from saasobs.core.values import DAY


@dataclass(frozen=True, slots=True)
class Retention:
    """Periods in microseconds. Nothing is deleted before it is rolled up, however old."""

    raw: int = 7 * DAY
    """Single results, by whole hours."""
    hourly: int = 90 * DAY
    """Hourly roll-ups, by whole days."""
    incidents: int = 365 * DAY
    """Closed incidents, with their timeline, notices and attempts."""
