"""One journey's HTTP: requests one after the other, with cookies and connections that they share; nothing is judged.

httpx makes the requests and keeps the cookies, its httpcore speaks HTTP/1.1 over our own connections (`line`).
Redirects are followed by the rules of the http kind, so that no credential leaves its origin.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Final

import httpcore
import httpx

from saasobs.core.result import Reason
from saasobs.core.values import SECOND
from saasobs.probes.http.request import REDIRECTS, Request, follow, traceparent
from saasobs.probes.inquiry import Inquiry, Trouble
from saasobs.probes.journey.body import ACCEPTED, Body
from saasobs.probes.journey.line import ANSWER, Dialer
from saasobs.probes.net.certificate import Certificate, earliest
from saasobs.probes.net.options import show_place
from saasobs.probes.verdict import short

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
"""RFC 9110 §9.2.2: what may be sent again when an idle connection turns out to be closed."""
_DRAINED: Final = 64 * 1024
"""Bytes of a redirect's body that are read so that its connection can be used again."""

_COOKIES: Final = 100
"""Of one answer that are kept; browsers keep fewer than that of a whole site."""

ERRORS: Final[Mapping[type[Exception], Reason]] = MappingProxyType({
    httpcore.ReadError: Reason.CONNECTION_RESET,
    httpcore.WriteError: Reason.CONNECTION_RESET,
    httpcore.ConnectError: Reason.CONNECT_FAILED,
    httpcore.NetworkError: Reason.CONNECTION_RESET,
    httpcore.RemoteProtocolError: Reason.PROTOCOL_ERROR,
    httpcore.LocalProtocolError: Reason.INTERNAL,  # a request that h11 refuses to send
    httpcore.ProtocolError: Reason.PROTOCOL_ERROR,
    httpcore.ConnectTimeout: Reason.CONNECT_TIMEOUT,
    httpcore.ReadTimeout: Reason.RESPONSE_TIMEOUT,
    httpcore.WriteTimeout: Reason.RESPONSE_TIMEOUT,
    httpcore.PoolTimeout: Reason.INTERNAL,
    httpcore.TimeoutException: Reason.RESPONSE_TIMEOUT,
    httpcore.UnsupportedProtocol: Reason.INTERNAL,
    httpcore.ProxyError: Reason.INTERNAL,
    httpcore.ConnectionNotAvailable: Reason.INTERNAL,
})  # fmt: skip
"""Every error of httpcore. What means our own misuse is internal."""

_WORDS: Final = (
    ("without sending a response", Reason.EMPTY_RESPONSE),
    ("complete message body", Reason.BODY_TRUNCATED),
    ("incomplete chunked read", Reason.BODY_TRUNCATED),
)
"""A RemoteProtocolError says more in its words (httpcore's http11.py, h11's readers)."""


@dataclass(frozen=True, slots=True)
class Sender:
    """What every request of a journey shares."""

    user_agent: str
    correlation_id: str
    trace_id: str
    """Empty: nothing is sent to correlate by."""
    max_redirects: int
    max_body: int


@dataclass(slots=True)
class Reply:
    """How far a step got. Status, headers and body are the last hop's."""

    hops: int = 0
    url: str = ""
    """Of the last hop, as the http kind would show it."""
    sent: tuple[str, ...] = ()
    """The names of the headers that were sent."""
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    chain: tuple[Certificate, ...] = ()
    """Of the connections that the step opened, the one that expires first."""


class Conversation:
    """Opens nothing before its first request. Close it."""

    def __init__(self, dialer: Dialer, sender: Sender) -> None:
        self._dialer = dialer
        self._sender = sender
        self._cookies = httpx.Cookies()
        self._requests = 0
        # httpcore wants a context of its own to hand over; the handshake is Contact's, with another.
        unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._pool = httpcore.AsyncConnectionPool(ssl_context=unused, network_backend=dialer)

    async def ask(self, request: Request, inquiry: Inquiry, reply: Reply, *, follow_redirects: bool) -> None:
        """One step: its request, and what it is redirected to. Fills `reply` as it goes. :raises Trouble:"""
        self._dialer.inquiry = inquiry
        while True:
            location = await self._hop(request, inquiry, reply, follow_redirects=follow_redirects)
            if not location:
                return
            if reply.hops > self._sender.max_redirects:
                raise Trouble(Reason.TOO_MANY_REDIRECTS, f"more than {self._sender.max_redirects}")
            try:
                request = follow(request, reply.status, location)
            except ValueError as error:
                raise Trouble(Reason.REDIRECT_REFUSED, f"{error}, Location: {short(location)}") from error

    def cookie_values(self) -> list[str]:
        """Of the cookies that are held: they are sessions."""
        return [cookie.value for cookie in islice(self._cookies.jar, _COOKIES) if cookie.value]

    async def close(self) -> None:
        """At once: no connection outlives the check."""
        await self._pool.aclose()
        await asyncio.sleep(0)  # the loop closes sockets in its next turn

    async def _hop(self, request: Request, inquiry: Inquiry, reply: Reply, *, follow_redirects: bool) -> str:
        """Where it is redirected to; empty when this was the last answer."""
        inquiry.place = show_place(request.target.host, request.target.port)
        reply.hops, reply.url, reply.status = reply.hops + 1, request.target.shown, 0
        outgoing = self._outgoing(request)
        reply.sent = tuple(name.decode("latin-1") for name, _ in outgoing.headers.raw)
        opened = self._dialer.opened
        try:
            response = await self._timed(outgoing, inquiry)
            try:
                self._note(response, outgoing, reply)
                location = _location(reply) if follow_redirects else ""
                with inquiry.phase("transfer"):
                    await (_drain(response) if location else self._read(response, reply))
            finally:
                await response.aclose()
        except tuple(ERRORS) as error:
            raise translated(error, inquiry.place) from error
        finally:
            if self._dialer.opened > opened:
                reply.chain = _to_be_watched(reply.chain, self._dialer.chain)
        return location

    async def _timed(self, request: httpx.Request, inquiry: Inquiry) -> httpcore.Response:
        """What is not connecting is waiting for the answer."""
        inquiry.current = ANSWER
        begun, before = time.monotonic(), inquiry.duration()
        try:
            return await self._answered(request)
        finally:
            spent = round((time.monotonic() - begun) * SECOND) - (inquiry.duration() - before)
            inquiry.phases[inquiry.current] = inquiry.phases.get(inquiry.current, 0) + max(0, spent)

    async def _answered(self, request: httpx.Request) -> httpcore.Response:
        opened = self._dialer.opened
        try:
            return await self._pool.handle_async_request(_wired(request))
        except (httpcore.NetworkError, httpcore.RemoteProtocolError):
            if self._dialer.opened > opened or request.method not in _IDEMPOTENT:
                raise
        # A connection that had been idle was closed by the other side as we wrote to it.
        return await self._pool.handle_async_request(_wired(request))

    def _outgoing(self, request: Request) -> httpx.Request:
        """The user's headers, and ours where they left room."""
        sender = self._sender
        own = [("User-Agent", sender.user_agent), ("Accept", "*/*"), ("Accept-Encoding", ACCEPTED)]
        if sender.trace_id:
            own += [("X-Request-ID", sender.correlation_id),
                    ("traceparent", traceparent(sender.trace_id, self._requests))]  # fmt: skip
        self._requests += 1
        headers = [*request.headers, *(pair for pair in own if not request.has(pair[0].lower()))]
        raw = [(name.encode(), value.encode()) for name, value in headers]
        try:
            return httpx.Request(
                request.method, request.target.url, headers=raw, content=request.body, cookies=self._cookies
            )
        except httpx.InvalidURL as error:
            raise Trouble(Reason.REDIRECT_REFUSED, short(str(error))) from error

    def _note(self, response: httpcore.Response, request: httpx.Request, reply: Reply) -> None:
        reply.status = response.status
        reply.headers = tuple((_text(name), _text(value).strip()) for name, value in response.headers)
        cookies = [pair for pair in response.headers if pair[0].lower() == b"set-cookie"][:_COOKIES]
        self._cookies.extract_cookies(httpx.Response(response.status, headers=cookies, request=request))

    async def _read(self, response: httpcore.Response, reply: Reply) -> None:
        encodings = [value for name, value in reply.headers if name.lower() == "content-encoding"]
        body = Body(encodings, self._sender.max_body)
        try:
            async for piece in response.aiter_stream():
                body.feed(piece)
            body.end()
        finally:
            reply.body = body.content


def _to_be_watched(before: tuple[Certificate, ...], now: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    if not before or not now:
        return now or before
    return min(before, now, key=lambda chain: earliest(chain).not_after)


async def _drain(response: httpcore.Response) -> None:
    left = _DRAINED
    async for piece in response.aiter_stream():
        left -= len(piece)
        if left < 0:
            return


def _wired(request: httpx.Request) -> httpcore.Request:
    url = httpcore.URL(
        scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
    )
    return httpcore.Request(request.method, url, headers=request.headers.raw, content=request.content or None)


def _location(reply: Reply) -> str:
    """Where a redirect leads; empty for any other answer."""
    if reply.status not in REDIRECTS:
        return ""
    return next((value for name, value in reply.headers if name.lower() == "location"), "")


def _text(raw: bytes) -> str:
    """Header bytes as text: UTF-8 where they are, else Latin-1, which takes any byte."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def translated(error: Exception, place: str) -> Trouble:
    """The one door for httpcore's errors."""
    if isinstance(error.__cause__, Trouble):
        return error.__cause__
    reason = next(reason for kind, reason in ERRORS.items() if isinstance(error, kind))
    words = str(error)
    if isinstance(error, httpcore.RemoteProtocolError):
        reason = next((found for part, found in _WORDS if part in words), reason)
    return Trouble(reason, place if reason is Reason.EMPTY_RESPONSE else short(words) or place)
