"""The daemon's ears: TCP listeners and the Unix socket, each a uvicorn server on a socket that we bind ourselves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

from saasobs.core.errors import SaasobsError
from saasobs.daemon.state_folder import MAX_SOCKET_PATH
from saasobs.settings import Settings

_ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, never bound


def ingest_url(settings: Settings) -> str:
    """Under which address others reach the ingest listener, as far as we can know."""
    ingest = settings.ingest
    if settings.ingest_url or ingest is None:
        return settings.ingest_url or settings.base_url
    return f"http://{socket.gethostname()}:{ingest.port}" if ingest.host in _ANY_ADDRESS else f"http://{ingest}"


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the service decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind_tcp(host: str, port: int) -> socket.socket:
    """:raises SaasobsError: naming the address and what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise SaasobsError(
            f"cannot listen on {host}:{port}: {error.strerror}; another program may use it: change `bind`"
        ) from error
    listener.settimeout(0)
    return listener


def bind_unix(path: Path) -> socket.socket:
    """A socket that only its owner can reach. A left-over file of a dead daemon is replaced (we hold the lock)."""
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise SaasobsError(
            f"the path of the socket {path} is too long (over {MAX_SOCKET_PATH} bytes): set a shorter `state_dir`"
        )
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise SaasobsError(f"{path} is in the way: it is not a socket")
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise SaasobsError(f"cannot make the socket {path}: {error.strerror}") from error
    finally:
        os.umask(before)
    listener.settimeout(0)
    return listener


class Listeners:
    """Servers that start and stop together."""

    def __init__(self) -> None:
        # That a server process started is no news: the daemon says so itself, once.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        self._servers: list[tuple[_Server, asyncio.Task[None]]] = []

    def serve(self, app: Any, listener: socket.socket) -> None:
        """Serve an ASGI app on a bound socket."""
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=32 * 1024,
            limit_concurrency=500,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=3,
        )
        server = _Server(config)
        self._servers.append((server, asyncio.create_task(server.serve(sockets=[listener]))))

    async def close(self) -> None:
        for server, _ in self._servers:
            server.should_exit = True
        await asyncio.gather(*(task for _, task in self._servers), return_exceptions=True)
        self._servers.clear()
