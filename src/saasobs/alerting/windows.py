"""Maintenance windows: when, and for what, alerts wait. Pure.

A window holds alerts and nothing else: checks, results, incidents and their timelines go on inside it. It begins at
its start and ends just before its end. Windows may overlap; the longest one counts.

A recurring window begins when its cron expression says, by the clock on the wall of its time zone, and lasts its
duration in real time, also across a change of that clock. A time that the clocks skip in spring begins right after the
gap; one that comes twice in autumn begins once, the first time (as Debian's cron has it).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim

from saasobs.core.values import format_duration, from_datetime, to_datetime

_FAR = 1_000
"""Occurrences of one window that are looked at together: those of a day, each minute, need no more."""


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment until just before another, µs."""

    start: int
    end: int

    def __contains__(self, moment: int) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class Recurring:
    """A cron expression, the time zone that it is read in, and how long each occurrence lasts (µs)."""

    cron: str
    timezone: str
    duration: int


@dataclass(frozen=True, slots=True)
class Window:
    """One window: when it is, and what it covers."""

    id: str
    name: str
    when: Span | Recurring
    monitors: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    all: bool = False
    reason: str = ""
    by: str = ""
    """Who opened it by hand; empty: it stands in the configuration."""
    elastic: bool = False
    """Meant as "from now on for so long": it moves with a clock that is set back."""

    def covers(self, monitor: str, tags: Collection[str]) -> bool:
        return self.all or monitor in self.monitors or not self.tags.isdisjoint(tags)

    @property
    def schedule(self) -> str:
        """For people; nothing for a window that comes once."""
        when = self.when
        if isinstance(when, Span):
            return ""
        return f"{when.cron} ({when.timezone}) for {format_duration(when.duration)}"


def span_at(window: Window, now: int) -> Span | None:
    """The occurrence that is under way, the one that ends last; None: there is none."""
    if isinstance(window.when, Span):
        return window.when if now in window.when else None
    found: Span | None = None
    for span in islice(_spans(window.when, now - window.when.duration), _FAR):
        if span.start > now:
            break
        found = Span(found.start if found else span.start, span.end)
    return found


def next_span(window: Window, now: int) -> Span | None:
    """The occurrence that is under way, else the next one; None: there is none any more."""
    if (present := span_at(window, now)) is not None:
        return present
    if isinstance(window.when, Span):
        return window.when if window.when.start > now else None
    return next(_spans(window.when, now), None)


def covering(windows: Iterable[Window], monitor: str, tags: Collection[str], now: int) -> tuple[Window, Span] | None:
    """The window that holds a monitor's alerts now, the one that ends last; None: none does."""
    spans = ((window, span_at(window, now)) for window in windows if window.covers(monitor, tags))
    present = [(window, span) for window, span in spans if span is not None]
    return max(present, key=lambda pair: (pair[1].end, pair[0].id), default=None)


def _spans(when: Recurring, after: int) -> Iterator[Span]:
    """Every occurrence that begins after a moment, in order."""
    last = after
    for begins in CronSim(when.cron, to_datetime(after).astimezone(ZoneInfo(when.timezone))):
        start = from_datetime(begins)
        if start > last:  # the hour that comes twice is gone through again
            last = start
            yield Span(start, start + when.duration)
