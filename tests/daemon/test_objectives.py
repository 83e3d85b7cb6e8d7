"""Objectives while the daemon runs: counted, told once, and the same after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import get_ident

import pytest

from saasobs.core.incident import Change, Incident, MonitorState, Status, Topic
from saasobs.core.monitor import Monitor, Objective, Severity
from saasobs.core.ports import Transaction
from saasobs.core.result import Check, Outcome, Reason, Result
from saasobs.core.sketch import Sketch
from saasobs.core.values import DAY, HOUR, MINUTE
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.objectives import Objectives
from saasobs.storage import Retention
from support.probing import SetClock
from support.stores import BreakableStore
from support.watchers import Calm

NOW = 20_000 * DAY + 7 * HOUR
API = Monitor("api", "http", None, "https://api.example", slo=Objective(99.9, 30))
UP = MonitorState("api", Status.UP)


class House:
    """Objectives on a real store."""

    def __init__(self, store: BreakableStore, now: int = NOW) -> None:
        self.clock = SetClock(now)
        self.monitor = API
        self._unwritten: list[Result] = []
        self.store = store
        self.opened: list[Incident] = []
        self.escalated: list[tuple[str, Severity]] = []
        self.ended: list[str] = []
        self.endings: list[Change] = []
        self.ledger = Ledger(store, Calm())
        self.ledger.start()
        self.objectives = Objectives(self.clock, self.ledger, self)
        with store.read() as transaction:
            self.objectives.load(transaction, [API])

    def open(self, incident: Incident, policy: str) -> None:
        self.opened.append(incident)
        with self.store.write() as transaction:
            transaction.save_incident(incident)

    def escalate(self, identity: str, severity: Severity, sentence: str, policy: str) -> None:
        self.escalated.append((identity, severity))
        with self.store.write() as transaction:
            transaction.save_incident(replace(self.opened[-1], severity=severity))

    def end(self, identity: str, sentence: str, ending: Change = Change.RECOVERED) -> None:
        self.ended.append(identity)
        self.endings.append(ending)

    def write(self) -> None:
        with self.store.write() as transaction:
            transaction.add_results(self._unwritten)
        self._unwritten.clear()

    def restarted(self) -> House:
        """Another run on the same store."""
        self.write()
        return House(self.store, self.clock.at)

    def see(self, outcome: Outcome, *, attempt: int = 0, state: MonitorState = UP) -> None:
        """A check now; then a minute goes by. `write` has the store know of it."""
        reason = Reason.STATUS_MISMATCH if outcome is Outcome.DOWN else None
        result = Result(Check("api", self.clock.at, self.clock.at, attempt=attempt), outcome, 1_000, reason)
        self._unwritten.append(result)
        self.objectives.observe(self.monitor, result, state)
        self.clock.at += MINUTE


@pytest.fixture
def house() -> Iterator[House]:
    made = House(BreakableStore())
    yield made
    made.ledger.close(5)


def see_flaky(house: House, times: int = 4) -> None:
    for _ in range(times):
        for outcome in (Outcome.DOWN, *[Outcome.UP] * 9):
            house.see(outcome)


def test_a_monitor_that_fails_again_and_again_is_told_once(house: House) -> None:
    """No single failure was confirmed, and yet the budget is gone: one incident about the objective."""
    see_flaky(house, 6)
    (incident,) = house.opened
    assert (incident.topic, incident.reason, incident.status) == (Topic.SLO, Reason.ERROR_BUDGET, Status.DEGRADED)
    assert incident.message.startswith("4 checks failed within 1h: the error budget of 99.9 % over 30 days burns")


def test_it_ends_when_the_failures_do(house: House) -> None:
    """The short windows clear, and with the last of them the incident."""
    see_flaky(house)
    for _ in range(8 * 60):
        house.see(Outcome.UP)
    assert house.ended == [house.opened[0].id]


def test_while_the_monitor_is_down_its_own_incident_speaks(house: House) -> None:
    """Nothing is told twice."""
    for _ in range(10):
        house.see(Outcome.DOWN, state=MonitorState("api", Status.DOWN, last_outcome=Outcome.DOWN))
    assert house.opened == []


def test_confirmations_do_not_count(house: House) -> None:
    """They come faster while something fails."""
    for _ in range(20):
        house.see(Outcome.DOWN, attempt=1)
    assert house.opened == []


async def test_a_restart_goes_on_where_it_stopped(house: House) -> None:
    """Tallies are made again from the store, and the open incident is known."""
    see_flaky(house)
    again = house.restarted()
    assert again.objectives.burning(API) == house.objectives.burning(API)
    see_flaky(again)
    assert again.opened == []
    again.ledger.close(5)


async def test_availability_is_what_was_counted(house: House) -> None:
    """From the store, the present hour included, before anything was rolled up and after."""
    see_flaky(house, 20)
    house.write()
    before = await house.objectives.availability(API, 7)
    assert before.availability == pytest.approx(180 / 200)
    assert before.counts == {Outcome.UP: 180, Outcome.DOWN: 20}
    assert before.p95 == pytest.approx(1_000, rel=0.01)
    with house.store.write() as transaction:
        while transaction.roll_up(house.clock.at):
            pass
    after = await house.objectives.availability(API, 7)
    assert (after.counts, after.p95, after.budget_left) == (before.counts, before.p95, before.budget_left)
    assert after.budget_left == pytest.approx(1 - 0.1 / 0.001)


def test_a_budget_that_was_resolved_stays_so_until_it_no_longer_burns(house: House) -> None:
    """It burns on: nothing is told, nor after a restart. Once it has stopped, the next fire is told again."""
    see_flaky(house)
    [first] = house.opened
    house.objectives.set_aside(first)
    with house.store.write() as transaction:
        transaction.save_incident(replace(first, ended_at=house.clock.at, ending=Change.RESOLVED))
    see_flaky(house)
    assert len(house.opened) == 1
    again = house.restarted()
    see_flaky(again)
    assert again.opened == []
    for _ in range(8 * 60):
        again.see(Outcome.UP)
    assert again.ended == []
    see_flaky(again)
    assert len(again.opened) == 1
    again.ledger.close(5)


def test_a_budget_that_burns_faster_than_what_was_resolved_is_told(house: House) -> None:
    """A warning was resolved; critical is news."""
    see_flaky(house)
    [first] = house.opened
    assert first.severity is Severity.CRITICAL
    house.objectives.set_aside(first)
    house.objectives._set_aside["api"] = Severity.WARNING
    see_flaky(house)
    assert len(house.opened) == 2


def test_an_objective_that_is_removed_ends_its_incident(house: House) -> None:
    """A reload without it."""
    see_flaky(house)
    house.objectives.configure([])
    assert house.ended == [house.opened[0].id]
    assert house.endings == [Change.WITHDRAWN]


def test_an_outage_that_was_told_is_not_told_again(house: House) -> None:
    """Twenty minutes down spent the budget, and everybody knows; only what fails anew after it is news."""
    for _ in range(60):
        house.see(Outcome.UP)
    for _ in range(20):
        house.see(Outcome.DOWN, state=MonitorState("api", Status.DOWN, last_outcome=Outcome.DOWN))
    recovered = MonitorState("api", Status.UP, since=house.clock.at)
    for _ in range(60):
        house.see(Outcome.UP, state=recovered)
    assert house.opened == []
    house.see(Outcome.DOWN, state=replace(recovered, last_outcome=Outcome.DOWN))
    house.see(Outcome.UP, state=recovered)
    assert len(house.opened) == 1


def test_a_fast_burn_wakes_somebody_after_a_slow_one(house: House) -> None:
    """The slow one was a warning for the morning; what spends a month's budget in hours is not."""
    for number in range(3 * 24 * 60):
        house.see(Outcome.DOWN if number % 180 == 90 else Outcome.UP)
    (incident,) = house.opened
    assert (incident.severity, house.escalated) == (Severity.WARNING, [])
    see_flaky(house)
    assert house.escalated == [(incident.id, Severity.CRITICAL)]
    again = house.restarted()
    see_flaky(again)
    assert (again.opened, again.escalated) == ([], [])
    again.ledger.close(5)


def test_a_warning_monitor_wakes_nobody(house: House) -> None:
    """The monitor's own severity is the most that is said of it."""
    house.monitor = replace(API, severity=Severity.WARNING)
    see_flaky(house, 6)
    assert [incident.severity for incident in house.opened] == [Severity.WARNING]
    assert house.escalated == []


def test_it_began_when_it_was_found(house: House) -> None:
    """Not so long ago as the long window: the monitor may not have been there then."""
    see_flaky(house)
    (incident,) = house.opened
    assert incident.started_at == incident.opened_at


def test_pausing_withdraws_its_incident(house: House) -> None:
    """A paused monitor says nothing that could end it."""
    see_flaky(house)
    house.objectives.pause("api", "paused by maria")
    house.objectives.pause("api", "paused by maria")
    assert (house.ended, house.endings) == ([house.opened[0].id], [Change.WITHDRAWN])


def test_a_clock_that_was_ahead_leaves_nothing_behind(house: House) -> None:
    """Results that were stored with tomorrow's time count neither now nor tomorrow."""
    house.clock.at += 400 * DAY
    see_flaky(house)
    house.clock.at = NOW
    again = house.restarted()
    assert [burn.bad for burn in again.objectives.burning(API)] == [0, 0, 0]
    house.objectives.set_back(400 * DAY)
    for _ in range(4 * 1440):
        house.see(Outcome.UP)
    assert [burn.bad for burn in house.objectives.burning(API)] == [0, 0, 0]
    again.ledger.close(5)


def test_a_restart_knows_three_days_though_results_are_kept_for_one() -> None:
    """Where the results are gone the hours' roll-ups are asked."""
    store = BreakableStore(Retention(raw=DAY))
    house = House(store)
    for number in range(3 * 24 * 12):
        house.see(Outcome.DOWN if number % 36 == 18 else Outcome.UP)
        house.clock.at += 4 * MINUTE
    before = house.objectives.burning(API)
    house.write()
    with store.write() as transaction:
        while transaction.roll_up(house.clock.at):
            pass
        while transaction.prune(house.clock.at):
            pass
    again = house.restarted()
    after = again.objectives.burning(API)
    assert [burn.bad for burn in after] == [burn.bad for burn in before]
    assert after[2].long_rate == pytest.approx(before[2].long_rate, rel=0.02)
    for each in (house, again):
        each.ledger.close(5)


async def test_a_range_is_summed_up_beside_the_event_loop(house: House) -> None:
    """Two thousand sketches take a tenth of a second, and no check waits for them."""
    threads: set[int] = set()
    reading = house.store.read

    @contextmanager
    def spied() -> Iterator[Transaction]:
        with reading() as transaction, pytest.MonkeyPatch.context() as patch:
            decode = Sketch.decode

            def spy(data: bytes) -> Sketch:
                threads.add(get_ident())
                return decode(data)

            patch.setattr(Sketch, "decode", spy)
            yield transaction

    see_flaky(house)
    house.write()
    house.store.read = spied  # type: ignore[method-assign]
    await house.objectives.availability(API, 7)
    assert threads
    assert get_ident() not in threads
