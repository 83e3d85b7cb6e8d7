"""One connection to a stranger: every read is bounded, and each way in which it can end has its words.

What goes wrong is a `Trouble`. Time is not watched here: the deadline of the check stands above all of it.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final

from saasobs.core.result import Reason
from saasobs.probes.inquiry import Trouble
from saasobs.probes.net.options import show_place
from saasobs.probes.verdict import short

READ_LIMIT: Final = 256 * 1024
"""Bytes that a reader holds before it stops the other side."""
LINE_LIMIT: Final = 8 * 1024
"""Bytes of one line, more than any protocol of lines allows."""

_NO_TLS: Final = frozenset({
    "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "UNEXPECTED_MESSAGE", "RECORD_LAYER_FAILURE",
    "UNKNOWN_PROTOCOL", "WRONG_SSL_VERSION",
})  # fmt: skip
"""What OpenSSL calls bytes that are no TLS at all."""


@dataclass(slots=True)
class Stream:
    """One connection. Close it with `close` in a ``finally``."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    host: str
    port: int
    address: str
    heard: bool = False
    """Whether the other side has said anything yet."""

    @property
    def place(self) -> str:
        """``host:port at address``."""
        named = show_place(self.host, self.port)
        return named if self.address == self.host else f"{named} at {self.address}"

    async def send(self, data: bytes) -> None:
        """:raises Trouble: the connection is gone."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError as error:
            raise self.broken_off(error) from error

    async def some(self, limit: int = READ_LIMIT) -> bytes:
        """What has arrived, at least one byte; nothing at the end. :raises Trouble:"""
        try:
            data = await self.reader.read(limit)
        except OSError as error:
            data = self._last_words(limit)
            if not data:
                raise self.broken_off(error) from error
        self.heard = self.heard or bool(data)
        return data

    async def exactly(self, size: int) -> bytes:
        """:raises Trouble: the connection ended before."""
        try:
            data = await self.reader.readexactly(size)
        except asyncio.IncompleteReadError as error:
            self.heard = self.heard or bool(error.partial)
            raise self.ended() from error
        except OSError as error:
            data = self._last_words(size)
            if len(data) < size:
                raise self.broken_off(error) from error
        self.heard = True
        return data

    async def line(self, limit: int = LINE_LIMIT) -> bytes:
        """One line without its end, LF or CRLF. :raises Trouble: also for a line longer than `limit` bytes."""
        try:
            data = await self.reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            self.heard = self.heard or bool(error.partial)
            raise self.ended() from error
        except asyncio.LimitOverrunError as error:
            raise Trouble(Reason.PROTOCOL_ERROR, f"a line longer than {limit} bytes") from error
        except OSError as error:
            data = self._last_words(self.reader._buffer.find(b"\n") + 1)  # type: ignore[attr-defined] # noqa: SLF001
            if not data:
                raise self.broken_off(error) from error
        self.heard = True
        if len(data) > limit:
            raise Trouble(Reason.PROTOCOL_ERROR, f"a line longer than {limit} bytes")
        return data.removesuffix(b"\n").removesuffix(b"\r")

    def _last_words(self, size: int) -> bytes:
        """What arrived before the connection broke off, which a reader of asyncio's keeps to itself.

        Who hangs up with something unread, as after "too many connections", breaks off.
        """
        buffer: bytearray = self.reader._buffer  # type: ignore[attr-defined]  # noqa: SLF001 - it has no public way
        data = bytes(buffer[:size])
        del buffer[:size]
        return data

    def ended(self) -> Trouble:
        """The other side closed the connection where an answer was due."""
        return Trouble(Reason.CONNECTION_RESET if self.heard else Reason.EMPTY_RESPONSE, self.place)

    def broken_off(self, error: OSError) -> Trouble:
        """The words for an error of the connection itself."""
        if isinstance(error, ssl.SSLError):
            return Trouble(Reason.TLS_FAILED, openssl_words(error))
        return Trouble(Reason.CONNECTION_RESET, self.place)

    @property
    def unread(self) -> bool:
        """Whether anything has arrived that nobody has read."""
        return bool(self.reader._buffer)  # type: ignore[attr-defined]  # noqa: SLF001 - it has no public way to ask

    def close(self) -> None:
        """At once: nothing of a check outlives it, whatever the other side does."""
        self.writer.transport.abort()


def openssl_words(error: ssl.SSLError) -> str:
    """OpenSSL's own words, as in ``tlsv1 alert protocol version``; those for bytes that are no TLS say so."""
    code = openssl_code(error)
    words = code.lower().replace("_", " ") or str(error)
    return f"what answered is not TLS: {words}" if code in _NO_TLS else short(words)


def openssl_code(error: ssl.SSLError) -> str:
    """OpenSSL's name for what is wrong, as in ``WRONG_VERSION_NUMBER``; empty when Python raised it by itself."""
    return str(getattr(error, "reason", None) or "")
