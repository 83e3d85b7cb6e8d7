"""The keys of a policy: which incidents it takes, its steps, how often it repeats and who stands in. And where links
in messages lead.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from saasobs.alerting.links import placeholders
from saasobs.alerting.oncall import Hours
from saasobs.alerting.steps import Match, Policy, Repeat, Step
from saasobs.core.monitor import Severity
from saasobs.options import Duration, Options, PositiveDuration, TimeZone
from saasobs.settings.names import NOT_A_SWITCH, Names
from saasobs.settings.people import EVERY_DAY
from saasobs.settings.times_of_day import HourSpan, Weekdays, time_of_day

_MIDNIGHT: Final = time_of_day("00:00")


class StepOptions(Options):
    """One step of a policy: who is told, and when."""

    notify: Names
    """Who is told: channels, people, on-call schedules, or `everyone`; one name or a list."""
    over: Names | None = None
    """The channels over which people are told. Default: those of each person's `contact`."""
    after: Duration = 0
    """How long after the incident opened, or changed. By default at once."""
    unless: Literal["acknowledged"] | None = None
    """`acknowledged`: nobody is told when somebody has taken the incident on by then."""

    def step(self) -> Step:
        over = tuple(dict.fromkeys(self.over or ()))
        return Step(tuple(dict.fromkeys(self.notify)), self.after, bool(self.unless), over)


class MatchOptions(Options):
    """Which incidents a policy takes: those for which all of this is so."""

    tags: Names | None = None
    """The monitor has one of these tags."""
    severity: Severity | None = None
    """`critical` or `warning`, as the incident is now: what is merely degraded is a warning."""
    monitors: Names | None = None
    """The monitor's name, or a pattern such as `nightly-*`."""
    tenants: Names | None = None
    """It concerns one of these tenants alone."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Of an alert that others reported: labels and their values, or patterns such as `db-*`."""
    hours: HourSpan | None = None
    """It begins, or gets worse, within these hours, as in '22:00-07:00'."""
    days: Weekdays | None = None
    """On these days (on which the hours begin)."""
    timezone: TimeZone = "UTC"
    """The time zone of `hours` and `days`."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        said = (self.tags, self.severity, self.monitors, self.tenants, self.labels, self.hours, self.days)
        if not any(said):
            raise ValueError("says nothing: give tags, severity, monitors, tenants, labels, hours or days")
        return self

    def match(self) -> Match:
        hours = None
        if self.hours is not None or self.days is not None:
            begin, end = self.hours or (_MIDNIGHT, _MIDNIGHT)
            hours = Hours(begin, end, self.days or EVERY_DAY)
        return Match(
            tags=frozenset(self.tags or ()),
            severity=self.severity,
            monitors=tuple(self.monitors or ()),
            tenants=frozenset(self.tenants or ()),
            labels=dict(self.labels),
            hours=hours,
            timezone=self.timezone,
        )


class RepeatOptions(Options):
    """The steps are gone through again while the incident goes on and nobody has acknowledged it."""

    every: PositiveDuration
    """From one round to the next, counted from the opening of the incident."""
    times: Annotated[int, Field(ge=1, le=100), NOT_A_SWITCH] = 3
    """How many rounds at most, after the first."""


class PolicyOptions(Options):
    """Who is told when something goes wrong."""

    match: MatchOptions | None = None
    """Which incidents it takes, of monitors that name no policy; the first policy that fits does. Without it: none but
    those of monitors that name it, and for `default` all that no other takes."""
    steps: list[Any]
    """One after the other; an empty list tells nobody."""
    repeat: RepeatOptions | None = None
    """Go through the steps again, while nobody acknowledges. Default: once."""
    fallback: Names | None = None
    """The channels that are told when nothing of a step can be delivered, or a step reaches nobody. Default: everyone,
    or every channel."""

    def policy(self, name: str, steps: tuple[Step, ...]) -> Policy:
        return Policy(
            name=name,
            steps=steps,
            match=self.match.match() if self.match else None,
            repeat=Repeat(self.repeat.every, self.repeat.times) if self.repeat else None,
            fallback=tuple(dict.fromkeys(self.fallback or ())),
        )


def _template(value: str) -> str:
    if urlsplit(value).scheme not in ("http", "https"):
        raise ValueError(f"{value!r} must begin with http:// or https://")
    placeholders(value)
    return value


_LINK: Final = {
    "type": "string",
    "pattern": "^https?://.+",
    "examples": ["https://grafana.example.com/d/checkout?var-service={service}"],
}
LinkTemplate = Annotated[str, AfterValidator(_template), WithJsonSchema(_LINK)]
"""A URL with facts in braces."""
