"""CPU of one plain HTTP check: the probe alone, the whole path to the database, and raw httpx; no reuse."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.nginx import nginx
from saasobs.core.errors import StorageError
from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Result
from saasobs.daemon.agenda import Agenda, Due
from saasobs.daemon.board import Board
from saasobs.daemon.clock import SteadyClock
from saasobs.daemon.gate import Gate
from saasobs.daemon.heartbeats import HeartbeatBook
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.pipeline import Pipeline
from saasobs.daemon.runner import Runner
from saasobs.probes import KINDS, Tools
from saasobs.settings import for_url
from saasobs.storage import open_store

CHECKS = 2_000
TOGETHER = 20
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """CPU milliseconds of one check, one for each round."""

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)


async def _cpu(one: Callable[[], Awaitable[Any]], checks: int) -> float:
    """CPU milliseconds (all threads of this process) of one call, `TOGETHER` at a time."""
    left = checks

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await one()

    begin = time.process_time()
    await asyncio.gather(*(work() for _ in range(TOGETHER)))
    return (time.process_time() - begin) * 1000 / checks


class _Quiet:
    def storage_failed(self, error: StorageError) -> None: ...

    def storage_mended(self) -> None: ...

    def results_dropped(self, count: int) -> None: ...

    def check_started(self, kind: str, lateness: int) -> None: ...


class _Whole:
    """Runner, judge, ledger and SQLite, without the timer."""

    def __init__(self, folder: str, url: str, probe: Any) -> None:
        self.store = open_store(f"sqlite:///{folder}/bench.db")
        self.store.open()
        clock, quiet = SteadyClock(), _Quiet()
        self.ledger = Ledger(self.store, quiet)
        self.ledger.start()
        board, agenda = Board(), Agenda()
        monitors = [_named(for_url(url), f"m{number}") for number in range(TOGETHER)]
        board.set_monitors({monitor.name: monitor for monitor in monitors})
        pipeline = Pipeline(clock, board, agenda, self.ledger, lambda: None)
        self._done: dict[str, asyncio.Future[None]] = {}

        def deliver(_: Monitor, result: Result) -> None:
            pipeline.accept(result)
            self._done.pop(result.check.monitor).set_result(None)

        self._free = list(monitors)
        self._clock = clock
        self._runner = Runner(clock, {"http": probe}, Gate(200, 200), deliver, quiet)

    async def one(self) -> None:
        monitor = self._free.pop()
        done = self._done[monitor.name] = asyncio.get_running_loop().create_future()
        self._runner.start(monitor, Due(monitor.name, self._clock.now()))
        await done
        self._free.append(monitor)

    def close(self) -> None:
        self.ledger.close(10)
        self.store.close()


def _named(monitor: Monitor, name: str) -> Monitor:
    return Monitor(name, monitor.kind, monitor.options, monitor.target, monitor.host)


async def measure(url: str) -> list[Figure]:
    """Every contender in turn, round by round, so that all see the same weather."""
    monitor = for_url(url)
    clock = SteadyClock()
    probe = KINDS["http"].probe(Tools(clock, HeartbeatBook(), Board()))
    check = Check("m", clock.now(), clock.now())

    async def probe_once() -> Result:
        return await probe.check(monitor, check)

    limits = httpx.Limits(max_keepalive_connections=0)
    rounds: dict[str, list[float]] = {"probe": [], "whole": [], "httpx": []}
    with tempfile.TemporaryDirectory() as folder:
        whole = _Whole(folder, url, probe)
        async with httpx.AsyncClient(limits=limits, trust_env=False) as client:
            for _ in range(ROUNDS):
                rounds["probe"].append(await _cpu(probe_once, CHECKS))
                rounds["whole"].append(await _cpu(whole.one, CHECKS))
                rounds["httpx"].append(await _cpu(lambda: client.get(url), CHECKS // 4))
        whole.close()
        size = (Path(folder) / "bench.db").stat().st_size
    await probe.close()
    print(f"SQLite bytes a result: {size / (CHECKS * ROUNDS):.0f}")
    return [
        Figure("saasobs, the http probe alone", tuple(rounds["probe"])),
        Figure("saasobs, run + probe + judge + store", tuple(rounds["whole"])),
        Figure("httpx, one shared client, no reuse", tuple(rounds["httpx"])),
    ]


def main() -> None:
    with nginx() as url:
        try:
            import uvloop  # noqa: PLC0415 - optional
        except ImportError:
            figures = asyncio.run(measure(url))
        else:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                figures = runner.run(measure(url))
    base = next(figure for figure in figures if figure.name.startswith("httpx")).median
    print(f"{'plain HTTP, CPU ms a check':40} {'median':>8} {'min':>8} {'max':>8} {'× httpx':>8}")
    for figure in figures:
        low, high, middle = min(figure.rounds), max(figure.rounds), figure.median
        print(f"{figure.name:40} {middle:8.3f} {low:8.3f} {high:8.3f} {middle / base:8.2f}")
