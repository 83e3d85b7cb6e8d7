"""A port as a stopped process has it (kill -STOP): the kernel accepts connections, and nobody ever reads them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopped_port() -> Iterator[int]:
    """On 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
