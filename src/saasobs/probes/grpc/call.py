"""One unary call over one HTTP/2 connection: bytes in, bytes out, and the answer when it is whole. No I/O.

The frames are the `h2` library's; this knows what a call of gRPC is (its headers, its message, its trailers), and
holds caps over all of it: a window is never opened again, so that the server can send no more than the first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from saasobs.core.result import Reason
from saasobs.probes.grpc.wire import message_size
from saasobs.probes.inquiry import Trouble
from saasobs.probes.verdict import short

if TYPE_CHECKING:
    from h2.connection import H2Connection
    from h2.events import Event

MAX_MESSAGE: Final = 16 * 1024
"""Bytes; the message that is waited for has two."""
MAX_BODY: Final = 32 * 1024
"""Bytes of an answer that is no gRPC, such as a proxy's error page."""
MAX_RECEIVED: Final = 512 * 1024
"""Bytes of a whole connection: a server that only sends pings and settings comes to an end."""
_STREAM: Final = 1
_SETTINGS: Final = 4
"""The type of the frame that every server begins with (RFC 9113 §3.4)."""


@dataclass(slots=True)
class Answer:
    """What a call came to."""

    status: int = 0
    """Of HTTP; 0 before there is one."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers and trailers, lower case; the first of several values."""
    body: bytes = b""
    whole: bool = False

    @property
    def is_grpc(self) -> bool:
        return self.headers.get("content-type", "").startswith("application/grpc")


class Call:
    """A call under way."""

    def __init__(self) -> None:
        from h2.config import H2Configuration  # noqa: PLC0415 - 50 ms that only this kind needs
        from h2.connection import H2Connection  # noqa: PLC0415

        self._http: H2Connection = H2Connection(H2Configuration(client_side=True, header_encoding=False))
        self._received = 0
        self.answer = Answer()

    def begin(self, headers: Sequence[tuple[str, str]], message: bytes) -> bytes:
        """The preface, the call's headers and its message, as they go over the wire."""
        from h2.settings import SettingCodes  # noqa: PLC0415

        self._http.local_settings[SettingCodes.ENABLE_PUSH] = 0
        self._http.initiate_connection()
        self._http.send_headers(_STREAM, list(headers))
        self._http.send_data(_STREAM, message, end_stream=True)
        return self._http.data_to_send()

    def take(self, data: bytes) -> bytes:
        """Take what came; returns what is to be sent back. :raises Trouble: it breaks the rules, or the call off."""
        if not self._received:
            _recognise(data)
        self._received += len(data)
        if self._received > MAX_RECEIVED:
            raise Trouble(Reason.BODY_TOO_LARGE, f"more than {MAX_RECEIVED // 1024} KiB for one call")
        for event in self._parsed(data):
            self._happened(event)
        return self._http.data_to_send()

    def end(self) -> bytes:
        """The goodbye; it is not answered."""
        self._http.close_connection()
        return self._http.data_to_send()

    def _parsed(self, data: bytes) -> list[Event]:
        try:
            return self._http.receive_data(data)
        except Exception as error:
            # h2, hpack and hyperframe have errors of their own, and let others through; the bytes are a stranger's.
            raise Trouble(Reason.PROTOCOL_ERROR, f"in HTTP/2: {short(str(error) or type(error).__name__)}") from error

    def _happened(self, event: Event) -> None:
        from h2 import events  # noqa: PLC0415

        if self.answer.whole:
            return
        if isinstance(event, events.ResponseReceived | events.TrailersReceived):
            self._headers(event.headers or [])
        elif isinstance(event, events.DataReceived):
            self._data(event.data or b"")
        elif isinstance(event, events.StreamEnded):
            self.answer.whole = True
        elif isinstance(event, events.StreamReset):
            raise Trouble(Reason.CONNECTION_RESET, f"the call was reset: {_error_name(event.error_code)}")
        elif isinstance(event, events.ConnectionTerminated):
            said = (event.additional_data or b"").decode("utf-8", "replace")
            words = f"GOAWAY {_error_name(event.error_code)}" + (f": {short(said)}" if said else "")
            raise Trouble(Reason.CONNECTION_RESET, words)

    def _headers(self, headers: Sequence[tuple[bytes | str, bytes | str]]) -> None:
        for name, value in headers:
            self.answer.headers.setdefault(_text(name).lower(), _text(value))
        status = self.answer.headers.get(":status", "")
        self.answer.status = int(status) if status.isascii() and status.isdigit() and len(status) == 3 else 0

    def _data(self, data: bytes) -> None:
        self.answer.body += data
        if not self.answer.is_grpc:
            self.answer.body = self.answer.body[:MAX_BODY]
        elif max(len(self.answer.body), message_size(self.answer.body) or 0) > MAX_MESSAGE:
            raise Trouble(Reason.BODY_TOO_LARGE, f"a message of more than {MAX_MESSAGE // 1024} KiB")


def _recognise(data: bytes) -> None:
    """:raises Trouble: what begins so is another protocol, which is better said by its name."""
    if data.startswith(b"HTTP/"):
        line = data.split(b"\r\n", 1)[0].decode("latin-1")
        raise Trouble(Reason.PROTOCOL_ERROR, f"it speaks HTTP/1, not HTTP/2: {short(line)}")
    if data[:2] in (b"\x15\x03", b"\x16\x03"):
        raise Trouble(Reason.PROTOCOL_ERROR, "it speaks TLS: set tls: true")
    if len(data) > 3 and data[3] != _SETTINGS:
        raise Trouble(Reason.PROTOCOL_ERROR, f'it does not speak HTTP/2: "{short(_text(data).strip())}"')


def _error_name(code: int | None) -> str:
    from h2.errors import ErrorCodes  # noqa: PLC0415

    try:
        return ErrorCodes(code or 0).name
    except ValueError:
        return f"error {code}"


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
