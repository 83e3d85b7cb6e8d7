"""The kind mysql against MariaDB 10.11, and against scripts that speak MySQL's own ways to log in."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes import KINDS
from support.dialogue import Peer, Script, closing, garbage, silent, talker
from support.leftovers import nothing_left
from support.mariadb import PASSWORD, Mariadb
from support.probing import asker
from support.tls import Certificates, Identity

pytestmark = pytest.mark.xdist_group("mariadb")
"""One worker, so that the server is started once."""


async def ask(server: Mariadb, timeout: float = 10.0, public_only: bool = False, **options: Any) -> Result:
    """One check of the real server, in the clear by default."""
    login: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": server.port,
        "user": "monitor",
        "password": PASSWORD,
        "tls": "off",
    }
    async with asker("mysql") as probe:
        return await probe.ask(timeout, public_only, **(login | options))


async def ask_fake(port: int, timeout: float = 5.0, **options: Any) -> Result:
    async with asker("mysql") as probe:
        login: dict[str, Any] = {"host": "127.0.0.1", "port": port, "user": "u", "password": "hunter2-and-more"}
        return await probe.ask(timeout, **(login | options))


async def test_a_healthy_server(mariadb: Mariadb) -> None:
    """Connect, greet, log in, SELECT 1: up, with every phase timed and the server described."""
    result = await ask(mariadb, expect={"value": 1, "rows": 1})
    assert result.outcome is Outcome.UP, result.message
    assert list(result.phases) == ["dns", "connect", "greeting", "login", "query"]
    assert (result.observations["value"], result.observations["rows"]) == (1, 1)
    assert result.observations["server_version"].startswith("10.11.")


async def test_the_url_does_the_same(mariadb: Mariadb) -> None:
    """`url` holds server, login and database; a Unix socket takes the place of a host."""
    url = f"mariadb://monitor:{PASSWORD}@127.0.0.1:{mariadb.port}/shop"
    async with asker("mysql") as probe:
        by_url = await probe.ask(url=url, tls="off", query="SELECT database()", expect={"value": "shop"})
        by_socket = await probe.ask(socket=str(mariadb.socket), user="monitor", password=PASSWORD)
    assert by_url.outcome is Outcome.UP, by_url.message
    assert by_socket.outcome is Outcome.UP, by_socket.message
    assert list(by_socket.phases) == ["connect", "greeting", "login", "query"]


async def test_values_have_types(mariadb: Mariadb) -> None:
    """Numbers and null are what they are; the rest is text."""
    query = "SELECT 42 AS n, 1.5 AS d, 1e0 AS f, 'x' AS t, NULL AS nothing, DATE '2026-01-02' AS day, 'é' AS e"
    wanted = {"$[0].n": 42, "$[0].d": 1.5, "$[0].f": 1, "$[0].t": "x", "$[0].nothing": None, "$[0].e": "é"}
    result = await ask(mariadb, query=query, expect={"json": wanted | {"$[0].day": "2026-01-02"}})
    assert result.outcome is Outcome.UP, result.message


async def test_wrong_data(mariadb: Mariadb) -> None:
    """A value or a count that is not as expected is told with both."""
    wrong = await ask(mariadb, query="SELECT 1+1", expect={"value": {">=": 3}})
    rows = await ask(mariadb, query="SELECT 1 UNION SELECT 2", expect={"rows": {"<": 2}})
    nothing = await ask(mariadb, query="SELECT 1 WHERE 1=0", expect={"value": 1})
    assert (wrong.outcome, wrong.reason) == (Outcome.DOWN, Reason.VALUE_MISMATCH)
    assert wrong.message == "the value is 2, expected >= 3"
    assert rows.message == "2 rows, expected < 2"
    assert nothing.message == "the value is missing, expected 1"


async def test_wrong_credentials(mariadb: Mariadb) -> None:
    """A wrong password and an unknown database are each told in the server's words."""
    password = await ask(mariadb, password="not-this-one")
    none = await ask(mariadb, password=None)
    database = await ask(mariadb, database="no_such_database")
    for result in (password, none, database):
        assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.AUTHENTICATION_FAILED), result.message
        assert "not-this-one" not in repr(result)
    assert password.message == (
        "the login was refused (Access denied for user 'monitor'@'127.0.0.1' (using password: ***), error 1045)"
    )
    assert "Access denied" in none.message
    assert "to database 'no_such_database', error 1044" in database.message


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM nowhere.jobs", "error 1142"),
        ("SELEC 1", "error 1064"),
        ("SELECT 1; SELECT 2", "error 1064"),
        ("INSERT INTO shop.jobs VALUES (2)", "READ ONLY transaction, error 1792"),
        ("CREATE TABLE shop.more (n int)", "READ ONLY transaction, error 1792"),
        ("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE shop.jobs", "error "),
    ],
)
async def test_queries_that_fail(mariadb: Mariadb, query: str, said: str) -> None:
    """What SQL finds wrong is a failed query in the server's words; and nothing is written."""
    mariadb.run("CREATE OR REPLACE TABLE shop.jobs AS SELECT 1 AS n")
    result = await ask(mariadb, query=query)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.QUERY_FAILED), result.message
    assert said in result.message
    assert mariadb.run("SELECT count(*) FROM shop.jobs") == "1"


async def test_no_more_than_is_bearable_is_read(mariadb: Mariadb) -> None:
    """A thousand rows of many, and a mebibyte of much."""
    many = await ask(mariadb, query="SELECT seq FROM shop.seq_1_to_1000000", expect={"rows": 1000})
    much = await ask(mariadb, query="SELECT repeat('x', 10000000)")
    assert many.outcome is Outcome.UP, many.message
    assert (much.outcome, much.reason) == (Outcome.DOWN, Reason.BODY_TOO_LARGE)


async def test_too_slow(mariadb: Mariadb) -> None:
    """What takes longer than expected is degraded or down, and still told whole."""
    slow = await ask(mariadb, query="SELECT sleep(0.15)", expect={"down_over": "100ms"})
    assert (slow.outcome, slow.reason) == (Outcome.DOWN, Reason.TOO_SLOW)


async def test_a_query_without_end(mariadb: Mariadb) -> None:
    """It ends at the deadline, in the right phase; and the server stops it too, by itself."""
    async with nothing_left():
        result = await ask(mariadb, timeout=0.5, query="SELECT sleep(600)")
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_TIMEOUT)
    assert "query" in result.phases
    async with asyncio.timeout(5):
        while "sleep(600)" in mariadb.run("SHOW PROCESSLIST"):
            await asyncio.sleep(0.05)


async def test_a_frozen_server(mariadb: Mariadb) -> None:
    """Under kill -STOP it accepts connections and answers nothing: no answer in time, and nothing left behind."""
    with mariadb.process.frozen():
        async with nothing_left():
            result = await ask(mariadb, timeout=0.4)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_TIMEOUT)
    assert list(result.phases)[-1] == "greeting"
    assert (await ask(mariadb)).outcome is Outcome.UP


@pytest.mark.slow
async def test_restarted_in_between(mariadb: Mariadb) -> None:
    """The same probe finds the server up, gone, and up again."""
    login: dict[str, Any] = {"host": "127.0.0.1", "port": mariadb.port, "user": "monitor", "password": PASSWORD}
    async with asker("mysql") as probe:
        first = await probe.ask(**login)
        mariadb.process.stop()
        gone = await probe.ask(**login)
        mariadb.process.start()
        again = await probe.ask(**login)
    assert [first.outcome, gone.outcome, again.outcome] == [Outcome.UP, Outcome.DOWN, Outcome.UP]
    assert gone.reason is Reason.CONNECT_REFUSED


async def test_it_leaves_without_a_trace(mariadb: Mariadb) -> None:
    """No check, failed ones included, makes the server log an aborted connection."""
    before = mariadb.process.log.read_text()
    for query in ("SELECT 1", "SELECT * FROM nowhere.jobs"):
        await ask(mariadb, query=query)
    await ask(mariadb, expect={"value": 2})
    assert "Aborted connection" not in mariadb.process.log.read_text().removeprefix(before)


async def test_over_tls(mariadb: Mariadb, certificates: Certificates) -> None:
    """`prefer` takes what is offered; `verify` trusts what it is told to and judges the days that are left."""
    preferred = await ask(mariadb, tls="prefer", query="SHOW STATUS LIKE 'Ssl_version'", expect={"json": {
        "$[0].Value": "TLSv1.3"}})  # fmt: skip
    database = await ask(mariadb, tls="prefer", database="shop", query="SELECT database()", expect={"value": "shop"})
    untrusted = await ask(mariadb, tls="verify")
    trusted = await ask(mariadb, tls="verify", ca_file=str(certificates.ca_file))
    assert preferred.outcome is Outcome.UP, preferred.message
    assert database.outcome is Outcome.UP, database.message
    assert (untrusted.outcome, untrusted.reason) == (Outcome.DOWN, Reason.CERTIFICATE_UNTRUSTED)
    assert (trusted.outcome, trusted.reason) == (Outcome.DEGRADED, Reason.CERTIFICATE_EXPIRING)
    assert list(trusted.phases) == ["dns", "connect", "greeting", "tls", "login", "query"]


async def test_the_database_is_chosen_over_tls_too(mariadb: Mariadb) -> None:
    """What the login asks for does not get lost when it is encrypted."""
    chosen = await ask(mariadb, tls="require", database="shop", query="SELECT database()", expect={"value": "shop"})
    assert chosen.outcome is Outcome.UP, chosen.message


async def test_it_says_when_it_has_no_room(mariadb: Mariadb) -> None:
    """Too many connections of a user: the server is not serving; an account that is locked: the login is refused."""
    mariadb.run(
        f"CREATE USER many@127.0.0.1 IDENTIFIED BY '{PASSWORD}' WITH MAX_QUERIES_PER_HOUR 1;"
        f"CREATE USER locked@127.0.0.1 IDENTIFIED BY '{PASSWORD}' ACCOUNT LOCK"
    )
    try:
        await ask(mariadb, user="many")
        full = await ask(mariadb, user="many")
        locked = await ask(mariadb, user="locked")
    finally:
        mariadb.run("DROP USER many@127.0.0.1, locked@127.0.0.1")
    assert full.reason is Reason.NOT_SERVING, full.message
    assert locked.reason is Reason.AUTHENTICATION_FAILED
    assert "this account is locked" in locked.message


async def test_the_guard_holds(mariadb: Mariadb) -> None:
    """Neither a loopback address nor a socket is touched for those who may only check public targets."""
    guarded = await ask(mariadb, public_only=True)
    async with asker("mysql") as probe:
        private = await probe.ask(socket=str(mariadb.socket), user="u", public_only=True)
    assert (guarded.reason, private.reason) == (Reason.ADDRESS_REFUSED, Reason.ADDRESS_REFUSED)


# Scripts that speak MySQL 8's ways ------------------------------------------------------------------------------------

SCRAMBLE = bytes(range(33, 53))
TLS = 0x800


def greeting(
    plugin: bytes = b"caching_sha2_password", capabilities: int = 0x81F7FFFF, version: bytes = b"8.0.40"
) -> bytes:
    low, high = struct.pack("<H", capabilities & 0xFFFF), struct.pack("<H", capabilities >> 16)
    body = b"\x0a" + version + b"\0" + b"\1\0\0\0" + SCRAMBLE[:8] + b"\0" + low + b"\xff\2\0" + high + b"\x15"
    return body + b"\0" * 10 + SCRAMBLE[8:] + b"\0" + plugin + b"\0"


class MySql:
    """The server's side of one conversation."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.sequence = 0

    async def say(self, body: bytes) -> None:
        await self.peer.say(len(body).to_bytes(3, "little") + bytes([self.sequence]) + body)
        self.sequence += 1

    async def hear(self) -> bytes:
        head = await self.peer.reader.readexactly(4)
        assert head[3] == self.sequence % 256
        self.sequence += 1
        return await self.peer.reader.readexactly(int.from_bytes(head[:3], "little"))

    async def serve(self) -> None:
        """Every statement is done well, until COM_QUIT."""
        while True:
            self.sequence = 0
            if (await self.hear())[:1] == b"\1":
                return
            await self.say(b"\0\0\0\2\0\0\0")

    async def ok(self) -> None:
        await self.say(b"\0\0\0\2\0\0\0")


Conversation = Callable[[MySql], Awaitable[None]]


def speaking(conversation: Conversation, hello: bytes = b"") -> Script:
    async def script(peer: Peer) -> None:
        server = MySql(peer)
        await server.say(hello or greeting(capabilities=0x81F7FFFF & ~TLS))
        await conversation(server)

    return script


def right(answer: bytes, password: bytes = b"hunter2-and-more") -> bool:
    """Whether caching_sha2_password's answer stands in the client's first packet, as a server would find out."""
    stage2 = hashlib.sha256(hashlib.sha256(password).digest()).digest()
    size_at = answer.index(b"u\0") + 2
    proof = answer[size_at + 1 : size_at + 33]
    mask = hashlib.sha256(stage2 + SCRAMBLE).digest()
    stage1 = bytes(left ^ other for left, other in zip(proof, mask, strict=True))
    return answer[size_at] == 32 and hashlib.sha256(stage1).digest() == stage2


async def test_mysql_8_remembers_the_password() -> None:
    """caching_sha2_password, the short way: the server knows the hash already."""

    async def conversation(server: MySql) -> None:
        assert right(await server.hear())
        await server.say(b"\1\3")
        await server.ok()
        await server.serve()

    async with talker(speaking(conversation)) as running:
        result = await ask_fake(running.port)
    assert result.outcome is Outcome.UP, result.message
    assert result.observations["server_version"] == "8.0.40"


async def test_mysql_8_wants_the_password_under_its_key() -> None:
    """caching_sha2_password, the long way without TLS: RSA with the server's key, never in the clear."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    async def conversation(server: MySql) -> None:
        assert right(await server.hear())
        await server.say(b"\1\4")
        assert await server.hear() == b"\2"
        await server.say(b"\1" + pem)
        sha1 = hashes.SHA1()
        masked = key.decrypt(await server.hear(), padding.OAEP(padding.MGF1(sha1), sha1, None))
        assert bytes(a ^ SCRAMBLE[at % 20] for at, a in enumerate(masked)) == b"hunter2-and-more\0"
        await server.ok()
        await server.serve()

    async with talker(speaking(conversation)) as running:
        result = await ask_fake(running.port)
    assert result.outcome is Outcome.UP, result.message


async def greet_and_turn_to_tls(listening: socket.socket, identity: Identity, conversation: Conversation) -> None:
    """Read the request for TLS and not a byte more, which asyncio's streams cannot."""
    loop = asyncio.get_running_loop()
    connection, _ = await loop.sock_accept(listening)
    connection.setblocking(False)
    hello = greeting()
    await loop.sock_sendall(connection, len(hello).to_bytes(3, "little") + b"\0" + hello)
    assert (await loop.sock_recv(connection, 36))[:4] == b"\x20\0\0\1"
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=identity.context())
    await conversation(MySql(Peer(reader, asyncio.StreamWriter(transport, protocol, reader, loop))))


async def test_mysql_8_wants_the_password_over_tls(certificates: Certificates) -> None:
    """caching_sha2_password, the long way with TLS: the password itself, since nobody else reads it."""
    identity = certificates.good()

    async def conversation(server: MySql) -> None:
        server.sequence = 2
        assert right(await server.hear())
        await server.say(b"\1\4")
        assert await server.hear() == b"hunter2-and-more\0"
        await server.ok()
        await server.serve()
        server.peer.writer.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        serving = asyncio.create_task(greet_and_turn_to_tls(listening, identity, conversation))
        port = listening.getsockname()[1]
        result = await ask_fake(port, tls="verify", ca_file=str(identity.ca_file))
        await serving
    assert result.outcome is Outcome.UP, result.message
    assert "tls" in result.phases


def switching(plugin: bytes, then: Conversation | None = None) -> Script:
    async def conversation(server: MySql) -> None:
        await server.hear()
        await server.say(b"\xfe" + plugin + b"\0" + SCRAMBLE + b"\0")
        if then is not None:
            await then(server)

    return speaking(conversation)


async def test_a_switch_to_another_way() -> None:
    """The account's plugin counts, not the server's; a password in the clear needs TLS or the file's word."""

    async def native(server: MySql) -> None:
        assert len(await server.hear()) == 20
        await server.ok()
        await server.serve()

    async def clear(server: MySql) -> None:
        assert await server.hear() == b"hunter2-and-more\0"
        await server.ok()
        await server.serve()

    async with talker(switching(b"mysql_native_password", native)) as running:
        switched = await ask_fake(running.port)
    async with talker(switching(b"mysql_clear_password", clear)) as running:
        kept = await ask_fake(running.port)
        sent = await ask_fake(running.port, tls="off")
    async with talker(switching(b"authentication_kerberos_client")) as running:
        unknown = await ask_fake(running.port)
    assert (switched.outcome, sent.outcome) == (Outcome.UP, Outcome.UP), (switched.message, sent.message)
    assert (kept.reason, unknown.reason) == (Reason.AUTHENTICATION_FAILED, Reason.AUTHENTICATION_FAILED)
    assert "plugin authentication_kerberos_client is not known here" in unknown.message


async def after_login(server: MySql) -> None:
    """As far as the question."""
    await server.hear()
    await server.ok()
    for _ in range(3):
        server.sequence = 0
        await server.hear()
        await server.ok()
    server.sequence = 0
    await server.hear()


def answering(*packets: bytes) -> Script:
    async def conversation(server: MySql) -> None:
        await after_login(server)
        for packet in packets:
            await server.say(packet)

    return speaking(conversation)


def raw(data: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.say(data)
        await peer.until_gone()

    return script


async def endless_rows(server: MySql) -> None:
    await after_login(server)
    await server.say(b"\1")
    await server.say(COLUMN)
    await server.say(EOF)
    while True:
        row = b"\1x"
        await server.peer.say(
            b"".join(len(row).to_bytes(3, "little") + bytes([(server.sequence + at) % 256]) + row for at in range(256))
        )


async def key_without_end(server: MySql) -> None:
    await server.hear()
    await server.say(b"\1\4")
    await server.hear()
    await server.say(b"\1-----BEGIN PUBLIC KEY-----\n" + b"A" * 50_000)


COLUMN = b"\3def\0\0\0\1n\0\x0c\x2d\0\4\0\0\0\xfd\0\0\0\0\0"
EOF = b"\xfe\0\0\2\0"
HOSTILE: list[tuple[str, Script, Reason]] = [
    ("closes", closing, Reason.EMPTY_RESPONSE),
    ("garbage", garbage, Reason.PROTOCOL_ERROR),
    ("silent", silent, Reason.RESPONSE_TIMEOUT),
    ("ssh", raw(b"SSH-2.0-OpenSSH_9.2p1\r\n"), Reason.PROTOCOL_ERROR),
    ("old-protocol", raw(b"\5\0\0\0\x09x\0yz"), Reason.PROTOCOL_ERROR),
    ("short-greeting", raw(b"\5\0\0\0\x0a8.0\0"), Reason.PROTOCOL_ERROR),
    ("turned-away", raw(b"\x17\0\0\0\xff\x10\x04Too many connections"), Reason.NOT_SERVING),
    ("blocked", raw(b"\x16\0\0\0\xff\x69\x04Host is not allowed"), Reason.NOT_SERVING),
    ("asks-for-a-file", answering(b"\xfb/etc/passwd"), Reason.QUERY_FAILED),
    ("many-columns", answering(b"\xfe" + b"\xff" * 8), Reason.PROTOCOL_ERROR),
    ("null-columns", answering(b"\xfc"), Reason.PROTOCOL_ERROR),
    ("short-column", answering(b"\1", b"\3def\0"), Reason.PROTOCOL_ERROR),
    ("short-row", answering(b"\1", COLUMN, EOF, b"\xfd\xff\xff\xffx"), Reason.PROTOCOL_ERROR),
    ("wrong-length", answering(b"\1", COLUMN, EOF, b"\xff\x15\x04#28000gone"), Reason.QUERY_FAILED),
    ("empty-packet", raw(b"\0\0\0\0"), Reason.PROTOCOL_ERROR),
    ("key", speaking(key_without_end), Reason.PROTOCOL_ERROR),
]


@pytest.mark.parametrize(("script", "reason"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
async def test_hostile_servers(script: Script, reason: Reason) -> None:
    """Whatever it says, it is down in time, for the right reason, in printable words, with nothing left behind."""
    async with talker(script) as server, nothing_left():
        result = await ask_fake(server.port, 0.7)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.message.isprintable()


async def test_rows_without_end() -> None:
    """Of rows that never end a thousand are read."""
    async with talker(speaking(endless_rows)) as server, nothing_left():
        result = await ask_fake(server.port, 4.0, expect={"rows": 1000})
    assert result.outcome is Outcome.UP, result.message


async def test_tls_that_is_not_offered() -> None:
    """`require` is down without it, before any password was sent."""
    async with talker(speaking(after_login)) as server:
        result = await ask_fake(server.port, tls="require")
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.TLS_FAILED)
    assert result.message == "the TLS handshake failed (the server, 8.0.40, does not offer it)"


def test_wrong_options() -> None:
    """A mistake in the file is told in words."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"host": "db"}, "a user is needed"),
        ({"url": "postgresql://u:secret-word@db/x"}, "must begin with mysql:// or mariadb://"),
        ({"url": "mysql://u@db/x", "database": "y"}, "the database stands in the url already"),
    ]
    for options, said in wrong:
        with pytest.raises(ValidationError, match=said):
            KINDS["mysql"].options.model_validate(options)
