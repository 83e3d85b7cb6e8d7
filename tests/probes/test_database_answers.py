"""What database servers may say, and may not bring about: whatever comes ends in an answer or in words."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import bson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pamqp import commands, frame

from saasobs.core.result import Reason
from saasobs.core.values import Secret
from saasobs.probes.databases import mongodb_wire, mysql_wire, postgres_wire, rabbitmq_wire, redis_wire
from saasobs.probes.databases.answer import as_number, from_json, shown
from saasobs.probes.databases.options import Where
from saasobs.probes.databases.packet import Meter
from saasobs.probes.databases.scram import SaltedPasswords, Scram, prepared
from saasobs.probes.inquiry import Trouble
from saasobs.probes.net.stream import Stream

WHERE = Where("db", 1, "user", Secret("pencil"), "")


class Unheard:
    """A writer whose other end listens to nothing."""

    def write(self, _data: bytes) -> None:
        """Into the void."""

    async def drain(self) -> None:
        """At once."""


def pg(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def my(sequence: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([sequence]) + body


def mongo(number: int, document: dict[str, Any]) -> bytes:
    body = bson.encode(document)
    return struct.pack("<iiiiIB", 21 + len(body), 1, number, 2013, 0, 0) + body


POSTGRES = (
    pg(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0")
    + pg(b"R", struct.pack("!I", 0))
    + pg(b"S", b"server_version\x0015.1\0")
    + pg(b"Z", b"I")
    + pg(b"T", struct.pack("!H", 2) + (b"n\0" + b"\0" * 6 + struct.pack("!I", 23) + b"\0" * 8) * 2)
    + pg(b"D", struct.pack("!Hi", 2, 2) + b"42" + struct.pack("!i", -1))
    + pg(b"C", b"SELECT 1\0")
    + pg(b"E", b"SERROR\0C42P01\0Mno\0\0")
    + pg(b"Z", b"T")
)
OK = b"\0\0\0\2\0\0\0"
GREETING = b"\x0a5.5.5-10.11.6-MariaDB\0\1\0\0\0abcdefgh\0\xff\xf7\x2d\2\0\xff\x81\x15" + b"\0" * 10 + b"ijklmnopqrst\0"
COLUMN = b"\3def\0\0\0\1n\0\x0c\x2d\0\4\0\0\0\x03\0\0\0\0\0"
MYSQL = (
    my(0, GREETING + b"mysql_native_password\0")
    + my(2, b"\xfecaching_sha2_password\0" + b"abcdefghijklmnopqrst\0")
    + my(4, b"\1\3")
    + my(5, OK)
    + my(1, OK) * 3
    + my(1, b"\1")
    + my(2, COLUMN)
    + my(3, b"\xfe\0\0\2\0")
    + my(4, b"\x0242")
    + my(5, b"\xfe\0\0\2\0")
)
REDIS = b"*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n:5\r\n*2\r\n-ERR no\r\n$-1\r\n"
MONGODB = mongo(1, {"ok": 1.0, "saslSupportedMechs": ["SCRAM-SHA-1"], "at": bson.ObjectId(), "n": [1, {"x": None}]})
RABBITMQ = b"".join(
    frame.marshal(method, 0)
    for method in (
        commands.Connection.Start(server_properties={"product": "x", "list": [1, "a", {"b": True}]}),
        commands.Connection.Tune(0, 131072, 60),
        commands.Connection.OpenOk(),
        commands.Channel.OpenOk(),
        commands.Queue.DeclareOk("q", 1, 2),
    )
)


async def ask_postgres(meter: Meter) -> None:
    session = postgres_wire.Session(meter, WHERE, confided=True)
    await postgres_wire.log_in(session, "db", SaltedPasswords())
    shown((await postgres_wire.ask(session, "SELECT 1", 1000)).document)


async def ask_mysql(meter: Meter) -> None:
    session = mysql_wire.Session(meter, WHERE)
    greeting = await mysql_wire.greet(session)
    await mysql_wire.log_in(session, greeting, "db")
    await mysql_wire.limit(session, maria=greeting.maria, milliseconds=1000)
    shown((await mysql_wire.ask(session, "SELECT 1")).document)


async def ask_redis(meter: Meter) -> None:
    while True:
        await redis_wire.reply(meter)


async def ask_mongodb(meter: Meter) -> None:
    session = mongodb_wire.Session(meter, WHERE)
    hello = await session.run(mongodb_wire.hello(WHERE, "admin"), "admin")
    shown(mongodb_wire.in_json(hello))
    await mongodb_wire.log_in(session, WHERE, "admin", hello, SaltedPasswords())


async def ask_rabbitmq(meter: Meter) -> None:
    session = rabbitmq_wire.Session(meter, WHERE)
    start = await session.greet()
    rabbitmq_wire.told(start, "product")
    await session.log_in(start, "/")
    await session.open_channel()
    await session.look_at("q")


KINDS: list[tuple[str, bytes, Callable[[Meter], Awaitable[None]]]] = [
    ("postgres", POSTGRES, ask_postgres),
    ("mysql", MYSQL, ask_mysql),
    ("redis", REDIS, ask_redis),
    ("mongodb", MONGODB, ask_mongodb),
    ("rabbitmq", RABBITMQ, ask_rabbitmq),
]


def hear(said: bytes, ask: Callable[[Meter], Awaitable[None]]) -> Trouble | None:
    """Have one conversation with somebody who says that, whatever he is asked, and hangs up."""

    async def converse() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(said)
        reader.feed_eof()
        writer: Any = Unheard()
        await ask(Meter(Stream(reader, writer, "db", 1, "db")))

    try:
        asyncio.run(converse())
    except Trouble as trouble:
        return trouble
    return None


MUTATIONS = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=5)


@pytest.mark.parametrize(("said", "ask"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS])
@given(changes=MUTATIONS, random=st.none() | st.binary(max_size=200))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_said(
    said: bytes, ask: Callable[[Meter], Awaitable[None]], changes: list[tuple[int, int, bytes]], random: bytes | None
) -> None:
    """Bytes changed, added, left out, or made up: an answer, or a Trouble that is the server's; never our own error."""
    for place, gone, new in changes:
        at = place % (len(said) or 1)
        said = said[:at] + new + said[at + gone :]
    found = hear(random if random is not None else said, ask)
    assert found is None or (found.reason is not Reason.INTERNAL and found.sentence.isprintable()), found


@pytest.mark.parametrize(("said", "ask"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS])
def test_what_is_said_as_it_should_be(said: bytes, ask: Callable[[Meter], Awaitable[None]]) -> None:
    """Unchanged, each conversation gets as far as its end: what is mutated above is no mere noise."""
    found = hear(said, ask)
    cut_off = Reason.CONNECTION_RESET
    ends: dict[Any, Reason] = {ask_postgres: Reason.QUERY_FAILED, ask_redis: cut_off, ask_mongodb: cut_off}
    assert (found.reason if found else None) == ends.get(ask), found


def test_scram_is_that_of_the_standard() -> None:
    """The examples of RFC 5802 (SHA-1) and RFC 7677 (SHA-256)."""
    first = Scram("sha1", "user", "pencil", SaltedPasswords(), "fyko+d2lbbFgONRv9qkxdawL")
    assert first.first() == b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
    challenge = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
    assert first.answer(challenge).endswith(b",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=")
    first.verify(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")
    second = Scram("sha256", "user", "pencil", SaltedPasswords(), "rOprNGfwEbeRWgbNEkqO")
    challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    assert second.answer(challenge).endswith(b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    second.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    with pytest.raises(Trouble, match="the server itself does not know the password"):
        second.verify(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")


def test_passwords_that_are_not_ascii() -> None:
    """SASLprep's examples (RFC 4013, section 3), as far as passwords are changed at all."""
    assert [prepared(text) for text in ("user", "I\u00adX", "\u00aa", "\u2168", "a\u00a0b")] == [
        "user", "IX", "a", "IX", "a b",
    ]  # fmt: skip


def test_json() -> None:
    """What a column of JSON says is looked into, unless it is none or too deep to be shown."""
    deep = "[" * 500 + "]" * 500
    assert [from_json(text) for text in ('{"a": 1}', "{", deep)] == [{"a": 1}, "{", deep]
    nested: dict[str, Any] = {}
    for _ in range(300):
        nested = {"a": nested}
    with pytest.raises(Trouble, match="no JSON can be made of it"):
        mongodb_wire.in_json(nested)


def test_numbers() -> None:
    """What JSON would call a number becomes one; everything else stays the text that it is."""
    assert [as_number(text) for text in ("42", "-1.50", "0", "1e-05", "007", "NaN", "1e999", "", "+1")] == [
        42, -1.5, 0, 0.00001, "007", "NaN", "1e999", "", "+1",
    ]  # fmt: skip
    assert as_number("9" * 30) == 1e30
    assert shown([{"n": as_number("9" * 30)}]) == '[{"n":1e+30}]'
