"""The real Prometheus, Alertmanager and amtool, on loopback, for tests of what they report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from support.daemon import free_port, wait_until
from support.listening import Quiet, listening
from support.needs import require_binary
from support.series import EXPOSITION

RULES = """\
groups:
  - name: test
    rules:
      - alert: FlagIsUp
        expr: flag > 0
        labels: {severity: page, service: shop}
        annotations:
          summary: "the flag is at {{ $value }}"
          runbook_url: https://wiki.example/flag
      - {alert: Watchdog, expr: vector(1), labels: {severity: none}}
"""


@contextmanager
def flag() -> Iterator[dict[str, int]]:
    """A page of metrics with one gauge, which the test sets: ``{"port": …, "value": 0}``."""
    shown = {"value": 0, "port": 0}

    class Page(Quiet):
        def do_GET(self) -> None:
            self.answer(200, f"# TYPE flag gauge\nflag {shown['value']}\n".encode(), EXPOSITION)

    with listening(Page) as shown["port"]:
        yield shown


@dataclass
class Running:
    """A program that was started, on a port."""

    command: Sequence[str]
    folder: Path
    port: int
    ready: str = "/-/ready"
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        with (self.folder / f"{Path(self.command[0]).name}.log").open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.folder)
        wait_until(self._answers, 40, f"{self.command[0]} to be ready")
        return self

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}{self.ready}", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(20)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self._end(signal.SIGTERM)


def prometheus(folder: Path, configuration: str) -> Running:
    """:param configuration: prometheus.yml; RULES stands beside it as rules.yml."""
    program = require_binary("prometheus", "prometheus")
    folder.mkdir(exist_ok=True)
    (folder / "prometheus.yml").write_text(configuration)
    (folder / "rules.yml").write_text(RULES)
    port = free_port()
    command = [
        program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", "--log.level=warn",
        f"--web.listen-address=127.0.0.1:{port}", "--rules.alert.resend-delay=1s",
    ]  # fmt: skip
    return Running(command, folder, port)


def alertmanager(folder: Path, configuration: str) -> Running:
    """:param configuration: alertmanager.yml."""
    program = require_binary("prometheus-alertmanager", "prometheus-alertmanager")
    folder.mkdir(exist_ok=True)
    (folder / "alertmanager.yml").write_text(configuration)
    port = free_port()
    command = [
        program, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data", "--log.level=warn",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    return Running(command, folder, port)


def amtool(url: str, *arguments: str, fails: bool = False) -> str:
    """What amtool prints."""
    program = require_binary("amtool", "prometheus-alertmanager")
    command = [program, f"--alertmanager.url={url}", "--no-version-check", *arguments]
    home = {**os.environ, "HOME": "/nonexistent"}  # no amtool.yml of whoever runs the tests
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=home)
    assert (ended.returncode != 0) == fails, f"{command}: {ended.stdout}{ended.stderr}"
    return ended.stdout + ended.stderr


def amtool_json(url: str, *arguments: str) -> Any:
    return json.loads(amtool(url, *arguments, "-o", "json"))
