"""Thousands of incidents that change within one transaction: their rows are read together and written together.

A statement for each of them costs ten times as much as one for all. What is gathered here reads as if it were written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from saasobs.core.incident import Change, Event, Incident, Notice
from saasobs.core.ports import Transaction


class Gathering:
    """A transaction for what is known beforehand; whatever it does not gather goes to the transaction itself."""

    def __init__(self, transaction: Transaction, new: Iterable[str], known: Iterable[str]) -> None:
        """:param new: incidents that do not exist yet. :param known: those that do, and may change."""
        self._transaction = transaction
        self._notices: dict[str, dict[str, Notice]] = {identity: {} for identity in new}
        self._new = frozenset(self._notices)
        for identity, notices in transaction.notices_of(known).items():
            self._notices[identity] = {notice.id: notice for notice in notices}
        self._changed: dict[str, Notice] = {}
        self._owed: dict[str, Notice] = {}
        self._incidents: dict[str, Incident] = {}
        self._events: dict[tuple[str, int, Change], Event] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    def flush(self) -> None:
        """Write what was gathered."""
        self._transaction.save_incidents(list(self._incidents.values()))
        self._transaction.add_events(list(self._events.values()))
        self._transaction.owe(list(self._owed.values()))
        self._transaction.save_notices(list(self._changed.values()))

    # What is gathered (core.ports.Transaction) ---------------------------------------------------------------

    def save_incident(self, incident: Incident) -> None:
        self._incidents[incident.id] = incident

    def incident(self, incident_id: str) -> Incident | None:
        return self._incidents.get(incident_id) or self._transaction.incident(incident_id)

    def add_event(self, event: Event) -> None:
        self._events.setdefault((event.incident_id, event.at, event.change), event)

    def events(self, incident_id: str) -> list[Event]:
        written = [] if incident_id in self._new else self._transaction.events(incident_id)
        mine = (event for event in self._events.values() if event.incident_id == incident_id)
        found = {(event.at, event.change): event for event in (*mine, *written)}
        return [found[key] for key in sorted(found)]

    def notices(self, incident_id: str) -> list[Notice]:
        if incident_id not in self._notices:
            return self._transaction.notices(incident_id)
        found = self._notices[incident_id].values()
        return sorted(found, key=lambda notice: (notice.due_at, notice.occurrence, notice.step, notice.id))

    def owe(self, new: Sequence[Notice]) -> None:
        for notice in new:
            mine = self._notices.setdefault(notice.incident_id, {})
            if notice.id not in mine:
                mine[notice.id] = self._owed[notice.id] = notice

    def save_notice(self, notice: Notice) -> None:
        self.save_notices((notice,))

    def save_notices(self, changed: Sequence[Notice]) -> None:
        for notice in changed:
            self._notices.setdefault(notice.incident_id, {})[notice.id] = notice
            if notice.id in self._owed:
                self._owed[notice.id] = notice
            else:
                self._changed[notice.id] = notice
