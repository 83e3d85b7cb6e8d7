"""AMQP 0-9-1 as far as a check goes: https://www.rabbitmq.com/amqp-0-9-1-reference.html

Loaded when a monitor of kind rabbitmq is checked: it needs pamqp, which takes the frames apart.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, TypeVar

from pamqp import base, commands, exceptions, frame, header
from pamqp.common import FieldTable

from saasobs._version import __version__
from saasobs.core.result import Reason
from saasobs.probes.databases.answer import quoted
from saasobs.probes.databases.options import Where
from saasobs.probes.databases.packet import Meter
from saasobs.probes.inquiry import Trouble

_METHOD, _HEADER, _BODY, _HEARTBEAT = 1, 2, 3, 8
_KINDS: Final = frozenset({_METHOD, _HEADER, _BODY, _HEARTBEAT})
_MOST_FRAME: Final = 1 << 28
_UNASKED: Final = (commands.Connection.Blocked, commands.Connection.Unblocked)
_BROKEN: Final = (
    exceptions.PAMQPException, ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError, struct.error,
)  # fmt: skip
_CAPABILITIES: Final = {"authentication_failure_close": True}
"""To be told of a refused login, instead of just being cut off."""

_FORBIDDEN, _FORCED, _NO_SUCH_HOST = 403, 320, 530

FAREWELL: Final = frame.marshal(commands.Connection.Close(200, "the check is over", 0, 0), 0)
LAST_WORDS: Final = frame.marshal(commands.Connection.CloseOk(), 0)
"""The server's answer to it, after which it waits for us."""

Method = TypeVar("Method", bound=base.Frame)


class _Open(commands.Connection.Open):
    """RabbitMQ has more names for virtual hosts than the specification, by which pamqp goes."""

    def validate(self) -> None:
        """Anything that fits."""


class _Declare(commands.Queue.Declare):
    """The same for queues."""

    def validate(self) -> None:
        """Anything that fits."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What a passive declaration tells."""

    messages: int
    consumers: int


class Session:
    """One connection with at most one channel."""

    def __init__(self, meter: Meter, where: Where) -> None:
        self._meter = meter
        self._where = where

    async def greet(self) -> commands.Connection.Start:
        """:raises Trouble:"""
        await self._meter.stream.send(header.ProtocolHeader().marshal())
        return await self._receive(commands.Connection.Start)

    async def log_in(self, start: commands.Connection.Start, virtual_host: str) -> None:
        """Up to the opened virtual host. :raises Trouble:"""
        offered = str(start.mechanisms)
        if "PLAIN" not in offered.split():
            raise Trouble(Reason.AUTHENTICATION_FAILED, f"it offers {quoted(offered) or 'no login'}, expected PLAIN")
        us: FieldTable = {"product": "saasobs", "version": __version__, "capabilities": dict(_CAPABILITIES)}
        login = f"\0{self._where.user}\0{self._where.secret}"
        await self._send(commands.Connection.StartOk(us, "PLAIN", login, "en_US"))
        tune = await self._receive(commands.Connection.Tune, refused=Reason.AUTHENTICATION_FAILED)
        await self._send(
            commands.Connection.TuneOk(tune.channel_max or 1, tune.frame_max or 131_072, 0),
            _Open(virtual_host),
        )
        await self._receive(commands.Connection.OpenOk, refused=Reason.AUTHENTICATION_FAILED)

    async def open_channel(self) -> None:
        """:raises Trouble:"""
        await self._send(commands.Channel.Open(), channel=1)
        await self._receive(commands.Channel.OpenOk)

    async def look_at(self, queue: str) -> Queue:
        """:raises Trouble: there is no such queue, or no right to it."""
        await self._send(_Declare(queue=queue, passive=True), channel=1)
        told = await self._receive(commands.Queue.DeclareOk)
        return Queue(told.message_count or 0, told.consumer_count or 0)

    async def _send(self, *methods: base.Frame, channel: int = 0) -> None:
        await self._meter.stream.send(b"".join(frame.marshal(method, channel) for method in methods))

    async def _receive(self, wanted: type[Method], refused: Reason = Reason.QUERY_FAILED) -> Method:
        """The next method, which must be that one. :param refused: what an error means. :raises Trouble:"""
        while True:
            found = await self._frame()
            if isinstance(found, wanted):
                return found
            if isinstance(found, commands.Connection.Close | commands.Channel.Close):
                raise self._closed(found, refused)
            if found is not None and not isinstance(found, _UNASKED):
                raise Trouble(Reason.PROTOCOL_ERROR, f"{found.name} came where {wanted.name} was due")

    async def _frame(self) -> base.Frame | None:
        """The next frame, None for a heartbeat. :raises Trouble:"""
        head = await self._meter.exactly(7)
        kind, _, size = struct.unpack(">BHI", head)
        if head.startswith(b"AMQP"):
            numbers = (*head[4:], *await self._meter.exactly(1))
            raise Trouble(Reason.PROTOCOL_ERROR, f"it wants AMQP {'-'.join(map(str, numbers))}, not 0-0-9-1")
        if kind not in _KINDS or size > _MOST_FRAME:
            said = quoted(head.decode("utf-8", "backslashreplace"))
            raise Trouble(Reason.PROTOCOL_ERROR, f'no AMQP 0-9-1, but "{said}"')
        body = await self._meter.exactly(size + 1)
        if kind == _HEARTBEAT:
            return None
        try:
            _, _, found = frame.unmarshal(head + body)
        except _BROKEN as error:
            raise Trouble(Reason.PROTOCOL_ERROR, f"no AMQP 0-9-1: {quoted(str(error))}") from error
        if not isinstance(found, base.Frame):
            raise Trouble(Reason.PROTOCOL_ERROR, "content came where a method was due")
        return found

    def _closed(self, close: commands.Connection.Close | commands.Channel.Close, refused: Reason) -> Trouble:
        if close.reply_code == _FORCED:
            refused = Reason.NOT_SERVING
        elif close.reply_code in (_FORBIDDEN, _NO_SUCH_HOST) and isinstance(close, commands.Connection.Close):
            refused = Reason.AUTHENTICATION_FAILED
        return Trouble(refused, f"{quoted(str(close.reply_text), self._where.password)}, code {close.reply_code}")


def told(start: commands.Connection.Start, name: str) -> str:
    """What the server says of itself under a name; empty when it does not."""
    value = (start.server_properties or {}).get(name, "")
    return quoted(value if isinstance(value, str) else "")
