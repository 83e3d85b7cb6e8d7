"""What the heartbeat kind knows, and when this daemon was not there to hear a ping.

Kept in memory for the probe, written down with every ping. An absence is any time in which a ping could not be written
down: the daemon was stopped, suspended or stuck, or its store was broken. A heartbeat gets grace for it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace

from saasobs.core.heartbeat import HeartbeatState, Ping, Signal
from saasobs.core.ports import Transaction
from saasobs.core.values import DAY, SECOND

ALIVE = "alive_at"
ABSENCES = "absences"
ALIVE_EVERY = 5 * SECOND
KEEP = 35 * DAY
MAX_KEPT = 500


class HeartbeatBook:
    """Implements core.ports.Heartbeats."""

    def __init__(self) -> None:
        self._states: dict[str, HeartbeatState] = {}
        self._absences: list[tuple[int, int]] = []

    def load(self, transaction: Transaction, now: int) -> None:
        """Take up where the last run stopped; the time since then was an absence."""
        self._states = {state.monitor: state for state in transaction.heartbeats()}
        stored = json.loads(transaction.fact(ABSENCES) or "[]")
        self._absences = [(int(start), int(end)) for start, end in stored]
        alive = int(transaction.fact(ALIVE) or 0)
        if alive and now > alive:
            self.was_away(alive, now)

    def heartbeat(self, monitor: str) -> HeartbeatState | None:
        return self._states.get(monitor)

    def absences(self) -> Sequence[tuple[int, int]]:
        return self._absences

    def was_away(self, start: int, end: int) -> None:
        """Remember that pings of this time were lost; overlapping absences become one."""
        merged = [(start, end)]
        for other in self._absences:
            if other[1] >= merged[0][0] and other[0] <= merged[0][1]:
                merged[0] = (min(other[0], merged[0][0]), max(other[1], merged[0][1]))
            else:
                merged.append(other)
        self._absences = sorted(span for span in merged if span[1] > end - KEEP)[-MAX_KEPT:]

    def watch(self, monitors: Sequence[str], now: int) -> list[HeartbeatState]:
        """Begin to expect pings of these; returns the states that are new and still to be written."""
        new = [HeartbeatState(name, now) for name in monitors if name not in self._states]
        self._states.update((state.monitor, state) for state in new)
        return new

    def forget_others(self, monitors: Collection[str]) -> list[str]:
        """Expect pings of no others than these; returns the names that are forgotten."""
        gone = [name for name in self._states if name not in monitors]
        for name in gone:
            del self._states[name]
        return gone

    def after(self, ping: Ping) -> HeartbeatState:
        """The state that this ping leads to."""
        state = self._states.get(ping.monitor) or HeartbeatState(ping.monitor, ping.at)
        if ping.signal is Signal.LOG:
            return state
        if ping.signal is Signal.START:
            return replace(state, last_start=max(ping.at, state.last_start))
        if ping.at < max(state.last_success, state.last_fail):
            return state  # it was overtaken by a newer one
        seen = replace(state, last_exit_code=ping.exit_code, last_body=ping.body)
        if ping.signal is Signal.FAIL:
            return replace(seen, last_fail=ping.at)
        return replace(seen, last_success=ping.at)

    def set_back(self, now: int) -> list[HeartbeatState]:
        """The wall clock was set back: no ping came later than now. Returns the states that this changes."""
        changed = []
        for state in self._states.values():
            moments = (state.created_at, state.last_success, state.last_start, state.last_fail)
            created, success, start, fail = (min(moment, now) for moment in moments)
            if max(moments) > now:
                kept = replace(state, created_at=created, last_success=success, last_start=start, last_fail=fail)
                changed.append(kept)
        for state in changed:
            self.keep(state)
        return changed

    def keep(self, state: HeartbeatState) -> None:
        self._states[state.monitor] = state

    def write_alive(self, transaction: Transaction, now: int) -> None:
        """Say that we are here, so that the next start knows how long we were not."""
        transaction.set_fact(ALIVE, str(now))
        transaction.set_fact(ABSENCES, json.dumps(self._absences))
