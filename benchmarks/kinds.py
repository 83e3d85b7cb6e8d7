"""CPU of one check of each kind, asked of its documented example; the servers run in a process of their own.

Needs the tests' doubles and servers on the path: `make bench` sets it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import yaml

from benchmarks.loops import loop_factory
from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Outcome
from saasobs.daemon.clock import SteadyClock
from saasobs.probes import KINDS, Tools
from saasobs.settings import load
from support.examples import ROWS, SECRETS
from support.mariadb import running_mariadb
from support.postgres import running_postgres
from support.probing import Others, Pings
from support.rabbitmq import running_rabbitmq
from support.scenes import SECRET, Place
from support.tls import Certificates

CHECKS = 200
TOGETHER = 10
ROUNDS = 3
APART = {"domain": "asks its registry once in six hours"}


def _serve(kind: str, folder: str, pipe: Connection) -> None:
    """Hold the scene of a kind until the other side hangs up; what servers say of abrupt ends is dropped."""
    logging.disable()

    async def hold() -> None:
        example = yaml.safe_load(KINDS[kind].options.example)
        place = Place(Path(folder), lambda name: servers.enter_context(_server(name, Path(folder))))
        async with ROWS[kind](example, place) as scene:
            pipe.send((json.dumps([scene.monitor, *scene.beside], default=str), scene.others.states))
            await asyncio.get_running_loop().run_in_executor(None, _until_closed, pipe)

    with ExitStack() as servers:
        asyncio.run(hold())


def _server(name: str, folder: Path) -> AbstractContextManager[Any]:
    """What the tests' fixtures of these names are."""
    if name == "postgres":
        return running_postgres()
    identity = Certificates(folder).expiring(5)
    return running_mariadb(identity) if name == "mariadb" else running_rabbitmq(identity)


def _until_closed(pipe: Connection) -> None:
    try:
        pipe.recv()
    except EOFError:
        return


def _read(folder: Path, monitors: list[dict[str, Any]]) -> Monitor:
    text = yaml.safe_dump({"monitors": monitors})
    file = folder / "saasobs.yaml"
    file.write_text(text)
    environment = {name: SECRETS.get(name, SECRET) for name in re.findall(r"\$\{(\w+)", text)}
    return load(file, environment).monitors[monitors[0]["name"]]


async def _measure(monitor: Monitor, others: Others) -> tuple[float, float, str]:
    """Median CPU and elapsed milliseconds of one check, and the last result's outcome."""
    probe = KINDS[monitor.kind].probe(Tools(SteadyClock(), Pings(), others))
    outcome = Outcome.UNKNOWN
    left = 0

    async def work() -> None:
        nonlocal left, outcome
        while left > 0:
            left -= 1
            now = time.time_ns() // 1000
            result = await probe.check(monitor, Check(monitor.name, now, now, correlation_id=os.urandom(16).hex()))
            outcome = result.outcome

    figures = []
    for _ in range(ROUNDS):
        left, cpu, begin = CHECKS, time.process_time(), time.perf_counter()
        await asyncio.gather(*(work() for _ in range(TOGETHER)))
        figures.append(((time.process_time() - cpu) * 1000 / CHECKS, (time.perf_counter() - begin) * 1000 / CHECKS))
    await probe.close()
    return statistics.median(cpu for cpu, _ in figures), statistics.median(took for _, took in figures), outcome.value


def _one(kind: str, factory: Callable[[], asyncio.AbstractEventLoop]) -> str:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        server = context.Process(target=_serve, args=(kind, folder, theirs), daemon=True)
        server.start()
        theirs.close()
        try:
            if not ours.poll(90):
                return "its server did not start"
            described, states = ours.recv()
            monitor = _read(Path(folder), json.loads(described))
            with asyncio.Runner(loop_factory=factory) as runner:
                cpu, took, outcome = runner.run(_measure(monitor, Others(states)))
        except EOFError:
            return "its server ended"
        finally:
            ours.close()
            server.join(20)
    return f"{cpu:8.3f} ms CPU {took:9.3f} ms elapsed, {TOGETHER} at a time ({outcome})"


def main() -> None:
    print(f"\nCPU of one check of each kind's example, {CHECKS} checks, median of {ROUNDS} rounds")
    for kind in KINDS:
        print(f"  {kind:12} {APART.get(kind) or _one(kind, loop_factory())}")


if __name__ == "__main__":
    main()
