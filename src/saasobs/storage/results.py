"""Monitors' results and states: the part of a transaction that checks fill."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, bindparam, delete, func, select

from saasobs.core.incident import MonitorState
from saasobs.core.result import Result
from saasobs.core.values import HOUR
from saasobs.storage.part import Part
from saasobs.storage.result_rows import pack, unpack
from saasobs.storage.rows import from_row, to_row
from saasobs.storage.tables import heartbeats, monitors, pings, results, states, unfolded

_NEWEST = (
    select(results)
    .where(results.c.monitor_id == bindparam("monitor_id"), results.c.started_at >= bindparam("since"))
    .order_by(results.c.started_at.desc(), results.c.location)
    .limit(bindparam("count"))
)
_others = results.alias()
_LAST_MOMENT = select(func.max(_others.c.started_at)).where(_others.c.monitor_id == monitors.c.id).scalar_subquery()
# An outer join, so that the monitors are gone through one by one and each one's newest result is found by the key.
_LAST = (
    select(monitors.c.name, *results.c)
    .join_from(
        monitors,
        results,
        and_(results.c.monitor_id == monitors.c.id, results.c.started_at == _LAST_MOMENT),
        isouter=True,
    )
    .order_by(results.c.location.desc())
)


class Results(Part):
    """Methods of core.ports.Transaction."""

    def states(self) -> list[MonitorState]:
        return [from_row(MonitorState, row) for row in self._session.all(select(states).order_by(states.c.monitor))]

    def save_state(self, state: MonitorState) -> None:
        self._session.put(states, to_row(state))

    def forget(self, monitor: str) -> None:
        """Drop a removed monitor's state, heartbeat and pings; its results and incidents stay as history."""
        for table in (states, heartbeats, pings):
            self._session.run(delete(table).where(table.c.monitor == monitor))

    def add_results(self, new: Sequence[Result]) -> None:
        """Idempotent on (monitor, started_at, location). Each result's hour is marked as one to be folded."""
        ids = self._number({result.check.monitor: result.check.started_at for result in new})
        rows = [pack(result, ids[result.check.monitor]) for result in new]
        self._session.add_all(results, rows)
        hours = {(row[0], HOUR, row[1] // HOUR * HOUR) for row in rows}
        self._session.add_all(unfolded, sorted(hours))

    def results(self, monitor: str, limit: int = 100, since: int = 0) -> list[Result]:
        """Newest first."""
        number = self._monitor_id(monitor)
        if number is None:
            return []
        found = self._session.all(_NEWEST, {"monitor_id": number, "since": since, "count": limit})
        return [unpack(monitor, row) for row in found]

    def last_results(self) -> dict[str, Result]:
        """The newest result of every monitor that ever had one, configured or not."""
        return {name: unpack(name, row) for name, *row in self._session.all(_LAST) if row[0] is not None}

    def _number(self, first_seen: dict[str, int]) -> dict[str, int]:
        """The number of each name; a new name gets one."""
        known = {name: number for name in first_seen if (number := self._monitor_id(name)) is not None}
        for name in first_seen.keys() - known.keys():
            self._session.add(monitors, {"name": name, "created_at": first_seen[name]})
            number = self._monitor_id(name)
            if number is not None:
                known[name] = number
        return known
