"""A button that somebody pressed under a message, whichever service it came from, and what they hear of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from saasobs.core.answers import Answer, AnswerKind, TakesAnswers, Via
from saasobs.core.errors import NotFound, Refused, StorageError
from saasobs.core.incident import Incident
from saasobs.core.people import Contact
from saasobs.core.values import MINUTE

SNOOZE: Final = 30 * MINUTE
"""What the button does."""
BUTTONS: Final = (AnswerKind.ACKNOWLEDGE, AnswerKind.SNOOZE, AnswerKind.RESOLVE, AnswerKind.UNACKNOWLEDGE)
_LONGEST_ID: Final = 64


@dataclass(frozen=True, slots=True)
class Press:
    """One button, pressed once."""

    kind: AnswerKind
    identity: str
    """Of the incident, or of the group of many."""
    address: str
    """Whose finger it was, as the service knows them."""
    name: str
    """What the service calls them, where they are none of the configured people."""


@dataclass(frozen=True, slots=True)
class ListenerTools:
    """The daemon's side of a listener."""

    channel: str
    """The channel's name in the configuration."""
    via: Via
    answers: TakesAnswers
    person_at: Callable[[Contact, str], str]
    """The configured person with this address; empty: nobody."""
    remember: Callable[[str, str], Awaitable[None]]
    """Keep a small fact of the listener's own: (key, value)."""
    recall: Callable[[str], Awaitable[str]]
    """What was kept; empty: nothing."""
    count: Callable[[str], None]
    """Told what came of each press: `taken`, `refused`, `strange`, `failed`."""


class Listener(Protocol):
    """Waits for what people press, for as long as the daemon runs."""

    @property
    def problem(self) -> str:
        """Why nothing can be heard just now, in a sentence; empty: all is well."""
        ...

    async def run(self) -> None:
        """Until it is cancelled; comes back by itself from whatever the network and the service do."""
        ...

    async def pressed(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """A request from outside that says what was pressed; whether it is genuine.

        :param headers: names in lower case.
        """
        ...


async def take(press: Press, contact: Contact, tools: ListenerTools) -> str:
    """Answer the incident; returns the sentence for whoever pressed it, empty where the message itself shows it."""
    by = tools.person_at(contact, press.address) or press.name or press.address
    lasting = SNOOZE if press.kind is AnswerKind.SNOOZE else 0
    try:
        taken = await tools.answers.answer(press.identity, Answer(press.kind, by, tools.via, lasting=lasting))
    except (NotFound, Refused) as error:
        tools.count("refused")
        return str(error)
    except StorageError:
        tools.count("failed")
        return "saasobs cannot write this down just now: press it again in a moment"
    tools.count("taken")
    return _first(press, taken.incidents, by)


def read_press(action: object, identity: object) -> tuple[AnswerKind, str] | None:
    """What a button of ours says; None: it is none."""
    if not isinstance(action, str) or not isinstance(identity, str):
        return None
    if not (identity.isascii() and identity.isalnum()) or len(identity) > _LONGEST_ID:
        return None
    return next(((kind, identity) for kind in BUTTONS if kind.value == action), None)


def offered(open_: Sequence[Incident]) -> tuple[AnswerKind, ...]:
    """The buttons below a message about many, of which these are open: to take them, or to give them back."""
    if not open_:
        return ()
    if all(incident.acknowledged_at for incident in open_):
        return (AnswerKind.UNACKNOWLEDGE,)
    return (AnswerKind.ACKNOWLEDGE, AnswerKind.SNOOZE)


def _first(press: Press, taken: Sequence[Incident], by: str) -> str:
    """Somebody else was first: the message will say who; whoever pressed hears it at once."""
    takers = {incident.acknowledged_by for incident in taken}
    if press.kind is AnswerKind.ACKNOWLEDGE and by not in takers and "" not in takers:
        return f"{', '.join(sorted(takers))} has it already"
    return ""
