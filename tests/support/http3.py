"""A server that speaks HTTP/3 and nothing else, on a UDP port of loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated, QuicEvent

from support.tls import Identity


class _Answering(QuicConnectionProtocol):
    """Says 200 and the path to every request."""

    _http: H3Connection | None = None

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated):
            self._http = H3Connection(self._quic)
        if self._http is None:
            return
        for one in self._http.handle_event(event):
            if isinstance(one, HeadersReceived):
                path = dict(one.headers).get(b":path", b"")
                self._http.send_headers(one.stream_id, [(b":status", b"200"), (b"content-type", b"text/plain")])
                self._http.send_data(one.stream_id, b"by udp: " + path, end_stream=True)
        self.transmit()


@asynccontextmanager
async def http3_server(identity: Identity, folder: Path) -> AsyncIterator[int]:
    """Yields its port. :param folder: to write into."""
    configuration = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    configuration.load_cert_chain(*identity.split(folder))
    server: Any = await serve("127.0.0.1", 0, configuration=configuration, create_protocol=_Answering)
    try:
        yield server._transport.get_extra_info("sockname")[1]
    finally:
        server.close()
