"""The keys that say when alerts wait: maintenance windows and flapping. (`depends_on` is a key of every monitor.)"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from saasobs.core.values import DAY, MINUTE, from_datetime
from saasobs.options import Options, PositiveDuration, TimeZone
from saasobs.probes.heartbeat import Cron
from saasobs.settings.names import NOT_A_SWITCH, Name, Names


def _no_switch_on(value: object) -> object:
    if value is True:
        raise ValueError("must be false, to tell every outage, or a group of keys")
    return value


class FlappingOptions(Options):
    """When a monitor goes up and down all the time. It is told so once, and then when it is stable again."""

    outages: Annotated[int, Field(ge=2, le=100), NOT_A_SWITCH] = 4
    """More outages than this …"""
    within: PositiveDuration = 30 * MINUTE
    """… in this time, and it flaps."""
    stable_after: PositiveDuration = 15 * MINUTE
    """It is stable when it was up for so long."""
    down_after: PositiveDuration = 5 * MINUTE
    """When it stays down for so long it is a real outage, and told like any other."""


FlappingSetting = Annotated[FlappingOptions | Literal[False], BeforeValidator(_no_switch_on)]
"""The group, or false."""


def _at_most_a_month(value: int) -> int:
    if value > 31 * DAY:
        raise ValueError("must be at most 31d: pause what nobody needs to hear of for longer")
    return value


def moment(value: str, timezone: str) -> int:
    """Microseconds of ``2026-11-22T22:00:00-05:00``, or of a time on the wall of `timezone`. :raises ValueError:"""
    when = datetime.fromisoformat(value)
    return from_datetime(when if when.tzinfo is not None else when.replace(tzinfo=ZoneInfo(timezone)))


def _moment(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    try:
        moment(text, "UTC")
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a moment: write 2026-11-22T22:00:00-05:00 or 2026-11-22 22:00") from error
    return text


Moment = Annotated[str, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


class MaintenanceOptions(Options):
    """A window in which alerts wait: checks and incidents go on, and what is still down at its end is told then."""

    name: Name
    """What timelines and lists call it."""
    monitors: Names | None = None
    """The monitors that it covers, by name."""
    tags: Names | None = None
    """Every monitor that has one of these tags."""
    all: bool = False
    """Every monitor."""
    start: Moment | None = None
    """When it begins, for one that comes once: 2026-11-22T22:00:00-05:00, or 2026-11-22 22:00 in `timezone`."""
    end: Moment | None = None
    """When it ends; or say its `duration`."""
    cron: Cron | None = None
    """When it begins, for one that comes again: minute, hour, day of month, month, weekday."""
    duration: Annotated[PositiveDuration, AfterValidator(_at_most_a_month)] | None = None
    """How long it lasts; 31 days at the most."""
    timezone: TimeZone = "UTC"
    """The time zone of `cron`, and of times that name none."""
    reason: Annotated[str, Field(max_length=200)] = ""
    """What is done; stands in timelines."""

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if not (self.monitors or self.tags or self.all):
            raise ValueError("say what it covers: `monitors`, `tags` or `all: true`")
        if (self.start is None) == (self.cron is None):
            raise ValueError("say when it begins: `start`, or `cron` for a window that comes again")
        if self.cron is not None and (self.duration is None or self.end is not None):
            raise ValueError("a window with a `cron` needs a `duration`, and has no `end`")
        if self.start is not None:
            if (self.end is None) == (self.duration is None):
                raise ValueError("say when it ends: `end` or `duration`, one of the two")
            if self.end is not None and moment(self.end, self.timezone) <= moment(self.start, self.timezone):
                raise ValueError("must end after it begins")
        return self
