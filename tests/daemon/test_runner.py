"""The runner: late is said, broken is our fault, and one monitor is never checked twice at a time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from weakref import ref

import pytest

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Outcome, Reason, Result
from saasobs.core.values import SECOND
from saasobs.daemon.agenda import Due
from saasobs.daemon.gate import Gate
from saasobs.daemon.runner import Runner
from support.briefings import HandClock

MONITOR = Monitor("api", "scripted", None, "target", host="api.example", interval=60 * SECOND)


class Scripted:
    """A probe that does what the test says."""

    def __init__(self, act: Callable[[], Awaitable[None]]) -> None:
        self._act = act
        self.checks: list[Check] = []

    async def check(self, monitor: Monitor, check: Check) -> Result:
        self.checks.append(check)
        await self._act()
        return Result(check, Outcome.UP)

    async def close(self) -> None: ...


class Punctuality:
    """Keeps the lateness of every check that was started."""

    def __init__(self) -> None:
        self.lateness: list[int] = []

    def check_started(self, kind: str, lateness: int) -> None:
        self.lateness.append(lateness)


async def nothing() -> None: ...


class House:
    def __init__(self, act: Callable[[], Awaitable[None]] = nothing, limit: int = 10) -> None:
        self.clock = HandClock()
        self.results: list[Result] = []
        self.probe = Scripted(act)
        self.punctuality = Punctuality()
        gate = Gate(limit, 4)
        self.runner = Runner(
            self.clock, {"scripted": self.probe}, gate, lambda _, result: self.results.append(result), self.punctuality
        )

    def start(self, late: int = 0, *, extra: bool = False, monitor: Monitor = MONITOR) -> None:
        self.runner.start(monitor, Due(monitor.name, self.clock.now() - late, extra=extra))

    async def settled(self, count: int) -> list[Result]:
        async with asyncio.timeout(5):
            while len(self.results) < count:
                await asyncio.sleep(0)
        return self.results


async def test_a_check_keeps_its_slot_and_its_start() -> None:
    """Scheduled and actual time are both kept, and the lateness is observed."""
    house = House()
    house.start(late=30_000)
    [result] = await house.settled(1)
    assert result.check.started_at - result.check.scheduled_at == 30_000
    assert len(result.check.correlation_id) == 32
    assert house.punctuality.lateness == [30_000]


async def test_late_by_an_interval_is_not_late_by_more() -> None:
    """At exactly one interval the check still runs; a microsecond later it is missed, without asking the target."""
    house = House()
    house.start(late=MONITOR.interval)
    assert (await house.settled(1))[0].outcome is Outcome.UP
    house.start(late=MONITOR.interval + 1)
    missed = (await house.settled(2))[1]
    assert (missed.outcome, missed.reason) == (Outcome.MISSED, Reason.LATE)
    assert missed.message == "not checked: this daemon was 1m late"
    assert len(house.probe.checks) == 1


async def test_a_confirmation_is_never_missed() -> None:
    """An extra check that had to wait is made all the same."""
    house = House()
    house.start(late=2 * MONITOR.interval, extra=True)
    assert (await house.settled(1))[0].outcome is Outcome.UP


async def test_a_monitor_is_checked_once_at_a_time() -> None:
    """A slot that comes while the monitor is still being checked starts nothing."""
    go = asyncio.Event()

    async def wait() -> None:
        await go.wait()

    house = House(wait)
    house.start()
    house.start()
    await asyncio.sleep(0)
    go.set()
    await house.settled(1)
    await asyncio.sleep(0.01)
    assert len(house.probe.checks) == 1


async def test_a_probe_that_raises_is_our_fault() -> None:
    """The result is unknown, never down, and the next check is made."""

    async def fail() -> None:
        raise RuntimeError("bug")

    house = House(fail)
    house.start()
    [result] = await house.settled(1)
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERNAL)
    house.start()
    await house.settled(2)


async def test_a_probe_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that breaks its word on its timeout does not hold its place for ever."""
    monkeypatch.setattr("saasobs.daemon.runner.GUARD_SECONDS", 0.0)
    monkeypatch.setattr("saasobs.daemon.runner.SWEEP_SECONDS", 0.01)

    async def hang() -> None:
        await asyncio.Event().wait()

    house = House(hang)
    house.start(monitor=Monitor("api", "scripted", None, "target", timeout=1000))
    [result] = await house.settled(1)
    assert result.outcome is Outcome.UNKNOWN
    assert house.runner.gate.running == 0


async def test_closing_delivers_nothing_more() -> None:
    """What runs at the stop is cancelled, what waits is forgotten."""

    async def hang() -> None:
        await asyncio.Event().wait()

    house = House(hang, limit=1)
    house.start()
    house.start(monitor=Monitor("web", "scripted", None, "target"))
    await asyncio.sleep(0)
    await house.runner.close()
    assert house.results == []


async def test_a_probe_that_ends_when_it_is_stopped_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes being stopped for an end of its own is delivered, and nothing of it is kept."""
    monkeypatch.setattr("saasobs.daemon.runner.GUARD_SECONDS", 0.0)
    monkeypatch.setattr("saasobs.daemon.runner.SWEEP_SECONDS", 0.01)

    async def deaf() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    house = House(deaf)
    tasks = asyncio.all_tasks()
    house.start(monitor=Monitor("api", "scripted", None, "target", timeout=1000))
    [running] = asyncio.all_tasks() - tasks
    kept = ref(running)
    del running, tasks
    assert (await house.settled(1))[0].outcome is Outcome.UP
    for _ in range(3):
        await asyncio.sleep(0.02)
    gc.collect()
    assert kept() is None
