"""What watching a request costs over the bare app, in CPU: saasobs with everything on, its peers, their assembly.

1. Every layer lives in a process of its own, since most change their framework for good; so does the bare app. All of
   them take turns in blocks of 60 requests, and what counts is the median of the differences to the bare block of the
   same round.
2. "request path" is the CPU of the thread that serves: what a request waits for. "whole process" is that of all
   threads, over longer stretches that end when everything has been written and sent.
3. The whole is done several times with fresh processes: a layout of memory is lucky or not. The table has the medians.
   All layers have the same hash seed and the same core, so that they differ in nothing else.
4. Lines go to /dev/null, spans and error reports to a receiver in yet another process, whose CPU nobody counts.

    python -m benchmarks.requests [FRAMEWORK ...]

The peers are in the group `bench` (`make bench` installs them); a row is missing without its package.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from benchmarks.apps import FRAMEWORKS
from benchmarks.layers import BARE, LAYERS, OURS, Place

GENERATIONS: Final = 5
ROUNDS: Final = 30
BLOCK: Final = 60
STRETCHES: Final = 7
STRETCH: Final = 600
_WARM: Final = 300


# In the process of one layer.


def work(framework: str, layer: str, receiver: str) -> None:
    """Answer orders on stdin (`path N`, `whole N`) with microseconds of CPU a request."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    place = Place(framework, FRAMEWORKS[framework](), receiver)
    try:
        layered = LAYERS[framework][layer](place)
    except ImportError as error:
        print(f"missing {error}", file=answers)
        return
    place.framework.serve(layered.app, _WARM)
    layered.flush()
    print("ready", file=answers)
    for order in sys.stdin:
        what, number = order.split()
        requests = int(number)
        begin = time.process_time()
        seconds = place.framework.serve(layered.app, requests)
        if what == "whole":
            layered.flush()
            seconds = time.process_time() - begin
        print(seconds * 1e6 / requests, file=answers)


def receive() -> None:
    """Take whatever is sent, and say where on stdout."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


# In the parent.


class Worker:
    """The process of one layer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        answer = self._answer()
        self.missing = answer.startswith("missing")
        """Its package is not installed."""
        if not self.missing and answer != "ready":
            raise RuntimeError(f"{process.args!r} did not start")

    def ask(self, what: str, requests: int) -> float:
        """Microseconds of CPU a request."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what} {requests}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def _process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.requests", *arguments]
    pipe, environment = subprocess.PIPE, {**os.environ, "PYTHONHASHSEED": "0"}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def measure(framework: str, receiver: str) -> dict[str, tuple[float, float]]:
    """One generation of processes: request path and whole process of each layer, over the bare app's; bare as it is."""
    with ExitStack() as stack:
        workers = {
            layer: Worker(stack.enter_context(_process("work", framework, layer, receiver)))
            for layer in LAYERS[framework]
        }
        running = {layer: worker for layer, worker in workers.items() if not worker.missing}
        path = [_round(running, "path", BLOCK) for _ in range(ROUNDS)]
        whole = [_round(running, "whole", STRETCH) for _ in range(STRETCHES)]
    return {layer: (_over_bare(path, layer), _over_bare(whole, layer)) for layer in running}


def _round(workers: dict[str, Worker], what: str, requests: int) -> dict[str, float]:
    return {layer: worker.ask(what, requests) for layer, worker in workers.items()}


def _over_bare(rounds: list[dict[str, float]], layer: str) -> float:
    return statistics.median(each[layer] - (each[BARE] if layer != BARE else 0.0) for each in rounds)


def main(frameworks: list[str] | None = None) -> None:
    with _process("receive") as process:
        assert process.stdout is not None
        receiver = process.stdout.readline().strip()
        for framework in frameworks or list(FRAMEWORKS):
            generations = [measure(framework, receiver) for _ in range(GENERATIONS)]
            _print(framework, generations)


def _print(framework: str, generations: list[dict[str, tuple[float, float]]]) -> None:
    found = {
        layer: [statistics.median(each[layer][column] for each in generations) for column in (0, 1)]
        for layer in generations[0]
    }
    path, whole = found.pop(BARE)
    print(f"\n{framework}: CPU a request over the bare app, µs; bare: {path:.0f} (whole process: {whole:.0f})")
    print("| layer | request path | lowest–highest | whole process | path × saasobs | whole × saasobs |")
    print("| --- | --- | --- | --- | --- | --- |")
    ours = found[OURS]
    for layer, (path, whole) in found.items():
        seen = [each[layer][0] for each in generations]
        print(
            f"| {layer} | {path:.0f} | {min(seen):.0f}–{max(seen):.0f} | {whole:.0f} "
            f"| {path / ours[0]:.2f} | {whole / ours[1]:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["work", framework, layer, receiver]:
            work(framework, layer, receiver)
        case ["receive"]:
            receive()
        case chosen:
            main(chosen)
