"""The opening handshake of RFC 6455: what is asked, and the head of what is answered.

The head is read here, and not by the library, since a server that refuses may answer in HTTP/1.0, after an interim
answer, or with a body that never ends: its status is known all the same.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from saasobs.core.result import Check, Reason
from saasobs.probes.http.request import trace_id, traceparent
from saasobs.probes.inquiry import Trouble
from saasobs.probes.net.stream import Stream
from saasobs.probes.verdict import short
from saasobs.probes.websocket.options import WebsocketOptions

if TYPE_CHECKING:
    from websockets.client import ClientProtocol

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: .*)?")
MAX_LINES: Final = 128
MAX_INTERIM: Final = 8


@dataclass(frozen=True, slots=True)
class Head:
    """The status line and headers of an answer."""

    status: int
    lines: tuple[bytes, ...]

    @property
    def raw(self) -> bytes:
        """As it came, its end included."""
        return b"\r\n".join((*self.lines, b"", b""))

    def header(self, name: str) -> str:
        """The first value of a header (lower-case name); empty when it is not there."""
        for line in self.lines[1:]:
            given, colon, value = line.partition(b":")
            if colon and given.strip().lower() == name.encode():
                return value.strip().decode("latin-1")
        return ""


def client(options: WebsocketOptions) -> ClientProtocol:
    """A connection's protocol, before its upgrade."""
    from websockets.client import ClientProtocol  # noqa: PLC0415 - 70 ms that only this kind needs
    from websockets.typing import Origin, Subprotocol  # noqa: PLC0415
    from websockets.uri import parse_uri  # noqa: PLC0415

    return ClientProtocol(
        parse_uri("ws" + options.where.url.removeprefix("http")),
        origin=None if options.origin is None else Origin(options.origin),
        subprotocols=[Subprotocol(name) for name in options.subprotocols] or None,
        max_size=options.max_message,
    )


def request(protocol: ClientProtocol, options: WebsocketOptions, check: Check, user_agent: str) -> bytes:
    """The upgrade request as it goes over the wire."""
    asked = protocol.connect()
    for name, value in (*_own_headers(options, check, user_agent).items(), *_given(options)):
        if name in asked.headers:
            del asked.headers[name]
        asked.headers[name] = value
    protocol.send_request(asked)
    return b"".join(protocol.data_to_send())


def _given(options: WebsocketOptions) -> list[tuple[str, str]]:
    return [(name, value.reveal()) for name, value in options.headers.items()]


def _own_headers(options: WebsocketOptions, check: Check, user_agent: str) -> dict[str, str]:
    own = {"User-Agent": user_agent}
    if options.where.login:
        own["Authorization"] = "Basic " + base64.b64encode(options.where.login.encode()).decode()
    if options.correlate and check.correlation_id:
        own["X-Request-ID"] = check.correlation_id
        own["traceparent"] = traceparent(trace_id(check.correlation_id), 0)
    return own


async def read_head(stream: Stream) -> Head:
    """The final answer's head; interim ones (1xx) are passed over. :raises Trouble: it is none."""
    for _ in range(MAX_INTERIM):
        head = await _one_head(stream)
        if head.status == 101 or head.status >= 200:
            return head
    raise Trouble(Reason.PROTOCOL_ERROR, f"{MAX_INTERIM} interim answers and no final one")


async def _one_head(stream: Stream) -> Head:
    first = await stream.line()
    found = _STATUS_LINE.fullmatch(first)
    if found is None:
        raise Trouble(Reason.PROTOCOL_ERROR, f'this is no HTTP: "{short(first.decode("utf-8", "replace"))}"')
    lines = [first]
    while line := await stream.line():
        lines.append(line)
        if len(lines) > MAX_LINES:
            raise Trouble(Reason.PROTOCOL_ERROR, f"more than {MAX_LINES} headers")
    return Head(int(found[1]), tuple(lines))
