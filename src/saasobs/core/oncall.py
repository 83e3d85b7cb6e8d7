"""Who is on call, as people ask for it and as they are shown it. The rules are alerting/oncall.py's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Override:
    """One person stands in for whoever would be on call, from a moment until just before another (µs)."""

    id: str
    schedule: str
    person: str
    starts_at: int
    ends_at: int
    created_by: str = ""
    """Who entered it by hand; empty: it stands in the configuration."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Shift:
    """The same people are on call from a moment until just before another (µs). Nobody: `people` is empty."""

    people: tuple[str, ...]
    start: int
    end: int
    override: str = ""
    """The ID of the override that says so; empty: the rotation does."""


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """One schedule: who has it now, and who will."""

    name: str
    timezone: str
    now: tuple[str, ...]
    shifts: tuple[Shift, ...]
    overrides: tuple[Override, ...] = ()
    calendar_url: str = ""
    """The feed for calendars (RFC 5545); whoever knows it can read it."""
