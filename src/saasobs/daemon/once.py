"""One check, now, in this process, with no daemon and no store: what `saasobs check` runs."""

from __future__ import annotations

import asyncio
import os

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Result
from saasobs.daemon.board import Board
from saasobs.daemon.clock import SteadyClock
from saasobs.daemon.heartbeats import HeartbeatBook
from saasobs.probes import KINDS, Tools
from saasobs.settings import Settings


def run(monitor: Monitor, settings: Settings | None = None) -> Result:
    """Run one check of `monitor` to its end."""
    return asyncio.run(_check(monitor, settings))


async def _check(monitor: Monitor, settings: Settings | None) -> Result:
    clock = SteadyClock()
    nameservers = settings.nameservers if settings else ()
    probe = KINDS[monitor.kind].probe(Tools(clock, HeartbeatBook(), Board(), nameservers=nameservers))
    now = clock.now()
    try:
        return await probe.check(monitor, Check(monitor.name, now, now, correlation_id=os.urandom(16).hex()))
    finally:
        await probe.close()
