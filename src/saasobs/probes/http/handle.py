"""One easy handle of libcurl: an order goes in, what the transfer brought comes out.

Nothing of one check is ever seen by the next. A handle that asked plainly and got its answer keeps those settings that
are the same for every plain request, which saves a tenth of a check; every other one is reset, and one that carried a
login, cookies or a client certificate is thrown away.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import pycurl

from saasobs.probes.http.phases import Moments
from saasobs.probes.http.target import Target
from saasobs.probes.http.way import STRAIGHT, Way

MAX_HEADER: Final = 256 * 1024
"""Bytes of all header lines of one answer."""

_VERSIONS: Final = {1: "1.0", 2: "1.1", 3: "2", 30: "3", 31: "3"}

NAKED, PLAIN, PLAIN_NAMED, NEVER = range(4)
"""How a handle is dressed: with nothing; for a plain request to an address, or to a name; not to be used again."""

Settings = Sequence[tuple[int, Any]]


@dataclass(slots=True)
class Order:
    """One request as libcurl needs it."""

    target: Target
    method: str
    headers: Sequence[bytes] = field(repr=False)
    body: bytes | None = field(repr=False)
    milliseconds: int
    max_body: int
    way: Way = STRAIGHT
    verify: bool = True
    settings: Settings = field(default=(), repr=False)
    """What only unusual monitors need: version, proxy, login, client certificate."""
    proxy: str = ""
    """The scheme of the proxy on the way."""
    cookies: tuple[bytes, ...] | None = field(default=None, repr=False)
    """Those to begin with, as libcurl lists them; None: cookies are nobody's business."""
    handshake_only: bool = False
    """Connect and shake hands, then stop: to look at a certificate."""

    @property
    def dress(self) -> int:
        """How a handle must be dressed for it."""
        if self.settings or self.cookies is not None or self.way.only is not None:
            return NEVER
        plain = self.method == "GET" and self.body is None and self.target.scheme == "http"
        if not plain or self.way.detour or self.handshake_only:
            return NAKED
        return PLAIN_NAMED if self.way.pin else PLAIN


class AtProxy(NamedTuple):
    """What a proxy had to say; only where there is one."""

    code: int
    """Its answer to CONNECT; 0: none."""
    certificate: int
    """OpenSSL's number for what is wrong with the certificate of the proxy itself."""


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
    proxy: AtProxy | None = None
    cookies: tuple[bytes, ...] | None = None


class _Sink:
    """Takes what libcurl reads, up to the caps; refusing a piece ends the transfer."""

    __slots__ = ("body", "header_bytes", "header_done", "header_lines", "max_body", "overflow")

    def __init__(self) -> None:
        self.begin(0)

    def begin(self, max_body: int) -> None:
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
        if line.startswith(b"HTTP/"):  # a new answer: after 1xx ones, a proxy's, or one that asked for a login
            self.header_lines = []
            self.header_done = False
        elif line in (b"\r\n", b"\n"):
            self.header_done = True  # what follows are trailers
        elif not self.header_done:
            self.header_lines.append(line)
        return len(line)


class Handle:
    """An easy handle and what takes its bytes."""

    __slots__ = ("_sink", "dress", "easy")

    def __init__(self) -> None:
        self.easy = pycurl.Curl()
        self.dress = NAKED
        self._sink = _Sink()

    def prepare(self, order: Order, dress: int, ca_file: str) -> None:
        """Every option that the order needs and the handle does not have on."""
        put = self.easy.setopt
        if self.dress == NAKED:
            self._dress(put)
        self.dress = dress
        self._sink.begin(order.max_body)
        put(pycurl.URL, order.target.url)
        put(pycurl.TIMEOUT_MS, order.milliseconds)
        put(pycurl.CONNECTTIMEOUT_MS, order.milliseconds)
        put(pycurl.HTTPHEADER, order.headers)
        if order.way.pin:
            put(pycurl.RESOLVE, [order.way.pin])
        if dress in (PLAIN, PLAIN_NAMED):
            return
        if order.target.scheme == "https":
            _prepare_tls(put, order, ca_file)
        _prepare_method(put, order)
        if dress == NEVER or order.way.detour:
            _prepare_unusual(put, order)

    def _dress(self, put: Any) -> None:
        """What every request has, a plain one with nothing beside it."""
        put(pycurl.NOSIGNAL, 1)
        put(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        put(pycurl.PROXY, "")  # not from the environment
        put(pycurl.FRESH_CONNECT, 1)
        put(pycurl.FORBID_REUSE, 1)
        put(pycurl.DNS_CACHE_TIMEOUT, 0)
        put(pycurl.ACCEPT_ENCODING, "")
        put(pycurl.WRITEFUNCTION, self._sink.take_body)
        put(pycurl.HEADERFUNCTION, self._sink.take_header)

    def read_off(self, order: Order, errno: int, error: str) -> Transfer:
        """What the transfer brought. A handle still knows the last transfer where this one did not get so far."""
        get, sink = self.easy.getinfo, self._sink
        secure = order.target.scheme == "https"
        answered = sink.header_bytes > 0
        moments = Moments(
            get(pycurl.CONNECT_TIME_T),
            get(pycurl.APPCONNECT_TIME_T) if secure else 0,
            get(pycurl.STARTTRANSFER_TIME_T),
            get(pycurl.TOTAL_TIME_T),
        )
        body, sink.body = bytes(sink.body), _NOTHING
        if answered and not errno and not sink.header_done:
            errno, error = pycurl.E_PARTIAL_FILE, "within its header"  # which libcurl lets pass
        return Transfer(
            errno,
            error,
            get(pycurl.OS_ERRNO) if errno else 0,
            get(pycurl.RESPONSE_CODE) if answered else 0,
            _VERSIONS.get(get(pycurl.INFO_HTTP_VERSION), "") if answered else "",
            get(pycurl.PRIMARY_IP) if moments.connected else "",
            moments,
            sink.header_lines,
            body,
            sink.overflow,
            get(pycurl.SSL_VERIFYRESULT) if secure else 0,
            get(pycurl.INFO_CERTINFO) if secure else (),
            self._at_proxy() if order.proxy else None,
            None if order.cookies is None else tuple(self.easy.getinfo_raw(pycurl.INFO_COOKIELIST)),
        )

    def _at_proxy(self) -> AtProxy:
        get = self.easy.getinfo
        return AtProxy(get(pycurl.HTTP_CONNECTCODE), get(pycurl.PROXY_SSL_VERIFYRESULT))

    def undress(self, *, well: bool) -> None:
        """Make it ready for another order.

        :param well: its transfer ended with a whole answer, so that plain settings can stay on.
        """
        if not well or self.dress == NAKED:
            self.easy.reset()
            self.dress = NAKED


_NOTHING: Final = bytearray()


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


def _prepare_unusual(put: Any, order: Order) -> None:
    for option, value in order.settings:
        put(option, value)
    if order.way.detour:
        put(pycurl.CONNECT_TO, [order.way.detour])
    if order.way.only is not None:
        put(pycurl.OPENSOCKETFUNCTION, _opener(order.way.only))
    if order.cookies is not None:
        put(pycurl.COOKIEFILE, "")  # switches them on, and reads nothing
        for line in order.cookies:
            put(pycurl.COOKIELIST, line)


def _opener(only: frozenset[str]) -> Any:
    """A belt to the guard's braces: whatever libcurl makes of its orders, it gets no socket for another address."""

    def open_socket(_purpose: int, place: Any) -> Any:
        family, kind, protocol, address = place
        if not isinstance(address, tuple) or address[0] not in only:
            return pycurl.SOCKET_BAD
        return _Lent(family, kind, protocol)

    return open_socket


class _Lent(socket.socket):
    """pycurl takes a copy of its descriptor and drops it, unclosed."""

    def __del__(self) -> None:
        self.close()
