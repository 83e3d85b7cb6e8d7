"""Incidents and their timelines: the part of a transaction that the judge's changes fill."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from saasobs.core.incident import Event, Incident
from saasobs.storage.part import Part
from saasobs.storage.rows import from_row, to_row
from saasobs.storage.tables import events, incidents


class Incidents(Part):
    """Methods of core.ports.Transaction."""

    def save_incident(self, incident: Incident) -> None:
        self._session.put(incidents, to_row(incident))

    def save_incidents(self, changed: Sequence[Incident]) -> None:
        self._session.put_all(incidents, [to_row(incident) for incident in changed])

    def incident(self, incident_id: str) -> Incident | None:
        row = self._session.one(select(incidents).where(incidents.c.id == incident_id))
        return from_row(Incident, row) if row is not None else None

    def incidents(self, *, open_only: bool = False, monitor: str = "", limit: int = 100) -> list[Incident]:
        """Newest first."""
        wanted = select(incidents).order_by(incidents.c.opened_at.desc(), incidents.c.id).limit(limit)
        if open_only:
            wanted = wanted.where(incidents.c.ended_at == 0)
        if monitor:
            wanted = wanted.where(incidents.c.monitor == monitor)
        return [from_row(Incident, row) for row in self._session.all(wanted)]

    def add_event(self, event: Event) -> None:
        """Idempotent on (incident, at, change)."""
        self._session.add(events, to_row(event))

    def add_events(self, new: Sequence[Event]) -> None:
        """Idempotent on (incident, at, change)."""
        self._session.add_many(events, [to_row(event) for event in new])

    def events(self, incident_id: str) -> list[Event]:
        """Oldest first."""
        wanted = select(events).where(events.c.incident_id == incident_id).order_by(events.c.at, events.c.change)
        return [from_row(Event, row) for row in self._session.all(wanted)]
