"""Redis 7 on loopback, which starts in milliseconds."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.daemon import free_port
from support.needs import require_binary
from support.process import ServerProcess, folder_of

PASSWORD = "a-word-for-tests"


@dataclass
class Redis:
    """A running one. `monitor` logs in with PASSWORD; so does the default user, once `locked`."""

    port: int
    folder: Path
    process: ServerProcess

    @property
    def socket(self) -> Path:
        return self.folder / "redis.sock"

    def run(self, *words: str) -> str:
        """What redis-cli prints."""
        program = require_binary("redis-cli", "redis-tools")
        command = [program, "-s", str(self.socket), "--user", "root", "--pass", PASSWORD, "--no-auth-warning", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def running_redis(*more: str) -> Iterator[Redis]:
    """Start one, stop it at the end. :param more: words of its command line."""
    program = require_binary("redis-server", "redis-server")
    port = free_port()
    with folder_of() as folder:
        command = [
            program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly",
            "no", "--unixsocket", str(folder / "redis.sock"), "--user", *f"root on >{PASSWORD} ~* &* +@all".split(),
            "--user", *f"monitor on >{PASSWORD} ~* +@read +ping +hello +select +info -keys".split(), *more,
        ]  # fmt: skip
        server = Redis(port, folder, ServerProcess(command, lambda: _answers(folder), folder / "server.log"))
        server.process.start()
        try:
            yield server
        finally:
            server.process.stop()


def _answers(folder: Path) -> bool:
    socket = folder / "redis.sock"
    if not socket.exists():
        return False
    asked = subprocess.run(["redis-cli", "-s", str(socket), "PING"], capture_output=True, text=True, check=False)
    return asked.returncode == 0 and "LOADING" not in asked.stdout
