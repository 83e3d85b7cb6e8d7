"""httpcore's connections, made by `Contact`: our own resolving, guard, phases and TLS under httpx's protocol.

Whatever happens while connecting is a `Trouble` already and passes through httpcore as it is.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from saasobs.probes.inquiry import Inquiry
from saasobs.probes.journey.options import JourneyOptions
from saasobs.probes.net.certificate import Certificate
from saasobs.probes.net.contact import Contact
from saasobs.probes.net.options import ascii_host
from saasobs.probes.net.stream import Stream

ANSWER = "first_byte"
"""The phase that follows on a connection."""


class Dialer(httpcore.AsyncNetworkBackend):
    """Opens the connections of one journey."""

    def __init__(self, contact: Contact, options: JourneyOptions, inquiry: Inquiry) -> None:
        self._contact = contact
        self._options = options
        self.inquiry = inquiry
        """The step under way: its phases and observations."""
        self.opened = 0
        """How many connections there have been."""
        self.chain: tuple[Certificate, ...] = ()
        """The certificates of the newest connection."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline of the step stands above all
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> Line:
        """:raises Trouble:"""
        self.opened += 1
        self.chain = ()
        name, base = ascii_host(host), self._options.base
        ours = base is not None and name == base.host
        network = self._options if ours else self._options.elsewhere
        stream = await self._contact.reach(self.inquiry, name, port, network)
        self.inquiry.current = ANSWER
        return Line(stream, self)

    async def secure(self, stream: Stream) -> None:
        """:raises Trouble:"""
        handshake = await self._contact.secure(self.inquiry, stream, self._options.trust, alpn=("http/1.1",))
        self.chain = handshake.chain
        self.inquiry.current = ANSWER


class Line(httpcore.AsyncNetworkStream):
    """One connection, as httpcore wants it."""

    def __init__(self, stream: Stream, dialer: Dialer) -> None:
        self._stream = stream
        self._dialer = dialer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        try:
            return await self._stream.reader.read(max_bytes)
        except OSError as error:
            raise httpcore.ReadError from self._stream.broken_off(error)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        try:
            self._stream.writer.write(buffer)
            await self._stream.writer.drain()
        except OSError as error:
            raise httpcore.WriteError from self._stream.broken_off(error)

    async def aclose(self) -> None:
        self._stream.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,  # noqa: ARG002 - Contact's own, one for each way to trust
        server_hostname: str | None = None,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002
    ) -> Line:
        await self._dialer.secure(self._stream)
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # asked of an idle connection: whether the other side has hung up
            reader = self._stream.reader
            return reader.at_eof() or reader.exception() is not None or self._stream.writer.is_closing()
        return self._stream.writer.get_extra_info(info)
