"""Watches for monitors that flap, and tells of it once: an incident of its own, which ends when the monitor is stable.

While it is open, the monitor's outages are incidents as always, and their alerts are held (daemon/holding.py). What is
counted is a fact in the store, written in the transaction of the outage that it counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Final

import structlog

from saasobs.alerting.flapping import Flaps, explained, opened, sentence, settled
from saasobs.core.incident import Change, Event, Incident, MonitorState, Status, Topic, incident_id
from saasobs.core.monitor import Monitor, Severity
from saasobs.core.ports import Clock, Transaction
from saasobs.core.result import Reason
from saasobs.core.values import SECOND, format_duration
from saasobs.daemon.answering import Forgotten
from saasobs.daemon.board import Board
from saasobs.daemon.ledger import Ledger

FLAPS: Final = "flapping:"
"""The facts' prefix; a monitor's name follows."""

Owe = Callable[[Transaction, Incident, Change, str, int], None]

log = structlog.get_logger("saasobs.incidents")


class FlapWatch:
    """Counts outages. Only the event loop's thread calls it."""

    def __init__(self, clock: Clock, board: Board, ledger: Ledger, owe: Owe, poke: Callable[[], None]) -> None:
        self._clock = clock
        self._board = board
        self._ledger = ledger
        self._owe = owe
        self._poke = poke
        self._since: dict[str, tuple[tuple[bool, int], float]] = {}
        """By monitor: which condition it was last seen in, and since when (monotonic seconds)."""

    def load(self, transaction: Transaction) -> None:
        """Take up where the last run stopped."""
        for key, value in transaction.facts(FLAPS).items():
            kept = json.loads(value)
            self._board.flaps[key.removeprefix(FLAPS)] = Flaps(**{**kept, "openings": tuple(kept["openings"])})

    def count(self, monitor: Monitor, incident: str, status: Status, at: int) -> Callable[[Transaction], None]:
        """One more outage; returns what belongs into its transaction."""
        name, rule = monitor.name, monitor.flapping
        if rule is None:
            return _nothing
        before = self._board.flaps.get(name, Flaps())
        flaps = opened(before, incident, at, rule)
        begins = bool(flaps.since and not before.since)
        if begins:
            flaps = replace(flaps, incident_id=incident_id(name, at, Topic.FLAPPING))
            log.warning("flapping.began", monitor=name, incident=flaps.incident_id, outages=flaps.outages)
        self._board.flaps[name] = flaps

        def work(transaction: Transaction) -> None:
            transaction.set_fact(f"{FLAPS}{name}", json.dumps(asdict(flaps)))
            if begins:
                told = _incident(flaps, monitor, status, at)
                transaction.save_incident(told)
                transaction.add_event(Event(told.id, at, Change.OPENED, f"flapping: {told.message}"))
                self._owe(transaction, told, Change.OPENED, monitor.policy, at)

        return work

    def explain(self, name: str, incident: str) -> None:
        """An outage that was counted has turned out to be another monitor's."""
        flaps, monitor = self._board.flaps.get(name), self._board.monitors.get(name)
        if flaps is None or flaps.last != incident or monitor is None or monitor.flapping is None:
            return
        fewer = explained(flaps, monitor.flapping)
        if flaps.since and not fewer.since:
            self._end(name, flaps, Change.WITHDRAWN, "its last outage was another monitor's")
        self._board.flaps[name] = fewer
        value = json.dumps(asdict(fewer))
        self._ledger.submit(lambda transaction: transaction.set_fact(f"{FLAPS}{name}", value), patient=True)

    def forget(self, name: str, why: str) -> None:
        """A monitor is no longer watched: nor is whether it flaps."""
        flaps = self._board.flaps.get(name)
        if flaps is not None:
            self._end(name, flaps, Change.WITHDRAWN, why)

    def forget_resolved(self, incident: Incident) -> Forgotten:
        """Somebody has resolved the incident that tells of the flapping: counting begins anew."""
        name, flaps = incident.monitor, self._board.flaps.get(incident.monitor)
        if flaps is None or flaps.incident_id != incident.id:
            return Forgotten()
        del self._board.flaps[name]
        self._since.pop(name, None)
        return Forgotten(work=lambda transaction: transaction.forget_fact(f"{FLAPS}{name}"))

    def look(self) -> bool:
        """Comes round every second: find what is stable again. Returns whether anything was."""
        flapping = [(name, flaps) for name, flaps in self._board.flaps.items() if flaps.since]
        return sum(self._look_at(name, flaps) for name, flaps in flapping) > 0

    def _look_at(self, name: str, flaps: Flaps) -> bool:
        monitor, state = self._board.monitors.get(name), self._board.states.get(name)
        if monitor is None or state is None:
            return False
        if monitor.flapping is None:
            self._end(name, flaps, Change.WITHDRAWN, "flapping is no longer watched for")
            return True
        unchanged = self._unchanged(state)
        became = settled(state, unchanged, monitor.flapping)
        if became is None:
            return False
        words = f"stable: {became} for {format_duration(unchanged // SECOND * SECOND)}"
        self._end(name, flaps, Change.RECOVERED if became is Status.UP else Change.WITHDRAWN, words)
        return True

    def _unchanged(self, state: MonitorState) -> int:
        """For how long it has been as it is (µs), by a clock that nobody sets once it was seen."""
        is_up = state.status is Status.UP
        condition = (is_up, state.since if is_up else state.failing_since)
        mono = self._clock.monotonic()
        seen = self._since.get(state.monitor)
        if seen is None or seen[0] != condition:
            seen = (condition, mono - max(0, self._clock.now() - condition[1]) / SECOND)
            self._since[state.monitor] = seen
        return round((mono - seen[1]) * SECOND)

    def _end(self, name: str, flaps: Flaps, ending: Change, words: str) -> None:
        self._board.flaps.pop(name, None)
        self._since.pop(name, None)
        now = self._clock.now()

        def work(transaction: Transaction) -> None:
            transaction.forget_fact(f"{FLAPS}{name}")
            incident = transaction.incident(flaps.incident_id) if flaps.incident_id else None
            if incident is None or not incident.open:
                return
            told = sentence(flaps, now)
            ended = replace(incident, ended_at=now, ending=ending, occurrence=incident.occurrence + 1)
            ended = replace(ended, message=f"flapping: {told}")
            transaction.save_incident(ended)
            transaction.add_event(Event(incident.id, now, ending, f"{words}, after {told}"))
            self._owe(transaction, ended, ending, "", now)

        self._ledger.submit(work, patient=True).add_done_callback(lambda _: self._poke())
        if flaps.since:
            log.warning("flapping.ended", monitor=name, incident=flaps.incident_id, why=words)


def _incident(flaps: Flaps, monitor: Monitor, status: Status, at: int) -> Incident:
    return Incident(
        id=flaps.incident_id,
        monitor=monitor.name,
        severity=monitor.severity if status is Status.DOWN else Severity.WARNING,
        status=status,
        started_at=flaps.since,
        opened_at=at,
        reason=Reason.FLAPPING,
        message=sentence(flaps, at),
        topic=Topic.FLAPPING,
    )


def _nothing(_: Transaction) -> None:
    return None
