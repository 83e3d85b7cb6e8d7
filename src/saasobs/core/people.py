"""The people who are told, as the configuration knows them. Whom a step reaches is decided in alerting/."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from enum import StrEnum


class Contact(StrEnum):
    """The ways a person can be reached: a channel of a kind takes one of them (`ChannelKind.contact`)."""

    PHONE = "phone"
    SLACK = "slack"
    EMAIL = "email"
    TELEGRAM = "telegram"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When what can wait waits until the morning: from one time of day to another, over midnight too.

    `days` are those on which the quiet begins (0 is Monday). Wall clock of `timezone`; an hour that a change of the
    clock skips or doubles is quiet in full.
    """

    begin: time
    end: time
    timezone: str
    days: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who answers."""

    name: str
    phone: str = ""
    """E.164."""
    slack: str = ""
    """The member ID, `U…`."""
    email: str = ""
    telegram: str = ""
    """The chat's ID."""
    language: str = "en"
    timezone: str = "UTC"
    contact: tuple[str, ...] = ()
    """The channels over which this person is told when a step does not say over which; all at once."""
    quiet_hours: QuietHours | None = None

    def address(self, contact: Contact) -> str:
        """Empty: cannot be reached so."""
        return {
            Contact.PHONE: self.phone,
            Contact.SLACK: self.slack,
            Contact.EMAIL: self.email,
            Contact.TELEGRAM: self.telegram,
        }[contact]
