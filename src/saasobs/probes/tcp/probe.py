"""The tcp kind: connects, by TLS where wanted, and goes through the dialogue."""

from __future__ import annotations

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Result
from saasobs.probes.inquiry import Inquiry, conduct
from saasobs.probes.kind import Tools
from saasobs.probes.net.contact import Contact, Handshake
from saasobs.probes.net.stream import Stream
from saasobs.probes.tcp.dialogue import NotMet, Talk
from saasobs.probes.tcp.options import TcpOptions
from saasobs.probes.verdict import judge_certificate, judge_time


class TcpProbe:
    """Implements core.ports.Probe."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._contact = Contact(tools)

    async def check(self, monitor: Monitor, check: Check) -> Result:
        return await conduct(monitor, check, self._ask)

    async def close(self) -> None:
        """Nothing is held."""

    async def _ask(self, inquiry: Inquiry) -> None:
        options: TcpOptions = inquiry.monitor.options
        stream = await self._contact.reach(inquiry, options.host_, options.port, options)
        talk = Talk(inquiry, stream, options.steps)
        try:
            if options.tls:
                talk.handshake = await self._contact.secure(inquiry, stream, options)
            await self._hold(talk)
        except NotMet as ended:
            inquiry.unmet.append(ended.unmet)
        finally:
            stream.close()
        inquiry.unmet += judge_time(options.expect, inquiry.duration())
        if talk.handshake is not None:
            inquiry.unmet += judge_certificate(options.expect, talk.handshake.chain, self._tools.clock.now())

    async def _hold(self, talk: Talk) -> None:
        """Go through the steps. :raises NotMet, Trouble:"""
        inquiry = talk.inquiry
        for number, step in enumerate(talk.steps, 1):
            inquiry.place = f"{talk.stream.place}, step {number}"
            with inquiry.phase("dialogue"):
                await talk.go(number, step)
                if step.starttls:
                    await talk.end_line()
            if step.starttls:
                talk.handshake = await self._secure(talk, number)

    async def _secure(self, talk: Talk, number: int) -> Handshake:
        options: TcpOptions = talk.inquiry.monitor.options
        before = talk.steps[:number]
        in_clear = (*before[:-1], before[-1].model_copy(update={"starttls": False}))

        async def again(aside: Inquiry) -> Stream:
            other = await self._contact.reach(aside, options.host_, options.port, options)
            try:
                await self._hold(Talk(aside, other, in_clear))
            except NotMet as ended:
                other.close()
                raise other.ended() from ended
            except BaseException:
                other.close()
                raise
            return other

        return await self._contact.secure(talk.inquiry, talk.stream, options, again=again)
