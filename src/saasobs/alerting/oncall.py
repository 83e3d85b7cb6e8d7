"""Who is on call at a moment: layers of rotations, and overrides on top. Pure.

1. An override that covers the moment decides; of several, the one that begins last.
2. Else the layers are asked from the last to the first: the first that applies decides. A layer applies from its first
   hand-over on, and only within its `hours` and `days` where it has them.
3. Within a layer people take turns. A turn is a number of whole days or weeks on the clock on the wall: a hand-over at
   09:00 is at 09:00 all year round, so a turn with a change of the clock in it is an hour shorter or longer.

A hand-over at a time of day that comes twice happens the first time; at one that the clocks skip, when it would have
been without the skip (RFC 5545, 3.3.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from saasobs.core.oncall import Override, Shift
from saasobs.core.values import DAY, from_datetime, to_datetime

_EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Hours:
    """From one time of day until just before another, on the days on which it begins (0 is Monday). Equal: all day."""

    begin: time = time(0)
    end: time = time(0)
    days: frozenset[int] = _EVERY_DAY

    def __contains__(self, wall: datetime) -> bool:
        clock, day = wall.time(), wall.weekday()
        if self.begin < self.end:
            return day in self.days and self.begin <= clock < self.end
        since_yesterday = clock < self.end and (day - 1) % 7 in self.days
        return since_yesterday or (day in self.days and clock >= self.begin)

    def edges(self, day: date) -> tuple[datetime, datetime]:
        """On the wall: when it would begin and end that day."""
        return datetime.combine(day, self.begin), datetime.combine(day, self.end)


@dataclass(frozen=True, slots=True)
class Layer:
    """People who take turns, or one person."""

    people: tuple[str, ...]
    first: datetime
    """The first hand-over, on the wall: the first person's turn begins. No time zone."""
    turn: int = 7
    """Days of one turn."""
    hours: Hours | None = None
    """None: around the clock."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One name under which policies call whoever is on call."""

    name: str
    timezone: str
    layers: tuple[Layer, ...]
    overrides: tuple[Override, ...] = ()
    """Those of the configuration."""


def on_call(schedule: Schedule, at: int, overrides: Iterable[Override] = ()) -> tuple[str, ...]:
    """The names of the people who are on call at a moment (µs); nobody where no layer applies.

    :param overrides: those entered by hand; the configuration's own are added.
    """
    return _shift(schedule, at, _of(schedule, overrides)).people


def shifts(schedule: Schedule, since: int, until: int, overrides: Iterable[Override] = ()) -> tuple[Shift, ...]:
    """Who is on call in [since, until), without a gap: a shift without people where nobody is. Oldest first."""
    standing = _of(schedule, overrides)
    moments = sorted({since, until, *_edges(schedule, standing, since, until)})
    found: list[Shift] = []
    for start, end in pairwise(moments):
        shift = _shift(schedule, start, standing)
        if found and (found[-1].people, found[-1].override) == (shift.people, shift.override):
            found[-1] = Shift(shift.people, found[-1].start, end, shift.override)
        else:
            found.append(Shift(shift.people, start, end, shift.override))
    return tuple(found)


def _of(schedule: Schedule, by_hand: Iterable[Override]) -> Sequence[Override]:
    """Those of one schedule, the one that counts most last."""
    mine = [*schedule.overrides, *(one for one in by_hand if one.schedule == schedule.name)]
    return sorted(mine, key=lambda one: (one.starts_at, bool(one.created_by), one.id))


def _shift(schedule: Schedule, at: int, overrides: Sequence[Override]) -> Shift:
    for one in reversed(overrides):
        if one.starts_at <= at < one.ends_at:
            return Shift((one.person,), at, at, one.id)
    zone = ZoneInfo(schedule.timezone)
    wall = to_datetime(at).astimezone(zone).replace(tzinfo=None)
    for layer in reversed(schedule.layers):
        if layer.hours is not None and wall not in layer.hours:
            continue
        turn = _turn(layer, zone, at, wall)
        if turn >= 0:
            return Shift((layer.people[turn % len(layer.people)],), at, at)
    return Shift((), at, at)


def _turn(layer: Layer, zone: ZoneInfo, at: int, wall: datetime) -> int:
    """The number of the turn that a moment belongs to, from 0; below 0: before the first."""
    guess = (wall - layer.first) // timedelta(days=layer.turn)
    # On a day on which the clock is changed the wall alone does not say on which side of the hand-over a moment is.
    turns = (number for number in (guess + 1, guess) if _instant(_handover(layer, number), zone) <= at)
    return next(turns, guess - 1)


def _handover(layer: Layer, number: int) -> datetime:
    """On the wall."""
    return layer.first + timedelta(days=layer.turn * number)


def _instant(wall: datetime, zone: ZoneInfo, fold: int = 0) -> int:
    """When a clock on the wall shows this (µs)."""
    return from_datetime(wall.replace(tzinfo=zone, fold=fold))


def _edges(schedule: Schedule, overrides: Sequence[Override], since: int, until: int) -> Iterator[int]:
    """Every moment inside the range at which somebody else may take over."""
    zone = ZoneInfo(schedule.timezone)
    first, last = (to_datetime(moment).astimezone(zone).replace(tzinfo=None) for moment in (since, until))
    walls = [wall for layer in schedule.layers for wall in _walls(layer, first, last)]
    moments = [_instant(wall, zone, fold) for wall in walls for fold in (0, 1)]  # a clock that is set back
    moments += [moment for one in overrides for moment in (one.starts_at, one.ends_at)]
    moments += _changes(zone, since, until)
    return (moment for moment in moments if since < moment < until)


def _walls(layer: Layer, first: datetime, last: datetime) -> Iterator[datetime]:
    """On the wall: the layer's hand-overs and the edges of its hours, from a day before to a day after."""
    turn = timedelta(days=layer.turn)
    number = max(0, (first - layer.first) // turn)
    while _handover(layer, number) <= last + timedelta(days=1):
        yield _handover(layer, number)
        number += 1
    if layer.hours is not None:
        day = first.date() - timedelta(days=1)
        while day <= last.date() + timedelta(days=1):
            yield from layer.hours.edges(day)
            day += timedelta(days=1)


def _changes(zone: ZoneInfo, since: int, until: int) -> Iterator[int]:
    """When the clock is set in a range, to the second."""
    day = since
    while day < until:
        low, high = to_datetime(day), to_datetime(min(until, day + DAY))
        before = low.astimezone(zone).utcoffset()
        if high.astimezone(zone).utcoffset() != before:
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
            yield from_datetime(high.replace(microsecond=0))
        day += DAY
