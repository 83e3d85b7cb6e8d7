"""Maintenance as people ask for it and as they are shown it. What a window does is alerting/windows.py's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WindowRequest:
    """A window that somebody opens by hand. Moments and durations are µs."""

    monitors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    all: bool = False
    name: str = ""
    reason: str = ""
    start: int = 0
    """0: now."""
    end: int = 0
    """0: so long after the start as `duration` says."""
    duration: int = 0


@dataclass(frozen=True, slots=True)
class WindowView:
    """A window, and its occurrence that is under way, else its next one."""

    id: str
    name: str
    monitors: tuple[str, ...]
    tags: tuple[str, ...]
    all: bool
    start: int
    end: int
    active: bool
    schedule: str = ""
    """When it comes round again; empty: it comes once."""
    reason: str = ""
    by: str = ""
    """Who opened it by hand; empty: it stands in the configuration."""
