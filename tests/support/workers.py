"""Real servers with several workers on loopback, as processes of their own, and how to read them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from prometheus_client.parser import text_string_to_metric_families

from support.daemon import free_port
from support.process import ServerProcess

_PATIENCE = 20.0
_TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Workers:
    """A running server."""

    url: str
    process: ServerProcess

    def get(self, path: str, **headers: str) -> tuple[bytes, dict[str, str]]:
        """A request of its own connection, so that any worker may answer."""
        request = Request(self.url + path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        with urlopen(request, timeout=10) as answer:
            return answer.read(), {name.lower(): value for name, value in answer.headers.items()}

    def work(self, path: str, times: int) -> set[int]:
        """Who served these requests."""
        return {int(self.get(path)[1]["x-worker"]) for _ in range(times)}

    def reach_all(self, path: str, workers: int) -> tuple[set[int], int]:
        """Ask until so many workers have answered; who they were, and how many requests it took."""
        seen: set[int] = set()
        until, count = time.monotonic() + _PATIENCE, 0
        while len(seen) < workers:
            assert time.monotonic() < until, f"only {seen} answered"
            seen |= self.work(path, 1)
            count += 1
            time.sleep(0.01)
        return seen, count

    def value(self, sample: str, **labels: str) -> float:
        """The sum of all samples of this name that have these labels."""
        return value_in(self.get("/metrics")[0].decode(), sample, **labels)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + _PATIENCE
        while not condition():
            assert time.monotonic() < until, self.process.log.read_text()[-2000:]
            time.sleep(0.05)


def value_in(text: str, sample: str, **labels: str) -> float:
    """The sum of all samples of this name that have these labels."""
    return sum(
        each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
        if each.name == sample and labels.items() <= each.labels.items()
    )


@contextmanager
def serving_workers(
    folder: Path, *command: str, port: int = 0, prefix: tuple[str, ...] = (), **environment: str
) -> Iterator[Workers]:
    """Run `python -m` with these words, in which `{port}` is a free port; TMPDIR is the folder.

    :param prefix: what the command is run by; it must become the command by exec.
    """
    port = port or free_port()
    words = [*prefix, sys.executable, "-m", *(word.format(port=port) for word in command)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SAASOBS_", "PROMETHEUS_"))}
    paths = os.pathsep.join([str(_TESTS), str(_TESTS.parent / "src")])
    whole = {**inherited, "PYTHONPATH": paths, "TMPDIR": str(folder), **environment}
    url = f"http://127.0.0.1:{port}"
    server = ServerProcess(words, lambda: _answers(url), folder / "server.log", whole)
    server.start()
    try:
        yield Workers(url, server)
    finally:
        server.stop()


def _answers(url: str) -> bool:
    try:
        urlopen(url + "/healthz", timeout=2).close()
    except OSError:
        return False
    return True
