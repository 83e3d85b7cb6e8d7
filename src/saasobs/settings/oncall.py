"""The keys that say who is on call: schedules, their layers of turns, and who stands in for whom."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from saasobs.alerting.oncall import Hours, Layer, Schedule
from saasobs.core.oncall import Override
from saasobs.core.values import DAY
from saasobs.options import Options, PositiveDuration, TimeZone
from saasobs.settings.names import Names
from saasobs.settings.quiet import Moment, moment
from saasobs.settings.times_of_day import HourSpan, Weekdays, time_of_day, weekday

_ALWAYS: Final = date(2000, 1, 3)
"""A Monday: since when somebody who takes turns with nobody has been on call."""
_WEEK: Final = 7
Handover = tuple[int | None, time]


def _whole_days(value: int) -> int:
    if value % DAY or value > 366 * DAY:
        raise ValueError("must be a number of whole days or weeks, as in 1d or 2w: for turns within a day take `hours`")
    return value


def _handover(value: object) -> Handover:
    words = value.split() if isinstance(value, str) else [value]
    if len(words) == 2:
        return weekday(words[0]), time_of_day(words[1])
    if len(words) != 1:
        raise ValueError(f"{value!r} is not a hand-over: write 'monday 09:00', or '09:00'")
    return None, time_of_day(words[0])


def _date(value: object) -> object:
    if isinstance(value, datetime) or not isinstance(value, date | str):
        raise ValueError("must be a date, as in 2026-11-02")  # noqa: TRY004 - pydantic catches this one
    try:
        return value if isinstance(value, date) else date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is not a date: write it as in 2026-11-02") from error


class LayerOptions(Options):
    """People who take turns. Later layers win over earlier ones where they apply."""

    people: Names
    """Who takes turns, in this order: one name or a list."""
    every: Annotated[PositiveDuration, AfterValidator(_whole_days)] = 7 * DAY
    """How long a turn is: whole days or weeks."""
    handover: Annotated[
        Any,
        BeforeValidator(lambda value: value if isinstance(value, tuple) else _handover(value)),
        PlainSerializer(str, return_type=str),
        WithJsonSchema({"type": "string", "examples": ["monday 09:00"]}),
    ] = (None, time(9))
    """When the next one takes over: 'monday 09:00' for turns of whole weeks, or a time of day. Default: 09:00."""
    start: Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})] | None = None
    """The day of the first hand-over, to the first of the list (with a weekday: the first such day from then on)."""
    hours: HourSpan | None = None
    """Only within these hours of the day, as in '09:00-18:00', or '22:00-07:00' over midnight."""
    days: Weekdays | None = None
    """Only on these days of the week (on which the hours begin)."""

    @model_validator(mode="after")
    def _turns(self) -> Self:
        day, _ = self.handover
        if day is not None and self.every % (_WEEK * DAY):
            raise ValueError("a hand-over on a day of the week needs turns of whole weeks (`every: 1w`)")
        if len(self.people) > 1 and self.start is None:
            raise ValueError("`start` is required where people take turns: the day on which the first of them begins")
        return self

    def layer(self) -> Layer:
        day, at = self.handover
        first = self.start or _ALWAYS
        if day is not None:
            first += timedelta(days=(day - first.weekday()) % _WEEK)
        hours = None
        if self.hours is not None or self.days is not None:
            begin, end = self.hours or (time(0), time(0))
            hours = Hours(begin, end, self.days or frozenset(range(_WEEK)))
        return Layer(tuple(dict.fromkeys(self.people)), datetime.combine(first, at), self.every // DAY, hours)


class OverrideOptions(Options):
    """Somebody stands in for whoever would be on call. More can be entered while the daemon runs."""

    person: str
    """Who is on call instead."""
    from_: Moment = Field(alias="from")
    """From when: 2026-12-24T18:00:00-05:00, or 2026-12-24 18:00 in the schedule's time zone."""
    to: Moment
    """Until when."""
    reason: Annotated[str, Field(max_length=200)] = ""
    """Why; shown beside it."""


class ScheduleOptions(Options):
    """Who is on call, and when. A policy's step names the schedule, and reaches whoever has it at that moment."""

    timezone: TimeZone = "UTC"
    """Hand-overs, hours and days are by the clock on the wall there."""
    layers: Annotated[tuple[LayerOptions, ...], Field(min_length=1, max_length=20)]
    """One below the other; the last one that applies decides."""
    overrides: tuple[OverrideOptions, ...] = ()
    """Exceptions, such as holidays."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for one in self.overrides:
            if moment(one.to, self.timezone) <= moment(one.from_, self.timezone):
                raise ValueError(f"the override by {one.person!r} must end after it begins")
        return self

    def schedule(self, name: str) -> Schedule:
        """The facts; overrides are numbered in the order of the file."""
        overrides = tuple(
            Override(
                f"{name}.{number}",
                name,
                one.person,
                moment(one.from_, self.timezone),
                moment(one.to, self.timezone),
                reason=one.reason,
            )
            for number, one in enumerate(self.overrides, 1)
        )
        return Schedule(name, self.timezone, tuple(each.layer() for each in self.layers), overrides)
