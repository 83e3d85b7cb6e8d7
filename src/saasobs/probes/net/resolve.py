"""Names to addresses without blocking, and without one name ever waiting for another.

Each lookup has a c-ares channel of its own (40 µs to make): no shared sockets or server scores, no answer from a
cache, gone with all its retries when the lookup ends or is cancelled. libcurl's own resolver is a pool of threads
that a few dead names fill. The hosts file, search list and servers of the system are honoured (c-ares reads them).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import pycares
from pycares import errno as ares

from saasobs.core.result import Reason

ARES_REASONS: Final[Mapping[int, Reason]] = MappingProxyType({
    ares.ARES_ENODATA: Reason.DNS_NOT_FOUND,
    ares.ARES_EFORMERR: Reason.DNS_FAILED,
    ares.ARES_ESERVFAIL: Reason.DNS_FAILED,
    ares.ARES_ENOTFOUND: Reason.DNS_NOT_FOUND,
    ares.ARES_ENOTIMP: Reason.DNS_FAILED,
    ares.ARES_EREFUSED: Reason.DNS_FAILED,
    ares.ARES_EBADQUERY: Reason.DNS_FAILED,
    ares.ARES_EBADNAME: Reason.DNS_FAILED,
    ares.ARES_EBADFAMILY: Reason.INTERNAL,
    ares.ARES_EBADRESP: Reason.DNS_FAILED,
    ares.ARES_ECONNREFUSED: Reason.DNS_FAILED,
    ares.ARES_ETIMEOUT: Reason.DNS_TIMEOUT,
    ares.ARES_EOF: Reason.DNS_FAILED,
    ares.ARES_EFILE: Reason.INTERNAL,
    ares.ARES_ENOMEM: Reason.INTERNAL,
    ares.ARES_EDESTRUCTION: Reason.INTERNAL,
    ares.ARES_EBADSTR: Reason.DNS_FAILED,
    ares.ARES_EBADFLAGS: Reason.INTERNAL,
    ares.ARES_ENONAME: Reason.DNS_NOT_FOUND,
    ares.ARES_EBADHINTS: Reason.INTERNAL,
    ares.ARES_ENOTINITIALIZED: Reason.INTERNAL,
    ares.ARES_ELOADIPHLPAPI: Reason.INTERNAL,
    ares.ARES_EADDRGETNETWORKPARAMS: Reason.INTERNAL,
    ares.ARES_ECANCELLED: Reason.INTERNAL,
    ares.ARES_ESERVICE: Reason.INTERNAL,
})  # fmt: skip
"""Every error of c-ares but success; what means our own misuse or end is internal."""

_LOCALHOST: Final = ("127.0.0.1", "::1")
_FAMILIES: Final = {"any": socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}


class LookupFailed(Exception):
    """A name has no usable address; `reason` says why, the text names the resolver's words."""

    def __init__(self, code: int) -> None:
        super().__init__(ares.strerror(code))
        self.reason = ARES_REASONS.get(code, Reason.DNS_FAILED)


def known_addresses(host: str) -> tuple[str, ...]:
    """The addresses of localhost (RFC 6761), which needs no resolver; nothing for any other name."""
    plain = host.rstrip(".")
    return _LOCALHOST if plain == "localhost" or plain.endswith(".localhost") else ()


async def lookup(
    host: str, nameservers: tuple[str, ...] = (), version: Literal["any", 4, 6] = "any"
) -> tuple[str, ...]:
    """The addresses of a name, in the order of RFC 6724; of one version of IP only that one is asked for.

    :raises LookupFailed: there is none. Cancelling stops every query of this lookup.
    """
    inquiry = _Inquiry(asyncio.get_running_loop(), nameservers)
    try:
        return await inquiry.ask(host, _FAMILIES[version])
    finally:
        inquiry.close()


class _Inquiry:
    """One channel on the event loop, for one name."""

    def __init__(self, loop: asyncio.AbstractEventLoop, nameservers: tuple[str, ...]) -> None:
        self._loop = loop
        self._answer: asyncio.Future[tuple[str, ...]] = loop.create_future()
        self._watched: dict[int, tuple[bool, bool]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._channel = pycares.Channel(servers=nameservers or None, sock_state_cb=self._watch)

    async def ask(self, host: str, family: socket.AddressFamily) -> tuple[str, ...]:
        self._channel.getaddrinfo(host, None, family=family, callback=self._answered)
        if not self._answer.done():
            self._tick()
        return await self._answer

    def close(self) -> None:
        """Stop what still runs; nothing of this lookup is left on the loop."""
        if not self._answer.done():
            self._answer.cancel()
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for fd in self._watched:
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)
        self._watched.clear()
        self._channel.close()

    def _answered(self, result: Any, code: int | None) -> None:
        if self._answer.done():
            return
        addresses = tuple(dict.fromkeys(node.addr[0].decode() for node in result.nodes)) if result else ()
        if addresses:
            self._answer.set_result(addresses)
        else:
            self._answer.set_exception(LookupFailed(ares.ARES_ENODATA if code is None else code))

    def _watch(self, fd: int, readable: bool, writable: bool) -> None:  # noqa: FBT001 - c-ares calls it so
        if self._closed:
            return
        was_readable, was_writable = self._watched.pop(fd, (False, False))
        if readable and not was_readable:
            self._loop.add_reader(fd, self._readable, fd)
        elif was_readable and not readable:
            self._loop.remove_reader(fd)
        if writable and not was_writable:
            self._loop.add_writer(fd, self._writable, fd)
        elif was_writable and not writable:
            self._loop.remove_writer(fd)
        if readable or writable:
            self._watched[fd] = (readable, writable)

    def _readable(self, fd: int) -> None:
        self._channel.process_fd(fd, pycares.ARES_SOCKET_BAD)

    def _writable(self, fd: int) -> None:
        self._channel.process_fd(pycares.ARES_SOCKET_BAD, fd)

    def _tick(self) -> None:
        """c-ares retries and gives up by its own clock, which somebody must look at."""
        if self._timer is not None:
            self._channel.process_fd(pycares.ARES_SOCKET_BAD, pycares.ARES_SOCKET_BAD)
        if not self._answer.done() and not self._closed:
            until = self._channel.timeout()  # type: ignore[no-untyped-call]
            self._timer = self._loop.call_later(min(max(until, 0.01), 1.0), self._tick)
