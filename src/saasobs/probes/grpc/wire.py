"""The two messages of grpc.health.v1, and the numbers and words of gRPC. Pure.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md and doc/PROTOCOL-HTTP2.md; the encoding is that of
https://protobuf.dev/programming-guides/encoding/. Two messages of one field each need no generated code.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from saasobs.core.result import Reason

METHOD: Final = "/grpc.health.v1.Health/Check"
PREFIX: Final = 5
"""Bytes before every message: whether it is compressed, and its length."""

SERVING: Final[Mapping[int, str]] = MappingProxyType(
    {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
)
CODES: Final = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
"""By number: https://grpc.io/docs/guides/status-codes/"""
CODE_REASONS: Final[Mapping[int, tuple[Reason, str]]] = MappingProxyType({
    4: (Reason.RESPONSE_TIMEOUT, "the server gave up"),
    5: (Reason.RESPONSE_MISMATCH, "the server knows no such service"),
    7: (Reason.AUTHENTICATION_FAILED, "the call is not permitted"),
    12: (Reason.RESPONSE_MISMATCH, "the server has no health service"),
    14: (Reason.NOT_SERVING, "the server is not available"),
    16: (Reason.AUTHENTICATION_FAILED, "the call was not authenticated"),
})  # fmt: skip
"""What a code says about the server; every other one is QUERY_FAILED."""


class Malformed(ValueError):
    """Bytes that are no such message."""


def request_message(service: str) -> bytes:
    """A framed HealthCheckRequest."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"\0" + len(message).to_bytes(4, "big") + message


def message_size(framed: bytes) -> int | None:
    """The size that a framed message announces; None before its prefix is whole."""
    return None if len(framed) < PREFIX else int.from_bytes(framed[1:PREFIX], "big")


def read_status(framed: bytes) -> int:
    """The status in a framed HealthCheckResponse. :raises Malformed:"""
    size = message_size(framed)
    if size is None or len(framed) != PREFIX + size:
        raise Malformed("its length is wrong")
    if framed[0]:
        raise Malformed("it is compressed, which was not asked for")
    return _status(framed[PREFIX:])


def _status(message: bytes) -> int:
    status = at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _read_varint(message, at)
            status = value if tag >> 3 == 1 else status
        else:
            at = _skip(message, at, kind)
    return status


def _skip(message: bytes, at: int, kind: int) -> int:
    """Past a field that this version does not know."""
    if kind == 2:
        size, at = _read_varint(message, at)
    elif kind in (1, 5):
        size = 8 if kind == 1 else 4
    else:
        raise Malformed(f"it has a field of wire type {kind}")
    if at + size > len(message):
        raise Malformed("it ends within a field")
    return at + size


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*parts, number))


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """(the number, where it ends)"""
    number = 0
    for shift, byte in enumerate(data[at : at + 10]):
        number |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return number, at + shift + 1
    raise Malformed("it ends within a number")


def code_name(code: int) -> str:
    """``5 NOT_FOUND``"""
    return f"{code} {CODES[code]}" if 0 <= code < len(CODES) else str(code)
