"""A question over the wire and its answer back: UDP with one retransmission, TCP when it has to be.

What is not the answer to our very question (another ID, another question, another sender) is ignored, and counted.
"""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from saasobs.core.result import Reason
from saasobs.probes.dns.messages import is_answer, is_truncated
from saasobs.probes.inquiry import Inquiry, Trouble
from saasobs.probes.net.options import show_place
from saasobs.probes.net.stream import READ_LIMIT, Stream

if TYPE_CHECKING:
    from dns.message import Message

AGAIN_AFTER: Final = 2.0
"""Seconds after which the question is sent once more, or half of the time left when that is less."""
MAX_IGNORED: Final = 1000
"""Datagrams that are not the answer, before the check gives up."""


@dataclass(frozen=True, slots=True)
class Server:
    """A name server, by its literal address."""

    address: str
    port: int

    def __str__(self) -> str:
        return show_place(self.address, self.port)


async def over_udp(inquiry: Inquiry, server: Server, query: Message) -> bytes:
    """The first datagram that answers; it may be truncated. :raises Trouble:"""
    loop = asyncio.get_running_loop()
    wire = query.to_wire()
    with inquiry.phase("lookup"):
        try:
            transport, ears = await loop.create_datagram_endpoint(
                lambda: _Ears(query, inquiry), remote_addr=(server.address, server.port)
            )
        except OSError as error:
            raise _unreachable(server, error) from error
        try:
            transport.sendto(wire)
            patience = min(AGAIN_AFTER, inquiry.remaining() / 2)
            await asyncio.wait((ears.answer,), timeout=patience)
            if not ears.answer.done():
                inquiry.observations["retransmissions"] = inquiry.observations.get("retransmissions", 0) + 1
                transport.sendto(wire)
            return await ears.answer
        except OSError as error:
            raise _unreachable(server, error) from error
        finally:
            transport.abort()


class _Ears(asyncio.DatagramProtocol):
    """Listens on a connected socket: the kernel drops what other addresses send."""

    def __init__(self, query: Message, inquiry: Inquiry) -> None:
        self._query = query
        self._inquiry = inquiry
        self._ignored = 0
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _addr: tuple[object, ...]) -> None:
        if self.answer.done():
            return
        if is_answer(self._query, data):
            self.answer.set_result(data)
            return
        self._ignored += 1
        self._inquiry.observations["ignored"] = self._ignored
        if self._ignored >= MAX_IGNORED:
            words = f"{MAX_IGNORED} datagrams came, and none is the answer"
            self.answer.set_exception(Trouble(Reason.DNS_FAILED, words))

    def error_received(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def connection_lost(self, _error: Exception | None) -> None:
        if self.answer.done():
            if not self.answer.cancelled():
                self.answer.exception()  # seen: nobody waits for it any more
        else:
            self.answer.cancel()


async def over_tcp(inquiry: Inquiry, server: Server, query: Message) -> bytes:
    """The answer over a connection of its own (RFC 7766). :raises Trouble:"""
    with inquiry.phase("connect"):
        try:
            reader, writer = await asyncio.open_connection(server.address, server.port, limit=READ_LIMIT)
        except OSError as error:
            raise _unreachable(server, error) from error
    stream = Stream(reader, writer, server.address, server.port, server.address)
    try:
        with inquiry.phase("lookup"):
            wire = query.to_wire()
            await stream.send(len(wire).to_bytes(2, "big") + wire)
            size = int.from_bytes(await stream.exactly(2), "big")
            answer = await stream.exactly(size)
    finally:
        stream.close()
    if not is_answer(query, answer) or is_truncated(answer):
        raise Trouble(Reason.DNS_FAILED, f"{server} sent something over TCP that is not the whole answer")
    return answer


def _unreachable(server: Server, error: OSError) -> Trouble:
    if error.errno == errno.ECONNREFUSED:
        return Trouble(Reason.CONNECT_REFUSED, str(server))
    return Trouble(Reason.CONNECT_FAILED, f"{server}: {error.strerror}" if error.strerror else str(server))
