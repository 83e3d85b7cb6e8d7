"""The dns kind: finds the name server, asks it, and judges what it answered."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING, Any, Final

import pycares

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Reason, Result
from saasobs.probes.budget import TookTooLong, within_budget
from saasobs.probes.dns.exchange import Server, over_tcp, over_udp
from saasobs.probes.dns.judge import judge_answer
from saasobs.probes.dns.messages import Answer, Unreadable, is_truncated, question, read
from saasobs.probes.dns.names import plain
from saasobs.probes.dns.options import DnsOptions
from saasobs.probes.excerpt import visible
from saasobs.probes.inquiry import Inquiry, Trouble, conduct
from saasobs.probes.kind import Tools
from saasobs.probes.net.contact import Contact, admitted
from saasobs.probes.net.matching import bounded
from saasobs.probes.net.options import show_place
from saasobs.probes.verdict import judge_time, short

if TYPE_CHECKING:
    from dns.message import Message

_MOST_SERVERS: Final = 3
"""As many as the system's own resolver asks (resolv.conf(5))."""
_KEPT: Final = 50
"""Records that are kept as observations."""
_NEXT_MAY_KNOW: Final = ("SERVFAIL", "REFUSED", "NOTIMP")


class DnsProbe:
    """Implements core.ports.Probe."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._contact = Contact(tools)

    async def check(self, monitor: Monitor, check: Check) -> Result:
        return await conduct(monitor, check, self._ask)

    async def close(self) -> None:
        """Nothing is held."""

    async def _ask(self, inquiry: Inquiry) -> None:
        options: DnsOptions = inquiry.monitor.options
        query = question(options)
        servers = await self._servers(inquiry, options)
        answer = await _in_turn(inquiry, options, servers, query)
        inquiry.observations |= _observed(answer)
        inquiry.unmet += bounded(judge_answer, options, answer)
        inquiry.unmet += judge_time(options.expect, inquiry.duration())

    async def _servers(self, inquiry: Inquiry, options: DnsOptions) -> tuple[Server, ...]:
        """Whom to ask. :raises Trouble:"""
        if options.server is not None:
            inquiry.place = show_place(options.server, options.port)
            with inquiry.phase("dns"):
                addresses = await self._contact.addresses(inquiry.monitor, options.server, options)
            return (Server(addresses[0], options.port),)
        servers = tuple(_server(text) for text in options.nameservers)
        admitted(inquiry.monitor, "nameservers", [server.address for server in servers])
        # The daemon's and the system's are the operator's own choice, and are asked for every other monitor as well.
        found = servers or tuple(_server(text) for text in self._tools.nameservers or pycares.Channel().servers)
        if not found:
            raise Trouble(Reason.INTERNAL, "this machine has no name server")
        return found[:_MOST_SERVERS]


def _server(text: str) -> Server:
    """``10.0.0.2``, ``10.0.0.2:53`` or ``[::1]:53``"""
    try:
        return Server(str(ipaddress.ip_address(text)), 53)
    except ValueError:
        address, _, port = text.rpartition(":")
        return Server(address.strip("[]"), int(port))


async def _in_turn(inquiry: Inquiry, options: DnsOptions, servers: tuple[Server, ...], query: Message) -> Answer:
    """The answer of the first server that has one; the last one's word counts, whatever it is."""
    unhelpful: list[str] = []
    for left, server in zip(range(len(servers), 0, -1), servers, strict=True):
        inquiry.place = f"{options.type} {plain(options.query)} at {server}"
        if unhelpful:
            inquiry.observations["servers_failed"] = unhelpful
        if left == 1:
            return await _one(inquiry, options, server, query)
        try:
            async with asyncio.timeout(inquiry.remaining() / left):
                answer = await _one(inquiry, options, server, query)
        except (Trouble, TimeoutError) as error:
            unhelpful.append(f"{server}: {error.reason if isinstance(error, Trouble) else Reason.DNS_TIMEOUT}")
            continue
        if answer.rcode in (options.expect.rcode, "NOERROR") or answer.rcode not in _NEXT_MAY_KNOW:
            return answer
        unhelpful.append(f"{server}: {answer.rcode}")
    raise AssertionError("there is a last one")  # pragma: no cover


async def _one(inquiry: Inquiry, options: DnsOptions, server: Server, query: Message) -> Answer:
    inquiry.observations |= {"server": str(server), "transport": options.transport}
    if options.transport == "udp":
        wire = await over_udp(inquiry, server, query)
        if is_truncated(wire):
            inquiry.observations |= {"truncated": True, "transport": "tcp"}
            wire = await over_tcp(inquiry, server, query)
    else:
        wire = await over_tcp(inquiry, server, query)
    try:
        return within_budget(read, query, wire)
    except (Unreadable, TookTooLong) as error:
        words = short(str(error)) or "it takes too long"
        raise Trouble(Reason.DNS_FAILED, f"{server} sent an answer that cannot be read: {words}") from error


def _observed(answer: Answer) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "rcode": answer.rcode,
        "records": [visible(record)[:500] for record in answer.records[:_KEPT]],
        "record_count": len(answer.records),
        "authoritative": answer.authoritative,
        "authenticated": answer.authenticated,
    }
    if answer.aliases:
        seen["aliases"] = [visible(name) for name in answer.aliases]
    if answer.ttl is not None:
        seen["ttl"] = answer.ttl
    if answer.serial is not None:
        seen["serial"] = answer.serial
    return seen
