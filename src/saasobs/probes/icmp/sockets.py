"""Sockets that may ping: unprivileged ones where the kernel allows them, raw ones where we may have those.

Linux lets the groups of net.ipv4.ping_group_range open datagram sockets for ICMP (it holds for IPv6, too); the kernel
then gives each socket its identifier. Raw sockets need CAP_NET_RAW and see every reply that comes to this machine.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from saasobs.core.result import Reason
from saasobs.probes.icmp.packet import REPLY, error_words
from saasobs.probes.inquiry import Trouble

# Of Linux; Python names only some of them.
_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25
_SO_TIMESTAMPNS: Final = 35
_SOL_RAW: Final = 255
_ICMP_FILTER: Final = 1
_ICMP6_FILTER: Final = 1
_FROM_ICMP: Final = (2, 3)
"""SO_EE_ORIGIN_ICMP and SO_EE_ORIGIN_ICMP6."""
_EXTENDED_ERROR: Final = struct.Struct("=IBBBBII")
_TIMESPEC: Final = struct.Struct("@ll")
_BUFFER: Final = 16 * 1024
_ANCILLARY: Final = 512


@dataclass(frozen=True, slots=True)
class Received:
    """One packet, as it came."""

    data: bytes
    address: str
    at: int
    """When the kernel got it, ns since the epoch; 0 when it did not say."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One ICMP error about a packet of ours."""

    data: bytes
    """The beginning of that packet, from its ICMP header on."""
    words: str


class PingSocket:
    """A connected, non-blocking socket. Close it."""

    def __init__(self, sock: socket.socket, address: str, *, raw: bool) -> None:
        self._socket = sock
        self._address = address
        self.raw = raw

    @property
    def address(self) -> str:
        """The other side's, a literal."""
        return self._address

    @property
    def version(self) -> int:
        return 6 if self._socket.family == socket.AF_INET6 else 4

    @property
    def identifier(self) -> int | None:
        """The identifier that the kernel puts into every packet; None when it is ours to choose."""
        return None if self.raw else int(self._socket.getsockname()[1])

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, packet: bytes) -> None:
        """:raises OSError: it did not leave this machine."""
        try:
            self._socket.send(packet)
        except BlockingIOError:
            raise
        except OSError:
            self._socket.send(packet)  # an error of an earlier packet is told once, in place of the next call

    def receive(self) -> Received | None:
        """The next packet; None when there is none now. Errors are in `refused`."""
        try:
            data, ancillary, _, place = self._socket.recvmsg(_BUFFER, _ANCILLARY)
        except OSError:
            return None
        return Received(data, str(place[0]).partition("%")[0], _timestamp(ancillary))

    def refused(self) -> Refused | None:
        """The next error; None when there is none."""
        flag = getattr(socket, "MSG_ERRQUEUE", None)
        if flag is None:
            return None
        try:
            data, ancillary, _, _ = self._socket.recvmsg(_BUFFER, _ANCILLARY, flag)
        except OSError:
            return None
        return Refused(data, self._words(ancillary))

    def close(self) -> None:
        self._socket.close()

    def _words(self, ancillary: Sequence[tuple[int, int, bytes]]) -> str:
        for _, kind, data in ancillary:
            if kind in (_IP_RECVERR, _IPV6_RECVERR) and len(data) >= _EXTENDED_ERROR.size:
                number, origin, icmp_type, code, *_ = _EXTENDED_ERROR.unpack_from(data)
                if origin in _FROM_ICMP:
                    return error_words(self.version, icmp_type, code) + _sender(self.version, data)
                return os.strerror(number).lower()
        return "an error without words"


def _sender(version: int, data: bytes) -> str:
    """Who said so: the sockaddr that follows the error."""
    start, size = _EXTENDED_ERROR.size + (4 if version == 4 else 8), 4 if version == 4 else 16
    raw = data[start : start + size]
    return f", says {ipaddress.ip_address(raw)}" if len(raw) == size and any(raw) else ""


def _timestamp(ancillary: Sequence[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return int(seconds * 1_000_000_000 + nanoseconds)
    return 0


def open_socket(addresses: Sequence[str]) -> PingSocket:
    """A socket to the first of these addresses that this machine has a way to.

    :raises Trouble: UNSUPPORTED when we may not ping, CONNECT_FAILED when there is no way to any of them.
    """
    failed: OSError | None = None
    for address in addresses:
        version = 6 if ":" in address else 4
        sock, raw = _opened(version)
        try:
            sock.setblocking(False)  # noqa: FBT003 - its only way
            sock.connect(_place(address, version))
            _prepare(sock, version, raw=raw)
        except OSError as error:
            sock.close()
            failed = failed or error
        else:
            return PingSocket(sock, address, raw=raw)
    words = failed.strerror if failed is not None and failed.strerror else "no address"
    raise Trouble(Reason.CONNECT_FAILED, f"{', '.join(addresses)}: {words.lower()}")


def _opened(version: int) -> tuple[socket.socket, bool]:
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if version == 6 else socket.IPPROTO_ICMP
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(family, kind, protocol), kind == socket.SOCK_RAW
        except OSError:
            continue
    raise Trouble(Reason.UNSUPPORTED, not_permitted(os.getegid()))


def not_permitted(group: int) -> str:
    """What to do about it."""
    return (
        f"the daemon may not ping: allow its group by `sysctl -w net.ipv4.ping_group_range='{group} {group}'`, "
        "or give it CAP_NET_RAW, by AmbientCapabilities= in its systemd unit or by setcap cap_net_raw+ep on its Python"
    )


def _place(address: str, version: int) -> tuple[Any, ...]:
    bare, _, zone = address.partition("%")
    if version == 4:
        return (bare, 0)
    return (bare, 0, 0, socket.if_nametoindex(zone) if zone else 0)


def _prepare(sock: socket.socket, version: int, *, raw: bool) -> None:
    """Ask for errors and times of arrival, and for nothing but replies; a ping works without them as well."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    with contextlib.suppress(OSError):
        if version == 4:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    if not raw:
        return
    with contextlib.suppress(OSError):
        if version == 4:
            sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", 0xFFFFFFFF & ~(1 << REPLY[4])))
        else:
            blocked = [0xFFFFFFFF] * 8
            blocked[REPLY[6] >> 5] &= ~(1 << (REPLY[6] & 31))
            sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *blocked))
