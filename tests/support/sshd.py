"""OpenSSH's real server on loopback, with host keys and a configuration of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support.needs import require_binary
from support.process import freeze

TYPES = ("ed25519", "ecdsa", "rsa")


@dataclass
class Sshd:
    """A running one."""

    port: int
    folder: Path
    process: asyncio.subprocess.Process

    def fingerprint(self, kind: str) -> str:
        """As ssh-keygen shows it."""
        shown = subprocess.run(
            ["ssh-keygen", "-lf", self.folder / f"{kind}.pub"], capture_output=True, text=True, check=True
        )
        return shown.stdout.split()[1]

    def public(self, kind: str) -> str:
        """The line of the .pub file."""
        return (self.folder / f"{kind}.pub").read_text().strip()

    def freeze(self) -> None:
        freeze(self.process.pid)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


def host_keys(folder: Path, types: tuple[str, ...] = TYPES, *more: str) -> Path:
    """A folder with a key of each type; `more` are arguments of ssh-keygen's."""
    keygen = require_binary("ssh-keygen", "openssh-client")
    for kind in types:
        subprocess.run([keygen, "-q", "-t", kind, "-N", "", *more, "-f", folder / kind], check=True)
    return folder


@asynccontextmanager
async def sshd(keys: Path, work: Path, port: int, *lines: str, types: tuple[str, ...] = TYPES) -> AsyncIterator[Sshd]:
    """Serve on a port until the end."""
    program = require_binary("sshd", "openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    settings = [f"HostKey {keys / kind}" for kind in types]
    settings += [f"ListenAddress 127.0.0.1:{port}", f"PidFile {work}/sshd.pid", "UsePAM no", "LogLevel ERROR", *lines]
    (work / "sshd_config").write_text("\n".join(settings) + "\n")
    command = (program, "-D", "-e", "-f", str(work / "sshd_config"))
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    try:
        await _up(port, process)
        yield Sshd(port, keys, process)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        await process.wait()


async def _up(port: int, process: asyncio.subprocess.Process) -> None:
    for _ in range(500):
        assert process.returncode is None, "sshd ended"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return
    raise AssertionError("sshd does not listen")
