"""Clocks, absences and the round."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.heartbeat import Ping, Signal
from saasobs.core.monitor import Monitor
from saasobs.core.values import HOUR, SECOND
from saasobs.daemon import clock as clock_module
from saasobs.daemon.agenda import Agenda, Due
from saasobs.daemon.clock import SteadyClock
from saasobs.daemon.heartbeats import HeartbeatBook
from saasobs.daemon.watchman import CLOCK_EVERY, STALL, Watchman

NOW = 1_763_800_000 * SECOND


class Time:
    """The machine's two clocks, in a test's hands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = NOW
        self.steady = 1000 * SECOND
        monkeypatch.setattr(clock_module, "_wall", lambda: self.wall)
        monkeypatch.setattr(clock_module, "_monotonic", lambda: self.steady)

    def pass_(self, micros: int) -> None:
        self.wall += micros
        self.steady += micros


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def test_the_clock_does_not_jump_by_itself(time: Time) -> None:
    """A step of the wall clock is not seen until `adjust` takes it in, and is reported then."""
    clock = SteadyClock()
    time.pass_(5 * SECOND)
    time.wall += HOUR
    assert clock.now() == NOW + 5 * SECOND
    assert clock.adjust() == HOUR
    assert clock.now() == NOW + 5 * SECOND + HOUR


def test_drift_is_followed_silently(time: Time) -> None:
    """Less than a second's difference is no step."""
    clock = SteadyClock()
    time.wall += 400_000
    assert clock.adjust() == 0
    assert clock.now() == NOW + 400_000


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=12))
def test_absences_are_merged_and_cover_the_same_time(spans: list[tuple[int, int]]) -> None:
    """However absences overlap, what is kept is disjoint, sorted and covers exactly their union."""
    book = HeartbeatBook()
    for low, high in spans:
        book.was_away(min(low, high), max(low, high))
    kept = book.absences()
    assert list(kept) == sorted(kept)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(kept))
    covered = {moment for low, high in kept for moment in range(low, high + 1)}
    assert covered == {m for low, high in spans for m in range(min(low, high), max(low, high) + 1)}


def test_pings_build_on_each_other() -> None:
    """A start, a failure and a success are all remembered; a log line changes nothing."""
    book = HeartbeatBook()
    book.watch(["job"], NOW)
    for at, signal in enumerate((Signal.START, Signal.FAIL, Signal.SUCCESS, Signal.LOG), start=1):
        book.keep(book.after(Ping("job", NOW + at, signal, exit_code=3 if signal is Signal.FAIL else None)))
    state = book.heartbeat("job")
    assert state is not None
    assert (state.last_start, state.last_fail, state.last_success) == (NOW + 1, NOW + 2, NOW + 3)


class Round:
    """A watchman with everything it says kept."""

    def __init__(self, interval: int = 10 * SECOND) -> None:
        self.started: list[Due] = []
        self.away: list[tuple[int, int]] = []
        self.set_back: list[int] = []
        self.clock = SteadyClock()
        self.agenda = Agenda()
        self.agenda.set([Monitor("api", "http", None, "", interval=interval)], self.clock.now())
        self.watchman = Watchman(
            self.clock,
            self.agenda,
            self.started.append,
            lambda start, end: self.away.append((start, end)),
            self.set_back.append,
        )

    def turn(self) -> None:
        self.watchman._round()
        self.watchman.stop()


async def test_a_stall_is_an_absence(time: Time) -> None:
    """When the process did not get to run for a while, the heartbeats get grace for it."""
    made = Round()
    made.turn()
    before = time.wall
    time.pass_(STALL + SECOND)
    made.turn()
    assert made.away == [(before, before + STALL + SECOND)]


async def test_a_suspended_machine_misses_no_slot_and_counts_as_away(time: Time) -> None:
    """The wall clock jumps an hour: no flood of missed checks, one absence, and the slots go on from now."""
    made = Round()
    made.turn()
    for _ in range(CLOCK_EVERY // SECOND):
        time.pass_(SECOND)
        made.turn()
    made.started.clear()
    time.wall += HOUR
    for _ in range(CLOCK_EVERY // SECOND + 1):
        time.pass_(SECOND)
        made.turn()
    assert len(made.away) == 1
    assert made.away[0][1] - made.away[0][0] == HOUR
    assert [due.skipped for due in made.started] in ([0], [0, 0])


async def test_a_clock_set_back_does_not_stop_the_watch(time: Time) -> None:
    """The wall clock is set back an hour: checks go on within an interval, and nobody was away."""
    made = Round()
    made.turn()
    time.wall -= HOUR
    for _ in range(25):
        time.pass_(SECOND)
        made.turn()
    assert len(made.started) >= 2
    assert made.away == []
    assert made.set_back == [HOUR], "what waits for a moment ahead is moved back"


async def test_waking_starts_what_is_due_now() -> None:
    """A wish for an immediate check does not wait for the end of a sleep."""
    made = Round(interval=HOUR)
    made.watchman.begin()
    await asyncio.sleep(0.05)
    made.agenda.expedite("api", made.clock.now())
    made.watchman.wake()
    await asyncio.sleep(0.1)
    made.watchman.stop()
    assert [due.extra for due in made.started] == [True]


async def test_a_round_that_fails_is_followed_by_another(time: Time) -> None:
    """A mistake in starting one check stops neither the round's timer nor the next check."""
    made = Round()
    begun: list[Due] = []

    def start(due: Due) -> None:
        begun.append(due)
        raise RuntimeError("bug")

    made.watchman._start = start
    time.pass_(25 * SECOND)
    made.watchman._round()
    assert made.watchman._timer is not None
    time.pass_(SECOND * 10)
    made.turn()
    assert len(begun) == 2


def test_a_heartbeat_that_is_removed_starts_afresh_when_it_comes_back() -> None:
    """Its old moments are forgotten, so that it is not missing from the first second."""
    book = HeartbeatBook()
    book.watch(["job", "other"], NOW)
    assert book.forget_others(["other"]) == ["job"]
    assert [state.created_at for state in book.watch(["job"], NOW + HOUR)] == [NOW + HOUR]


def test_a_ping_that_was_overtaken_changes_nothing() -> None:
    """An old failure whose body took long to arrive does not overwrite the newer success."""
    book = HeartbeatBook()
    book.keep(book.after(Ping("job", NOW + 9, Signal.SUCCESS, exit_code=0)))
    assert book.after(Ping("job", NOW + 5, Signal.FAIL, exit_code=1)) == book.heartbeat("job")


def test_no_ping_comes_from_the_future() -> None:
    """When the clock was set back, moments of before count as now, or the next silence would never be told."""
    book = HeartbeatBook()
    book.watch(["early", "late"], NOW)
    book.keep(book.after(Ping("late", NOW + HOUR, Signal.SUCCESS)))
    assert [state.last_success for state in book.set_back(NOW + SECOND)] == [NOW + SECOND]
