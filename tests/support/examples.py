"""How the documented example of each kind is served locally: its host and port swapped, nothing else of it changed.

A row takes the example's mapping and a place to work, and yields a Scene while its servers run. Where a secret or a key
is the server's own (a host key, a CA), the swap puts that in, too.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dnslib import MX, QTYPE, RR, DNSRecord
from prometheus_client import CollectorRegistry, Histogram
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from websockets.asyncio.server import ServerConnection

from saasobs.core.heartbeat import HeartbeatState
from saasobs.core.incident import MonitorState, Status
from saasobs.core.ports import Probe
from saasobs.core.values import MINUTE, SECOND
from saasobs.probes import KINDS, Tools
from saasobs.probes.domain import DomainProbe
from support.asgi_server import serving
from support.daemon import free_port
from support.database_examples import DATABASES
from support.dialogue import Peer, talker
from support.grpc_server import health_server
from support.probing import Others, Pings, SetClock, WallClock
from support.rdap import registration, registry
from support.scenes import Mapped, Place, Row, Scene
from support.scraped import page
from support.shop import PASSWORD as SHOP_PASSWORD
from support.shop import shop
from support.smtp import MailServer
from support.sshd import host_keys, sshd
from support.tls import Certificates
from support.websocket_server import websocket_server

SECRETS = {"CHECKOUT_PASSWORD": SHOP_PASSWORD}
"""What examples take from the environment, where the server has its own word for it; else it is SECRET."""


@asynccontextmanager
async def _http(example: Mapped, place: Place) -> AsyncIterator[Scene]:
    """Every host of the example becomes one server, which is well and hands a token to whoever asks for one."""
    identity = Certificates(place.folder).good()

    async def answer(_request: Request) -> Response:
        return JSONResponse({"status": "ok", "access_token": "t0ken-of-the-example", "token_type": "Bearer"})

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "PUT"])])
    with serving(app, ssl_certfile=str(identity.pem), ssl_keyfile=str(identity.pem)) as url:
        here = url.removeprefix("http://").replace("127.0.0.1", "localhost")
        swapped = json.loads(re.sub(r"[\w.-]+\.acme\.example", here, json.dumps(example)))
        yield Scene(swapped | {"ca_file": str(identity.ca_file)})


@asynccontextmanager
async def _heartbeat(example: Mapped, _place: Place) -> AsyncIterator[Scene]:
    now = WallClock().now()
    state = HeartbeatState(example["name"], created_at=now - 1, last_success=now)
    yield Scene(example, pings=Pings({example["name"]: state}))


@asynccontextmanager
async def _journey(example: Mapped, place: Place) -> AsyncIterator[Scene]:
    identity = Certificates(place.folder).good()
    with shop(identity.pem) as served:
        yield Scene(example | {"base_url": served.url, "ca_file": str(identity.ca_file)})


@asynccontextmanager
async def _domain(example: Mapped, _place: Place) -> AsyncIterator[Scene]:
    clock = WallClock()
    with registry() as served:
        served.domains[example["domain"]] = registration(clock.now())

        def asking_here(_probe: Probe) -> Probe:
            return DomainProbe(Tools(clock, Pings(), Others()), served.bootstrap)

        yield Scene(example, before=asking_here)


@asynccontextmanager
async def _composite(example: Mapped, _place: Place) -> AsyncIterator[Scene]:
    states = {name: MonitorState(name, Status.UP) for name in example["members"]}
    beside = [{"name": name, "kind": "http", "url": f"http://{name}.acme.example/"} for name in example["members"]]
    yield Scene(example, others=Others(states), beside=beside)


@asynccontextmanager
async def _tls(example: Mapped, place: Place) -> AsyncIterator[Scene]:
    identity = Certificates(place.folder).good()
    async with MailServer(starttls=identity.context()) as served:
        yield Scene(example | {"host": "localhost", "port": served.port, "ca_file": str(identity.ca_file)})


@asynccontextmanager
async def _tcp(example: Mapped, place: Place) -> AsyncIterator[Scene]:
    identity = Certificates(place.folder).good()
    context = identity.context()

    async def imap(peer: Peer) -> None:
        assert await peer.ask("* OK IMAP4rev1 ready\r\n") == b"a STARTTLS"
        await peer.say("a OK begin TLS\r\n")
        await peer.secure(context)
        assert await peer.hear() == b"b LOGOUT"
        await peer.say("* BYE\r\nb OK\r\n")

    async with talker(imap) as served:
        yield Scene(example | {"host": "localhost", "port": served.port, "ca_file": str(identity.ca_file)})


@asynccontextmanager
async def _smtp(example: Mapped, place: Place) -> AsyncIterator[Scene]:
    identity = Certificates(place.folder).good()
    context = identity.context()

    async def mail(peer: Peer) -> None:
        assert (await peer.ask("220 mail.acme.example ESMTP\r\n")).startswith(b"EHLO")
        assert await peer.ask("250-mail.acme.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n") == b"STARTTLS"
        await peer.say("220 go ahead\r\n")
        await peer.secure(context)
        assert (await peer.hear()).startswith(b"EHLO")
        said = await peer.ask("250-mail.acme.example\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n")
        assert said.startswith(b"AUTH PLAIN ")
        await peer.say("235 welcome\r\n")
        while await peer.hear() != b"QUIT":
            await peer.say("250 well\r\n")
        await peer.say("221 bye\r\n")

    async with talker(mail) as served:
        yield Scene(example | {"host": "localhost", "port": served.port, "ca_file": str(identity.ca_file)})


@asynccontextmanager
async def _ssh(example: Mapped, place: Place) -> AsyncIterator[Scene]:
    keys = host_keys(place.folder, ("ed25519",))
    async with sshd(keys, place.folder, free_port(), types=("ed25519",)) as served:
        expect = example["expect"] | {"host_keys": [served.fingerprint("ed25519")]}
        yield Scene(example | {"host": "127.0.0.1", "port": served.port, "expect": expect})


@asynccontextmanager
async def _websocket(example: Mapped, place: Place) -> AsyncIterator[Scene]:
    identity = Certificates(place.folder).good()

    async def greet(connection: ServerConnection) -> None:
        async for message in connection:
            assert json.loads(message) == {"type": "hello"}
            await connection.send('{"type": "welcome"}')

    protocols = tuple(example["subprotocols"])
    async with websocket_server(greet, protocols, identity.context()) as served:
        url = example["url"].replace("live.acme.example", f"localhost:{served.port}")
        yield Scene(example | {"url": url, "ca_file": str(identity.ca_file)})


@asynccontextmanager
async def _grpc(example: Mapped, place: Place) -> AsyncIterator[Scene]:
    identity = Certificates(place.folder).good()
    with health_server(identity) as served:
        served.set(example["service"], "SERVING")
        yield Scene(example | {"host": "localhost", "port": served.port, "ca_file": str(identity.ca_file)})


class _Mx(asyncio.DatagramProtocol):
    """A name server of its own zone, with two mail exchangers for any name."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        reply = DNSRecord.parse(data).reply()
        reply.header.aa, reply.header.ra = 1, 0
        for preference in (20, 10):
            exchanger = MX(f"mx{preference // 10}.acme.example", preference)
            reply.add_answer(RR(str(reply.q.qname), QTYPE.MX, rdata=exchanger, ttl=300))
        self._transport.sendto(reply.pack(), addr)


@asynccontextmanager
async def _dns(example: Mapped, _place: Place) -> AsyncIterator[Scene]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Mx, local_addr=("127.0.0.1", 0))
    try:
        yield Scene(example | {"server": "127.0.0.1", "port": transport.get_extra_info("sockname")[1]})
    finally:
        transport.close()


@asynccontextmanager
async def _icmp(example: Mapped, _place: Place) -> AsyncIterator[Scene]:
    yield Scene(example | {"host": "127.0.0.1"})


@asynccontextmanager
async def _metrics(example: Mapped, _place: Place) -> AsyncIterator[Scene]:
    """Scraped twice, a minute apart, with a thousand requests between."""
    clock, metrics = SetClock(WallClock().now() - WallClock().now() % SECOND), CollectorRegistry()
    labels = ("http_request_method", "http_route", "http_response_status_code")
    seconds = Histogram("http_server_request_duration_seconds", "", labels, buckets=(0.1, 1, 2, 5), registry=metrics)
    checkout = seconds.labels("POST", example["route"], "201")
    checkout.observe(0.05)

    def later() -> None:
        clock.at += MINUTE
        for _ in range(1000):
            checkout.observe(0.05)

    async with page() as served:
        served.show(metrics)
        yield Scene(example | {"url": served.url}, clock=clock, step=later)


@asynccontextmanager
async def _promql(example: Mapped, _place: Place) -> AsyncIterator[Scene]:
    async with page() as served:
        series = {"metric": {"http_route": "/checkout"}, "value": [WallClock().now() / SECOND, "0.02"]}
        answer = {"status": "success", "data": {"resultType": "vector", "result": [series]}}
        served.say(json.dumps(answer), "application/json")
        yield Scene(example | {"url": served.url.removesuffix("/metrics")})
        assert "/api/v1/query?query=sum" in served.requests[0][0]


ROWS: dict[str, Row] = {
    "http": _http,
    "heartbeat": _heartbeat,
    "tcp": _tcp,
    "tls": _tls,
    "smtp": _smtp,
    "ssh": _ssh,
    "websocket": _websocket,
    "grpc": _grpc,
    "dns": _dns,
    "icmp": _icmp,
    "metrics": _metrics,
    "promql": _promql,
    "journey": _journey,
    "domain": _domain,
    "composite": _composite,
    **DATABASES,
}


def probe_of(kind: str, scene: Scene) -> Probe:
    """The probe that checks the scene."""
    return scene.before(KINDS[kind].probe(Tools(scene.clock, scene.pings, scene.others)))
