"""The protocol of MySQL and MariaDB as far as a check goes.

https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html and https://mariadb.com/kb/en/clientserver-protocol/
Statements are sent without the right to hold several at once (CLIENT_MULTI_STATEMENTS) or to fetch files of ours
(CLIENT_LOCAL_FILES).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

from saasobs.core.result import Reason
from saasobs.probes.databases.answer import MOST_ROWS, Answer, as_number, from_json, quoted
from saasobs.probes.databases.mysql_login import PLUGINS, answer_to_more, proof
from saasobs.probes.databases.options import Where
from saasobs.probes.databases.packet import MOST_BYTES, Meter, Packet
from saasobs.probes.inquiry import Trouble

_WITH_DATABASE: Final = 0x8
_TLS: Final = 0x800
_CONNECT_ATTRIBUTES: Final = 0x100000
_OURS: Final = 0x1 | 0x200 | 0x2000 | 0x8000 | 0x80000 | 0x200000
"""LONG_PASSWORD, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH, PLUGIN_AUTH_LENENC_CLIENT_DATA."""
_UTF8MB4: Final = 45

_NOT_NOW: Final = frozenset({1040, 1053, 1129, 1203, 1226, 3032})
"""Too many connections (of this user), shutting down, host blocked, offline."""
_LOGIN: Final = frozenset({1044, 1045, 1049, 1130, 1227, 1396, 1698, 1820, 1862, 3118, 3159, 3955, 4151})
"""Wrong user or password, no such database, no right to it, host not allowed, password expired, account locked …"""
_NOT_KNOWN: Final = frozenset({1064, 1193, 1235})
"""Syntax, variable or statement that this server has not."""

_NUMBERS: Final = frozenset({0, 1, 2, 3, 4, 5, 8, 9, 13, 246})
"""decimal, tiny, short, long, float, double, longlong, int24, year, newdecimal."""
_JSON: Final = 245
_SMALL: Final = 9
_MOST_COLUMNS: Final = 4096

FAREWELL: Final = b"\1\0\0\0\1"


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the server says first."""

    version: str
    """Without the ``5.5.5-`` that MariaDB puts before its own."""
    scramble: bytes
    capabilities: int
    plugin: str

    @property
    def maria(self) -> bool:
        return "mariadb" in self.version.lower()

    @property
    def offers_tls(self) -> bool:
        return bool(self.capabilities & _TLS)


@dataclass(slots=True)
class Session:
    """One connection; `sequence` numbers the packets of one exchange."""

    meter: Meter
    where: Where
    local: bool = False
    """Whether it is a Unix socket."""
    encrypted: bool = False
    """Whether it has turned to TLS."""
    confided: bool = False
    """Whether a password may be sent as it is."""
    sequence: int = 0

    async def receive(self) -> bytes:
        """The next packet's body, never empty. :raises Trouble:"""
        head = await self.meter.exactly(4)
        size = int.from_bytes(head[:3], "little")
        if head[3] != self.sequence or not size:
            raise _foreign(head)
        self.sequence = (self.sequence + 1) % 256
        return await self.meter.exactly(size)

    async def send(self, body: bytes) -> None:
        """:raises Trouble:"""
        await self.meter.stream.send(len(body).to_bytes(3, "little") + bytes([self.sequence]) + body)
        self.sequence = (self.sequence + 1) % 256

    async def command(self, query: str) -> None:
        """Begin an exchange: COM_QUERY. :raises Trouble:"""
        self.sequence = 0
        await self.send(b"\3" + query.encode())


async def greet(session: Session) -> Greeting:
    """:raises Trouble: the server turns us away, or speaks something else."""
    head = await session.meter.exactly(4)
    size = int.from_bytes(head[:3], "little")
    if head[3] != 0 or not 1 <= size <= 4096:
        raise _foreign(head)
    session.sequence = 1
    body = await session.meter.exactly(size)
    if body[0] == 0xFF:
        raise _error(body, Reason.NOT_SERVING)
    if body[0] != 10:
        raise _foreign(head + body)
    return _greeting(Packet(body[1:], "little"))


def _greeting(packet: Packet) -> Greeting:
    version = packet.text().removeprefix("5.5.5-")
    packet.take(4)
    scramble = packet.take(8)
    packet.take(1)
    capabilities = packet.number(2)
    packet.take(3)
    capabilities |= packet.number(2) << 16
    size = packet.number(1)
    packet.take(10)
    scramble += packet.take(max(13, size - 8))[: max(12, size - 9)]
    return Greeting(version, scramble, capabilities, packet.rest().rstrip(b"\0").decode("utf-8", "replace"))


async def ask_for_tls(session: Session, greeting: Greeting, database: str) -> None:
    """The handshake can begin after this. :raises Trouble:"""
    # MariaDB takes the flags from here, and none from what follows by TLS.
    flags = _flags(greeting, database) | _TLS
    await session.send(struct.pack("<IIB23x", flags, MOST_BYTES, _UTF8MB4))


def _flags(greeting: Greeting, database: str) -> int:
    named = _WITH_DATABASE if database else 0
    return _OURS | named | (greeting.capabilities & _CONNECT_ATTRIBUTES)


async def log_in(session: Session, greeting: Greeting, database: str) -> None:
    """:raises Trouble:"""
    where, private = session.where, session.encrypted or session.local
    plugin = greeting.plugin if greeting.plugin in PLUGINS else PLUGINS[0]
    scramble = greeting.scramble
    await session.send(_hello(session, greeting, database, plugin))
    while True:
        body = await session.receive()
        if body[0] == 0x00:
            return
        if body[0] == 0xFF:
            raise _error(body, Reason.NOT_SERVING, where)
        if body[0] == 0xFE:
            packet = Packet(body[1:], "little")
            plugin, scramble = packet.text(), packet.rest().removesuffix(b"\0")
            await session.send(proof(plugin, where, scramble, confided=session.confided))
        elif body[0] == 0x01:
            reply = answer_to_more(plugin, body[1:], where, scramble, private=private)
            if reply is not None:
                await session.send(reply)
        else:
            raise _foreign(body[:80])


def _hello(session: Session, greeting: Greeting, database: str, plugin: str) -> bytes:
    """HandshakeResponse41."""
    flags = _flags(greeting, database) | (_TLS if session.encrypted else 0)
    attributes = _sized(_sized(b"program_name") + _sized(b"saasobs")) if flags & _CONNECT_ATTRIBUTES else b""
    # What the greeting's plugin wants is no clear text; a plugin that does is switched to, and then looked at.
    answer = proof(plugin, session.where, greeting.scramble, confided=False)
    return (
        struct.pack("<IIB23x", flags, MOST_BYTES, _UTF8MB4)
        + _text(session.where.user)
        + _sized(answer)
        + (_text(database) if database else b"")
        + _text(plugin)
        + attributes
    )


async def limit(session: Session, *, maria: bool, milliseconds: int) -> None:
    """Read-only from now on, stopped by the server after so long; where it knows how. :raises Trouble:"""
    time = f"max_statement_time={milliseconds / 1000:.3f}" if maria else f"max_execution_time={milliseconds}"
    for wish in ("TRANSACTION READ ONLY", f"sql_select_limit={MOST_ROWS}", time):
        await session.command(f"SET SESSION {wish}")
        body = await session.receive()
        if body[0] == 0xFF and _number(body) not in _NOT_KNOWN:
            raise _error(body, Reason.QUERY_FAILED, session.where)


async def ask(session: Session, query: str) -> Answer:
    """The rows that a query gives, at most MOST_ROWS. :raises Trouble:"""
    await session.command(query)
    body = await session.receive()
    if body[0] == 0x00:
        return Answer([], (), 0)
    if body[0] == 0xFF:
        raise _error(body, Reason.QUERY_FAILED, session.where)
    if body[0] == 0xFB:
        raise Trouble(Reason.QUERY_FAILED, "the server asks for a file of ours")
    columns = await _columns(session, _length(Packet(body, "little")) or 0)
    rows: list[tuple[Any, ...]] = []
    while len(rows) < MOST_ROWS:
        body = await session.receive()
        if body[0] == 0xFF:
            raise _error(body, Reason.QUERY_FAILED, session.where)
        if body[0] == 0xFE and len(body) < _SMALL:
            break
        rows.append(_row(Packet(body, "little"), columns))
    names = [name for name, _ in columns]
    document = [dict(zip(names, row, strict=True)) for row in rows]
    return Answer(document, rows[0][:1] if rows else (), len(rows))


async def _columns(session: Session, count: int) -> list[tuple[str, int]]:
    """Name and type of each."""
    if not 1 <= count <= _MOST_COLUMNS:
        raise Trouble(Reason.PROTOCOL_ERROR, f"a row of {count} columns")
    columns = []
    for _ in range(count):
        packet = Packet(await session.receive(), "little")
        for _ in range(4):
            _sized_bytes(packet)
        name = (_sized_bytes(packet) or b"").decode("utf-8", "replace")
        _sized_bytes(packet)
        packet.take(7)  # the length of what follows, character set, width
        columns.append((name, packet.number(1)))
    await session.receive()  # EOF
    return columns


def _row(packet: Packet, columns: list[tuple[str, int]]) -> tuple[Any, ...]:
    values: list[Any] = []
    for _, kind in columns:
        data = _sized_bytes(packet)
        values.append(None if data is None else _value(data.decode("utf-8", "replace"), kind))
    return tuple(values)


def _value(text: str, kind: int) -> Any:
    if kind in _NUMBERS:
        return as_number(text)
    return from_json(text) if kind == _JSON else text


def _length(packet: Packet) -> int | None:
    """A length-encoded integer; None for NULL."""
    first = packet.number(1)
    if first < 0xFB:
        return first
    if first == 0xFB:
        return None
    return packet.number({0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first, 1 << 30))


def _sized_bytes(packet: Packet) -> bytes | None:
    size = _length(packet)
    return None if size is None else packet.take(size)


def _error(body: bytes, reason: Reason, where: Where | None = None) -> Trouble:
    """An ERR packet's own words, its number, and what it means."""
    number, text = _number(body), body[3:].decode("utf-8", "replace")
    if text.startswith("#"):
        text = text[6:]
    if number in _NOT_NOW:
        reason = Reason.NOT_SERVING
    elif number in _LOGIN and reason is not Reason.QUERY_FAILED:
        reason = Reason.AUTHENTICATION_FAILED
    return Trouble(reason, f"{quoted(text, where.password if where else None)}, error {number}")


def _number(body: bytes) -> int:
    return int.from_bytes(body[1:3], "little")


def _foreign(said: bytes) -> Trouble:
    return Trouble(Reason.PROTOCOL_ERROR, f'no MySQL, but "{quoted(said.decode("utf-8", "backslashreplace"))}"')


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _sized(data: bytes) -> bytes:
    """With its length before it."""
    size = len(data)
    return (bytes([size]) if size < 0xFB else b"\xfc" + struct.pack("<H", size)) + data
