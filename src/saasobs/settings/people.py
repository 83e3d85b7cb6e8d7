"""The keys that say who there is, how each is reached, and when what can wait waits."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from saasobs.alerting.channels.email import MailAddress
from saasobs.alerting.channels.phone import PhoneNumber
from saasobs.core.people import Person, QuietHours
from saasobs.options import Options, TimeZone
from saasobs.settings.names import Names
from saasobs.settings.times_of_day import TimeOfDay, Weekdays

EVERY_DAY: Final = frozenset(range(7))
_BRAZILIAN: Final = {"pt-br": "pt", "pt_br": "pt"}


def _language(value: object) -> object:
    return _BRAZILIAN.get(value.lower(), value.lower()) if isinstance(value, str) else value


def _chat(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class QuietHoursOptions(Options):
    """When warnings wait: what happens then is told in one message at its end. What is critical never waits."""

    from_: TimeOfDay = Field(alias="from")
    """When the quiet begins, by the clock on the wall."""
    to: TimeOfDay
    """When it ends; earlier than `from`: the next morning."""
    days: Weekdays | None = None
    """The days on which it begins. Default: every day."""
    timezone: TimeZone | None = None
    """Default: the person's time zone, or UTC for everybody's."""

    @model_validator(mode="after")
    def _some_day(self) -> Self:
        if self.from_ == self.to:
            raise ValueError("`from` and `to` must differ: somebody has to hear of it at some time of the day")
        return self

    def facts(self, timezone: str) -> QuietHours:
        """:param timezone: where the options name none."""
        return QuietHours(self.from_, self.to, self.timezone or timezone, self.days or EVERY_DAY)


class PersonOptions(Options):
    """Somebody who can be told. Give the addresses that the channels need: a phone for texts and calls, and so on."""

    phone: PhoneNumber | None = None
    """Where texts and calls go: with + and the country, as in +51987654321."""
    slack: Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,20}$")] | None = None
    """The member ID, `U…` or `W…` (in Slack: the profile, "Copy member ID")."""
    email: MailAddress | None = None
    """An e-mail address."""
    telegram: Annotated[
        str,
        BeforeValidator(_chat),
        Field(pattern=r"^(-?\d{1,20}|@\w{5,32})$"),
        WithJsonSchema({"type": ["string", "integer"], "examples": ["123456789"]}),
    ] | None = None  # fmt: skip
    """The chat's ID; the bot must have been written to once."""
    language: Annotated[
        Literal["en", "es", "pt"],
        BeforeValidator(_language),
        WithJsonSchema({"enum": ["en", "es", "pt", "pt-BR"]}),
    ] = "en"
    """The language of the messages: `en`, `es` or `pt` (Brazilian Portuguese)."""
    timezone: TimeZone = "UTC"
    """Times in messages and quiet hours are by the clock on the wall there."""
    contact: Names | None = None
    """The channels over which this person is told when a step does not say over which, all at once. Default: every
    channel that can reach them."""
    quiet_hours: QuietHoursOptions | None = None
    """When warnings wait. Default: the quiet hours of the whole file, if there are any."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if not (self.phone or self.slack or self.email or self.telegram):
            raise ValueError("cannot be told: give a `phone`, `slack`, `email` or `telegram`")
        return self

    def person(self, name: str) -> Person:
        quiet = self.quiet_hours
        return Person(
            name=name,
            phone=self.phone or "",
            slack=self.slack or "",
            email=self.email or "",
            telegram=self.telegram or "",
            language=self.language,
            timezone=self.timezone,
            contact=tuple(dict.fromkeys(self.contact or ())),
            quiet_hours=quiet.facts(self.timezone) if quiet else None,
        )
