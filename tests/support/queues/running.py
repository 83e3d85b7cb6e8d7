"""A queue's worker as a process of its own, and the lines that it and its senders write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.daemon import wait_until
from support.process import ServerProcess

_TESTS = Path(__file__).parents[2]


@dataclass(frozen=True)
class Worker:
    """A running one. `shop` is the module with its tasks."""

    shop: str
    log: Path
    environment: dict[str, str]
    sent: list[dict[str, Any]] = field(default_factory=list)
    """The log lines of the senders."""

    def send(self, **orders: str) -> None:
        """Have a web app send tasks, each in a request with the given correlation ID."""
        words = [f"{what}={correlation_id}" for what, correlation_id in orders.items()]
        self.sent.extend(parse(self.run("-m", "support.queues.send", self.shop, *words)))

    def run(self, *words: str) -> str:
        """What another Python process of the shop prints."""
        ran = subprocess.run(
            [sys.executable, *words],
            capture_output=True, text=True, timeout=60, check=False, cwd=_TESTS,
            env={**self.environment, "SAASOBS_METRICS": "off"},
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """What it has logged so far."""
        return [line for line in parse(self.log.read_text(errors="replace")) if not event or line["event"] == event]

    def runs(self, correlation_id: str, count: int = 1) -> list[dict[str, Any]]:
        """The lines of the runs with this correlation ID, once there are so many."""

        found: list[dict[str, Any]] = []

        def enough() -> bool:
            found[:] = [line for line in self.lines("task.run") if line["correlation_id"] == correlation_id]
            return len(found) >= count

        try:
            wait_until(enough, 30)
        except AssertionError:
            raise AssertionError(f"no {count} runs of {correlation_id}:\n{self.log.read_text()[-5000:]}") from None
        return found


def parse(text: str) -> list[dict[str, Any]]:
    """The JSON lines of a text; what else the program wrote is left out."""
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"timestamp"') and line.endswith("}")]


@contextmanager
def running(
    shop: str, command: list[str], ready: str, folder: Path, redis_port: int, **environ: str
) -> Iterator[Worker]:
    """Start a worker and stop it at the end. :param ready: a text of its log that says that it works."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAASOBS", "COV_", "PYTEST"))}
    paths = os.pathsep.join([str(_TESTS), *filter(None, [kept.get("PYTHONPATH", "")])])
    environment = {
        **kept, "PYTHONPATH": paths, "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0", "SAASOBS_LOG_FORMAT": "json",
        "PYTHONUNBUFFERED": "1", **environ,
    }  # fmt: skip
    log = folder / f"{shop.rpartition('.')[2]}.log"
    process = ServerProcess(
        [sys.executable, *command], lambda: ready in log.read_text(errors="replace"), log, environment
    )
    process.start()
    try:
        yield Worker(shop, log, environment)
    finally:
        process.stop()
