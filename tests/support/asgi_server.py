"""A real uvicorn on an ephemeral port (or a Unix socket) in a thread, for tests that speak real HTTP."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def serving(app: Any, *, uds: str = "", **options: Any) -> Iterator[str]:
    """Serve `app`; yields ``http://127.0.0.1:PORT`` (or the path of the Unix socket)."""
    config = uvicorn.Config(app, log_config=None, **options)
    server = uvicorn.Server(config)
    listener = _listener(uds)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.01)
        yield uds or f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def _listener(uds: str) -> socket.socket:
    if uds:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(uds)
    else:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener
