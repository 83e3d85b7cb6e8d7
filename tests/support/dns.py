"""A DNS server on loopback (UDP and TCP) whose answers a test decides: addresses, errors, silence, delay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from dnslib import AAAA, QTYPE, RCODE, RR, A, DNSRecord

from support.nameservers import port_for_both
from support.serving import serving


@dataclass
class Zone:
    """What the server answers, by name; a name it does not know gets NXDOMAIN."""

    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    """Name -> rcode, such as SERVFAIL or REFUSED."""
    silent: Callable[[str], bool] = lambda _name: False
    """Names that are never answered."""
    delays: dict[str, float] = field(default_factory=dict)
    truncated: frozenset[str] = frozenset()
    """Names whose answer is too large for UDP, so that it has to be asked for again over TCP."""
    asked: list[str] = field(default_factory=list)
    """Every name that was asked for, in order of arrival."""

    def answer(self, query: DNSRecord, *, udp: bool = True) -> DNSRecord | None:
        name, kind = str(query.q.qname).rstrip(".").lower(), QTYPE[query.q.qtype]
        self.asked.append(name)
        if self.silent(name):
            return None
        reply = query.reply()
        if udp and name in self.truncated:
            reply.header.tc = 1
            return reply
        if name in self.errors:
            reply.header.rcode = getattr(RCODE, self.errors[name])
        elif name not in self.addresses:
            reply.header.rcode = RCODE.NXDOMAIN
        for address in self.addresses.get(name, ()):
            if (":" in address) == (kind == "AAAA") and kind in ("A", "AAAA"):
                data = AAAA(address) if ":" in address else A(address)
                reply.add_answer(RR(query.q.qname, query.q.qtype, rdata=data, ttl=300))
        return reply


class _Server(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # selector loops hand out a lookalike

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = DNSRecord.parse(data)
        reply = self._zone.answer(query)
        if reply is None:
            return
        delay = self._zone.delays.get(str(query.q.qname).rstrip("."), 0.0)
        asyncio.get_running_loop().call_later(delay, self._send, reply.pack(), addr)

    def _send(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, addr)


@asynccontextmanager
async def dns_server(zone: Zone) -> AsyncIterator[str]:
    """Serve a zone; yields ``127.0.0.1:port`` as a name server's address."""

    async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        reply = zone.answer(DNSRecord.parse(await reader.readexactly(length)), udp=False)
        if reply is not None:
            data = reply.pack()
            writer.write(len(data).to_bytes(2, "big") + data)
        writer.close()

    port = port_for_both()
    async with serving(over_tcp, port=port):
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Server(zone), local_addr=("127.0.0.1", port)
        )
        try:
            yield f"127.0.0.1:{port}"
        finally:
            transport.close()
