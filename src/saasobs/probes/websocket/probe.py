"""The websocket kind: upgrades a connection, says what is to be said, and judges what comes back."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from saasobs.core.monitor import Monitor
from saasobs.core.redact import redact_url
from saasobs.core.result import Check, Failure, Reason, Result
from saasobs.probes.inquiry import Inquiry, Trouble, conduct
from saasobs.probes.kind import Tools
from saasobs.probes.net.certificate import Certificate
from saasobs.probes.net.contact import Contact
from saasobs.probes.net.matching import bounded
from saasobs.probes.net.stream import Stream
from saasobs.probes.verdict import Unmet, judge_certificate, judge_time, short
from saasobs.probes.websocket.judge import judge_message
from saasobs.probes.websocket.options import WebsocketOptions
from saasobs.probes.websocket.session import FAREWELL, Message, Session, closing_words
from saasobs.probes.websocket.upgrade import Head, client, read_head, request

_REFUSAL_SECONDS: Final = 0.5
"""At most so long for the words that explain a refusal."""
_REFUSAL_BYTES: Final = 2048


class WebsocketProbe:
    """Implements core.ports.Probe."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._contact = Contact(tools)

    async def check(self, monitor: Monitor, check: Check) -> Result:
        return await conduct(monitor, check, self._ask)

    async def close(self) -> None:
        """Nothing is held."""

    async def _ask(self, inquiry: Inquiry) -> None:
        options: WebsocketOptions = inquiry.monitor.options
        stream = await self._contact.reach(inquiry, options.where.host, options.where.port, options)
        chain: tuple[Certificate, ...] = ()
        try:
            if options.secure:
                chain = (await self._contact.secure(inquiry, stream, options, alpn=("http/1.1",))).chain
            session = await self._upgrade(inquiry, options, stream)
            if session is not None:
                await _converse(inquiry, options, session)
        finally:
            stream.close()
        inquiry.unmet += judge_time(options.expect, inquiry.duration())
        inquiry.unmet += judge_certificate(options.expect, chain, self._tools.clock.now())

    async def _upgrade(self, inquiry: Inquiry, options: WebsocketOptions, stream: Stream) -> Session | None:
        """The connection as a WebSocket; None when the server refused, which is noted."""
        protocol = client(options)
        with inquiry.phase("upgrade"):
            await stream.send(request(protocol, options, inquiry.check, self._tools.user_agent))
            head = await read_head(stream)
        inquiry.observations["status"] = head.status
        if head.status != 101:
            inquiry.unmet.append(_refused(head))
            inquiry.said = await _words(inquiry, stream)
            return None
        protocol.receive_data(head.raw)
        if protocol.handshake_exc is not None:
            cause = protocol.handshake_exc.__cause__ or protocol.handshake_exc
            raise Trouble(Reason.PROTOCOL_ERROR, f"in the upgrade: {short(str(cause))}")
        protocol.events_received()  # the handshake itself
        if protocol.subprotocol:
            inquiry.observations["subprotocol"] = str(protocol.subprotocol)
        inquiry.unmet += _subprotocol(options, protocol.subprotocol)
        return Session(stream, protocol)


def _refused(head: Head) -> Unmet:
    location = short(redact_url(head.header("location"))) if 300 <= head.status < 400 else ""
    note = f"; it redirects to {location}, which is not followed" if location else ""
    failure = Failure("upgrade", "101", str(head.status), Reason.STATUS_MISMATCH)
    return Unmet(failure, f"the upgrade was refused with status {head.status}, expected 101{note}")


async def _words(inquiry: Inquiry, stream: Stream) -> str:
    """The beginning of a refusal's body, for people; the verdict does not wait for it."""
    said = b""
    with suppress(Trouble, TimeoutError):
        async with asyncio.timeout(min(_REFUSAL_SECONDS, inquiry.remaining() / 2)):
            while len(said) < _REFUSAL_BYTES and (data := await stream.some(_REFUSAL_BYTES)):
                said += data
    return said.decode("utf-8", "replace")


def _subprotocol(options: WebsocketOptions, chosen: str | None) -> list[Unmet]:
    wanted = options.expect.subprotocol
    if wanted is None or chosen == wanted:
        return []
    seen = chosen or "none"
    failure = Failure("subprotocol", wanted, seen, Reason.HEADER_MISMATCH)
    return [Unmet(failure, f"the server chose the subprotocol {seen}, expected {wanted}")]


async def _converse(inquiry: Inquiry, options: WebsocketOptions, session: Session) -> None:
    try:
        if options.send or options.expect.reads_message:
            with inquiry.phase("message"):
                for text in options.send:
                    await session.say(text.reveal())
                if options.expect.reads_message:
                    inquiry.unmet += await _read(inquiry, options, session)
        if options.ping:
            with inquiry.phase("ping"):
                round_trip = await session.ping()
            if round_trip is not None:
                inquiry.observations["ping_us"] = round_trip
        await session.close(min(FAREWELL, inquiry.remaining() / 2))
    finally:
        if session.closed is not None:
            inquiry.observations["closed"] = closing_words(session.closed)


async def _read(inquiry: Inquiry, options: WebsocketOptions, session: Session) -> list[Unmet]:
    """Messages until one meets every expectation; what the last one did not meet."""
    place, faults = inquiry.place, list[Unmet]()
    for number in range(1, options.messages + 1):
        try:
            message = await session.message()
        except Trouble:
            if faults:
                return faults
            raise
        inquiry.said = message.text
        inquiry.observations |= _seen(message, number)
        faults = bounded(judge_message, options.expect, message.text)
        if not faults:
            break
        inquiry.place = f"{place}, {number} of {options.messages} messages came and none was as expected"
    inquiry.place = place
    return faults


def _seen(message: Message, number: int) -> dict[str, Any]:
    return {"messages": number, "message_bytes": message.size, "message_binary": message.binary}
