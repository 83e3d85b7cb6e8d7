"""Reading what a database sends: bounded as a whole, and every piece checked before it is taken apart."""

from __future__ import annotations

from typing import Final, Literal

from saasobs.core.result import Reason
from saasobs.probes.inquiry import Trouble
from saasobs.probes.net.stream import LINE_LIMIT, Stream

MOST_BYTES: Final = 1024**2
"""All that is read over one connection."""
MOST_PIECES: Final = 20_000
"""And in how many pieces: each takes 3 µs of the loop, during which nothing else happens."""


class Meter:
    """A stream of which only so much is read."""

    def __init__(self, stream: Stream, limit: int = MOST_BYTES) -> None:
        self.stream = stream
        self._left = limit
        self._pieces = 0

    async def exactly(self, size: int) -> bytes:
        """:raises Trouble: the connection ended before, or it is too much."""
        self._count(size)
        return await self.stream.exactly(size)

    async def line(self) -> bytes:
        """One line without its end. :raises Trouble:"""
        line = await self.stream.line(LINE_LIMIT)
        self._count(len(line) + 2)
        return line

    def _count(self, size: int) -> None:
        self._pieces += 1
        if self._pieces > MOST_PIECES:
            raise Trouble(Reason.BODY_TOO_LARGE, f"more than {MOST_PIECES} pieces from {self.stream.place}")
        if size > self._left:
            raise Trouble(Reason.BODY_TOO_LARGE, f"more than {MOST_BYTES // 1024} KiB from {self.stream.place}")
        self._left -= size


class Packet:
    """One message, read from its beginning. Every method raises a Trouble where it is too short."""

    __slots__ = ("_at", "_data", "_order")

    def __init__(self, data: bytes, order: Literal["big", "little"]) -> None:
        self._data = data
        self._order = order
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if not 0 <= size <= self.left:
            raise Trouble(Reason.PROTOCOL_ERROR, "a message that is shorter than it says")
        begin, self._at = self._at, self._at + size
        return self._data[begin : self._at]

    def rest(self) -> bytes:
        return self.take(self.left)

    def number(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), self._order, signed=signed)

    def until_nul(self) -> bytes:
        """A text that ends with a zero byte, without it."""
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise Trouble(Reason.PROTOCOL_ERROR, "a text without an end")
        text = self.take(end - self._at)
        self.take(1)
        return text

    def text(self) -> str:
        """The same as a text."""
        return self.until_nul().decode("utf-8", "replace")
