"""gRPC servers on loopback: grpcio's own with its health service, and one of bare HTTP/2 that answers as it likes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from support.serving import port_of, serving
from support.tls import Identity

TOKEN = "Bearer swordfish-42"  # what `guarded` asks for


@dataclass
class Health:
    """A running server: where it is, its services' states, and the metadata of every call."""

    port: int = 0
    servicer: health.HealthServicer = field(default_factory=health.HealthServicer)
    calls: list[dict[str, str]] = field(default_factory=list)

    def set(self, service: str, status: str) -> None:
        self.servicer.set(service, health_pb2.HealthCheckResponse.ServingStatus.Value(status))


class _Watch(grpc.ServerInterceptor):  # type: ignore[misc] # grpcio has no types of its own
    """Notes metadata; with `guarded`, refuses calls without TOKEN."""

    def __init__(self, server: Health, guarded: bool) -> None:
        self._server = server
        self._guarded = guarded

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        metadata = dict(details.invocation_metadata)
        self._server.calls.append(metadata)
        if self._guarded and metadata.get("authorization") != TOKEN:

            def refuse(_request: Any, context: Any) -> None:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token, no answer")

            return grpc.unary_unary_rpc_method_handler(refuse)
        return continuation(details)


@contextmanager
def health_server(identity: Identity | None = None, *, guarded: bool = False, healthy: bool = True) -> Iterator[Health]:
    """grpcio; over TLS when given an identity; without a health service when not `healthy`."""
    running = Health()
    server = grpc.server(ThreadPoolExecutor(2), interceptors=[_Watch(running, guarded)])
    if healthy:
        health_pb2_grpc.add_HealthServicer_to_server(running.servicer, server)
    if identity is None:
        running.port = server.add_insecure_port("127.0.0.1:0")
    else:
        pem = identity.pem.read_bytes()
        credentials = grpc.ssl_server_credentials([(pem, pem)])
        running.port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield running
    finally:
        server.stop(None).wait()


Answer = Callable[[H2Connection, int], None]
"""(the connection, the call's stream): what the server does once it has the call."""


@asynccontextmanager
async def bare_server(answer: Answer | bytes) -> AsyncIterator[int]:
    """HTTP/2 whose answer a test writes, or raw bytes in place of any protocol; yields the port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (_bytes(answer, reader, writer) if isinstance(answer, bytes) else _speak(answer, reader, writer))

    async with serving(handle) as listener:
        yield port_of(listener)


async def _bytes(data: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(data)
    await writer.drain()
    writer.write_eof()
    await reader.read()


async def _speak(answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    http = H2Connection(H2Configuration(client_side=False, validate_outbound_headers=False))
    http.initiate_connection()
    while data := await reader.read(65536):
        for event in http.receive_data(data):
            if isinstance(event, RequestReceived):
                answer(http, event.stream_id)
        writer.write(http.data_to_send())
        await writer.drain()


def replies(
    *headers: tuple[str, str], body: bytes = b"", trailers: tuple[tuple[str, str], ...] = (("grpc-status", "0"),)
) -> Answer:
    """An Answer of headers, a body and trailers."""

    def answer(http: H2Connection, stream: int) -> None:
        http.send_headers(stream, list(headers or ((":status", "200"), ("content-type", "application/grpc"))))
        if body:
            http.send_data(stream, body)
        if trailers:
            http.send_headers(stream, list(trailers), end_stream=True)
        else:
            http.end_stream(stream)

    return answer
