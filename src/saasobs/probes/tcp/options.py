"""What a person may write for a monitor of kind tcp. The docstrings are the documentation."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from saasobs.core.values import Secret
from saasobs.options import Options, PositiveDuration, SecretText
from saasobs.probes.net.options import (
    ADDRESS_SEEN,
    CONNECTING,
    TLS_SEEN,
    Host,
    NetworkOptions,
    Port,
    TlsOptions,
    show_place,
)
from saasobs.probes.verdict import Certified, Timed

MOST_STEPS: Final = 50

_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.|$)", re.DOTALL)
_ESCAPED: Final = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def unescape(text: str) -> bytes:
    r"""The bytes of a text with ``\r \n \t \0 \\`` and ``\xHH``. :raises ValueError: another escape."""

    def one(found: re.Match[str]) -> str:
        letter = found[1]
        if letter.startswith("x") and len(letter) == 3:
            return chr(0xDC00 + int(letter[1:], 16)) if int(letter[1:], 16) > 0x7F else chr(int(letter[1:], 16))
        if letter not in _ESCAPED:
            raise ValueError(rf"\{letter} is no escape: write \r, \n, \t, \0, \xHH, or \\ for a backslash")
        return _ESCAPED[letter]

    return _ESCAPE.sub(one, text).encode("utf-8", "surrogateescape")


def _text(value: Secret) -> Secret:
    unescape(value.reveal())
    return value


def _hex(value: Secret) -> Secret:
    try:
        bytes.fromhex(value.reveal())
    except ValueError as error:
        raise ValueError("not hexadecimal: write pairs of digits, as in 00 00 00 08 04 d2 16 2f") from error
    return value


def _base64(value: Secret) -> Secret:
    try:
        base64.b64decode(value.reveal(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error
    return value


def _pattern(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return re.compile(value.encode(), re.MULTILINE)
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        raise ValueError(f"not a regular expression: {error}") from error


BytesRegex = Annotated[
    re.Pattern[bytes],
    BeforeValidator(_pattern),
    PlainSerializer(lambda pattern: pattern.pattern.decode(), return_type=str),
    WithJsonSchema({"type": "string", "format": "regex"}),
]
"""A regular expression over bytes: ``\\xff`` is one byte, other letters stand for their UTF-8."""


class Step(Options):
    """One step of a dialogue: sends, then waits for what it expects, then turns to TLS; each where it is given."""

    send: Annotated[SecretText, AfterValidator(_text)] | None = None
    r"""A text to send, with \r, \n, \t, \0 and \xHH for what cannot be typed. It is never shown."""
    send_hex: Annotated[SecretText, AfterValidator(_hex)] | None = None
    """Bytes to send, hexadecimal. They are never shown."""
    send_base64: Annotated[SecretText, AfterValidator(_base64)] | None = None
    """Bytes to send, base64. They are never shown."""
    expect: BytesRegex | None = None
    r"""A regular expression to wait for in what arrived since the last match. `^` and `$` match at every line; lines
    end as the server ends them (mostly \r\n)."""
    starttls: bool = False
    """Go on by TLS after this step."""
    timeout: PositiveDuration | None = None
    """How long `expect` may take. Default: the rest of the check's time."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        sends = sum(one is not None for one in (self.send, self.send_hex, self.send_base64))
        if sends > 1:
            raise ValueError("a step sends one thing: send, send_hex or send_base64")
        if not (sends or self.expect is not None or self.starttls):
            raise ValueError("a step needs send, expect or starttls")
        if self.timeout is not None and self.expect is None:
            raise ValueError("timeout is for what the step expects: it has no expect")
        return self

    def data(self) -> bytes:
        """What it sends; empty for nothing."""
        if self.send is not None:
            return unescape(self.send.reveal())
        if self.send_hex is not None:
            return bytes.fromhex(self.send_hex.reveal())
        return b"" if self.send_base64 is None else base64.b64decode(self.send_base64.reveal())


class TcpExpect(Timed, Certified):
    """What must hold for the check as a whole."""


class TcpOptions(NetworkOptions, TlsOptions):
    """Connects to a port, by TLS where wanted, and goes through a dialogue."""

    example: ClassVar[str] = r"""
name: imap
kind: tcp
host: mail.acme.example
port: 143
steps:
  - expect: ^\* OK
  - send: a STARTTLS\r\n
    expect: ^a OK
    starttls: true
  - send: b LOGOUT\r\n
    expect: ^b OK
"""
    phases: ClassVar[Mapping[str, str]] = {
        **CONNECTING,
        "dialogue": "sending, and waiting for what is expected",
        "tls": "the TLS handshake",
    }
    observations: ClassVar[Mapping[str, str]] = {**ADDRESS_SEEN, **TLS_SEEN}

    host_: Annotated[Host, Field(alias="host")]
    """The host to connect to."""
    port: Port
    """Its port."""
    tls: bool = False
    """Speak TLS from the first byte; a step with `starttls` turns to it later."""
    steps: Annotated[tuple[Step, ...], Field(max_length=MOST_STEPS)] = ()
    """The dialogue, in order. Without one, a connection that is accepted is all that is checked."""
    expect: TcpExpect = TcpExpect()
    """What must hold for the check as a whole."""

    @model_validator(mode="after")
    def _one_tls(self) -> Self:
        if self.tls + sum(step.starttls for step in self.steps) > 1:
            raise ValueError("TLS can begin only once: by tls or by one step's starttls")
        return self

    def target(self) -> str:
        return show_place(self.host_, self.port)

    def host(self) -> str:
        return self.host_
