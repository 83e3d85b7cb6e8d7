"""Servers whose every word a test decides, on loopback: a script per connection, over TCP or TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from support.serving import port_of, serving


@dataclass
class Peer:
    """One connection, as the server sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes | str) -> None:
        self.writer.write(data.encode() if isinstance(data, str) else data)
        await self.writer.drain()

    async def hear(self) -> bytes:
        """One line, without its end."""
        return (await self.reader.readuntil(b"\n")).rstrip(b"\r\n")

    async def ask(self, data: bytes | str) -> bytes:
        await self.say(data)
        return await self.hear()

    async def secure(self, context: ssl.SSLContext) -> None:
        """Turn to TLS, as the server of a STARTTLS."""
        await self.writer.start_tls(context)

    async def until_gone(self) -> None:
        while await self.reader.read(65536):
            pass

    def reset(self) -> None:
        """RST instead of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Talker:
    """A running one."""

    port: int
    connections: int = 0
    faults: list[Exception] = field(default_factory=list)


@asynccontextmanager
async def talker(
    script: Script, context: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Talker]:
    """Run the script for every connection; the connection is closed at its end."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.connections += 1
        peer = Peer(reader, writer)
        try:
            await script(peer)
        except (OSError, EOFError, asyncio.CancelledError):
            raise
        except Exception as error:
            running.faults.append(error)
            raise
        finally:
            peer.writer.close()

    async with serving(handle, host, port, ssl=context) as listener:
        running = Talker(port_of(listener))
        yield running
    assert not running.faults, running.faults


@asynccontextmanager
async def unanswering(host: str = "127.0.0.2") -> AsyncIterator[int]:
    """A port that leaves every SYN without an answer, as a dead host does: its queue of connections is full."""
    listening = socket.socket()
    listening.bind((host, 0))
    listening.listen(0)
    port = listening.getsockname()[1]
    waiting = [socket.socket() for _ in range(4)]
    try:
        for one in waiting:
            one.setblocking(False)
            one.connect_ex((host, port))
        await asyncio.sleep(0.01)
        yield port
    finally:
        for one in (*waiting, listening):
            one.close()


async def silent(peer: Peer) -> None:
    """Say nothing until the other side hangs up."""
    await peer.until_gone()


async def closing(_peer: Peer) -> None:
    """Close at once."""


async def garbage(peer: Peer) -> None:
    """Bytes that are no protocol at all."""
    await peer.say(bytes(range(128, 256)) * 2 + b"\r\n")
    await peer.until_gone()
