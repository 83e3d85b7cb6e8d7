"""Echo requests and replies of ICMP (RFC 792) and ICMPv6 (RFC 4443), and the words for ICMP's errors. Pure."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

HEADER: Final = struct.Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence."""
REQUEST: Final[Mapping[int, int]] = MappingProxyType({4: 8, 6: 128})
"""The type of an echo request, by version of IP."""
REPLY: Final[Mapping[int, int]] = MappingProxyType({4: 0, 6: 129})

_UNREACHABLE: Final[Mapping[int, Mapping[int, str]]] = MappingProxyType({
    4: {0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable",
        4: "packet too large", 5: "source route failed", 6: "network unknown", 7: "host unknown",
        9: "network prohibited", 10: "host prohibited", 13: "prohibited by a filter"},
    6: {0: "no route to the host", 1: "prohibited by a filter", 2: "beyond the scope of our address",
        3: "host unreachable", 4: "port unreachable", 5: "our address is refused", 6: "route rejected"},
})  # fmt: skip
"""By version and code, for type 3 of ICMP and type 1 of ICMPv6."""


@dataclass(frozen=True, slots=True)
class Echo:
    """One echo, as it goes and as it comes back."""

    identifier: int
    sequence: int
    payload: bytes


def request(version: int, echo: Echo) -> bytes:
    """An echo request; the checksum of ICMPv6 is the kernel's, since it covers the addresses."""
    head = HEADER.pack(REQUEST[version], 0, 0, echo.identifier, echo.sequence)
    checksum = 0 if version == 6 else internet_checksum(head + echo.payload)
    return HEADER.pack(REQUEST[version], 0, checksum, echo.identifier, echo.sequence) + echo.payload


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def read_reply(version: int, data: bytes) -> Echo | None:
    """The echo reply that was received; None for anything else."""
    return _read(version, data, REPLY[version])


def read_request(version: int, data: bytes) -> Echo | None:
    """Our own request, as an error carries it back."""
    return _read(version, data, REQUEST[version])


def _read(version: int, data: bytes, wanted: int) -> Echo | None:
    message = _without_ip_header(data) if version == 4 else data
    if len(message) < HEADER.size:
        return None
    kind, code, _, identifier, sequence = HEADER.unpack_from(message)
    return Echo(identifier, sequence, message[HEADER.size :]) if (kind, code) == (wanted, 0) else None


def _without_ip_header(data: bytes) -> bytes:
    """Raw sockets hand the IPv4 header out as well. No ICMP type that is read here looks like the start of one."""
    if data and data[0] >> 4 == 4:
        return data[(data[0] & 0x0F) * 4 :]
    return data


def error_words(version: int, kind: int, code: int) -> str:
    """What an ICMP error says: ``host unreachable``"""
    if kind == (3 if version == 4 else 1):
        return _UNREACHABLE[version].get(code, f"unreachable (code {code})")
    if version == 6 and kind == 2:
        return "packet too large"
    if kind == (11 if version == 4 else 3):
        return "it ran in circles (time to live exceeded)"
    return f"ICMP error {kind}.{code}"
