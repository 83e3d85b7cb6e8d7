"""Strangers who ask for the state of the app, and threads that fork at the same moment, do it no harm."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import pytest

from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.metrics import cells
from saasobs.instrument.metrics.registry import Metrics


def _ready(**changes: Any) -> Any:
    return Metrics(InstrumentConfig(health=True, **changes)).endpoints


async def test_many_who_ask_at_once_all_hear_that_it_is_ready() -> None:
    """Whoever keeps asking /readyz cannot make the load balancer's own probe fail; each check runs once for all."""
    asked = 0

    async def database() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.05)

    serving = _ready(ready_checks=(database,))
    answers = await asyncio.gather(*(serving.respond_async("GET", "/readyz", "10.0.0.1", {}) for _ in range(20)))
    assert [answer.status for answer in answers] == [200] * 20
    assert asked == 1
    assert (await serving.respond_async("GET", "/readyz", "10.0.0.1", {})).status == 200
    assert asked == 2


def test_many_threads_who_ask_at_once_all_hear_that_it_is_ready() -> None:
    """The same from a server's threads."""
    asked: list[float] = []

    def database() -> None:
        asked.append(time.monotonic())
        time.sleep(0.2)

    serving = _ready(ready_checks=(database,))
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(serving.respond("GET", "/readyz", "10.0.0.1", {}).status))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert statuses == [200] * 8
    assert len(asked) == 1


async def test_one_who_leaves_takes_nobody_elses_answer_along() -> None:
    """A probe that is cancelled does not cancel the check that others wait for."""

    async def database() -> None:
        await asyncio.sleep(0.05)

    serving = _ready(ready_checks=(database,))
    first = asyncio.create_task(serving.respond_async("GET", "/readyz", "10.0.0.1", {}))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(serving.respond_async("GET", "/readyz", "10.0.0.1", {}))
    await asyncio.sleep(0.01)
    first.cancel()
    answer = await second
    assert json.loads(answer.body)["status"] == "ready"


def test_a_loop_that_was_closed_leaves_no_check_waiting() -> None:
    """A check that a loop has left unfinished is asked anew on the next one."""
    hanging = True

    async def database() -> None:
        if hanging:
            await asyncio.Event().wait()

    serving = _ready(ready_checks=(database,), ready_timeout=10.0)

    async def leave_early() -> None:
        task = asyncio.create_task(serving.respond_async("GET", "/readyz", "10.0.0.1", {}))
        await asyncio.sleep(0.01)
        task.cancel()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave_early())
    pending = asyncio.all_tasks(loop)
    loop.close()
    hanging = False
    answer = asyncio.run(serving.respond_async("GET", "/readyz", "10.0.0.1", {}))
    assert answer.status == 200
    for task in pending:
        task._log_destroy_pending = False  # type: ignore[attr-defined]


class _Slow:
    """A lock whose release gives others the time to take it, as a busy interpreter does."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.taken = threading.Event()

    def acquire(self, *args: Any) -> bool:
        return self._lock.acquire(*args)

    def release(self) -> None:
        self._lock.release()
        self.taken.wait(1)


def test_two_threads_that_fork_at_once_give_back_their_own_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that comes second keeps its lock until it has forked, and gives it back then."""
    store = cells.Store()
    monkeypatch.setattr(cells, "_stores", {store})
    lock = _Slow()
    store.lock = lock  # type: ignore[assignment]
    go_on = threading.Event()

    def fork() -> None:
        cells._before_fork()
        lock.taken.set()
        go_on.wait(5)
        cells._after_fork_in_parent()

    cells._before_fork()
    other = threading.Thread(target=fork)
    other.start()
    time.sleep(0.1)  # it waits for the lock
    try:
        cells._after_fork_in_parent()
    finally:
        go_on.set()
        other.join(5)
    free: list[bool] = []
    asking = threading.Thread(target=lambda: free.append(lock.acquire(False)))
    asking.start()
    asking.join(5)
    assert free == [True]
