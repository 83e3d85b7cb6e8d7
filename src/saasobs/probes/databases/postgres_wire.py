"""PostgreSQL's protocol 3.0 as far as a check goes: https://www.postgresql.org/docs/current/protocol.html

The question goes as one prepared statement, which can hold a single command only, behind a BEGIN READ ONLY in the same
batch: a server skips all of a batch after its first error, so that the question never runs without it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from saasobs.core.result import Reason
from saasobs.probes.databases.answer import MOST_ROWS, Answer, as_number, from_json, quoted
from saasobs.probes.databases.options import CLEARTEXT, Where
from saasobs.probes.databases.packet import Meter, Packet
from saasobs.probes.databases.scram import SaltedPasswords, Scram, prepared
from saasobs.probes.inquiry import Trouble
from saasobs.probes.net.stream import Stream

_VERSION: Final = 3 << 16
_TLS_REQUEST: Final = struct.pack("!II", 8, 80877103)
_KINDS: Final = frozenset(b"RSKZENTDCI123nstvAGHWdc")
"""The first byte of every message that a server sends."""
_METHODS: Final = {2: "Kerberos 5", 6: "SCM credentials", 7: "GSSAPI", 9: "SSPI"}
_ROW_KINDS: Final = frozenset(b"Dd")

_NUMBERS: Final = frozenset({20, 21, 23, 26, 700, 701, 1700})
"""int8, int2, int4, oid, float4, float8, numeric."""
_BOOLEAN: Final = 16
_JSON: Final = frozenset({114, 3802})

_NOT_NOW: Final = frozenset({"53300", "57P01", "57P02", "57P03"})
"""Too many connections; shutting down; crashed; starting up."""
_LOGIN: Final = ("28", "3D", "42501")
"""Wrong password or user, no such database, no right to connect."""

FAREWELL: Final = b"X" + struct.pack("!I", 4)


@dataclass(slots=True)
class Session:
    """One connection that is logged in, or on its way there."""

    meter: Meter
    where: Where
    confided: bool
    """Whether a password may be sent as it is: over TLS, over a Unix socket, or because the file says `tls: off`."""
    settings: dict[str, str] = field(default_factory=dict)
    """What the server reports of itself: server_version, in_hot_standby …"""


async def offers_tls(stream: Stream) -> bool:
    """Ask for TLS; on True the handshake can begin. :raises Trouble:"""
    await stream.send(_TLS_REQUEST)
    answer = await stream.exactly(1)
    if answer in (b"S", b"N"):
        return answer == b"S"
    if answer == b"E":
        meter = Meter(stream)
        _raise(await _rest(meter, answer), Reason.NOT_SERVING)
    raise _foreign(answer + await stream.some(80))


async def log_in(session: Session, database: str, salted: SaltedPasswords) -> None:
    """Up to the server's being ready. :raises Trouble:"""
    where = session.where
    named = {"user": where.user, "database": database, "application_name": "saasobs", "client_encoding": "UTF8"}
    body = struct.pack("!I", _VERSION) + b"".join(_text(key) + _text(value) for key, value in named.items()) + b"\0"
    stream = session.meter.stream
    await stream.send(struct.pack("!I", len(body) + 4) + body)
    scram = Scram("sha256", "", prepared(where.secret), salted)
    while True:
        kind, packet = await _message(session)
        if kind == b"R":
            reply = _authenticate(session, packet, scram)
            if reply is not None:
                await stream.send(_framed(b"p", reply))
        elif kind == b"E":
            _raise(packet, Reason.QUERY_FAILED, where, to_login=True)
        elif kind == b"Z":
            return


def _authenticate(session: Session, packet: Packet, scram: Scram) -> bytes | None:
    """What to answer, if anything, to a request for authentication. :raises Trouble:"""
    method, where = packet.number(4), session.where
    if method == 0:
        return None
    if method == 12:
        scram.verify(packet.rest())
        return None
    if where.password is None:
        raise Trouble(Reason.AUTHENTICATION_FAILED, "it asks for a password, and none is given")
    if method == 3:
        if not session.confided:
            raise Trouble(Reason.AUTHENTICATION_FAILED, CLEARTEXT)
        return _text(where.secret)
    if method == 5:
        return _text(_md5(where, packet.take(4)))
    if method == 10:
        offered = packet.rest().split(b"\0")
        if b"SCRAM-SHA-256" not in offered:
            raise _unknown_method(quoted(b" ".join(offered).decode("utf-8", "replace")))
        first = scram.first()
        return b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first
    if method == 11:
        return scram.answer(packet.rest())
    raise _unknown_method(_METHODS.get(method, f"number {method}"))


def _md5(where: Where, salt: bytes) -> str:
    inner = hashlib.md5((where.secret + where.user).encode(), usedforsecurity=False).hexdigest()
    return "md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()


def _unknown_method(method: str) -> Trouble:
    return Trouble(Reason.AUTHENTICATION_FAILED, f"it asks for a way to log in that is not known here: {method}")


async def ask(session: Session, query: str, milliseconds: int) -> Answer:
    """The rows that a query gives, read-only, at most MOST_ROWS. :raises Trouble:

    :param milliseconds: the server gives up after so long by itself, should nobody listen any more.
    """
    batch = (
        _run("BEGIN READ ONLY")
        + _run(f"SET LOCAL statement_timeout = {max(1, milliseconds)}")
        + _run(query, describe=True, rows=MOST_ROWS)
        + _framed(b"S", b"")
    )
    await session.meter.stream.send(batch)
    columns: list[tuple[str, int]] = []
    rows: list[tuple[Any, ...]] = []
    while True:
        kind, packet = await _message(session)
        if kind == b"T":
            columns = _columns(packet)
        elif kind == b"D":
            rows.append(_row(packet, columns))
        elif kind in (b"G", b"H", b"W"):
            raise Trouble(Reason.QUERY_FAILED, "COPY gives no rows")
        elif kind == b"E":
            _raise(packet, Reason.QUERY_FAILED, session.where)
        elif kind == b"Z":
            names = [name for name, _ in columns]
            document = [dict(zip(names, row, strict=True)) for row in rows]
            return Answer(document, rows[0][:1] if rows else (), len(rows))


def _run(query: str, *, describe: bool = False, rows: int = 0) -> bytes:
    """Parse, Bind and Execute of the unnamed statement, results as text."""
    parse = _framed(b"P", b"\0" + _text(query) + b"\0\0")
    bind = _framed(b"B", b"\0\0" + b"\0\0" * 3)
    description = _framed(b"D", b"P\0") if describe else b""
    return parse + bind + description + _framed(b"E", b"\0" + struct.pack("!I", rows))


def _columns(packet: Packet) -> list[tuple[str, int]]:
    """Name and type of each."""
    columns = []
    for _ in range(packet.number(2)):
        name = packet.text()
        packet.take(6)
        columns.append((name, packet.number(4)))
        packet.take(8)
    return columns


def _row(packet: Packet, columns: list[tuple[str, int]]) -> tuple[Any, ...]:
    if packet.number(2) != len(columns):
        raise Trouble(Reason.PROTOCOL_ERROR, "a row that has other columns than were announced")
    values = []
    for _, oid in columns:
        size = packet.number(4, signed=True)
        values.append(None if size == -1 else _value(packet.take(size).decode("utf-8", "replace"), oid))
    return tuple(values)


def _value(text: str, oid: int) -> Any:
    if oid in _NUMBERS:
        return as_number(text)
    if oid == _BOOLEAN:
        return text == "t"
    return from_json(text) if oid in _JSON else text


async def _message(session: Session) -> tuple[bytes, Packet]:
    """The next message that matters; what comes unasked is noted. :raises Trouble:"""
    while True:
        kind = await session.meter.exactly(1)
        packet = await _rest(session.meter, kind)
        if kind == b"S":
            name, value = packet.text(), packet.text()
            session.settings[name] = value
        elif kind not in (b"N", b"A", b"K"):
            return kind, packet


async def _rest(meter: Meter, kind: bytes) -> Packet:
    head = await meter.exactly(4)
    size = int.from_bytes(head, "big") - 4
    plausible = kind[0] in _KINDS and 0 <= size < (1 << 30 if kind[0] in _ROW_KINDS else 1 << 20)
    if not plausible:
        raise _foreign(kind + head)
    return Packet(await meter.exactly(size), "big")


def _foreign(said: bytes) -> Trouble:
    return Trouble(Reason.PROTOCOL_ERROR, f'no PostgreSQL, but "{quoted(said.decode("utf-8", "backslashreplace"))}"')


def _raise(packet: Packet, reason: Reason, where: Where | None = None, *, to_login: bool = False) -> None:
    """:raises Trouble: always, with an error's own words and SQLSTATE."""
    parts = _parts(packet)
    state, words = parts.get("C", ""), quoted(parts.get("M", ""), where.password if where else None)
    if state in _NOT_NOW:
        reason = Reason.NOT_SERVING
    elif to_login:
        reason = Reason.AUTHENTICATION_FAILED if state.startswith(_LOGIN) else Reason.NOT_SERVING
    raise Trouble(reason, f"{words}, SQLSTATE {quoted(state)}" if state else words)


def _parts(packet: Packet) -> Mapping[str, str]:
    """An error's fields by their letters: C its SQLSTATE, M its message."""
    parts = {}
    while packet.left and (letter := packet.take(1)) != b"\0":
        parts[letter.decode("latin-1")] = packet.text()
    return parts


def _framed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _text(text: str) -> bytes:
    return text.encode() + b"\0"
