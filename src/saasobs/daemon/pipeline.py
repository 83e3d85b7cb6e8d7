"""From a result to what is written down: judge it, and when it changes something, owe the notices with it.

Pure rules come from alerting/; this is the place that reads the board, asks them and hands the ledger one piece of work
that holds the result, the state, the incident and the notices together.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

import structlog

from saasobs.alerting import incidents, judge
from saasobs.alerting.answers import rerouted
from saasobs.alerting.directory import Directory
from saasobs.alerting.policy import STEPPED, Policy, owed
from saasobs.alerting.routing import Subject, choose
from saasobs.core.incident import (
    CHANNEL,
    ENDINGS,
    Change,
    Event,
    Incident,
    MonitorState,
    Status,
    Suppression,
    Topic,
    Transition,
    incident_id,
)
from saasobs.core.monitor import Monitor
from saasobs.core.ports import Clock, Transaction
from saasobs.core.result import Outcome, Result
from saasobs.daemon.agenda import Agenda
from saasobs.daemon.answering import Forgotten
from saasobs.daemon.board import Board
from saasobs.daemon.flaps import FlapWatch
from saasobs.daemon.holding import Holding
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.maintenance import Maintenance
from saasobs.daemon.settling import mark_rerouted

INCIDENT_EVENTS = {
    Change.OPENED: "incident.opened",
    Change.ESCALATED: "incident.escalated",
    Change.EASED: "incident.eased",
    Change.RECOVERED: "incident.recovered",
}

log = structlog.get_logger("saasobs.incidents")


class Pipeline:
    """Judges every result and owes what follows from it."""

    def __init__(
        self,
        clock: Clock,
        board: Board,
        agenda: Agenda,
        ledger: Ledger,
        holding: Holding,
        poke: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._board = board
        self._agenda = agenda
        self._ledger = ledger
        self._holding = holding
        self._poke = poke
        self.flaps = FlapWatch(clock, board, ledger, self.owe, poke)
        self.directory = Directory({}, {}, {})

    def accept(self, result: Result) -> None:
        """Take in one result. A monitor that was removed or paused while it was being checked is left alone."""
        monitor = self._board.monitors.get(result.check.monitor)
        before = self._board.states.get(result.check.monitor)
        if monitor is None or before is None or before.paused:
            return
        judgement = judge.judge(before, result, monitor.thresholds)
        state = judgement.state
        if judgement.transition is None:
            self._board.observe(result, state)
            self._ledger.add(result, state if _worth_saving(before, state, monitor) else None)
        else:
            state = self._change(monitor, state, result, judgement.transition)
        self._holding.observe(before, state)
        if state.confirming:
            self._agenda.expedite(monitor.name, self._clock.now() + monitor.thresholds.retry_interval)

    def withdraw(self, name: str) -> None:
        """A monitor left the configuration: forget its state, and close its incident if one is open."""
        self.flaps.forget(name, "removed from the configuration")
        state = self._board.states.pop(name)
        now = self._clock.now()

        def work(transaction: Transaction) -> None:
            incident = transaction.incident(state.incident_id) if state.incident_id else None
            if incident is not None and incident.open:
                self._end(transaction, incident, now, "removed from the configuration")
            transaction.forget(name)

        self._submit(work)

    async def set_paused(self, name: str, *, pause: bool, by: str) -> MonitorState:
        """Pause or resume a monitor.

        Pausing closes an open incident as withdrawn, which those hear who heard of it, and forgets what was judged: a
        monitor that is still down when it is resumed opens an incident of its own, told like any other.
        """
        monitor = self._board.monitor(name)
        before, now = self._board.states[name], self._clock.now()
        if before.paused == pause:
            return before
        state = MonitorState(name, since=now, paused=True) if pause else replace(before, paused=False)
        self._board.states[name] = state
        if pause:
            self.flaps.forget(name, f"paused by {by}")

        def work(transaction: Transaction) -> None:
            incident = transaction.incident(before.incident_id) if before.incident_id else None
            if incident is not None and incident.open:
                self._end(transaction, incident, now, f"paused by {by}", actor=by)

        await self._ledger.run(work, patient=True, state=state)
        self._poke()
        log.info("monitor.paused" if pause else "monitor.resumed", monitor=monitor.name, by=by)
        return state

    def forget_judged(self, incident: Incident) -> Forgotten:
        """Somebody has resolved it: what was judged is forgotten, as pausing does."""
        state = self._board.states.get(incident.monitor)
        if state is None or state.incident_id != incident.id:
            return Forgotten()
        fresh = MonitorState(incident.monitor, since=self._clock.now())
        self._board.states[incident.monitor] = fresh
        return Forgotten(fresh)

    def load(self, transaction: Transaction) -> None:
        """What the last run knew of flapping and of what is held."""
        self.flaps.load(transaction)
        self._holding.load(transaction)

    @property
    def maintenance(self) -> Maintenance:
        return self._holding.maintenance

    async def look(self) -> None:
        """Comes round every second: for all that only time can change."""
        await self._holding.look()
        for case in self._holding.explained():
            self.flaps.explain(case.monitor, case.incident)
        if self.flaps.look():
            self._holding.look_at_all()

    # How an incident changes ---------------------------------------------------------------------------------

    def _change(self, monitor: Monitor, state: MonitorState, result: Result, transition: Transition) -> MonitorState:
        opening = transition.change is Change.OPENED
        identity = incident_id(monitor.name, transition.at) if opening else state.incident_id
        state = replace(state, incident_id="" if transition.change is Change.RECOVERED else identity)
        # First the board: what the writer holds back is read off it.
        self._board.observe(result, state)
        counted = self._count(monitor, state, transition) if opening else None

        def work(transaction: Transaction) -> None:
            if counted is not None:
                counted(transaction)
            self._write_change(transaction, identity, monitor, state, result, transition)

        self._submit(work, result, state)
        log.warning(
            INCIDENT_EVENTS[transition.change],
            monitor=monitor.name,
            incident=identity,
            status=transition.status.value,
            reason=result.reason.value if result.reason else None,
            message=result.message,
            check_correlation_id=result.check.correlation_id,
        )
        return state

    def _count(
        self, monitor: Monitor, state: MonitorState, transition: Transition
    ) -> Callable[[Transaction], None] | None:
        """Count an outage towards flapping, unless something else explains it."""
        held = self._holding.reason(monitor.name, Topic.HEALTH, state.failing_since)
        if held is not None and held.why is not Suppression.FLAPPING and not held.passing:
            return None
        return self.flaps.count(monitor, state.incident_id, transition.status, transition.at)

    def _write_change(
        self,
        transaction: Transaction,
        identity: str,
        monitor: Monitor,
        state: MonitorState,
        result: Result,
        transition: Transition,
    ) -> None:
        known = transaction.incident(identity)
        if known is not None and transition.change is not Change.OPENED:
            incident = incidents.apply(known, monitor, transition, result)
        elif transition.status is Status.UP:
            return  # nobody was told of a beginning, so nobody hears of the end
        else:
            incident = replace(incidents.open_incident(monitor, state, result, transition), id=identity)
        transaction.save_incident(incident)
        transaction.add_event(incidents.event(incident, transition, result))
        change = transition.change if known is not None else Change.OPENED
        self.owe(transaction, incident, change, monitor.policy, transition.at)

    def _end(self, transaction: Transaction, incident: Incident, now: int, why: str, actor: str = "") -> None:
        """Close an incident that nobody watches any more."""
        ended = incidents.withdraw(incident, now)
        transaction.save_incident(ended)
        transaction.add_event(Event(incident.id, now, Change.WITHDRAWN, why, actor))
        self.owe(transaction, ended, Change.WITHDRAWN, "", now)
        log.warning("incident.withdrawn", monitor=incident.monitor, incident=incident.id, why=why)

    def owe(
        self,
        transaction: Transaction,
        incident: Incident,
        change: Change,
        policy: str,
        now: int,
        subject: Subject | None = None,
    ) -> None:
        """Write down who is told of a change that was written down in the same transaction.

        :param policy: the one that the monitor names, if any, of an opening or an escalation; of an incident whose
            policy goes on (a reminder, the end of an acknowledgement) its own. A reminder without: all who know.
        :param subject: what a policy is chosen by, of what others reported; None: the incident's monitor.
        """
        settled = self._holding.settle(transaction, incident, max(now, self._clock.now()))
        chosen = self._policy(incident, change, policy, now, subject)
        existing = transaction.notices(incident.id)
        plan = owed(incident, change, chosen, self._directory(incident), existing, now)
        if chosen is not None and chosen.name != incident.policy:
            transaction.save_incident(replace(incident, policy=chosen.name))
            transaction.save_notices(rerouted(existing))
        transaction.save_notices(plan.changed)
        transaction.owe(settled(plan.new))
        if plan.notes:
            mark_rerouted(transaction, incident.id, "; ".join(plan.notes), now)
        if change in ENDINGS:
            self._holding.ended(transaction, incident, plan)

    def _directory(self, incident: Incident) -> Directory:
        """Who can be told of it: what is wrong with a channel is not told over that one."""
        if incident.topic is not Topic.CHANNEL:
            return self.directory
        return self.directory.without(incident.monitor.removeprefix(CHANNEL))

    def _policy(
        self, incident: Incident, change: Change, policy: str, now: int, subject: Subject | None
    ) -> Policy | None:
        """Whose steps are taken; None: none's."""
        if change not in STEPPED or (change is Change.REMINDED and not policy):
            return None
        directory = self.directory
        monitor = self._board.monitors.get(incident.monitor) if incident.topic is not Topic.ALERT else None
        tags = monitor.tags if monitor is not None else ()
        about = subject or Subject(incident.monitor, incident.severity, tags, incident.tenant)
        return choose(directory.policies, about, policy, directory.default, now)

    def _submit(
        self, work: Callable[[Transaction], None], result: Result | None = None, state: MonitorState | None = None
    ) -> None:
        future: Future[None] = self._ledger.submit(work, patient=True, result=result, state=state)
        future.add_done_callback(lambda _: self._poke())


def _worth_saving(before: MonitorState, after: MonitorState, monitor: Monitor) -> bool:
    """Whether a restart would judge differently without this state: a steady `up` need not be written each time."""
    steady = after.last_outcome is Outcome.UP and before.last_outcome is Outcome.UP
    return not (steady and before.status is after.status and before.ups > monitor.thresholds.recover_after)
