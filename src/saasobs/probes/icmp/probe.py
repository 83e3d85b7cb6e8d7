"""The icmp kind: finds the host, pings it, and judges what became of the packets."""

from __future__ import annotations

from typing import Any, Final

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Reason, Result
from saasobs.probes.icmp.judge import judge_tally
from saasobs.probes.icmp.options import IcmpOptions
from saasobs.probes.icmp.pinging import Pinging, Tally
from saasobs.probes.icmp.sockets import open_socket
from saasobs.probes.inquiry import Inquiry, Trouble, conduct
from saasobs.probes.kind import Tools
from saasobs.probes.net.contact import Contact

_TELLING: Final = 0.05
"""Seconds before the deadline in which waiting ends, so that what did come back is told."""


class IcmpProbe:
    """Implements core.ports.Probe."""

    def __init__(self, tools: Tools) -> None:
        self._contact = Contact(tools)

    async def check(self, monitor: Monitor, check: Check) -> Result:
        return await conduct(monitor, check, self._ask)

    async def close(self) -> None:
        """Nothing is held."""

    async def _ask(self, inquiry: Inquiry) -> None:
        options: IcmpOptions = inquiry.monitor.options
        inquiry.place = options.host_
        with inquiry.phase("dns"):
            addresses = await self._contact.addresses(inquiry.monitor, options.host_, options)
        sock = open_socket(addresses)
        try:
            inquiry.observations["address"] = sock.address
            with inquiry.phase("echo"):
                tally = await Pinging(sock, options).run(max(0.0, inquiry.remaining() - _TELLING))
        finally:
            sock.close()
        if not tally.sent:
            raise Trouble(Reason.CONNECT_FAILED, f"{options.host_}: {tally.unsent}")
        if tally.received:
            # The time between the packets is ours; what the host took is the average round trip.
            inquiry.phases["echo"] = tally.average
        inquiry.observations |= _observed(tally)
        where = options.host_ if sock.address == options.host_ else f"{options.host_} at {sock.address}"
        inquiry.unmet += judge_tally(options.expect, tally, where)


def _observed(tally: Tally) -> dict[str, Any]:
    seen: dict[str, Any] = {"sent": tally.sent, "received": tally.received, "loss_percent": round(tally.loss, 1)}
    if tally.received:
        times = tally.round_trips.values()
        seen |= {"rtt_min_us": min(times), "rtt_avg_us": tally.average, "rtt_max_us": max(times)}
        seen["rtt_jitter_us"] = tally.jitter
    if tally.errors:
        seen["errors"] = sorted(set(tally.errors.values()))
    if tally.duplicates:
        seen["duplicates"] = tally.duplicates
    return seen
