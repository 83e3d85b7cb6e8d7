"""Messages, pings and the end of one WebSocket connection: bytes in, whole messages out, with caps on both.

The frames are the `websockets` library's (its protocol without I/O); the stream, the deadline and the caps are ours.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from saasobs.core.result import Reason
from saasobs.core.values import SECOND
from saasobs.probes.inquiry import Trouble
from saasobs.probes.net.stream import Stream
from saasobs.probes.verdict import short

if TYPE_CHECKING:
    from websockets.client import ClientProtocol
    from websockets.frames import Close, Frame

CHUNK: Final = 8 * 1024
"""Bytes that are parsed at once: small enough that the oddest of them hold up the loop for milliseconds only."""
MAX_FRAMES: Final = 4096
"""Frames of one check: a flood of empty ones costs us, not the sender."""
_IN_GOOD_ORDER: Final = (1000, 1001, 1005)
"""Close codes that are no complaint (RFC 6455 §7.4.1): normal, going away, none given."""
FAREWELL: Final = 0.5
"""At most so many seconds for the server's own close frame."""


@dataclass(frozen=True, slots=True)
class Message:
    """One whole message. A binary one is shown as the text that it may be."""

    text: str
    size: int
    binary: bool


@dataclass(slots=True)
class Session:
    """A connection after its upgrade."""

    stream: Stream
    protocol: ClientProtocol
    closed: Close | None = None
    """What the server closed it with."""
    delivered: int = 0
    """Messages handed out."""
    _messages: deque[Message] = field(default_factory=deque)
    _parts: list[bytes] = field(default_factory=list)
    _binary: bool = False
    _frames: int = 0
    _pongs: set[bytes] = field(default_factory=set)

    async def say(self, text: str) -> None:
        """Send one text message. :raises Trouble:"""
        if not self._ended():
            self.protocol.send_text(text.encode())
            await self._flush()

    async def message(self) -> Message:
        """The next message. :raises Trouble: none will come."""
        while not self._messages:
            await self._advance()
        self.delivered += 1
        return self._messages.popleft()

    async def ping(self) -> int | None:
        """The round trip of a ping, µs; None when the server had said its say and closed before. :raises Trouble:"""
        token = secrets.token_bytes(8)
        begun = time.monotonic()
        if not self._ended():
            self.protocol.send_ping(token)
            await self._flush()
        while token not in self._pongs:
            if self.closed is not None and self.delivered and self.closed.code in _IN_GOOD_ORDER:
                return None
            await self._advance()
            self._messages.clear()  # what a lively feed sends meanwhile
        return round((time.monotonic() - begun) * SECOND)

    async def close(self, patience: float) -> None:
        """Say goodbye and wait a little for the answer; whatever happens then is no failure.

        :param patience: seconds.
        """
        with suppress(Trouble, TimeoutError):
            async with asyncio.timeout(patience):
                if not self._ended():
                    self.protocol.send_close(1000)
                    await self._flush()
                while self.closed is None:
                    await self._advance()
                    self._messages.clear()

    def _ended(self) -> bool:
        return self.protocol.state.name in ("CLOSING", "CLOSED")

    async def _advance(self) -> None:
        """Read once. :raises Trouble: nothing more will come, or what came breaks the rules."""
        if self.closed is not None:
            raise Trouble(Reason.EMPTY_RESPONSE, closing_words(self.closed))
        data = await self.stream.some(CHUNK)
        if data:
            self.protocol.receive_data(data)
        else:
            self.protocol.receive_eof()
        for frame in self.protocol.events_received():
            self._take(frame)  # type: ignore[arg-type] # after the handshake there are only frames
        await self._flush()
        self.closed = self.protocol.close_rcvd
        if self.protocol.parser_exc is not None and not self._messages:
            raise self._broken(self.protocol.parser_exc)

    async def _flush(self) -> None:
        # An empty piece is the library's word for the end of our side, which `Stream.close` makes.
        data = b"".join(self.protocol.data_to_send())
        if data:
            await self.stream.send(data)

    def _take(self, frame: Frame) -> None:
        self._frames += 1
        if self._frames > MAX_FRAMES:
            raise Trouble(Reason.PROTOCOL_ERROR, f"more than {MAX_FRAMES} frames")
        if frame.opcode.name == "PONG":
            self._pongs.add(bytes(frame.data))
        elif frame.opcode.name in ("TEXT", "BINARY", "CONT"):
            self._collect(frame)

    def _collect(self, frame: Frame) -> None:
        if frame.opcode.name != "CONT":
            self._binary = frame.opcode.name == "BINARY"
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return
        data = b"".join(self._parts)
        self._parts.clear()
        try:
            text = data.decode("utf-8", "replace" if self._binary else "strict")
        except UnicodeDecodeError as error:
            raise Trouble(Reason.PROTOCOL_ERROR, "a text message that is not UTF-8") from error
        self._messages.append(Message(text, len(data), self._binary))

    def _broken(self, error: Exception) -> Trouble:
        from websockets.exceptions import PayloadTooBig  # noqa: PLC0415

        if isinstance(error, EOFError):
            return Trouble(Reason.CONNECTION_RESET, "it ended without a close frame")
        if isinstance(error, PayloadTooBig):
            return Trouble(Reason.BODY_TOO_LARGE, f"a message of more than {self.protocol.max_message_size} bytes")
        return Trouble(Reason.PROTOCOL_ERROR, short(str(error)))


def closing_words(close: Close) -> str:
    """``closed with 1008 (policy violation): no such room``"""
    return short(f"closed with {close}")
