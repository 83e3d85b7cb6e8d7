"""The journey kind: the door to what is heavy (httpx and httpcore are loaded at the first check)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Result
from saasobs.probes.inquiry import Inquiry, conduct
from saasobs.probes.kind import Tools, broken
from saasobs.probes.net.contact import Contact

if TYPE_CHECKING:
    from saasobs.probes.journey.course import Course

log = structlog.get_logger("saasobs.probes.journey")


class JourneyProbe:
    """Implements core.ports.Probe. Shares TLS contexts between journeys, and nothing else."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._contact = Contact(tools)
        self._course: type[Course] | None = None

    async def check(self, monitor: Monitor, check: Check) -> Result:
        try:
            if self._course is None:
                self._course = await asyncio.to_thread(_load)
        except Exception as error:
            log.exception("check.broken", monitor=monitor.name, kind=monitor.kind)
            return broken(check, error, 0)
        course = self._course

        async def ask(inquiry: Inquiry) -> None:
            await course(inquiry, self._tools, self._contact).run()

        return await conduct(monitor, check, ask)

    async def close(self) -> None:
        """Nothing is held: a journey closes its own connections."""


def _load() -> type[Course]:
    """In a thread: other checks go on meanwhile."""
    from saasobs.probes.journey.course import Course  # noqa: PLC0415 - httpx, which only journeys need

    return Course
