"""Proxies on loopback: HTTP (CONNECT and plain requests) and SOCKS5, with a login, and with every way to say no."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from support.serving import port_of, serving

Manner = Literal["willing", "silent", "hangs_up", "refuses", "garbage"]


@dataclass
class ProxyServer:
    """A running one: where it is, how it behaves, and what it was asked for."""

    port: int = 0
    login: str = ""
    """``user:password`` that it wants; empty: it takes anybody."""
    manner: Manner = "willing"
    """To those whose login is right."""
    asked: list[str] = field(default_factory=list)
    """``host:port`` (or the whole URL of a plain request), in order of arrival."""
    hosts: dict[str, str] = field(default_factory=dict)
    """Names that it knows, and what they stand for."""


Handler = Callable[[ProxyServer, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def http_proxy(context: ssl.SSLContext | None = None, **settings: object) -> AsyncIterator[ProxyServer]:
    """An HTTP proxy, itself over TLS when given a context."""
    async with _serving(_speak_http, context, settings) as server:
        yield server


@asynccontextmanager
async def socks_proxy(**settings: object) -> AsyncIterator[ProxyServer]:
    """A SOCKS5 proxy (RFC 1928, RFC 1929)."""
    async with _serving(_speak_socks, None, settings) as server:
        yield server


@asynccontextmanager
async def _serving(
    speak: Handler, context: ssl.SSLContext | None, settings: dict[str, object]
) -> AsyncIterator[ProxyServer]:
    server = ProxyServer(**settings)  # type: ignore[arg-type]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await speak(server, reader, writer)

    async with serving(handle, ssl=context) as listener:
        server.port = port_of(listener)
        yield server


async def _unwilling(server: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Play the manners that are the same for both protocols; whether that was all."""
    if server.manner == "silent":
        await reader.read()
    elif server.manner == "garbage":
        writer.write(b"\x00\xff no proxy at all\r\n\r\n" * 4)
        await writer.drain()
    return server.manner in ("silent", "garbage", "hangs_up")


async def _speak_http(server: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, target, _ = head.split("\r\n")[0].split(" ", 2)
    server.asked.append(target)
    if await _unwilling(server, reader, writer):
        return
    wanted = base64.b64encode(server.login.encode()).decode()
    if server.login and f"proxy-authorization: basic {wanted.lower()}" not in head.lower():
        writer.write(b'HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')
    elif server.manner == "refuses":
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno!!")
    elif method == "CONNECT":
        host, _, port = target.rpartition(":")
        await _tunnel(server, host.strip("[]"), int(port), b"HTTP/1.1 200 Go ahead\r\n\r\n", (reader, writer))
    else:
        parts = urlsplit(target)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        rest = head.split("\r\n", 1)[1]
        first = f"{method} {path} HTTP/1.1\r\n{rest}".encode("latin-1")
        await _tunnel(server, parts.hostname or "", parts.port or 80, b"", (reader, writer), first)


async def _speak_socks(server: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _, count = await reader.readexactly(2)
    methods = await reader.readexactly(count)
    if await _unwilling(server, reader, writer):
        return
    wanted = 2 if server.login else 0
    if wanted not in methods:
        writer.write(b"\x05\xff")
        return
    writer.write(bytes((5, wanted)))
    if server.login and not await _logged_in(server, reader, writer):
        return
    _, _, _, kind = await reader.readexactly(4)
    host = await _socks_host(kind, reader)
    port = int.from_bytes(await reader.readexactly(2), "big")
    server.asked.append(f"{host}:{port}")
    if server.manner == "refuses":
        writer.write(b"\x05\x02\x00\x01" + bytes(6))  # not allowed by ruleset
        await writer.drain()
        return
    await _tunnel(server, host, port, b"\x05\x00\x00\x01" + bytes(6), (reader, writer))


async def _logged_in(server: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    await reader.readexactly(1)
    user = await reader.readexactly((await reader.readexactly(1))[0])
    password = await reader.readexactly((await reader.readexactly(1))[0])
    right = f"{user.decode()}:{password.decode()}" == server.login
    writer.write(b"\x01\x00" if right else b"\x01\x01")
    await writer.drain()
    return right


async def _socks_host(kind: int, reader: asyncio.StreamReader) -> str:
    if kind == 3:
        return (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    return str(ipaddress.ip_address(await reader.readexactly(4 if kind == 1 else 16)))


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _tunnel(server: ProxyServer, host: str, port: int, welcome: bytes, near: Streams, first: bytes = b"") -> None:
    far = await asyncio.open_connection(server.hosts.get(host, host), port)
    near[1].write(welcome)
    far[1].write(first)
    try:
        await asyncio.gather(_pour(near[0], far[1]), _pour(far[0], near[1]))
    finally:
        far[1].close()


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.close()
