"""From results to messages, in one thread and with time in the test's hands: pipeline, holds, claims, a real store.

A transaction ends before the next thing happens, so a test sees every order that it asks for and no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from saasobs.alerting.directory import Directory
from saasobs.alerting.grouping import Rule
from saasobs.alerting.policy import Policy, Step
from saasobs.alerting.windows import Window
from saasobs.core.incident import Change, Event, Incident, MonitorState, Notice, Receipt, Suppression, Topic
from saasobs.core.monitor import Monitor, Thresholds
from saasobs.core.ports import Store, Transaction
from saasobs.core.result import Check, Outcome, Reason, Result
from saasobs.core.values import DAY, MINUTE, SECOND
from saasobs.daemon.agenda import Agenda
from saasobs.daemon.board import Board
from saasobs.daemon.claims import Claims
from saasobs.daemon.delivery import Route
from saasobs.daemon.holding import Holding
from saasobs.daemon.pipeline import Pipeline
from saasobs.daemon.settling import Settling
from saasobs.storage import open_store
from support.owing import Provider

NOW = 1_763_800_000 * SECOND


@dataclass
class TwoClocks:
    """Wall and monotonic time; the wall can be set."""

    at: int = NOW
    steady: int = 1_000 * SECOND

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.steady / SECOND


class AtOnce:
    """A ledger that writes at once, on the caller's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, result: Result, state: MonitorState | None = None) -> None:
        self.submit(lambda _: None, patient=True, result=result, state=state)

    def submit(
        self,
        work: Callable[[Transaction], Any],
        *,
        patient: bool,
        result: Result | None = None,
        state: MonitorState | None = None,
    ) -> Future[Any]:
        future: Future[Any] = Future()
        with self._store.write() as transaction:
            if result is not None:
                transaction.add_results([result])
            if state is not None:
                transaction.save_state(state)
            value = work(transaction)
        future.set_result(value)
        return future

    async def run(
        self, work: Callable[[Transaction], Any], *, patient: bool = False, state: MonitorState | None = None
    ) -> Any:
        return self.submit(work, patient=patient, state=state).result()


@dataclass(frozen=True)
class Told:
    """One message that went out."""

    at: int
    monitor: str
    topic: Topic
    changes: tuple[Change, ...]
    incident: str
    started_at: int


def monitor(name: str, *parents: str, **changes: Any) -> Monitor:
    """Confirmed by its first result, unless the test says otherwise."""
    quick = Thresholds(fail_after=1, recover_after=1, retry_interval=5 * SECOND)
    return Monitor(name, "http", None, name, **{"depends_on": parents, "thresholds": quick, **changes})


@dataclass
class House:
    """One daemon's memory on a store that outlives it. Must be made on a running event loop."""

    monitors: Sequence[Monitor]
    windows: Sequence[Window] = ()
    steps: Sequence[Step] = (Step(("chat",), 0, unless_acknowledged=False),)
    clock: TwoClocks = field(default_factory=TwoClocks)
    store: Store = field(default_factory=lambda: open_store("sqlite://"))
    told: list[Told] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store.open()
        self.start()

    def start(self) -> None:
        """A new process on the same store."""
        self.board, self.agenda = Board(), Agenda()
        ledger: Any = AtOnce(self.store)
        self.holding = Holding(self.clock, self.board, self.agenda, ledger, _nothing, _nothing)
        self.pipeline = Pipeline(self.clock, self.board, self.agenda, ledger, self.holding, _nothing)
        channels = [channel for step in self.steps for channel in step.notify]
        self.pipeline.directory = Directory(
            {"default": Policy("default", tuple(self.steps))},
            dict.fromkeys(channels, ("team",)),
            dict.fromkeys(channels, DAY),
        )
        settling = Settling(_nothing, lambda: self.pipeline.directory)
        settling.routes = {name: Route(name, Provider(), DAY, grouping=Rule(0, MINUTE)) for name in channels}
        self.settling, self.claims = settling, Claims(self.clock, self, settling, "test")
        with self.store.write() as transaction:
            self.board.load(transaction.states(), {})
            self.pipeline.load(transaction)
            transaction.release("")
        self.configure(self.monitors, self.windows)

    def configure(self, monitors: Sequence[Monitor], windows: Sequence[Window] = ()) -> None:
        self.monitors, self.windows = monitors, windows
        for name in self.board.set_monitors({one.name: one for one in monitors}):
            self.pipeline.withdraw(name)
        self.agenda.set(monitors, self.clock.now())
        self.holding.configure(self.board.monitors, windows)

    # What happens ---------------------------------------------------------------------------------------------

    async def see(self, name: str, outcome: Outcome | bool = Outcome.DOWN, *, took: int = 0) -> None:
        """A check of a monitor ends now; it began `took` µs ago. No two end at the same moment."""
        self.clock.at += 1
        self.clock.steady += 1
        if isinstance(outcome, bool):
            outcome = Outcome.UP if outcome else Outcome.DOWN
        began = self.clock.now() - took
        reason = None if outcome is Outcome.UP else Reason.STATUS_MISMATCH
        self.pipeline.accept(Result(Check(name, began, began), outcome, took, reason, "status 500" if reason else ""))
        await asyncio.sleep(0)

    async def pass_(self, micros: int) -> None:
        """Time goes by, second by second where it matters; whatever has come due is sent."""
        self.clock.at += micros
        self.clock.steady += micros
        await self.pipeline.look()
        await asyncio.sleep(0)
        self.send()
        await asyncio.sleep(0)

    def send(self) -> None:
        """What the workers of the channels do, until nothing is left to do now."""
        for name in self.settling.routes:
            for _ in range(20):
                with self.store.write() as transaction:
                    claimed = self.claims.take(transaction, name)
                    for delivery in claimed.deliveries:
                        told: Any = delivery.briefing
                        self.settling.accepted(transaction, name, delivery, Receipt("1", ""), self.clock.now())
                        self._note(told.incident, told.changes)
                if not claimed.deliveries and (claimed.next_due or 2**62) > self.clock.now():
                    break

    def _note(self, incident: Incident, changes: tuple[Change, ...]) -> None:
        about = (incident.monitor, incident.topic, changes, incident.id, incident.started_at)
        self.told.append(Told(self.clock.now(), *about))

    def asked(self) -> set[str]:
        """The monitors that are to be checked out of turn now."""
        return {due.monitor for due in self.agenda.pop_due(self.clock.now()) if due.extra}

    # What is known --------------------------------------------------------------------------------------------

    def heard(self, name: str) -> list[tuple[Change, ...]]:
        """What was told of a monitor's health, in order."""
        return [told.changes for told in self.told if (told.monitor, told.topic) == (name, Topic.HEALTH)]

    def incidents(self, name: str, topic: Topic = Topic.HEALTH) -> list[Incident]:
        """Oldest first."""
        with self.store.read() as transaction:
            found = transaction.incidents(monitor=name, limit=1000)
        return [one for one in reversed(found) if one.topic is topic]

    def notices(self, name: str) -> list[Notice]:
        with self.store.read() as transaction:
            return [
                one for incident in reversed(transaction.incidents(monitor=name, limit=1000))
                for one in transaction.notices(incident.id)
            ]  # fmt: skip

    def suppressions(self, name: str) -> list[Suppression | None]:
        return [one.suppression for one in self.notices(name)]

    def timeline(self, name: str) -> list[Event]:
        with self.store.read() as transaction:
            newest = transaction.incidents(monitor=name, limit=1)[0]
            return transaction.events(newest.id)

    # The outbox's context -------------------------------------------------------------------------------------

    def monitor_or_none(self, name: str) -> Monitor | None:
        return self.board.monitors.get(name)

    def holds_back(self, transaction: Transaction, notice: Notice, incident: Incident) -> bool:
        return self.holding.holds_back(transaction, notice, incident)

    @property
    def page_url(self) -> str:
        return ""

    @property
    def directory(self) -> Directory:
        return self.pipeline.directory

    links: Mapping[str, str] = field(default_factory=dict)

    def reported(self, transaction: Transaction, incident: Incident) -> None:
        return None

    def last_result(self, monitor: str) -> Result | None:
        return self.board.last.get(monitor)

    def dependants(self, monitor: str) -> Sequence[str]:
        return self.holding.dependants(monitor)

    def answer_url(self, incident_id: str, who: str) -> str:
        return ""


def _nothing() -> None:
    return None
