"""Holds alerts back while something explains them, and lets them go when it is over. The rules are alerting/hold.py's.

1. Whatever owes or sends a notice asks here first, inside its own transaction (`settle`, `holds_back`): so a notice is
   held from the moment it is written, and looked at again whenever it comes up to be sent.
2. What holds an incident is read off the board, the windows and the flaps as they are now. When it may be over (a check
   of the monitor or of an ancestor, a reload, a window that was ended), the event loop has the writer look again.
3. When nothing holds an incident any more, its monitor is checked at once, and its own next word decides: still
   failing, and it is told; recovered, and nobody need be. A word that does not come in time is not waited for.
   The same goes for what others reported: their next word decides (`reported_holds`).
4. A monitor that begins to fail has all that it depends on checked at once, so that the verdict is there in time.

Runs on two threads. The event loop's: `configure`, `observe`, `look`. The writer's, inside a transaction: the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace

import structlog

from saasobs.alerting import dependencies
from saasobs.alerting.dependencies import PATIENCE, Ancestor, Explanation, Family, confirmation
from saasobs.alerting.hold import Hold, can_be_held, hold_back, is_held, let_go
from saasobs.alerting.policy import Owed
from saasobs.alerting.received.about import About
from saasobs.alerting.windows import Window
from saasobs.core.incident import Change, Event, Incident, MonitorState, Notice, Suppression, Topic
from saasobs.core.monitor import Monitor
from saasobs.core.ports import Clock, Transaction
from saasobs.core.result import Outcome
from saasobs.core.values import MINUTE, SECOND, to_datetime
from saasobs.daemon.agenda import Agenda
from saasobs.daemon.board import Board
from saasobs.daemon.cases import Case, Cases
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.maintenance import Maintenance
from saasobs.daemon.reported_holds import PATIENCE as REPORT_PATIENCE
from saasobs.daemon.reported_holds import ReportedHolds
from saasobs.daemon.silences import Silences

LOOK_EVERY = MINUTE
"""How often a held notice comes up again, should nothing else bring it up."""
VERDICT_EVERY = 2 * SECOND
ASK_EVERY = 1.0
"""No monitor is checked out of turn more often than this, seconds."""
_REASONS = (Suppression.DEPENDENCY, Suppression.MAINTENANCE, Suppression.FLAPPING, Suppression.SILENCED)
_EXPLAINED = (Topic.HEALTH, Topic.SLO, Topic.FLAPPING)
"""What an ancestor's outage can be the reason of."""

Settled = Callable[[Sequence[Notice]], Sequence[Notice]]
Tell = Callable[[Transaction, Incident], About | None]
"""What the alerts of an incident say; None: no others reported it."""

log = structlog.get_logger("saasobs.alerts")


class Holding:
    """Knows which incidents' alerts are held, and why."""

    def __init__(
        self,
        clock: Clock,
        board: Board,
        agenda: Agenda,
        ledger: Ledger,
        poke: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._board = board
        self._agenda = agenda
        self._ledger = ledger
        self.maintenance = Maintenance(clock, board, ledger, self.look_at_all)
        self.silences = Silences(clock, ledger, self.look_at_all)
        self._reported = ReportedHolds(clock, board, self.maintenance, self.silences)
        self.tell: Tell = _nobody_reported
        self.poke = poke
        self._wake = wake
        self._cases = Cases()
        self._family = Family({})
        self._failing: dict[str, tuple[int, float]] = {}
        """When a monitor that depends on others began to fail, or to be down: µs, and monotonic seconds."""
        self._asked: dict[str, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    # Why alerts wait -----------------------------------------------------------------------------------------

    def reason(self, name: str, topic: Topic, failed_at: int, waited: int = 0) -> Hold | None:
        """What holds an incident's alerts now, read off what is known. Any thread may ask.

        :param failed_at: when the failure began. :param waited: how long ago that was (µs).
        """
        return self._reason(name, topic, failed_at, waited)[0]

    def _reason(self, name: str, topic: Topic, failed_at: int, waited: int) -> tuple[Hold | None, tuple[str, ...]]:
        """With the monitors whose word is missing."""
        monitor = self._board.monitors.get(name)
        tags = monitor.tags if monitor else ()
        if (found := self.maintenance.covering(name, tags, self._clock.now())) is not None:
            window, span = found
            until = to_datetime(span.end).strftime("%Y-%m-%d %H:%M UTC")
            words = f"maintenance {window.name!r} until {until}" + (f": {window.reason}" if window.reason else "")
            return Hold(Suppression.MAINTENANCE, words, until=span.end), ()
        if monitor is not None and (explained := self._explained(monitor, topic, failed_at, waited)) is not None:
            return Hold(Suppression.DEPENDENCY, explained.sentence, passing=bool(explained.ask)), explained.ask
        if topic is Topic.HEALTH and (flaps := self._board.flaps.get(name)) is not None and flaps.since:
            return Hold(Suppression.FLAPPING, f"flapping, told as incident {flaps.incident_id}"), ()
        return None, ()

    def _explained(self, monitor: Monitor, topic: Topic, failed_at: int, waited: int) -> Explanation | None:
        names = self._family.ancestors(monitor.name) if topic in _EXPLAINED else ()
        if not names:
            return None
        known = ((self._board.states.get(name), self._board.monitors.get(name)) for name in names)
        ancestors = [Ancestor(state, confirmation(one)) for state, one in known if state and one]
        child = self._board.states.get(monitor.name)
        if topic is Topic.SLO or child is None:
            return dependencies.outage(ancestors)
        return dependencies.explain(child, failed_at, ancestors, waited, self._clock.now())

    def _decide(self, case: Case) -> Case | None:
        """The case as it is now; None: nothing holds it. Reads, and changes nothing."""
        mono = self._clock.monotonic()
        hold, ask = self._hold_of(case, mono)
        if hold is not None and not hold.passing:
            return replace(case, hold=hold, firm=True, over_since=0.0, over_at=0, ask=())
        if case.firm and not case.over_since:
            case = replace(case, over_since=mono, over_at=self._clock.now())
        if hold is not None:
            return replace(case, hold=hold, ask=ask)
        return self._awaiting_word(case) if case.firm else None

    def _hold_of(self, case: Case, mono: float) -> tuple[Hold | None, tuple[str, ...]]:
        if case.about is not None:
            return self._reported.hold(case.about, self._family), ()
        waited = round((mono - self._failing.get(case.monitor, (0, mono))[1]) * SECOND)
        return self._reason(case.monitor, case.topic, case.failed_at, waited)

    def _awaiting_word(self, case: Case) -> Case | None:
        """Rule 3: until the monitor itself (or whoever reported it) has said that it still fails."""
        if case.about is not None and case.hold is not None:
            return self._awaiting_report(case, case.about, case.hold)
        monitor, state = self._board.monitors.get(case.monitor), self._board.states.get(case.monitor)
        if case.topic is not Topic.HEALTH or monitor is None or state is None or state.paused or case.hold is None:
            return None
        waited = (self._clock.monotonic() - case.over_since) * SECOND
        if waited >= PATIENCE + monitor.timeout + (confirmation(monitor) if state.last_outcome is Outcome.UP else 0):
            return None
        if state.last_at >= case.over_at and state.last_outcome is not Outcome.UP:
            return None
        return replace(case, hold=replace(case.hold, detail="over; is it still so?", passing=True), ask=(monitor.name,))

    def _awaiting_report(self, case: Case, about: About, hold: Hold) -> Case | None:
        left = REPORT_PATIENCE - round((self._clock.monotonic() - case.over_since) * SECOND)
        if hold.why is Suppression.SILENCED or left <= 0 or about.heard_at >= case.over_at:
            return None
        until = case.over_at + REPORT_PATIENCE
        return replace(case, hold=replace(hold, detail="over; is it still so?", passing=True, until=until))

    # On the writer's thread, inside a transaction ------------------------------------------------------------

    def load(self, transaction: Transaction) -> None:
        """What the last run held; whether something still does is found out at the first look."""
        self.maintenance.load(transaction)
        self.silences.load(transaction)
        held = {notice.incident_id: notice for notice in transaction.held() if is_held(notice)}
        incidents = transaction.incidents_of(held)
        for identity, notice in held.items():
            incident = incidents.get(identity)
            if incident is not None and notice.suppression is not None:
                hold = Hold(notice.suppression, notice.detail)
                self._keep(replace(self._new(transaction, incident), hold=hold, firm=True))

    def settle(self, transaction: Transaction, incident: Incident, now: int) -> Settled:
        """Before a change of an incident is told: hold what is due of it, or let it go.

        :returns: what is to be done with the notices that the change adds.
        """
        known = self._cases.get(incident.id)
        case = self._decide(self._case(transaction, incident, known))
        existing = transaction.notices(incident.id)
        if case is None or case.hold is None:
            if known is not None and incident.open:
                self._release(transaction, incident, existing)
            return _as_they_are
        self._hold(transaction, incident, case, existing, now)

        def hold_new(new: Sequence[Notice]) -> Sequence[Notice]:
            held = {one.id: one for one in self._held_back(new, case, now)}
            if held and incident.open:
                self._keep(case)
            return [held.get(one.id, one) for one in new]

        return hold_new

    def ended(self, transaction: Transaction, incident: Incident, plan: Owed) -> None:
        """An incident ended: nothing of it is held any more; its timeline says if that is why nobody heard of it."""
        self._cases.drop(incident.id)
        why = next((one for one in plan.changed if one.suppression in _REASONS), None)
        if why is not None:
            words = "over before the rest was told" if plan.new else "over before anybody was told"
            transaction.add_event(Event(incident.id, incident.ended_at + 1, Change.RELEASED, f"{words}: {why.detail}"))

    def holds_back(self, transaction: Transaction, notice: Notice, incident: Incident) -> bool:
        """Whether a notice that has come up must not be sent now; what becomes of it is written down then."""
        now = self._clock.now()
        free = replace(notice, lease_owner="", lease_until=0)
        if not incident.open or not can_be_held(free, now):
            return False
        case = self._decide(self._case(transaction, incident, self._cases.get(incident.id)))
        if case is not None:
            self._hold(transaction, incident, case, (free,), now)
        elif notice.held:
            self._release(transaction, incident, transaction.notices(incident.id))
            self.poke()
        return case is not None or notice.held

    def _hold(
        self, transaction: Transaction, incident: Incident, case: Case, notices: Iterable[Notice], now: int
    ) -> None:
        held = self._held_back(notices, case, now)
        transaction.save_notices(held)
        if held and incident.open:
            self._keep(case)
        if case.hold is not None and not case.hold.passing:
            self._mark(transaction, incident, Change.HELD, case.hold.detail, now)

    def _held_back(self, notices: Iterable[Notice], case: Case, now: int) -> tuple[Notice, ...]:
        if case.hold is None:
            return ()
        look_at = now + (VERDICT_EVERY if case.hold.passing else LOOK_EVERY)
        if case.about is not None and case.hold.passing:
            look_at = case.hold.until  # whoever reported it is not asked: its next word is looked at when it comes
        return hold_back(notices, case.hold, min(look_at, case.hold.until or look_at), now)

    def _release(self, transaction: Transaction, incident: Incident, notices: Sequence[Notice]) -> None:
        now = self._clock.now()
        self._cases.drop(incident.id)
        freed = let_go(notices, now)
        transaction.save_notices(freed)
        if freed:
            self._mark(transaction, incident, Change.RELEASED, "told now, for it goes on", now)
            log.info("alerts.released", monitor=incident.monitor, incident=incident.id)

    def _look_again(self, transaction: Transaction, identity: str) -> None:
        known, incident = self._cases.get(identity), transaction.incident(identity)
        if known is None:
            return
        if incident is None or not incident.open:
            self._cases.drop(identity)
            return
        notices = transaction.notices(identity)
        if not any(is_held(one) for one in notices):  # somebody took it, say
            self._cases.drop(identity)
            return
        case = self._decide(self._case(transaction, incident, known))
        if case is None:
            self._release(transaction, incident, notices)
            return
        self._keep(case)
        if case.hold != known.hold:
            self._hold(transaction, incident, case, (one for one in notices if is_held(one)), self._clock.now())

    def _mark(self, transaction: Transaction, incident: Incident, change: Change, text: str, now: int) -> None:
        """One line in the timeline for each beginning and each end of a hold."""
        marks = [event for event in transaction.events(incident.id) if event.change in (Change.HELD, Change.RELEASED)]
        last = marks[-1] if marks else None
        if change is Change.RELEASED and (last is None or last.change is Change.RELEASED):
            return
        if change is Change.HELD and last is not None and (last.change, last.text) == (change, text):
            return
        at = max(now, incident.opened_at + 1, last.at + 1 if last else 0)
        transaction.add_event(Event(incident.id, at, change, text))
        if change is Change.HELD:
            log.info("alerts.held", monitor=incident.monitor, incident=incident.id, why=text)

    def _case(self, transaction: Transaction, incident: Incident, known: Case | None) -> Case:
        """As it is known, with what its alerts say by now."""
        if known is None:
            return self._new(transaction, incident)
        return replace(known, about=self.tell(transaction, incident)) if known.about is not None else known

    def _new(self, transaction: Transaction, incident: Incident) -> Case:
        if (about := self.tell(transaction, incident)) is not None:
            return Case(incident.id, incident.monitor, incident.topic, incident.started_at, about=about)
        # Of a failure that an earlier run saw begin, the verdict is waited for anew.
        failing = self._failing.setdefault(incident.monitor, (incident.started_at, self._clock.monotonic()))
        return Case(incident.id, incident.monitor, incident.topic, max(incident.started_at, failing[0]))

    def _keep(self, case: Case) -> None:
        name = case.about.monitor if case.about is not None else case.monitor
        self._cases.put(case, self._family.ancestors(name))
        if case.ask and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ask, case.ask)

    # On the event loop ---------------------------------------------------------------------------------------

    def configure(self, monitors: Mapping[str, Monitor], windows: Sequence[Window]) -> None:
        """Take up a configuration, and look at everything that is held."""
        self._loop = asyncio.get_running_loop()
        self._family = Family(monitors)
        self._failing = {name: since for name, since in self._failing.items() if name in monitors}
        self.maintenance.configure(windows)

    def look_at_all(self) -> None:
        """Something changed that may hold or release anything."""
        self._submit([case.incident for case in self._cases.all()])

    def observe(self, before: MonitorState, after: MonitorState) -> None:
        """One more result of a monitor was judged."""
        name = after.monitor
        fails = (after.not_ups, before.not_ups) == (1, 0) or (after.downs, before.downs) == (1, 0)
        if fails and (ancestors := self._family.ancestors(name)):
            self._failing[name] = (after.last_at, self._clock.monotonic())
            states = (self._board.states.get(one) for one in ancestors)
            self._ask(state.monitor for state in states if state and not dependencies.is_down(state))
        self._peek(self._cases.concerning(name))

    def dependants(self, name: str) -> Sequence[str]:
        """The monitors that depend on one. Any thread may ask."""
        return self._family.dependants(name)

    def heard(self, incidents: Sequence[str]) -> None:
        """Others spoke again of what is held: it may be told now."""
        cases = (self._cases.get(identity) for identity in incidents)
        self._submit([case.incident for case in cases if case is not None and case.over_since])

    def explained(self) -> Sequence[Case]:
        """The outages that are another monitor's."""
        return [case for case in self._cases.all() if case.topic is Topic.HEALTH and _is_explained(case.hold)]

    async def look(self) -> None:
        """Comes round every second: for the verdicts that are waited for."""
        self.maintenance.note()
        waiting = [case for case in self._cases.all() if case.ask]
        self._peek(waiting)
        self._ask(name for case in waiting for name in case.ask)

    def _peek(self, cases: Sequence[Case]) -> None:
        """Have the writer look again at those that are no longer what they were."""
        now = ((case, self._decide(case)) for case in cases)
        stale = [case for case, new in now if new is None or (new.hold, new.ask) != (case.hold, case.ask)]
        self._submit([case.incident for case in stale])

    def _submit(self, incidents: Sequence[str]) -> None:
        if not incidents:
            return

        def work(transaction: Transaction) -> None:
            for identity in incidents:
                self._look_again(transaction, identity)

        future: Future[None] = self._ledger.submit(work, patient=True)
        future.add_done_callback(lambda _: self.poke())

    def _ask(self, names: Iterable[str]) -> None:
        """Check these out of turn, now; one that was asked just now is asked again by the next `look`."""
        mono, asked = self._clock.monotonic(), False
        for name in dict.fromkeys(names):
            state = self._board.states.get(name)
            if state is not None and not state.paused and mono - self._asked.get(name, 0.0) >= ASK_EVERY:
                self._asked[name] = mono
                self._agenda.expedite(name, self._clock.now())
                asked = True
        if asked:
            self._wake()


def _is_explained(hold: Hold | None) -> bool:
    return hold is not None and hold.why is Suppression.DEPENDENCY and not hold.passing


def _nobody_reported(_transaction: Transaction, _incident: Incident) -> About | None:
    return None


def _as_they_are(notices: Sequence[Notice]) -> Sequence[Notice]:
    return notices
