"""Service level objectives while the daemon runs: a tally for each monitor that has one, and an incident when it burns.

The tallies are in memory and made again from the store at each start; the budget itself is read from the roll-ups.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from saasobs.alerting.slo import BUCKET, SPAN, Tally, budget_left, burns, sentence, summarize, tally_of
from saasobs.core.incident import Change, Incident, MonitorState, Status, Topic, incident_id
from saasobs.core.monitor import Monitor, Objective, Severity
from saasobs.core.objective import Availability, Burn
from saasobs.core.ports import Clock, Transaction
from saasobs.core.result import Outcome, Reason, Result
from saasobs.core.values import DAY
from saasobs.daemon.answering import Forgotten
from saasobs.daemon.ledger import Ledger

_CALM = (Status.NEW, Status.UP)


class Incidents(Protocol):
    """Who writes incidents down and sees that they are told (daemon.advisories)."""

    def open(self, incident: Incident, policy: str) -> None: ...

    def escalate(self, identity: str, severity: Severity, sentence: str, policy: str) -> None: ...

    def end(self, identity: str, sentence: str, ending: Change = Change.RECOVERED) -> None: ...


class Objectives:
    """Watches the error budgets. Only the event loop's thread calls it; `burning` may be asked by any."""

    def __init__(self, clock: Clock, ledger: Ledger, incidents: Incidents) -> None:
        self._clock = clock
        self._ledger = ledger
        self._tell = incidents
        self._tallies: dict[str, Tally] = {}
        self._incidents: dict[str, tuple[str, Severity]] = {}
        """The open ones, by monitor: ID and what was told."""
        self._set_aside: dict[str, Severity] = {}
        """By monitor: how bad it was when somebody resolved it. It stays so until it was over, or is worse."""

    def load(self, transaction: Transaction, monitors: Iterable[Monitor]) -> None:
        """Make the tallies again, and find the incidents that an earlier run left open."""
        now = self._clock.now()
        for monitor in monitors:
            if monitor.slo is not None:
                tally = self._tallies[monitor.name] = Tally()
                for start, counts in transaction.tally(monitor.name, (now - SPAN) // BUCKET * BUCKET):
                    if start <= now:  # what lies ahead was written by a clock that was wrong
                        tally.add(start, *tally_of(counts))
        for incident in transaction.incidents(open_only=True, limit=100_000):
            if incident.topic is Topic.SLO:
                self._incidents[incident.monitor] = (incident.id, incident.severity)
        last: dict[str, Incident] = {}
        for incident in transaction.incidents(limit=1_000):
            if incident.topic is Topic.SLO:
                last.setdefault(incident.monitor, incident)
        self._set_aside = {name: one.severity for name, one in last.items() if one.ending is Change.RESOLVED}

    def configure(self, monitors: Iterable[Monitor]) -> None:
        """Forget what has no objective any more; what has a new one begins with nothing until the next start."""
        watched = {monitor.name for monitor in monitors if monitor.slo is not None}
        for name in self._tallies.keys() - watched:
            del self._tallies[name]
        for name in self._incidents.keys() - watched:
            self._finish(name, "its objective was removed from the configuration", Change.WITHDRAWN)

    def pause(self, monitor: str, why: str) -> None:
        """A person paused a monitor: nothing would end its incident. What was counted stays counted."""
        if monitor in self._incidents:
            self._finish(monitor, why, Change.WITHDRAWN)

    def set_aside(self, incident: Incident) -> Forgotten:
        """Somebody has resolved it."""
        identity, severity = self._incidents.get(incident.monitor, ("", incident.severity))
        if identity == incident.id:
            del self._incidents[incident.monitor]
            self._set_aside[incident.monitor] = severity
        return Forgotten()

    def set_back(self, micros: int) -> None:
        """The wall clock was set back."""
        for tally in self._tallies.values():
            tally.set_back(micros)

    # Burning -------------------------------------------------------------------------------------------------

    def observe(self, monitor: Monitor, result: Result, state: MonitorState) -> None:
        """Count a check of a slot, and tell when the budget burns, or no longer does."""
        if monitor.slo is None or result.check.attempt or not result.conclusive:
            return
        tally = self._tallies.get(monitor.name)
        if tally is None:
            tally = self._tallies[monitor.name] = Tally()
        bad = result.outcome is Outcome.DOWN
        tally.add(result.check.started_at, not bad, bad)
        is_open = monitor.name in self._incidents
        if tally.spotless and not is_open:
            self._set_aside.pop(monitor.name, None)
            return
        now = self._clock.now()
        firing = next((burn for burn in burns(tally, monitor.slo, now) if burn.fires), None)
        if firing is None:
            self._set_aside.pop(monitor.name, None)
            if is_open:
                self._finish(monitor.name, "the error budget no longer burns too fast", Change.RECOVERED)
        elif _is_news(tally, state, now):
            self._speak(monitor, monitor.slo, firing, now)

    def _speak(self, monitor: Monitor, objective: Objective, firing: Burn, now: int) -> None:
        """Open an incident, or say that the one that is open is worse than was told."""
        severity = monitor.severity if firing.severity is Severity.CRITICAL else Severity.WARNING
        said = sentence(objective, firing)
        identity, told = self._incidents.get(monitor.name, ("", None))
        aside = self._set_aside.get(monitor.name)
        if aside is not None and (aside is Severity.CRITICAL or severity is Severity.WARNING):
            return
        if told is None:
            incident = _opened(monitor.name, severity, said, now)
            self._tell.open(incident, monitor.policy)
            self._incidents[monitor.name] = (incident.id, severity)
        elif told is Severity.WARNING and severity is Severity.CRITICAL:
            self._tell.escalate(identity, severity, said, monitor.policy)
            self._incidents[monitor.name] = (identity, severity)

    def _finish(self, monitor: str, why: str, ending: Change) -> None:
        identity, _ = self._incidents.pop(monitor)
        self._tell.end(identity, why, ending)

    def burning(self, monitor: Monitor) -> tuple[Burn, ...]:
        """The burn rates of a monitor now; nothing without an objective."""
        tally = self._tallies.get(monitor.name)
        return burns(tally, monitor.slo, self._clock.now()) if tally is not None and monitor.slo is not None else ()

    # Over a range --------------------------------------------------------------------------------------------

    async def availability(self, monitor: Monitor, days: int) -> Availability:
        """A monitor over the last so many days. :raises StorageError:"""
        until, burning = self._clock.now(), self.burning(monitor)

        def work(transaction: Transaction) -> Availability:
            # Summed up here, in the reader's thread: thousands of sketches must not delay a check.
            since, objective = until - days * DAY, monitor.slo
            rollups = transaction.history(monitor.name, since, until)
            found = summarize(monitor.name, rollups, since, until, objective, burning)
            if objective is None or objective.days == days:
                return found
            return replace(found, budget_left=_budget(transaction, monitor.name, objective, until))

        return await self._ledger.read(work)


def _budget(transaction: Transaction, monitor: str, objective: Objective, until: int) -> float | None:
    """The budget is that of the objective's own window, whatever range was asked for."""
    rollups = transaction.history(monitor, until - objective.days * DAY, until)
    tallies = [tally_of(rollup.counts) for rollup in rollups]
    return budget_left(sum(good for good, _ in tallies), sum(bad for _, bad in tallies), objective)


def _is_news(tally: Tally, state: MonitorState, now: int) -> bool:
    """Whether there is something that the monitor's own incidents have not told: while it is down they speak, and
    what failed before it was last up again belongs to them."""
    since = state.since if state.since <= now else 0  # a moment ahead was written by a clock that was set back since
    return state.status in _CALM and not state.confirming and tally.last_bad >= since


def _opened(monitor: str, severity: Severity, said: str, now: int) -> Incident:
    return Incident(
        id=incident_id(monitor, now, Topic.SLO),
        monitor=monitor,
        severity=severity,
        status=Status.DEGRADED,
        started_at=now,
        opened_at=now,
        reason=Reason.ERROR_BUDGET,
        message=said,
        topic=Topic.SLO,
    )
