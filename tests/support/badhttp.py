"""An HTTP(S) server that misbehaves on purpose: each path is one way of being wrong, written to the bare socket."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
import ssl
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import parse_qsl, urlsplit

from support.serving import port_of, serving

MIB = 1024 * 1024
BROTLI_BOMB = base64.b64decode("y///P/gnAOKxQCD3/o///3/wTwDEYRGA7v0f////4J8AiMMCAN37P/7//8E/ARCHBQC6938D")
"""32 MiB of zeros."""
BROTLI_HELLO = base64.b64decode("CwKAaGVsbG8D")
"""``hello``; there is no brotli among what tests install."""


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Lower-case names."""
    body: bytes
    protocol: str


@dataclass
class Wire:
    """The connection, and what a path may do to it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A well-formed answer; underscores in header names become hyphens."""
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *lines])
        await self.send(head.encode() + b"\r\n\r\n" + body)

    def reset(self) -> None:
        """Break the connection off with RST instead of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_gone(self) -> None:
        """Say nothing until the other side hangs up."""
        while await self.reader.read(1024):
            pass


Path = Callable[[Wire, Asked], Awaitable[None]]


async def _status(wire: Wire, asked: Asked) -> None:
    await wire.answer(int(asked.path.rpartition("/")[2]), b"said so", Content_Type="text/plain")


async def _json(wire: Wire, asked: Asked) -> None:
    await wire.answer(200, asked.query.get("body", "{}").encode(), Content_Type="application/json")


async def _text(wire: Wire, asked: Asked) -> None:
    content_type = asked.query.get("type", "text/plain")
    await wire.answer(200, asked.query.get("body", "").encode("latin-1"), Content_Type=content_type)


async def _header(wire: Wire, asked: Asked) -> None:
    await wire.answer(200, b"ok", **asked.query)


async def _echo(wire: Wire, asked: Asked) -> None:
    seen = {
        "method": asked.method,
        "headers": asked.headers,
        "body": asked.body.decode("latin-1"),
        "query": asked.query,
    }
    await wire.answer(200, json.dumps(seen).encode(), Content_Type="application/json")


async def _silent(wire: Wire, _asked: Asked) -> None:
    await wire.until_gone()


async def _slow(wire: Wire, asked: Asked) -> None:
    await asyncio.sleep(float(asked.query.get("seconds", "0.05")))
    await wire.answer(200, b"late")


async def _drip(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not wire.writer.is_closing():
        await wire.send(b".")
        await asyncio.sleep(0.02)


async def _drip_header(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\n")
    while not wire.writer.is_closing():
        await wire.send(b"X-More: and more\r\n")
        await asyncio.sleep(0.02)


async def _reset(wire: Wire, _asked: Asked) -> None:
    wire.reset()


async def _reset_body(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    await asyncio.sleep(0.05)
    wire.reset()


async def _short(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\nonly this much")


async def _cut_chunks(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")


async def _bad_chunks(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n")


async def _garbage(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"\x00\x01\x02 this is no HTTP at all\r\n\r\n" * 10)


async def _bad_header(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nno colon in here\r\nContent-Length: 2\r\n\r\nok")


async def _empty(wire: Wire, _asked: Asked) -> None:
    """Close without a word."""


async def _endless_header(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\n")
    while not wire.writer.is_closing():
        await wire.send(b"".join(b"X-Filler-%d: %s\r\n" % (number, b"x" * 1000) for number in range(64)))


async def _bomb(wire: Wire, _asked: Asked) -> None:
    await wire.answer(200, gzip.compress(b"\0" * 32 * MIB), Content_Encoding="gzip")


async def _gzip(wire: Wire, asked: Asked) -> None:
    await wire.answer(200, gzip.compress(asked.query.get("body", "plain").encode()), Content_Encoding="gzip")


async def _bad_gzip(wire: Wire, _asked: Asked) -> None:
    await wire.answer(200, b"this is not gzip at all", Content_Encoding="gzip")


async def _big(wire: Wire, asked: Asked) -> None:
    await wire.answer(200, b"x" * int(asked.query.get("bytes", str(2 * MIB))), Content_Type="text/plain")


async def _redirect(wire: Wire, asked: Asked) -> None:
    """``?to=URL&status=302``"""
    await wire.answer(int(asked.query.get("status", "302")), b"moved", Location=asked.query["to"])


async def _loop(wire: Wire, asked: Asked) -> None:
    await wire.answer(302, b"round", Location=f"/loop?n={int(asked.query.get('n', '0')) + 1}")


async def _slow_loop(wire: Wire, _asked: Asked) -> None:
    await asyncio.sleep(0.1)
    await wire.answer(302, Location="/slow-loop")


async def _no_location(wire: Wire, _asked: Asked) -> None:
    await wire.answer(302, b"to nowhere")


async def _latin_location(wire: Wire, _asked: Asked) -> None:
    await wire.send("HTTP/1.1 302 X\r\nLocation: /json?body=\u00e9 1\r\nContent-Length: 0\r\n\r\n".encode())


async def _early_hints(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n")
    await wire.answer(200, b"ok", X_Late="yes")


async def _latin_header(wire: Wire, _asked: Asked) -> None:
    await wire.send("HTTP/1.1 200 X\r\nX-Name: Zo\u00eb\r\nContent-Length: 0\r\n\r\n".encode("latin-1"))


async def _trailers(wire: Wire, _asked: Asked) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n"
    await wire.send(head + b"5\r\nhello\r\n0\r\nX-Trailer: x\r\n\r\n")


async def _endless_body(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while not wire.writer.is_closing():
        await wire.send(b"and so on " * 6400)


async def _endless_chunks(wire: Wire, _asked: Asked) -> None:
    """No byte of content, ever."""
    await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")
    while not wire.writer.is_closing():
        await wire.send(b"extension=more;")
        await asyncio.sleep(0.005)


async def _endless_line(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not wire.writer.is_closing():
        await wire.send(b"x" * 16384)


async def _endless_trailers(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
    while not wire.writer.is_closing():
        await wire.send(b"".join(b"X-Trailer-%d: %s\r\n" % (number, b"x" * 1000) for number in range(64)))


async def _flood(wire: Wire, _asked: Asked) -> None:
    while not wire.writer.is_closing():
        await wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n" * 500)


async def _drip_status(wire: Wire, _asked: Asked) -> None:
    for letter in b"HTTP/1.1 200 OK" * 100:
        await wire.send(bytes((letter,)))
        await asyncio.sleep(0.05)


async def _brotli_bomb(wire: Wire, _asked: Asked) -> None:
    await wire.answer(200, BROTLI_BOMB, Content_Encoding="br")


async def _matryoshka(wire: Wire, _asked: Asked) -> None:
    """A bomb in a bomb: 16 MiB come out of less than a kilobyte."""
    await wire.answer(200, _twice_packed(), Content_Encoding="gzip, gzip")


@cache
def _twice_packed() -> bytes:
    return gzip.compress(gzip.compress(b"\0" * 16 * MIB))


async def _many_encodings(wire: Wire, _asked: Asked) -> None:
    await wire.answer(200, b"x" * 100, Content_Encoding=", ".join(["gzip"] * 100))


async def _unknown_encoding(wire: Wire, _asked: Asked) -> None:
    await wire.answer(200, b"who knows", Content_Encoding="morse")


async def _encoded(wire: Wire, asked: Asked) -> None:
    """``?as=…``: says so, and compresses what it can."""
    name = asked.query.get("as", "gzip")
    packed = {"gzip": gzip.compress(b"hello"), "deflate": zlib.compress(b"hello"), "br": BROTLI_HELLO}
    await wire.answer(200, packed.get(name, b"hello"), Content_Encoding=name)


async def _negative_length(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello")


async def _two_lengths(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\nhello")


async def _huge_chunk(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nhello")


async def _nul(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nX-Odd: a\0b\r\nContent-Length: 2\r\n\r\nok")


async def _bad_status(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok")


async def _reset_header(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nX-Half: and th")
    await asyncio.sleep(0.05)
    wire.reset()


async def _cut_header(wire: Wire, _asked: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nX-Half: and th")


async def _switch(wire: Wire, _asked: Asked) -> None:
    """Speaks another protocol all of a sudden."""
    await wire.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chaos\r\nConnection: Upgrade\r\n\r\nwhatever")
    await wire.until_gone()


async def _cookies(wire: Wire, asked: Asked) -> None:
    """Sets one and leads to ``?to=``."""
    await wire.answer(302, Location=asked.query["to"], Set_Cookie="seen=yes; Path=/")


async def _basic(wire: Wire, asked: Asked) -> None:
    """Wants bob, s@fe."""
    good = asked.headers.get("authorization") == "Basic Ym9iOnNAZmU="
    await wire.answer(200 if good else 401, b"x", WWW_Authenticate='Basic realm="x"')


PATHS: dict[str, Path] = {
    "/status": _status, "/json": _json, "/text": _text, "/header": _header, "/echo": _echo, "/silent": _silent,
    "/slow": _slow, "/drip": _drip, "/drip-header": _drip_header, "/reset": _reset, "/reset-body": _reset_body,
    "/short": _short, "/cut-chunks": _cut_chunks, "/bad-chunks": _bad_chunks, "/garbage": _garbage,
    "/bad-header": _bad_header, "/empty": _empty, "/endless-header": _endless_header, "/bomb": _bomb, "/gzip": _gzip,
    "/slow-loop": _slow_loop, "/bad-gzip": _bad_gzip, "/big": _big, "/redirect": _redirect, "/loop": _loop,
    "/no-location": _no_location,
    "/latin-location": _latin_location, "/early-hints": _early_hints,
    "/latin-header": _latin_header, "/trailers": _trailers, "/endless-body": _endless_body,
    "/endless-chunks": _endless_chunks, "/endless-line": _endless_line, "/endless-trailers": _endless_trailers,
    "/flood": _flood, "/drip-status": _drip_status, "/brotli-bomb": _brotli_bomb, "/matryoshka": _matryoshka,
    "/many-encodings": _many_encodings, "/unknown-encoding": _unknown_encoding,
    "/encoded": _encoded, "/negative-length": _negative_length, "/two-lengths": _two_lengths,
    "/huge-chunk": _huge_chunk, "/nul": _nul, "/bad-status": _bad_status,
    "/reset-header": _reset_header, "/cut-header": _cut_header, "/switch": _switch, "/cookies": _cookies,
    "/basic": _basic,
}  # fmt: skip
"""By the first part of the path."""


@dataclass
class BadServer:
    """A running one: where it is, and what it was asked."""

    port: int
    scheme: str
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def bad_server(
    context: ssl.SSLContext | None = None, host: str = "127.0.0.1", paths: Mapping[str, Path] | None = None
) -> AsyncIterator[BadServer]:
    """Serve PATHS, and a test's own before them, on an ephemeral port; over TLS when given a context."""
    served = {**PATHS, **(paths or {})}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        asked = await _read(reader)
        server.asked.append(asked)
        await served["/" + asked.path.split("/")[1]](Wire(reader, writer), asked)

    async with serving(handle, host, ssl=context, limit=4 * MIB) as listener:
        server = BadServer(port_of(listener), "https" if context else "http")
        yield server


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, protocol = head[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True, encoding="latin-1"))
    return Asked(method, parts.path, query, headers, body, protocol)


@asynccontextmanager
async def closed_port() -> AsyncIterator[int]:
    """A port that refuses connections: bound, so that nobody else gets it, but not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@asynccontextmanager
async def deaf_port() -> AsyncIterator[int]:
    """A port that accepts connections and never reads: what a TLS handshake times out on."""

    async def hold(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(hold) as listener:
        yield port_of(listener)
