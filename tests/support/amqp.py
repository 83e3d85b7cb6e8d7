"""The least client of AMQP 0-9-1 that consumes from a queue, so that a test's queue has a consumer."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_FRAME_END = b"\xce"
_NO_TABLE = struct.pack(">I", 0)


def _short(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _long(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _method(channel: int, kind: tuple[int, int], arguments: bytes) -> bytes:
    payload = struct.pack(">HH", *kind) + arguments
    return struct.pack(">BHI", 1, channel, len(payload)) + payload + _FRAME_END


async def _answer(reader: asyncio.StreamReader) -> tuple[int, int]:
    """The class and the method of the next frame."""
    _, _, size = struct.unpack(">BHI", await reader.readexactly(7))
    payload = await reader.readexactly(size + 1)
    found: tuple[int, int] = struct.unpack(">HH", payload[:4])
    return found


@asynccontextmanager
async def consumer(port: int, user: str, password: str, vhost: str, queue: str) -> AsyncIterator[None]:
    """Consume from a queue until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    login = _short("PLAIN") + _long(f"\0{user}\0{password}".encode()) + _short("en_US")
    steps = (
        (b"AMQP\0\0\x09\x01", (10, 10)),
        (_method(0, (10, 11), _NO_TABLE + login), (10, 30)),
        (
            _method(0, (10, 31), struct.pack(">HIH", 1, 131072, 0))
            + _method(0, (10, 40), _short(vhost) + _short("") + b"\0"),
            (10, 41),
        ),
        (_method(1, (20, 10), _short("")), (20, 11)),
        (_method(1, (60, 20), b"\0\0" + _short(queue) + _short("") + b"\0" + _NO_TABLE), (60, 21)),
    )
    try:
        for said, expected in steps:
            writer.write(said)
            assert await _answer(reader) == expected
        yield
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)
