"""The whole daemon under many monitors: start-up, punctuality, memory and CPU, in a process of its own.

Punctuality is each check's start after its slot, by the results themselves (`scheduled_at`, `started_at`), from the
first one on. Every monitor must have been checked within one interval of the start.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.nginx import free_port, nginx

INTERVAL = 60


@dataclass(frozen=True, slots=True)
class Scenario:
    """So many monitors of a minute; `silent` of them against a target that never answers."""

    name: str
    monitors: int
    silent: float = 0.0
    mixed: bool = False
    minutes: int = 2


SCENARIOS = (
    Scenario("1 000 plain HTTP", 1_000),
    Scenario("10 000 plain HTTP", 10_000),
    Scenario("2 000 mixed: http, tcp, dns failures, heartbeats", 2_000, mixed=True),
    Scenario("10 000, a quarter of them timing out", 10_000, silent=0.25),
)


@contextmanager
def silence() -> Iterator[int]:
    """A port that accepts every connection and never says a word."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as server:

        def accept() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return
                while len(held) > 3_000:
                    held.pop(0).close()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    for one in held:
        one.close()


def configuration(scenario: Scenario, folder: Path, url: str, silent_port: int) -> tuple[Path, int]:
    """The file, and the port of its page."""
    port = free_port()
    head = f"""\
store: sqlite:///{folder}/bench.db
web: {{bind: "127.0.0.1:{port}"}}
limits: {{per_host: 1000}}
defaults: {{interval: {INTERVAL}s, timeout: 10s}}
channels: {{nobody: {{kind: console}}}}
policies: {{default: []}}
monitors:
"""
    mute = round(scenario.monitors * scenario.silent)
    lines = [
        _monitor(scenario, number, url, silent_port if number < mute else 0) for number in range(scenario.monitors)
    ]
    path = folder / "saasobs.yaml"
    path.write_text(head + "".join(lines))
    return path, port


def _monitor(scenario: Scenario, number: int, url: str, silent_port: int) -> str:
    name = f"m{number:05d}"
    if silent_port:
        return f'  - {{name: {name}, kind: http, url: "http://127.0.0.1:{silent_port}/{number}"}}\n'
    kinds = (
        f'{{name: {name}, kind: http, url: "{url}{number}"}}',
        f'{{name: {name}, kind: http, url: "{url}{number}", expect: {{json: {{"$.status": ok}}, body_contains: ok}}}}',
        f"{{name: {name}, kind: tcp, host: 127.0.0.1, port: {url.rsplit(':', 1)[1].rstrip('/')}}}",
        f"{{name: {name}, kind: heartbeat, period: 1h}}",
    )
    return f"  - {kinds[number % len(kinds)] if scenario.mixed else kinds[0]}\n"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run showed. Seconds, MiB; CPU as a share of one core while watching."""

    answers_after: float
    start_cpu: float
    cpu: float
    rss: float
    checks: int
    unchecked: int
    median: float
    p99: float
    latest: float
    bytes_per_result: float


def run(scenario: Scenario) -> Seen:
    """One daemon, from its start through `minutes` whole minutes after the first."""
    with tempfile.TemporaryDirectory() as made, nginx() as target, silence() as silent_port:
        folder = Path(made)
        path, port = configuration(scenario, folder, target.url, silent_port)
        begun = time.time()
        with (folder / "log").open("wb") as log:
            daemon = subprocess.Popen(
                [sys.executable, "-m", "saasobs", "serve", "--config", str(path)], stdout=log, stderr=log
            )
        try:
            _await(port, daemon)
            answers_after, start_cpu = time.time() - begun, _cpu(daemon.pid)
            time.sleep(INTERVAL + 12)
            before, since = _cpu(daemon.pid), time.time()
            time.sleep(INTERVAL * scenario.minutes)
            spent, rss = (_cpu(daemon.pid) - before) / (time.time() - since), _rss(daemon.pid)
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(60)
        lateness, unchecked, size = _punctuality(folder / "bench.db", scenario, begun + answers_after)
    cuts = statistics.quantiles(lateness, n=100)
    return Seen(answers_after, start_cpu, spent, rss, len(lateness), unchecked, cuts[49], cuts[98], max(lateness), size)


def _await(port: int, daemon: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if daemon.poll() is not None:
            raise SystemExit(f"the daemon ended with {daemon.returncode}")
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise SystemExit("the daemon did not start")


def _cpu(pid: int) -> float:
    """Seconds of CPU so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> float:
    """MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def _punctuality(database: Path, scenario: Scenario, ready: float) -> tuple[list[float], int, float]:
    """Each slot's lateness (s), how many monitors were not checked within one interval, and bytes a result."""
    with closing(sqlite3.connect(database)) as connection:
        lags = [lag / 1e6 for (lag,) in connection.execute("SELECT lag FROM results WHERE attempt = 0")]
        by = round((ready + INTERVAL + 1) * 1e6)
        query = "SELECT count(DISTINCT monitor_id) FROM results WHERE started_at <= ?"
        (checked,) = connection.execute(query, (by,)).fetchone()
        (results,) = connection.execute("SELECT count(*) FROM results").fetchone()
        connection.execute("VACUUM")
    return lags, scenario.monitors - checked, database.stat().st_size / results


def main(names: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="*", type=int, help="numbers of scenarios, from 0; else all")
    chosen = parser.parse_args(names).scenario or range(len(SCENARIOS))
    print(f"\n{'the whole daemon, monitors of 60 s':50} {'up after':>9} {'start CPU':>9} {'CPU':>7} {'RSS':>8}"
          f" {'p50 late':>9} {'p99 late':>9} {'max late':>9} {'CPU/check':>10}")  # fmt: skip
    for scenario in (SCENARIOS[number] for number in chosen):
        seen = run(scenario)
        rate = scenario.monitors / INTERVAL
        print(
            f"{scenario.name:50} {seen.answers_after:7.1f} s {seen.start_cpu:7.1f} s {seen.cpu:7.1%}"
            f" {seen.rss:4.0f} MiB {1000 * seen.median:6.1f} ms {1000 * seen.p99:6.1f} ms {1000 * seen.latest:6.0f} ms"
            f" {1000 * seen.cpu / rate:7.3f} ms"
        )
        if seen.unchecked:
            print(f"  {seen.unchecked} monitors were not checked within one interval of the start")


if __name__ == "__main__":
    main()
