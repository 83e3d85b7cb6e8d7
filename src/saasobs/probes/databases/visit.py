"""The frame of every kind of this folder: reach the server, have the kind talk with it, judge time and certificate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Result
from saasobs.probes.databases.door import Door
from saasobs.probes.databases.scram import SaltedPasswords
from saasobs.probes.inquiry import Inquiry, conduct
from saasobs.probes.kind import Tools
from saasobs.probes.net.contact import Handshake
from saasobs.probes.net.stream import Stream
from saasobs.probes.verdict import judge_certificate, judge_time


class ServerProbe(ABC):
    """Implements core.ports.Probe, but for the conversation."""

    def __init__(self, tools: Tools) -> None:
        self._clock = tools.clock
        self.door = Door(tools)
        self.salted = SaltedPasswords()

    async def check(self, monitor: Monitor, check: Check) -> Result:
        return await conduct(monitor, check, self._ask)

    async def close(self) -> None:
        """Nothing is held."""
        return

    @abstractmethod
    async def converse(self, inquiry: Inquiry, stream: Stream) -> Handshake | None:
        """TLS, login, the question, what of the answer is not as expected, and a farewell.

        :returns: what TLS agreed on, if it was spoken. :raises Trouble: there is nothing to judge.
        """

    async def _ask(self, inquiry: Inquiry) -> None:
        options: Any = inquiry.monitor.options
        stream = await self.door.open(inquiry, options)
        try:
            handshake = await self.converse(inquiry, stream)
        finally:
            stream.close()
        inquiry.unmet += judge_time(options.expect, inquiry.duration())
        if handshake is not None and options.security == "verify":
            inquiry.unmet += judge_certificate(options.expect, handshake.chain, self._clock.now())
