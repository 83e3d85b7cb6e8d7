"""How a connection gets to its target: names resolved by us, the guard over every address, a proxy in between.

libcurl is told addresses only. With a proxy, its own name is resolved here too; the target's name is resolved by the
proxy (http, https, socks5h) or here (socks5). Where the guard holds, a name that only the proxy would resolve is
refused: nobody here could check what it stands for.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from saasobs.core.monitor import Monitor
from saasobs.core.result import Reason
from saasobs.probes.http.target import Target, is_address
from saasobs.probes.inquiry import Trouble
from saasobs.probes.net.contact import admitted, of_version
from saasobs.probes.net.resolve import LookupFailed, known_addresses, lookup

if TYPE_CHECKING:
    from saasobs.probes.http.options import HttpOptions
    from saasobs.probes.http.proxy import ProxyOptions


class Way(NamedTuple):
    """What libcurl is told about where to connect."""

    addresses: tuple[str, ...] = ()
    """What is connected to, the proxy's where there is one; empty: the URL's host is an address itself."""
    pin: str = ""
    """libcurl's RESOLVE: a name, and the addresses it stands for."""
    detour: str = ""
    """libcurl's CONNECT_TO: another address for the URL's host; the names in TLS and headers stay."""
    only: frozenset[str] | None = None
    """Where the guard holds: the addresses that a socket may be opened for."""


STRAIGHT: Final = Way()
"""To a literal address, with nothing to look at."""


@dataclass(frozen=True, slots=True)
class Search:
    """One hop's question for its way."""

    options: HttpOptions
    monitor: Monitor
    servers: tuple[str, ...]
    deadline: float
    """On the loop's clock, seconds."""

    async def find(self, target: Target) -> Way:
        """:raises LookupFailed, TimeoutError: a name has no address. :raises Trouble: an address may not be used."""
        if self.options.proxy is not None:
            return await self._by_proxy(target, self.options.proxy)
        addresses = admitted(self.monitor, target.host, await self._addresses(target))
        only = frozenset(addresses) if self.monitor.public_only else None
        if self._pinned(target):
            return Way(addresses, detour=_detour(target, addresses[0]), only=only)
        return Way(addresses, "" if target.literal else _pin(target.host, target.port, addresses), only=only)

    async def _by_proxy(self, target: Target, proxy: ProxyOptions) -> Way:
        found = (proxy.host,) if is_address(proxy.host) else await self._of_proxy(proxy)
        admitted(self.monitor, proxy.host, found)
        detour = ""
        if self._pinned(target) or target.literal or proxy.resolves_here:
            addresses = admitted(self.monitor, target.host, await self._addresses(target))
            detour = "" if addresses == (target.host,) else _detour(target, addresses[0])
        elif self.monitor.public_only:
            why = "the proxy would resolve it, where its address cannot be checked: use socks5://"
            raise Trouble(Reason.ADDRESS_REFUSED, f"{target.host}: {why}")
        pin = "" if found == (proxy.host,) else _pin(proxy.host, proxy.port, found)
        return Way(found, pin, detour, frozenset(found) if self.monitor.public_only else None)

    async def _of_proxy(self, proxy: ProxyOptions) -> tuple[str, ...]:
        try:
            return await self._resolve(proxy.host)
        except (LookupFailed, TimeoutError) as error:
            why = str(error) or "no answer from the name server in time"
            raise Trouble(Reason.PROXY_FAILED, f"{proxy.place}: {why}") from error

    def _pinned(self, target: Target) -> bool:
        """Only the URL's own host is pinned, not where its redirects lead."""
        return self.options.address is not None and target.host == self.options.where.host

    async def _addresses(self, target: Target) -> tuple[str, ...]:
        if self.options.address is not None and self._pinned(target):
            return (self.options.address,)
        if target.literal:
            return of_version(target.host, (target.host,), self.options.ip_version)
        return await self._resolve(target.host)

    async def _resolve(self, host: str) -> tuple[str, ...]:
        version = self.options.ip_version
        if known := known_addresses(host):
            return of_version(host, known, version)
        async with asyncio.timeout_at(self.deadline):
            return await lookup(host, self.options.nameservers or self.servers, version)


def _pin(host: str, port: int, addresses: tuple[str, ...]) -> str:
    """Each transfer replaces the entry of its host and reads it in the same step: nobody meets another's."""
    return f"{host}:{port}:{','.join(map(_bracketed, addresses))}"


def _detour(target: Target, address: str) -> str:
    return f"{_bracketed(target.host)}:{target.port}:{_bracketed(address)}:{target.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
