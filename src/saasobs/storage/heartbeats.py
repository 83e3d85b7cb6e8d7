"""Heartbeats, their pings, and the daemon's own small facts: the part of a transaction that pings fill."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select

from saasobs.core.heartbeat import HeartbeatState, Ping
from saasobs.storage.part import Part
from saasobs.storage.rows import from_row, to_row
from saasobs.storage.tables import facts, heartbeats, pings

PINGS_KEPT = 100
"""Of each monitor."""

_newest = pings.alias()
_SURPLUS = delete(pings).where(
    pings.c.monitor == bindparam("whose"),
    pings.c.id.in_(
        select(_newest.c.id)
        .where(_newest.c.monitor == bindparam("whose"))
        .order_by(_newest.c.at.desc(), _newest.c.id.desc())
        .offset(PINGS_KEPT)
    ),
)


class Heartbeats(Part):
    """Methods of core.ports.Transaction."""

    def heartbeats(self) -> list[HeartbeatState]:
        wanted = select(heartbeats).order_by(heartbeats.c.monitor)
        return [from_row(HeartbeatState, row) for row in self._session.all(wanted)]

    def save_heartbeat(self, state: HeartbeatState) -> None:
        self._session.put(heartbeats, to_row(state))

    def add_ping(self, ping: Ping) -> None:
        """Keeps the newest 100 pings of each monitor."""
        self._session.run(insert(pings), to_row(ping))
        self._session.run(_SURPLUS, {"whose": ping.monitor})

    def pings(self, monitor: str, limit: int = 20) -> list[Ping]:
        """Newest first."""
        wanted = select(pings).where(pings.c.monitor == monitor).order_by(pings.c.at.desc(), pings.c.id.desc())
        return [from_row(Ping, row) for row in self._session.all(wanted.limit(limit))]

    def fact(self, key: str) -> str | None:
        row = self._session.one(select(facts.c.value).where(facts.c.key == key))
        return str(row[0]) if row is not None else None

    def facts(self, prefix: str) -> dict[str, str]:
        """Every fact whose key begins so, by its whole key."""
        wanted = select(facts).where(facts.c.key.startswith(prefix, autoescape=True))
        return {str(row.key): str(row.value) for row in self._session.all(wanted)}

    def forget_fact(self, key: str) -> None:
        self._session.run(delete(facts).where(facts.c.key == key))

    def set_fact(self, key: str, value: str) -> None:
        self._session.put(facts, {"key": key, "value": value})
