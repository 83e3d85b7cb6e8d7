"""WebSocket servers on loopback: a real one whose talk a test decides, and one that writes whatever bytes it likes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.typing import Subprotocol

from support.serving import port_of, serving

Talk = Callable[[ServerConnection], Awaitable[None]]


@dataclass
class Heard:
    """A running server: where it is, and the headers of every upgrade."""

    port: int = 0
    headers: list[Headers] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


async def echo(connection: ServerConnection) -> None:
    """What a healthy server does here: say everything back."""
    async for message in connection:
        await connection.send(message)


@asynccontextmanager
async def websocket_server(
    talk: Talk = echo, subprotocols: tuple[str, ...] = (), context: ssl.SSLContext | None = None
) -> AsyncIterator[Heard]:
    """The `websockets` library's own server."""
    heard = Heard()

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        heard.headers.append(connection.request.headers)
        heard.paths.append(connection.request.path)
        await talk(connection)

    offered = [Subprotocol(name) for name in subprotocols] or None
    async with serve(handle, "127.0.0.1", 0, subprotocols=offered, ssl=context, close_timeout=0.2) as server:
        heard.port = next(iter(server.sockets)).getsockname()[1]
        yield heard


Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[None]]
"""(reader, writer, the upgrade's Sec-WebSocket-Key); the request has been read."""


def accepted(key: str, *more: str) -> bytes:
    """A good answer to an upgrade."""
    digest = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    return "\r\n".join((*lines, f"Sec-WebSocket-Accept: {digest}", *more, "", "")).encode()


def frame(opcode: int, data: bytes, first: int = 0x80) -> bytes:
    """A frame of a server; `first` holds the bits before the opcode."""
    if len(data) < 126:
        return bytes((first | opcode, len(data))) + data
    if len(data) < 0x10000:
        return bytes((first | opcode, 126)) + len(data).to_bytes(2, "big") + data
    return bytes((first | opcode, 127)) + len(data).to_bytes(8, "big") + data


@asynccontextmanager
async def raw_server(answer: Raw) -> AsyncIterator[int]:
    """Reads an upgrade and hands the connection over; yields the port. It closes when `answer` returns."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        key = next(
            line.split(": ", 1)[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key")
        )
        await answer(reader, writer, key)

    async with serving(handle) as listener:
        yield port_of(listener)
