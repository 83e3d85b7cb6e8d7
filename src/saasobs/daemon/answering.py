"""Takes what people answer, and ends snoozes. The rules are alerting/answers.py's.

1. An answer is one transaction: the incident, its timeline and all that is owed change together, as the store has them
   at that moment. Of two that come at once one is the first; the other hears so.
2. To resolve forgets what was judged, as pausing does: a monitor that still fails opens a new incident when that is
   confirmed anew. What others watch for (our own network, a channel, somebody else's alert) stays resolved until it
   was over.
3. A group's ID stands for all of its incidents that are open. They are answered some at a time, so that two thousand of
   them do not hold up what is being written.
4. When a snooze ends stands in its incident: a restart, a kill or a night without this daemon changes nothing but that
   it ends late.

Only the event loop's thread calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

import structlog

from saasobs.alerting.answers import Answered, answered, refused, woken
from saasobs.alerting.directory import Directory
from saasobs.core.answers import TOGETHER, Answer, AnswerKind, Taken
from saasobs.core.errors import NotFound, Refused
from saasobs.core.incident import Change, Incident, MonitorState, Topic
from saasobs.core.ports import Clock, Transaction
from saasobs.daemon.answer_links import AnswerLinks
from saasobs.daemon.ledger import Ledger

AT_ONCE = 50
"""Incidents of a group that one transaction answers."""
OPEN = 100_000
"""Open incidents that a start looks through for snoozes."""

_LOGGED: Final[Mapping[Change, str]] = {
    Change.ACKNOWLEDGED: "incident.acknowledged",
    Change.UNACKNOWLEDGED: "incident.unacknowledged",
    Change.SNOOZED: "incident.snoozed",
    Change.ASSIGNED: "incident.assigned",
    Change.NOTED: "incident.noted",
    Change.RESOLVED: "incident.resolved",
}

Work = Callable[[Transaction], None]
Owe = Callable[[Transaction, Incident, Change, str, int], None]

log = structlog.get_logger("saasobs.incidents")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What goes with an incident that is resolved by hand."""

    state: MonitorState | None = None
    """What is to be written down of its monitor."""
    work: Work | None = None
    """The same of anything else, in the transaction that ends the incident."""


Forget = Callable[[Incident], Forgotten]
"""Asked on the event loop's thread when an incident is about to be resolved by hand: forgets what it rests on."""


class AnswerObserver(Protocol):
    """Whom an answer is counted by."""

    def answer_taken(self, kind: str, via: str, waited: int | None) -> None:
        """:param waited: how long nobody was on it (µs), where this is what ended that."""
        ...


class Answers:
    """Every answer goes through here, whichever way it came."""

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        directory: Callable[[], Directory],
        owe: Owe,
        poke: Callable[[], None],
        observer: AnswerObserver,
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._directory = directory
        self._owe = owe
        self._poke = poke
        self._observer = observer
        self.links = AnswerLinks(clock, ledger, directory)
        self.forget: Mapping[Topic, Forget] = {}
        """What else goes when an incident of this topic is resolved by hand."""
        self._snoozed: dict[str, int] = {}
        """When each snooze ends, by incident."""

    def load(self, transaction: Transaction) -> None:
        """The snoozes of the last run."""
        left = transaction.incidents(open_only=True, limit=OPEN)
        self._snoozed = {one.id: one.snoozed_until for one in left if one.snoozed_until}

    async def answer(self, identity: str, answer: Answer) -> Taken:
        """The incidents as the answer left them; as they were, where somebody was first.

        :param identity: of a group, or any unambiguous beginning of an incident's.
        :raises NotFound: :raises Refused: in a sentence.
        """
        # Looked up beforehand: what is wrong with the ID must not disturb what is being written.
        group, meant = await self._ledger.read(lambda transaction: find_meant(transaction, identity))
        refusal = _refused_together(group, meant, answer) if group else ""
        if refusal := refusal or refused(meant[0], answer, self._clock.now()):
            raise Refused(refusal)
        taken: list[Incident] = []
        for first in range(0, len(meant), AT_ONCE):
            taken += await self._take(meant[first : first + AT_ONCE], answer)
        return Taken(tuple(taken), group)

    async def _take(self, meant: Sequence[Incident], answer: Answer) -> list[Incident]:
        """In one transaction. :raises Refused: none of them takes it any more."""
        resolves = answer.kind is AnswerKind.RESOLVE  # one alone: see TOGETHER
        forgotten = self._forgotten(meant[0]) if resolves else Forgotten()

        def one(transaction: Transaction, known: Incident) -> tuple[Incident, Answered]:
            before, now = transaction.incident(known.id) or known, self._clock.now()
            made = answered(before, answer, transaction.notices(known.id), self._directory(), now)
            if forgotten.work is not None and made.change is Change.RESOLVED:
                forgotten.work(transaction)
            write_down(transaction, made, self._owe, now)
            return before, made

        def work(transaction: Transaction) -> list[tuple[Incident, Answered]]:
            return [one(transaction, known) for known in meant]

        came = await self._ledger.run(work, patient=resolves, state=forgotten.state)
        if all(made.refusal for _, made in came):
            raise Refused(came[0][1].refusal)
        for before, made in came:
            self._note(made)
            if made.change is not None:
                self._count(before, made.incident, answer)
                _log(made.change, made.incident, by=answer.by, via=answer.via.value)
        return [made.incident for _, made in came]

    async def look(self) -> None:
        """Comes round every second: for the snoozes that are over."""
        now = self._clock.now()
        for identity, until in [(identity, until) for identity, until in self._snoozed.items() if until <= now]:
            made = await self._ledger.run(partial(self._wake, identity=identity))
            if self._snoozed.get(identity) == until:  # nobody has snoozed it again meanwhile
                del self._snoozed[identity]
            if made is not None and made.change is not None:
                self._poke()
                _log(made.change, made.incident, by="", via="")

    def set_back(self, micros: int) -> None:
        """The wall clock was set back, and with it whatever lies ahead."""
        identities = list(self._snoozed)
        self._snoozed = {identity: until - micros for identity, until in self._snoozed.items()}

        def work(transaction: Transaction) -> None:
            for incident in transaction.incidents_of(identities).values():
                if incident.snoozed_until:
                    transaction.save_incident(replace(incident, snoozed_until=incident.snoozed_until - micros))

        if identities:
            self._ledger.submit(work, patient=True)

    def _wake(self, transaction: Transaction, *, identity: str) -> Answered | None:
        incident = transaction.incident(identity)
        if incident is None:
            return None
        now = self._clock.now()
        made = woken(incident, transaction.notices(identity), self._directory(), now)
        write_down(transaction, made, self._owe, now)
        return made

    def _forgotten(self, incident: Incident) -> Forgotten:
        forget = self.forget.get(incident.topic)
        return forget(incident) if forget is not None else Forgotten()

    def _note(self, made: Answered) -> None:
        """What is known of snoozes follows; whoever sends looks."""
        incident = made.incident
        if incident.open and incident.snoozed_until:
            self._snoozed[incident.id] = incident.snoozed_until
        else:
            self._snoozed.pop(incident.id, None)
        if made.change is not None:
            self._poke()

    def _count(self, before: Incident, after: Incident, answer: Answer) -> None:
        first = bool(after.acknowledged_at) and not before.acknowledged_at
        waited = max(0, after.acknowledged_at - before.opened_at) if first else None
        self._observer.answer_taken(answer.kind.value, answer.via.value, waited)


def write_down(transaction: Transaction, made: Answered, owe: Owe, now: int) -> None:
    """Inside a transaction: what an answer changes, and what follows from it by the policy."""
    if made.event is None:
        return
    transaction.save_incident(made.incident)
    transaction.add_event(made.event)
    transaction.save_notices(made.changed)
    transaction.owe(made.new)
    if made.begins_anew:
        owe(transaction, made.incident, made.event.change, made.incident.policy, now)
    elif made.change is Change.RESOLVED:
        owe(transaction, made.incident, made.change, "", now)


def _log(change: Change, incident: Incident, *, by: str, via: str) -> None:
    log.info(_LOGGED[change], incident=incident.id, monitor=incident.monitor, by=by, via=via)


def find_meant(transaction: Transaction, identity: str) -> tuple[str, Sequence[Incident]]:
    """A group's ID and what is open of it, or nothing and the one incident. :raises NotFound:"""
    wanted = identity.lower().lstrip("#")
    group = transaction.group(wanted) if transaction.incident(wanted) is None else None
    if group is None:
        return "", (find_incident(transaction, identity),)
    return group.id, [incident for incident in transaction.members(group.id) if incident.open]


def _refused_together(group: str, meant: Sequence[Incident], answer: Answer) -> str:
    if not meant:
        return f"all of {group} is over: there is nothing left to answer"
    if answer.kind not in TOGETHER:
        return f"{group} is many incidents: give the ID of one of them, as `saasobs incidents` lists them"
    return ""


def find_incident(transaction: Transaction, beginning: str) -> Incident:
    """The incident whose ID begins so. :raises NotFound: for none, or for more than one."""
    wanted = beginning.lower().lstrip("#")
    exact = transaction.incident(wanted)
    if exact is not None:
        return exact
    found = (
        [incident for incident in transaction.incidents(limit=1000) if incident.id.startswith(wanted)] if wanted else []
    )
    if not found:
        raise NotFound(f"no incident's ID begins with {beginning!r}: `saasobs incidents` lists them")
    if len(found) > 1:
        raise NotFound(f"{len(found)} incidents begin with {beginning!r}: give more of the ID")
    return found[0]
