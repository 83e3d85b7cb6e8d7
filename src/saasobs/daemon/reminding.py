"""Goes through the steps of a policy again while nobody acknowledges. The rule is alerting/repeating.py's.

Nothing is kept but what is written down (Incident.rounds, the timeline): a restart, or a night without this daemon,
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from saasobs.alerting.directory import Directory
from saasobs.alerting.hold import is_held
from saasobs.alerting.repeating import UNHEARD_EVERY, begins_anew, is_due, may_repeat
from saasobs.alerting.steps import Repeat
from saasobs.core.incident import Change, Event, Incident
from saasobs.core.ports import Clock, Transaction
from saasobs.core.values import MINUTE
from saasobs.daemon.ledger import Ledger

LIMIT = 10_000
"""Open incidents that one look takes in."""

Owe = Callable[[Transaction, Incident, Change, str, int], None]

log = structlog.get_logger("saasobs.incidents")


class Reminding:
    """Looks now and then at what nobody has acknowledged."""

    def __init__(
        self, clock: Clock, ledger: Ledger, directory: Callable[[], Directory], owe: Owe, poke: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._directory = directory
        self._owe = owe
        self._poke = poke
        self._looked = 0

    async def look(self) -> None:
        """Comes round every second or so."""
        due = await self._ledger.read(self.due)
        if due:
            await self._ledger.run(lambda transaction: self.remind(transaction, due))
            self._poke()

    def due(self, transaction: Transaction) -> list[str]:
        """The incidents that are worth a closer look."""
        now = self._clock.now()
        found: list[str] = []
        if any(policy.repeat for policy in self._directory().policies.values()):
            every = transaction.incidents(open_only=True, limit=LIMIT)
            found += [one.id for one in every if (repeat := self._repeat(one)) and may_repeat(one, repeat, now)]
        if now - self._looked >= MINUTE or now < self._looked:
            self._looked = now
            found += [one.id for one in transaction.unheard() if now >= one.opened_at + UNHEARD_EVERY]
        return list(dict.fromkeys(found))

    def remind(self, transaction: Transaction, incidents: list[str]) -> None:
        """Begin the next round of those for which it is time. Inside a transaction."""
        now, unheard = self._clock.now(), {one.id for one in transaction.unheard()}
        for identity in incidents:
            incident = transaction.incident(identity)
            if incident is None:
                continue
            repeat, timeline = self._repeat(incident), transaction.events(identity)
            if repeat is not None and is_due(incident, repeat, timeline, now):
                turn = replace(incident, rounds=incident.rounds + 1)
                self._begin(transaction, turn, f"nobody has acknowledged it: round {turn.rounds} of {repeat.times}")
            elif identity in unheard and begins_anew(incident, timeline, now):
                self._begin(transaction, incident, "nobody has heard of it: its policy is gone through again")

    def _begin(self, transaction: Transaction, incident: Incident, text: str) -> None:
        if any(is_held(notice) for notice in transaction.notices(incident.id)):
            return  # when it is told at last is early enough to ask again
        now, reminded = self._clock.now(), replace(incident, occurrence=incident.occurrence + 1)
        transaction.save_incident(reminded)
        transaction.add_event(Event(incident.id, now, Change.REMINDED, text))
        self._owe(transaction, reminded, Change.REMINDED, incident.policy, now)
        log.warning("incident.reminded", monitor=incident.monitor, incident=incident.id, message=text)

    def _repeat(self, incident: Incident) -> Repeat | None:
        policy = self._directory().policies.get(incident.policy)
        return policy.repeat if policy is not None else None
