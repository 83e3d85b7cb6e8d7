"""Alerts taken in, beside Debian's Alertmanager on the same machine in the same run: alerts a second, CPU, memory.

Each is asked for the same: a storm of new alerts, as Prometheus sends it (64 a request) and in one request; then the
same alerts repeated, as Prometheus does each minute; then all of them resolved. The daemon writes each request down
before it answers and opens an incident for every alert; Alertmanager keeps alerts in memory.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from support.alerting_systems import alertmanager
from support.daemon import Daemon

ALERTS = 5_000
TOKEN = "benchmark"
DAEMON = """\
channels: {nobody: {kind: console}}
policies: {default: [{notify: nobody}, {notify: nobody, after: 1h}]}
alerts: {sources: {prometheus: {kind: prometheus, token: benchmark}}}
monitors: []
"""
ALERTMANAGER = "route: {receiver: nobody, group_by: [alertname]}\nreceivers: [{name: nobody}]\n"


@dataclass(frozen=True)
class Subject:
    """Who takes alerts in."""

    name: str
    url: str
    pid: int

    def cpu(self) -> float:
        """Seconds so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """The most so far, MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def bodies(begin: datetime, ends: timedelta, together: int, offset: int = 0) -> list[bytes]:
    """Requests of so many alerts each."""
    alerts = [
        {
            "labels": {
                "alertname": "InstanceDown", "instance": f"host{number}.example:9100", "job": "node",
                "severity": "page", "service": f"shop{number % 50}", "cluster": "sa-east-1",
            },
            "annotations": {"summary": f"host{number} is down", "runbook_url": "https://wiki.example/instance-down"},
            "startsAt": begin.isoformat(),
            "endsAt": (datetime.now(UTC) + ends).isoformat(),
            "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up+%3D%3D+0",
        }
        for number in range(offset, offset + ALERTS)
    ]  # fmt: skip
    return [json.dumps(alerts[start : start + together]).encode() for start in range(0, ALERTS, together)]


def measure(subject: Subject, what: str, requests: Sequence[bytes]) -> None:
    """Post them one after the other over one connection, and print what it took."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    begun, cpu, slowest = time.monotonic(), subject.cpu(), 0.0
    with httpx.Client(timeout=120, headers=headers) as client:
        for body in requests:
            sent = time.monotonic()
            answer = client.post(f"{subject.url}/api/v2/alerts", content=body)
            slowest = max(slowest, time.monotonic() - sent)
            if answer.status_code != 200:
                raise SystemExit(f"{subject.name}: {answer.status_code} {answer.text[:200]}")
    took = time.monotonic() - begun
    spent = (subject.cpu() - cpu) * 1e6 / ALERTS
    print(
        f"{subject.name:<13} {what:<34} {ALERTS / took:>8.0f} alerts/s  {spent:>6.0f} µs CPU each"
        f"  slowest request {slowest * 1000:>6.0f} ms  peak {subject.memory():>4} MiB"
    )


def storm(subject: Subject, settle: Callable[[], None]) -> None:
    """All of it, against one."""
    begin, later = datetime.now(UTC) - timedelta(minutes=1), timedelta(minutes=30)
    measure(subject, "new, 64 a request", bodies(begin, later, 64))
    settle()
    measure(subject, "repeated, 64 a request", bodies(begin, later, 64))
    measure(subject, "new, all in one request", bodies(begin, later, ALERTS, ALERTS))
    settle()
    measure(subject, "resolved, 64 a request", bodies(begin, timedelta(seconds=-1), 64))


def main() -> None:
    """Both, one after the other."""
    print(f"\nAlerts taken in ({ALERTS} of them)")
    with tempfile.TemporaryDirectory() as folder:
        with Daemon(Path(folder), DAEMON) as daemon:
            url = f"{daemon.url}/alertmanager/prometheus"
            storm(Subject("saasobs", url, daemon.pid), lambda: _until_idle(daemon.pid))
        with alertmanager(Path(folder) / "alertmanager", ALERTMANAGER) as server:
            process = server.process
            if process is None:
                sys.exit("alertmanager did not start")
            pid = process.pid
            storm(Subject("Alertmanager", server.url, pid), lambda: _until_idle(pid))


def _until_idle(pid: int) -> None:
    """What came in has been told: at most a minute."""
    subject = Subject("", "", pid)
    for _ in range(60):
        before = subject.cpu()
        time.sleep(1)
        if subject.cpu() - before < 0.2:
            return


if __name__ == "__main__":
    main()
