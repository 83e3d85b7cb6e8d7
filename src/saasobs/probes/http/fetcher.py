"""The engine behind the http kind, for every other kind that asks a URL: one exchange, nothing judged."""

from __future__ import annotations

import asyncio

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check
from saasobs.core.values import SECOND
from saasobs.probes.http.curl import Multi, system_ca_file
from saasobs.probes.http.exchange import Seen, Sender, exchange
from saasobs.probes.http.options import HttpOptions
from saasobs.probes.http.request import trace_id
from saasobs.probes.kind import Tools


class Fetcher:
    """Opens nothing before its first request, and belongs to the loop of that request."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._multis: dict[str, Multi] = {}
        self._system_ca: str | None = None

    async def fetch(self, options: HttpOptions, monitor: Monitor, check: Check, seen: Seen) -> None:
        """Ask for a URL within the monitor's timeout; the target's failures are told by ``seen.trouble``."""
        await exchange(options, self._sender(options, monitor, check), seen)

    def close(self) -> None:
        for multi in self._multis.values():
            multi.close()
        self._multis.clear()

    def _sender(self, options: HttpOptions, monitor: Monitor, check: Check) -> Sender:
        loop = asyncio.get_running_loop()
        correlation_id = check.correlation_id if options.correlate else ""
        return Sender(
            multi=self._multi(options, loop),
            user_agent=self._tools.user_agent,
            nameservers=self._tools.nameservers,
            correlation_id=correlation_id,
            trace_id=trace_id(correlation_id) if correlation_id else "",
            deadline=loop.time() + monitor.timeout / SECOND,
            now=self._tools.clock.now(),
        )

    def _multi(self, options: HttpOptions, loop: asyncio.AbstractEventLoop) -> Multi:
        if self._system_ca is None:
            self._system_ca = system_ca_file()
        ca_file = self._system_ca if options.ca_file is None else str(options.ca_file)
        if (multi := self._multis.get(ca_file)) is None:
            multi = self._multis[ca_file] = Multi(loop, ca_file)
        return multi
