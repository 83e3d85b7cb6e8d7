"""The daemon's folder: one daemon at a time, its secret, its socket."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import Final

from saasobs.core.errors import SaasobsError

SOCKET_NAME: Final = "saasobs.sock"
MAX_SOCKET_PATH: Final = 100
"""sockaddr_un holds 108 bytes on Linux and 104 on macOS."""


class AlreadyRunning(SaasobsError):
    """Another daemon uses this folder."""


class StateFolder:
    """A folder that only its owner may enter, and the SQLite file, which may lie elsewhere: one daemon for both.

    The locks end with the process, however that ends.
    """

    def __init__(self, path: Path, *, store: str) -> None:
        self.path = path
        self._database = Path(store.removeprefix("sqlite:///"))
        self._locks: list[int] = []

    @property
    def socket(self) -> Path:
        return self.path / SOCKET_NAME

    def acquire(self) -> None:
        """:raises AlreadyRunning: naming the other process. :raises SaasobsError: the folder cannot be used."""
        try:
            self._lock(self.path / "saasobs.lock", f"runs on {self.path}")
            self._lock(self._database.with_name(f"{self._database.name}.lock"), f"uses {self._database}")
        except SaasobsError:
            self._unlock()
            raise

    def release(self) -> None:
        if self._locks:
            self.socket.unlink(missing_ok=True)
            self._unlock()

    def _lock(self, path: Path, what: str) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SaasobsError(f"the state folder {path.parent} cannot be used: {error.strerror}") from error
        self._locks.append(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            hint = "stop it, or give this one a `store` and a `state_dir` of its own"
            raise AlreadyRunning(f"another saasobs daemon (pid {holder}) {what}: {hint}") from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())

    def _unlock(self) -> None:
        for descriptor in self._locks:
            os.close(descriptor)
        self._locks.clear()

    def secret(self) -> bytes:
        """32 random bytes made once: heartbeat tokens derive from it."""
        path = self.path / "secret"
        try:
            stored = bytes.fromhex(path.read_text().strip())
        except FileNotFoundError:
            return self._make_secret(path)
        except ValueError as error:
            raise SaasobsError(f"{path} is damaged: it must hold 64 hexadecimal digits") from error
        if len(stored) != 32:
            raise SaasobsError(f"{path} is damaged: it must hold 64 hexadecimal digits")
        return stored

    def _make_secret(self, path: Path) -> bytes:
        secret = secrets.token_bytes(32)
        # Written whole under another name first: a crash in between must not leave half a secret.
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secret.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        return secret
