"""libcurl on the event loop: one request, one fresh connection, every time and byte of it accounted for.

One multi handle per CA file (libcurl keeps one parsed CA store per multi handle; another store costs milliseconds a
check), driven by `socket_action`. Easy handles are pooled; connections, TLS sessions and names never are. libcurl is
never asked to resolve a name: addresses are handed to it. What the answer means is not decided here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pycurl

from saasobs.probes.http.phases import Moments
from saasobs.probes.http.target import Target

MAX_HEADER: Final = 256 * 1024
"""Bytes of all header lines of one answer."""

_IDLE_HANDLES: Final = 128
_VERSIONS: Final = {1: "1.0", 2: "1.1", 3: "2", 30: "3", 31: "3"}


@dataclass(frozen=True, slots=True)
class Order:
    """One request as libcurl needs it."""

    target: Target
    method: str
    headers: Sequence[bytes] = field(repr=False)
    body: bytes | None = field(repr=False)
    addresses: tuple[str, ...]
    """What the host's name stands for; empty when the host is an address."""
    milliseconds: int
    max_body: int
    verify: bool = True
    handshake_only: bool = False
    """Connect and shake hands, then stop: to look at a certificate."""


@dataclass(slots=True)
class Transfer:
    """What one request brought. `errno` 0 is a whole answer."""

    errno: int
    error: str
    os_errno: int
    status: int
    http_version: str
    address: str
    moments: Moments
    header_lines: list[bytes]
    body: bytes
    overflow: str
    """``body`` or ``headers`` when reading was stopped at a cap."""
    verify_result: int
    """OpenSSL's X509_V_ERR number."""
    chain: Sequence[Sequence[tuple[str, str]]]
    """libcurl's description of each certificate presented, leaf first."""


class _Sink:
    """Takes what libcurl reads, up to the caps; refusing a piece ends the transfer."""

    __slots__ = ("body", "header_bytes", "header_done", "header_lines", "max_body", "overflow")

    def __init__(self, max_body: int) -> None:
        self.max_body = max_body
        self.body = bytearray()
        self.header_lines: list[bytes] = []
        self.header_bytes = 0
        self.header_done = False
        self.overflow = ""

    def take_body(self, piece: bytes) -> int:
        room = self.max_body - len(self.body)
        if len(piece) <= room:
            self.body += piece
            return len(piece)
        self.body += piece[:room]
        self.overflow = "body"
        return -1

    def take_header(self, line: bytes) -> int:
        self.header_bytes += len(line)
        if self.header_bytes > MAX_HEADER:
            self.overflow = "headers"
            return -1
        if line.startswith(b"HTTP/"):  # a new answer, after 1xx ones
            self.header_lines = []
            self.header_done = False
        elif line in (b"\r\n", b"\n"):
            self.header_done = True  # what follows are trailers
        elif not self.header_done:
            self.header_lines.append(line)
        return len(line)


class Multi:
    """One CurlMulti, run by the event loop it was made on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ca_file: str) -> None:
        self._loop = loop
        self._ca_file = ca_file
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._timer: asyncio.TimerHandle | None = None
        self._watched: dict[int, int] = {}
        self._running: dict[Any, asyncio.Future[tuple[int, str]]] = {}
        self._idle: list[Any] = []
        self._closed = False

    async def perform(self, order: Order) -> Transfer:
        """Run one request to its end; every failure is told by the Transfer's errno. Cancelling stops it at once."""
        easy = self._idle.pop() if self._idle else pycurl.Curl()
        sink = _Sink(order.max_body)
        _prepare(easy, order, sink, self._ca_file)
        done = self._running[easy] = self._loop.create_future()
        try:
            self._multi.add_handle(easy)
            errno, error = await done
            return _read_off(easy, sink, errno, error, secure=order.target.scheme == "https")
        finally:
            del self._running[easy]
            self._put_away(easy)

    def close(self) -> None:
        """Stop everything at once; who waits is cancelled."""
        if self._closed:
            return
        self._closed = True
        for done in list(self._running.values()):
            done.cancel()
        for easy in list(self._running):
            self._multi.remove_handle(easy)
        for fd in list(self._watched):
            self._forget(fd)
        self._set_timer(-1)
        self._multi.close()
        for easy in self._idle:
            easy.close()
        self._idle.clear()

    def _put_away(self, easy: Any) -> None:
        if self._closed:
            easy.close()
            return
        # Refused only for a handle that was never added, when adding it failed.
        with contextlib.suppress(pycurl.error):
            self._multi.remove_handle(easy)
        easy.reset()
        if len(self._idle) < _IDLE_HANDLES:
            self._idle.append(easy)
        else:
            easy.close()

    # What libcurl calls, from within socket_action, add_handle or remove_handle -----------------------------------

    def _watch(self, event: int, fd: int, _multi: Any, _data: Any) -> None:
        if event == pycurl.POLL_REMOVE:
            self._forget(fd)
            return
        before = self._watched.get(fd, 0)
        if event & pycurl.POLL_IN and not before & pycurl.POLL_IN:
            self._loop.add_reader(fd, self._act, fd, pycurl.CSELECT_IN)
        elif before & pycurl.POLL_IN and not event & pycurl.POLL_IN:
            self._loop.remove_reader(fd)
        if event & pycurl.POLL_OUT and not before & pycurl.POLL_OUT:
            self._loop.add_writer(fd, self._act, fd, pycurl.CSELECT_OUT)
        elif before & pycurl.POLL_OUT and not event & pycurl.POLL_OUT:
            self._loop.remove_writer(fd)
        self._watched[fd] = event

    def _forget(self, fd: int) -> None:
        event = self._watched.pop(fd, 0)
        if event & pycurl.POLL_IN:
            self._loop.remove_reader(fd)
        if event & pycurl.POLL_OUT:
            self._loop.remove_writer(fd)

    def _set_timer(self, milliseconds: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # libcurl must not be called from its own callback, so that even 0 waits for the loop's next round.
        self._timer = None if milliseconds < 0 else self._loop.call_later(milliseconds / 1000, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, fd: int, mask: int) -> None:
        if self._closed:
            return
        self._multi.socket_action(fd, mask)
        queued = 1
        while queued:
            queued, good, bad = self._multi.info_read()
            for easy in good:
                self._finish(easy, 0, "")
            for easy, errno, error in bad:
                self._finish(easy, errno, error)

    def _finish(self, easy: Any, errno: int, error: str) -> None:
        done = self._running.get(easy)
        if done is not None and not done.done():
            done.set_result((errno, error))


def _prepare(easy: Any, order: Order, sink: _Sink, ca_file: str) -> None:
    """Every option of one request; the handle was reset, so that nothing of the last one is left."""
    target = order.target
    put = easy.setopt
    put(pycurl.URL, target.url)
    put(pycurl.NOSIGNAL, 1)
    put(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    put(pycurl.PROXY, "")  # not from the environment
    put(pycurl.FRESH_CONNECT, 1)
    put(pycurl.FORBID_REUSE, 1)
    put(pycurl.DNS_CACHE_TIMEOUT, 0)
    put(pycurl.TIMEOUT_MS, order.milliseconds)
    put(pycurl.CONNECTTIMEOUT_MS, order.milliseconds)
    put(pycurl.WRITEFUNCTION, sink.take_body)
    put(pycurl.HEADERFUNCTION, sink.take_header)
    put(pycurl.HTTPHEADER, list(order.headers))
    put(pycurl.ACCEPT_ENCODING, "")
    if order.addresses:
        put(pycurl.RESOLVE, [_pin(target, order.addresses)])
    if target.scheme == "https":
        _prepare_tls(put, order, ca_file)
    _prepare_method(put, order)


def _prepare_tls(put: Any, order: Order, ca_file: str) -> None:
    put(pycurl.SSL_SESSIONID_CACHE, 0)
    put(pycurl.OPT_CERTINFO, 1)
    put(pycurl.SSL_VERIFYPEER, int(order.verify))
    put(pycurl.SSL_VERIFYHOST, 2 if order.verify else 0)
    if ca_file:
        put(pycurl.CAINFO, ca_file)


def _prepare_method(put: Any, order: Order) -> None:
    if order.handshake_only:
        put(pycurl.CONNECT_ONLY, 1)
    elif order.method == "HEAD":
        put(pycurl.NOBODY, 1)
    elif order.body is not None or order.method in ("POST", "PUT", "PATCH"):
        put(pycurl.POST, 1)
        put(pycurl.POSTFIELDS, order.body or b"")
        put(pycurl.CUSTOMREQUEST, order.method)
    elif order.method != "GET":
        put(pycurl.CUSTOMREQUEST, order.method)


def _pin(target: Target, addresses: tuple[str, ...]) -> str:
    """Each transfer replaces the entry of its host and reads it in the same step: nobody meets another's."""
    pinned = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    return f"{target.host}:{target.port}:{pinned}"


def _read_off(easy: Any, sink: _Sink, errno: int, error: str, *, secure: bool) -> Transfer:
    get = easy.getinfo
    moments = Moments(
        connected=get(pycurl.CONNECT_TIME_T),
        secured=get(pycurl.APPCONNECT_TIME_T) if secure else 0,
        first_byte=get(pycurl.STARTTRANSFER_TIME_T),
        ended=get(pycurl.TOTAL_TIME_T),
    )
    return Transfer(
        errno=errno,
        error=error,
        os_errno=get(pycurl.OS_ERRNO) if errno else 0,
        status=get(pycurl.RESPONSE_CODE),
        http_version=_VERSIONS.get(get(pycurl.INFO_HTTP_VERSION), ""),
        address=get(pycurl.PRIMARY_IP),
        moments=moments,
        header_lines=sink.header_lines,
        body=bytes(sink.body),
        overflow=sink.overflow,
        verify_result=get(pycurl.SSL_VERIFYRESULT) if secure else 0,
        chain=get(pycurl.INFO_CERTINFO) if secure else (),
    )


def system_ca_file() -> str:
    """The system's CA certificates, or those that certifi carries; empty: libcurl's own place."""
    if found := ssl.get_default_verify_paths().cafile:
        return found
    try:
        import certifi  # noqa: PLC0415 - only machines without a CA store need it
    except ImportError:
        return ""
    return certifi.where()
