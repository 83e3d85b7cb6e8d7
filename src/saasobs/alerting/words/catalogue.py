"""What every language must be able to say. `Words` is the whole of it: a language that misses a phrase, or an argument
of one, does not pass the type checker.

A phrase that has to agree with something (a number, a gender, an article) is a method, and every language writes its
own; what is merely a name stands in one of the groups of plain texts. Nothing here reads a clock or knows a channel.
What others wrote (names, answers of servers) comes in ready to be shown (`alerting.hygiene`) and is never translated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from saasobs.core.answers import AnswerKind
from saasobs.core.incident import Change, Topic
from saasobs.core.monitor import Severity
from saasobs.core.result import Reason


class Condition(StrEnum):
    """How something that is not well is."""

    DOWN = "down"
    DEGRADED = "degraded"
    FLAPPING = "flapping"
    FIRING = "firing"
    """An alert that somebody else reports."""


class End(StrEnum):
    """How an incident ended."""

    RECOVERED = "recovered"
    WITHDRAWN = "withdrawn"
    RESOLVED = "resolved"


class Noun(StrEnum):
    """What a group's incidents are about."""

    MONITORS = "monitors"
    ALERTS = "alerts"
    INCIDENTS = "incidents"
    """Some of both."""


class Over(StrEnum):
    """How the ended ones of a group are now."""

    UP = "up"
    UNWATCHED = "unwatched"
    EITHER = "either"
    """Some up again, some no longer watched."""
    IN_ORDER = "in_order"
    """Of what was never down: a certificate, a budget."""
    RESOLVED = "resolved"
    """Alerts, or whatever people said was over."""


@dataclass(frozen=True, slots=True)
class Ailing:
    """How those of a group that go on are."""

    down: int = 0
    degraded: int = 0
    aside: bool = False
    """None of them is about whether a monitor is up: a certificate, a budget."""
    firing: bool = False
    """Alerts that others report."""

    @property
    def mixed(self) -> bool:
        return bool(self.down and self.degraded)


@dataclass(frozen=True, slots=True)
class Labels:
    """What stands before a fact."""

    late: str
    since: str
    lasted: str
    reason: str
    reasons: str
    phases: str
    target: str
    affected: str
    about: str
    note: str
    tags: str
    severity: str
    tenant: str
    correlation_id: str
    incident: str
    group: str
    page: str
    runbook: str
    also_told: str
    assigned: str
    snoozed: str
    acknowledged: str
    acknowledge: str
    history: str
    """Above the timeline."""


@dataclass(frozen=True, slots=True)
class Buttons:
    """What a person can press under a message; each at most 30 characters."""

    acknowledge: str
    unacknowledge: str
    snooze: str
    assign: str
    note: str
    resolve: str
    open_page: str

    def of(self, kind: AnswerKind) -> str:
        """What the button says that gives this answer."""
        return str(getattr(self, kind.value))


@dataclass(frozen=True, slots=True)
class AnswerPhrases:
    """The page behind a one-tap link (`alerting.answer_page`). Nothing happens before a button is pressed."""

    title: str
    question: str
    """Above the buttons."""
    acknowledge: str
    note: str
    """What pressing one does."""
    over: str
    """There is nothing left to take on."""
    done: str
    """It is yours now."""
    invalid_title: str
    invalid: str
    expired_title: str
    expired: str
    later_title: str
    wait: str
    """Too many tries."""
    unavailable: str
    """It could not be written down just now."""


class Words(Protocol):
    """One language."""

    code: str
    """`en`, `es` or `pt`; as an HTML page's `lang` and in the configuration."""
    voice: str
    """The tag by which providers choose a voice that speaks it (BCP 47)."""
    template: str
    """The code of a WhatsApp template in it."""
    labels: Labels
    buttons: Buttons
    answer_page: AnswerPhrases
    reasons: Mapping[Reason, str]
    """The human sentence of each reason."""
    forms: Mapping[str, str]
    """Our own sentences with what was seen in them, by their English form (`sentences`)."""
    details: Mapping[str, str]
    """The same for what stands behind a reason: ``… (api.acme.example:443 at 10.0.0.7, 10s)``."""
    small: Mapping[str, str]
    """Words of our own within such a sentence, by the English ones."""
    phases: Mapping[str, str]
    links: Mapping[str, str]
    changes: Mapping[Change, str]
    """What happened, in a line of the timeline."""
    severities: Mapping[Severity, str]

    # Figures --------------------------------------------------------------------------------------------------

    def decimal(self, figure: str) -> str:
        """A number that is written with a point."""
        ...

    def span(self, micros: int) -> str:
        """A duration: ``7m``, ``1 h 05 min``."""
        ...

    def clock(self, local: datetime, zone: str, *, dated: bool) -> str:
        """A time on the reader's wall; `dated`: it is another day than today."""
        ...

    def names(self, shown: Sequence[str], left: int) -> str:
        """``api, checkout and 10 more``."""
        ...

    # One incident ---------------------------------------------------------------------------------------------

    def is_so(self, condition: Condition) -> str:
        """What follows the name: ``is down``."""
        ...

    def still_so(self, condition: Condition, round_: int, of: int) -> str:
        """The same of a reminder; `round_` 0: nobody counts them; `of` 0: nobody knows how many there will be."""
        ...

    def now_down(self) -> str: ...

    def now_degraded(self) -> str: ...

    def ended(self, condition: Condition, end: End, by: str, after: str) -> str:
        """``is up again after 7m``. `by`: who said so, where a person resolved it; may be empty."""
        ...

    def was_so(self, condition: Condition, end: End, by: str, after: str) -> str:
        """The same where nobody was told of the beginning: ``was down for 7m and is up again``."""
        ...

    def settled(self, topic: Topic, after: str) -> str:
        """A certificate was renewed, a budget no longer burns, a channel gets messages through again."""
        ...

    def channel(self, name: str) -> str:
        """What an incident about one of our channels is about."""
        ...

    def deaf(self, name: str) -> str:
        """Nothing gets through over a channel."""
        ...

    def several(self, number: int, first: str) -> str:
        """Some alerts of others in one incident; `first`: what the first of them says, which may be nothing."""
        ...

    def blind(self, sentence: str) -> str: ...

    def sees_again(self, after: str) -> str: ...

    def was_blind(self, after: str) -> str: ...

    def test(self, channel: str) -> str:
        """The whole headline of a test message."""
        ...

    @property
    def all_well(self) -> str:
        """The same beside its name."""
        ...

    # What people did ------------------------------------------------------------------------------------------

    @property
    def somebody(self) -> str: ...

    def taken(self, who: str) -> str:
        """``ana is on it``."""
        ...

    def untaken(self, *, snoozed: bool) -> str:
        """`snoozed`: a snooze is over, else somebody handed it back."""
        ...

    def snoozed(self, who: str, until: str) -> str: ...

    def assigned(self, to: str, by: str) -> str:
        """`by` may be empty."""
        ...

    def noted(self, who: str, text: str) -> str: ...

    # What stands below the headline ---------------------------------------------------------------------------

    def told_late(self, by: str, due: str) -> str: ...

    def since(self, clock: str, span: str) -> str: ...

    def lasted(self, begin: str, end: str, span: str) -> str: ...

    def acknowledged(self, who: str, at: str) -> str: ...

    def snoozed_until(self, at: str) -> str: ...

    def snooze_for(self, span: str) -> str:
        """On a button."""
        ...

    def slow(self, phase: str) -> str:
        """A phase that took most of the time, marked."""
        ...

    # Many incidents -------------------------------------------------------------------------------------------

    def how_many(self, number: int, noun: Noun) -> str:
        """``12 monitors``."""
        ...

    def every(self, count: str, noun: Noun) -> str:
        """``all 12 monitors``."""
        ...

    def ailing(self, number: int, noun: Noun, how: Ailing) -> str:
        """``12 monitors are down``."""
        ...

    def part_over(self, ended: int, total: int, noun: Noun, over: Over) -> str:
        """``9 of 12 monitors are up again``."""
        ...

    def still(self, how: Ailing) -> str:
        """What follows that: ``still down``."""
        ...

    def all_over(self, total: int, noun: Noun, over: Over, *, every: bool) -> str:
        """``all 12 monitors are up again``; `every`: with the ``all``."""
        ...

    def were(self, total: int, noun: Noun, how: Ailing, over: Over) -> str:
        """``12 monitors were down and are up again``."""
        ...

    def fresh(self, number: int, how: Ailing, *, more: bool) -> str:
        """``3 more are down``."""
        ...

    def over_now(self, number: int, over: Over) -> str:
        """``9 are up again``."""
        ...

    def digest(self, total: int, open_: int) -> str:
        """What waited for the morning."""
        ...

    def left_out(self, number: int) -> str:
        """Below a list that is cut short."""
        ...

    def taken_by(self, who: str) -> str:
        """Behind a line of the list."""
        ...

    def row_over(self, condition: Condition, end: End, by: str, after: str) -> str:
        """What follows the name in a line of the list."""
        ...

    def severity_counts(self, critical: int, warning: int) -> str: ...

    # Text messages: the state comes first, in capitals, since it is what the lock screen shows ------------------

    def capitals(self, condition: Condition, *, many: bool = False) -> str: ...

    def capitals_topic(self, topic: Topic) -> str: ...

    def capitals_end(self, condition: Condition, end: End) -> str: ...

    def capitals_settled(self) -> str:
        """Of what was never down."""
        ...

    def capitals_now(self, state: str) -> str: ...

    def capitals_was(self, state: str, end: str, *, many: bool = False) -> str: ...

    def capitals_test(self) -> str: ...

    def capitals_failing(self) -> str:
        """Of a group: some down, some degraded."""
        ...

    def capitals_part(self, ended: int, total: int, over: Over, still: str) -> str: ...

    def capitals_over(self, over: Over, *, many: bool) -> str: ...

    def capitals_digest(self) -> str: ...

    def text_after(self, span: str) -> str: ...

    def text_late(self, span: str) -> str: ...

    @property
    def own_network(self) -> str:
        """What our own network is called where a monitor's name would stand."""
        ...

    # Read aloud -----------------------------------------------------------------------------------------------

    def spoken_span(self, micros: int) -> str:
        """``1 minute and 5 seconds``."""
        ...

    @property
    def spoken_point(self) -> str:
        """The word between the digits of ``4.2``."""
        ...

    @property
    def spoken_units(self) -> Mapping[str, tuple[str, str]]:
        """The names of units, for one and for several, by how they are written: ``min``, ``s``, ``ms`` …"""
        ...

    @property
    def spoken_percent(self) -> str: ...

    @property
    def spoken_to(self) -> str:
        """The word between the numbers of a range: ``200-299``."""
        ...

    def spoken_opening(self, severity: Severity | None) -> str:
        """Who speaks, and how urgent it is; None: it is over."""
        ...

    def spoken_for(self, state: str, span: str) -> str:
        """``… is down, for 12 minutes``."""
        ...

    def spoken_reason(self, sentence: str) -> str: ...

    def spoken_incident(self, letters: str) -> str: ...

    def spoken_press(self, digit: str) -> str: ...

    def spoken_test(self) -> str: ...
