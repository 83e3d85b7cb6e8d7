"""Threads that may be left behind."""

from __future__ import annotations

import asyncio
import threading

import pytest

from saasobs.alerting.channels.threads import Bench
from saasobs.core.errors import DeliveryError


async def test_work_returns_or_raises() -> None:
    """What blocks is done elsewhere, and its outcome comes back as if it were here."""
    bench = Bench("test", 2)
    assert await bench.run(threading.current_thread) is not threading.current_thread()
    with pytest.raises(KeyError):
        await bench.run(lambda: dict[str, int]()["missing"])


async def test_seats_come_back_when_stuck_work_ends() -> None:
    """Work that hangs keeps its seat, also after nobody waits for it any more; then the seat is free again."""
    bench, over = Bench("test", 1), threading.Event()
    stuck = asyncio.create_task(bench.run(over.wait))
    await asyncio.sleep(0)
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    with pytest.raises(DeliveryError, match="1 earlier messages are still stuck"):
        await bench.run(lambda: None)
    over.set()
    async with asyncio.timeout(10):
        while True:
            try:
                assert await bench.run(lambda: "free") == "free"
            except DeliveryError:
                await asyncio.sleep(0.01)
            else:
                break


async def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is out of threads is worth another try later, and no seat is lost."""
    bench = Bench("test", 1)

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    # A limit on this process's threads would hit the test's own helpers as well: it is stood in for.
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(DeliveryError, match="no thread"):
            await bench.run(lambda: None)
    assert await bench.run(lambda: 1) == 1


def test_a_loop_that_has_gone_is_no_error() -> None:
    """Work that ends after its loop was closed ends quietly."""
    over = threading.Event()
    started: list[threading.Thread] = []

    def work() -> None:
        started.append(threading.current_thread())
        over.wait(10)

    async def leave() -> None:
        task = asyncio.create_task(Bench("test", 1).run(work))
        while not started:
            await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(leave())
    over.set()
    started[0].join(10)
    assert not started[0].is_alive()
