"""A real server as a process of its own: started, waited for, frozen, thawed, stopped by its pid."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 60.0


@dataclass
class ServerProcess:
    """One that runs, or has run; `command` starts it again."""

    command: Sequence[str | Path]
    ready: Callable[[], bool]
    log: Path
    environment: Mapping[str, str] | None = None
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """:raises AssertionError: it does not come up; says what it logged."""
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment, cwd="/"
            )
        until = time.monotonic() + _PATIENCE
        while not self.ready():
            if self.running.poll() is not None or time.monotonic() > until:
                self.stop()
                raise AssertionError(f"{self.command[0]} did not come up: {self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.running is None:
            return
        self.running.send_signal(signal.SIGCONT)
        self.running.send_signal(how)
        try:
            self.running.wait(20)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()
        self.running = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stopped as by kill -STOP: the kernel goes on accepting connections for it."""
        assert self.running is not None
        with frozen(self.running.pid):
            yield


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process stopped as by kill -STOP: none of its threads runs any more when this begins."""
    freeze(pid)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def freeze(pid: int) -> None:
    """Send SIGSTOP, and wait until each thread has heard of it: one may be in the midst of an answer."""
    os.kill(pid, signal.SIGSTOP)
    while not _still(pid):
        time.sleep(0.001)


def _still(pid: int) -> bool:
    try:
        threads = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:  # one of them has just ended
        return False
    return {thread.rpartition(")")[2].split()[0] for thread in threads} <= {"T", "t", "Z", "X"}


@contextmanager
def folder_of(user: str = "") -> Iterator[Path]:
    """A new folder that belongs to a user of the system, if one is named and we are root, else to us.

    Not below pytest's own: other users may not pass through that, and paths of Unix sockets are short.
    """
    folder = Path(tempfile.mkdtemp(prefix="saasobs-"))
    try:
        if user and os.geteuid() == 0:
            shutil.chown(folder, user, user)
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


def as_user(user: str) -> list[str]:
    """The words before a command that refuses to run as root."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if os.geteuid() == 0 else []


def give(file: Path, user: str) -> Path:
    """A private key is only read by the server that owns it."""
    file.chmod(0o600)
    if os.geteuid() == 0:
        shutil.chown(file, user, user)
    return file
