"""CPU of one HTTP check, plain and by TLS, at full load: our probe, our whole path, blackbox_exporter, raw httpx."""

from __future__ import annotations

import asyncio
import ssl
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.blackbox import Blackbox, blackbox
from benchmarks.loops import loop_factory
from benchmarks.nginx import nginx
from saasobs.core.errors import StorageError
from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Result
from saasobs.daemon.advisories import Advisories
from saasobs.daemon.agenda import Agenda, Due
from saasobs.daemon.board import Board
from saasobs.daemon.clock import SteadyClock
from saasobs.daemon.gate import Gate
from saasobs.daemon.heartbeats import HeartbeatBook
from saasobs.daemon.holding import Holding
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.objectives import Objectives
from saasobs.daemon.pipeline import Pipeline
from saasobs.daemon.runner import Runner
from saasobs.probes import KINDS, Tools
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
    """Runner, judge, ledger and SQLite, and who else looks at each result, as in the daemon; without the timer."""

    def __init__(self, folder: str, monitors: list[Monitor], probe: Any) -> None:
        self.store = open_store(f"sqlite:///{folder}/bench.db")
        self.store.open()
        clock, quiet = SteadyClock(), _Quiet()
        self.ledger = Ledger(self.store, quiet)
        self.ledger.start()
        board, agenda = Board(), Agenda()
        board.set_monitors({monitor.name: monitor for monitor in monitors})
        holding = Holding(clock, board, agenda, self.ledger, lambda: None, lambda: None)
        pipeline = Pipeline(clock, board, agenda, self.ledger, holding, lambda: None)
        advisories = Advisories(clock, board, self.ledger, pipeline.owe, lambda: None)
        objectives = Objectives(clock, self.ledger, advisories)
        self._done: dict[str, asyncio.Future[None]] = {}

        def deliver(monitor: Monitor, result: Result) -> None:
            pipeline.accept(result)
            advisories.observe(monitor, result)
            objectives.observe(monitor, result, board.states[monitor.name])
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


@dataclass(frozen=True, slots=True)
class Course:
    """What is asked, and by whose rules."""

    name: str
    url: str
    module: str
    """blackbox_exporter's; by TLS it does not verify, and we do."""
    ca_file: Path | None = None


async def measure(course: Course, exporter: Blackbox) -> list[Figure]:
    """Every contender in turn, round by round, so that all see the same weather."""
    probe = KINDS["http"].probe(Tools(SteadyClock(), HeartbeatBook(), Board()))
    monitor = _monitor(course, "m")
    check = Check("m", time.time_ns() // 1000, time.time_ns() // 1000)

    async def probe_once() -> Result:
        return await probe.check(monitor, check)

    rounds: dict[str, list[float]] = {"probe": [], "whole": [], "blackbox": [], "httpx": []}
    trust = ssl.create_default_context(cafile=str(course.ca_file)) if course.ca_file else False
    limits = httpx.Limits(max_keepalive_connections=0)
    with tempfile.TemporaryDirectory() as folder:
        whole = _Whole(folder, [_monitor(course, f"m{number}") for number in range(TOGETHER)], probe)
        async with httpx.AsyncClient(limits=limits, trust_env=False, verify=trust) as client:
            for _ in range(ROUNDS):
                rounds["probe"].append(await _cpu(probe_once, CHECKS))
                rounds["whole"].append(await _cpu(whole.one, CHECKS))
                rounds["httpx"].append(await _cpu(lambda: client.get(course.url), CHECKS // 4))
                rounds["blackbox"].append(exporter.cpu(course.module, course.url, CHECKS, TOGETHER))
        whole.close()
    await probe.close()
    return [
        Figure("saasobs, the http probe alone", tuple(rounds["probe"])),
        Figure("saasobs, run + probe + judge + store", tuple(rounds["whole"])),
        Figure("blackbox_exporter, its own CPU a probe", tuple(rounds["blackbox"])),
        Figure("httpx, one shared client, no reuse", tuple(rounds["httpx"])),
    ]


def _monitor(course: Course, name: str) -> Monitor:
    said = {"url": course.url} | ({"ca_file": course.ca_file} if course.ca_file else {})
    options = KINDS["http"].options.model_validate(said)
    return Monitor(name, "http", options, options.target(), options.host())


def main() -> None:
    with nginx() as target, blackbox() as exporter:
        courses = (
            Course("plain HTTP", target.url, "http"),
            Course("verified TLS (blackbox_exporter unverified)", target.tls_url, "http_unverified", target.ca_file),
        )
        for course in courses:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                figures = runner.run(measure(course, exporter))
            base = next(figure for figure in figures if figure.name.startswith("blackbox")).median
            print(f"\n{course.name + ', CPU ms a check':52} {'median':>8} {'min':>8} {'max':>8} {'× blackbox':>11}")
            for figure in figures:
                low, high, middle = min(figure.rounds), max(figure.rounds), figure.median
                print(f"{figure.name:52} {middle:8.3f} {low:8.3f} {high:8.3f} {middle / base:11.2f}")


if __name__ == "__main__":
    main()
