"""SSH's binary packets before encryption, and the data types in them (RFC 4251 section 5, RFC 4253 section 6)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from saasobs.core.result import Reason
from saasobs.probes.inquiry import Trouble
from saasobs.probes.net.stream import Stream
from saasobs.probes.verdict import short

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG = 1, 2, 3, 4
KEXINIT, KEX_ECDH_INIT, KEX_ECDH_REPLY = 20, 30, 31

LARGEST: Final = 35_000
"""Bytes of a packet that everybody must be able to take (RFC 4253, 6.1), and no more."""
_IDLE_PACKETS: Final = 20
"""Packets that say nothing, in a row."""


class Malformed(ValueError):
    """A message that ends too early."""


@dataclass(slots=True)
class Fields:
    """Reads the fields of a message one by one."""

    data: bytes
    at: int = 0

    def take(self, size: int) -> bytes:
        """:raises Malformed:"""
        if size > len(self.data) - self.at:
            raise Malformed
        self.at += size
        return self.data[self.at - size : self.at]

    def flag(self) -> bool:
        return self.take(1) != b"\0"

    def string(self) -> bytes:
        return self.take(int.from_bytes(self.take(4), "big"))

    def names(self) -> tuple[str, ...]:
        """A name-list."""
        listed = self.string().decode("ascii", "replace")
        return tuple(listed.split(",")) if listed else ()

    def number(self) -> int:
        """An mpint."""
        return int.from_bytes(self.string(), "big", signed=True)


def string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def names(listed: tuple[str, ...]) -> bytes:
    return string(",".join(listed).encode())


def mpint(number: int) -> bytes:
    """A number that is not negative."""
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")


def packed(payload: bytes) -> bytes:
    """A packet without encryption: length, padding to 8 bytes, at least 4 of it."""
    padding = 8 - (5 + len(payload)) % 8
    padding += 8 if padding < 4 else 0
    return (1 + len(payload) + padding).to_bytes(4, "big") + bytes([padding]) + payload + os.urandom(padding)


async def read_packet(stream: Stream) -> bytes:
    """The payload of the next packet that says something. :raises Trouble:"""
    for _ in range(_IDLE_PACKETS):
        size = int.from_bytes(await stream.exactly(4), "big")
        if not 5 <= size <= LARGEST:
            raise Trouble(Reason.PROTOCOL_ERROR, f"a packet of {size} bytes")
        body = await stream.exactly(size)
        payload = body[1 : size - body[0]]
        if not payload:
            raise Trouble(Reason.PROTOCOL_ERROR, "a packet of padding only")
        if payload[0] == DISCONNECT:
            raise Trouble(Reason.CONNECTION_RESET, f'the server said "{_farewell(payload)}"')
        if payload[0] not in (IGNORE, UNIMPLEMENTED, DEBUG):
            return payload
    raise Trouble(Reason.PROTOCOL_ERROR, f"more than {_IDLE_PACKETS} packets that say nothing")


def _farewell(payload: bytes) -> str:
    fields = Fields(payload, 5)  # after the kind and the reason's number
    try:
        return short(fields.string().decode("utf-8", "replace"))
    except Malformed:
        return ""
