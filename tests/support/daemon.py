"""A real daemon in a process of its own, for tests: started on a configuration text, killed or stopped by its pid."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

_SHARES = 8
_given: set[int] = set()


def free_port() -> int:
    """A port that nothing listens on, and that nobody else will take before its server does.

    Not one of those that the kernel gives to outgoing connections, and another for each test process and each call.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    share = int(worker) % _SHARES if worker.isdigit() else 0
    top = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(10_000, min(top, 32_000)) // _SHARES * _SHARES + share
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port


def wait_until(condition: Callable[[], Any], seconds: float = 20.0, what: str | Callable[[], str] = "") -> Any:
    """Ask again and again until the answer is true; fails with what was waited for, as it is then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.03)
    raise AssertionError(f"waited {seconds} s in vain for {(what() if callable(what) else what) or condition}")


class Daemon:
    """`saasobs serve` on a folder: `configuration` is YAML without `web`, `store` and `state_dir`."""

    prefix: tuple[str, ...] = ()
    """What the command is run by, such as ``ip netns exec NAME``; it must become the command by exec."""

    def __init__(self, folder: Path, configuration: str, environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.config = folder / "saasobs.yaml"
        self.log = folder / "daemon.log"
        self.environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.write(configuration)

    def write(self, configuration: str) -> None:
        """Put a configuration in place, whole at once."""
        head = f"""\
store: sqlite:///{self.folder}/saasobs.db
state_dir: {self.folder}
web: {{bind: "127.0.0.1:{self.port}"}}
"""
        draft = self.config.with_suffix(".draft")
        draft.write_text(head + configuration)
        draft.rename(self.config)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *, ready: bool = True) -> Self:
        with self.log.open("ab") as log, (self.folder / "console.txt").open("ab") as console:
            self._process = subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "saasobs", "serve", "--config", str(self.config)],
                stdout=console,
                stderr=log,
                env={**os.environ, "SAASOBS_LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1", **self.environment},
                cwd=self.folder,
            )
        if ready:
            wait_until(self.answers, 90, lambda: f"the daemon to answer; its log:\n{self.logged()[-3000:]}")
        return self

    def answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self._process.returncode}:\n{self.logged()[-4000:]}")
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """As the power cut does it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, seconds: float = 25) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(seconds)

    def logged(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def console(self) -> str:
        return (self.folder / "console.txt").read_text(errors="replace")

    def api(self, path: str, **options: Any) -> Any:
        """GET (or POST with `json=`) of the operator API, as JSON."""
        method = "POST" if "json" in options else "GET"
        answer = httpx.request(method, f"{self.url}/api/v1{path}", timeout=20, **options)
        assert answer.status_code < 400, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
