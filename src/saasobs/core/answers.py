"""What people say to an incident: that they are on it, that it can wait, whose it is, that it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from saasobs.core.incident import Incident
from saasobs.core.values import MINUTE

LINK_SNOOZE: Final = 30 * MINUTE
"""What the second button of the page behind a link does (µs)."""


class AnswerKind(StrEnum):
    """What an answer does."""

    ACKNOWLEDGE = "acknowledge"
    """Somebody is on it: nobody else is called."""
    UNACKNOWLEDGE = "unacknowledge"
    """Nobody is on it any more: its policy goes on."""
    SNOOZE = "snooze"
    """Acknowledged until a moment; then its policy goes on by itself."""
    ASSIGN = "assign"
    """It is somebody's now. Acknowledges too, where nobody has."""
    NOTE = "note"
    """A line for the timeline."""
    RESOLVE = "resolve"
    """It is over, whatever the checks say; what still fails then opens a new one."""


class Via(StrEnum):
    """The way an answer came: a bounded set, it labels a metric."""

    SLACK = "slack"
    TELEGRAM = "telegram"
    PHONE = "phone"
    """A key that was pressed during a call."""
    LINK = "link"
    """The signed link of a text message or an e-mail."""
    PAGE = "page"
    CLI = "cli"
    API = "api"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. Moments and durations are µs."""

    kind: AnswerKind
    by: str
    """Who: a person's name, where that is known."""
    via: Via
    until: int = 0
    """When a snooze ends; 0: `lasting` says how long it is."""
    to: str = ""
    """Whose it is now: one of the people, or any name."""
    text: str = ""
    """A note; why, of any other answer."""
    lasting: int = 0


TOGETHER: Final = frozenset({AnswerKind.ACKNOWLEDGE, AnswerKind.UNACKNOWLEDGE, AnswerKind.SNOOZE})
"""What a message about many incidents can be answered with: for all of them that are open."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The incidents as an answer left them: as they were, where somebody was first. One, or those of a group."""

    incidents: tuple[Incident, ...]
    group: str = ""
    """The ID of the message about many that was answered; empty: a single incident was."""

    @property
    def incident(self) -> Incident:
        return self.incidents[0]


class Standing(StrEnum):
    """How things stand with an incident for whoever opens a link to it."""

    OPEN = "open"
    """Nobody is on it."""
    TAKEN = "taken"
    SNOOZED = "snoozed"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class AnswerPage:
    """The page behind a one-tap link, in the words of whom it was sent to."""

    language: str
    """`en`, `es` or `pt`."""
    standing: Standing
    title: str
    headline: str
    """What is down."""
    facts: tuple[tuple[str, str], ...]
    """Labels and texts."""
    said: str
    """Who has it, or that it is over; empty while nobody has."""
    question: str
    acknowledge: str
    """What the button says."""
    snooze: str
    """The same of the other one."""
    note: str
    """What pressing them does."""
    rows: tuple[tuple[str, str], ...] = ()
    """Each incident of a message about many, below the buttons: its ID, and what is the matter."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a valid link lets somebody do: answer this incident, or all of this group, in this name."""

    identity: str
    """Of the incident or the group."""
    who: str
    page: AnswerPage


class RefusedLink(StrEnum):
    """Why a link leads nowhere."""

    INVALID = "invalid"
    """It was cut, changed or made up, or its incident is not known."""
    EXPIRED = "expired"
    WAIT = "wait"
    """Too many wrong ones were opened from there."""
    UNAVAILABLE = "unavailable"
    """The store cannot say now."""


@dataclass(frozen=True, slots=True)
class NoOffer:
    """What is shown instead: nothing that only the holder of a valid link should know."""

    why: RefusedLink
    language: str
    title: str
    sentence: str


class TakesAnswers(Protocol):
    """The part of the daemon (core.ports.Operator) that people answer to.

    :raises StorageError: the store cannot answer now.
    """

    def people(self) -> Sequence[str]:
        """The names of those who are configured."""
        ...

    async def answer(self, identity: str, answer: Answer) -> Taken:
        """:param identity: of a group, or any unambiguous beginning of an incident's.
        :raises NotFound: :raises Refused: it cannot be taken, in a sentence.
        """
        ...

    async def open_link(self, token: str, peer: str, language: str) -> Offer | NoOffer:
        """What is behind a signed link; to open it changes nothing.

        :param peer: who opens it, by address: guessing is slowed down for each.
        :param language: what they seem to read (`en`, `es`, `pt`), until it is known whose link it is.
        """
        ...

    def no_link(self, why: RefusedLink, language: str) -> NoOffer: ...
