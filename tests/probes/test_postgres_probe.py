"""The kind postgres against PostgreSQL 15, and against servers that only say they are one."""

from __future__ import annotations

import asyncio
import base64
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes import KINDS
from support.dialogue import Peer, closing, garbage, silent, talker, unanswering
from support.leftovers import nothing_left
from support.loops import LOOPS, NAMES, Loop, run_on
from support.postgres import PASSWORD, Postgres
from support.probing import Asker, asker
from support.tls import Certificates

pytestmark = pytest.mark.xdist_group("postgres")
"""One worker, so that the server is started once."""


async def ask(server: Postgres, timeout: float = 10.0, public_only: bool = False, **options: Any) -> Result:
    """One check of the real server, as the user `monitor` by default."""
    place: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "database": "postgres"}
    async with asker("postgres") as probe:
        return await probe.ask(timeout, public_only, **(place | {"user": "monitor", "password": PASSWORD} | options))


async def ask_fake(port: int, timeout: float = 5.0, **options: Any) -> Result:
    async with asker("postgres") as probe:
        login: dict[str, Any] = {"host": "127.0.0.1", "port": port, "user": "u", "password": "p"}
        return await probe.ask(timeout, **(login | options))


@contextmanager
def table(server: Postgres, definition: str) -> Iterator[None]:
    server.run(f"CREATE TABLE jobs AS {definition}; GRANT ALL ON jobs TO monitor")
    try:
        yield
    finally:
        server.run("DROP TABLE jobs")


async def test_a_healthy_server(postgres: Postgres) -> None:
    """Connect, log in by SCRAM, SELECT 1: up, with every phase timed and the server described."""
    result = await ask(postgres, expect={"value": 1, "rows": 1})
    assert result.outcome is Outcome.UP, result.message
    assert list(result.phases) == ["dns", "connect", "greeting", "login", "query"]
    assert result.duration == sum(result.phases.values())
    seen = result.observations
    assert (seen["address"], seen["value"], seen["rows"], seen["role"]) == ("127.0.0.1", 1, 1, "primary")
    assert seen["server_version"].startswith("15.")
    assert (result.excerpt, result.message) == ("", "")


async def test_the_url_does_the_same(postgres: Postgres) -> None:
    """`url` holds server, login and database; a Unix socket takes the place of a host."""
    url = f"postgresql://monitor:{PASSWORD}@localhost:{postgres.port}/postgres"
    async with asker("postgres") as probe:
        by_url = await probe.ask(url=url, query="SELECT current_user", expect={"value": "monitor"})
        by_socket = await probe.ask(socket=str(postgres.socket), user="monitor", database="postgres")
    assert by_url.outcome is Outcome.UP, by_url.message
    assert by_socket.outcome is Outcome.UP, by_socket.message
    assert list(by_socket.phases) == ["connect", "login", "query"]


async def test_values_have_types(postgres: Postgres) -> None:
    """Numbers, booleans, null and JSON are what they are; the rest is text."""
    query = "SELECT 42::int8, 1.5::numeric, true AS yes, NULL, '{\"a\": [1]}'::jsonb AS j, 'x'::text, 'NaN'::float4"
    wanted = {
        "$[0].int8": 42, "$[0].numeric": 1.5, "$[0].yes": True, "$[0].j.a[0]": 1, "$[0].text": "x",
        "$[0].float4": "NaN", "$[0]['?column?']": None,
    }  # fmt: skip
    result = await ask(postgres, query=query, expect={"json": wanted})
    assert result.outcome is Outcome.UP, result.message


async def test_wrong_data(postgres: Postgres) -> None:
    """A value, a row or a count that is not as expected is told with both."""
    with table(postgres, "SELECT n, 'waiting' AS state FROM generate_series(1, 3) AS n"):
        wrong = await ask(postgres, query="SELECT count(*) FROM jobs", expect={"value": {"<": 3}})
        paths = await ask(postgres, query="SELECT * FROM jobs", expect={"rows": 2, "json": {"$[*].state": "done"}})
        nothing = await ask(postgres, query="SELECT n FROM jobs WHERE n > 9", expect={"value": 1})
        empty = await ask(postgres, query="SELECT n FROM jobs WHERE n > 9", expect={"value": {"exists": False}})
    assert (wrong.outcome, wrong.reason) == (Outcome.DOWN, Reason.VALUE_MISMATCH)
    assert wrong.message == "the value is 3, expected < 3"
    assert (wrong.failures[0].expected, wrong.failures[0].seen) == ("< 3", "3")
    assert paths.message == "3 rows, expected 2 (and 1 more)"
    assert paths.failures[1].seen == '"waiting"'
    assert '"state":"waiting"' in paths.excerpt
    assert nothing.message == "the value is missing, expected 1"
    assert empty.outcome is Outcome.UP


async def test_wrong_credentials(postgres: Postgres) -> None:
    """A wrong password, an unknown user and an unknown database are each told in the server's words."""
    password = await ask(postgres, password="not-this-one")
    nobody = await ask(postgres, user="nobody_at_all")
    database = await ask(postgres, database="no_such_database")
    away = await ask(postgres, user="turned_away")
    none = await ask(postgres, password=None)
    for result in (password, nobody, database, away, none):
        assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.AUTHENTICATION_FAILED), result.message
        assert PASSWORD not in repr(result)
        assert "not-this-one" not in repr(result)
    assert password.message == (
        'the login was refused (password authentication failed for user "monitor", SQLSTATE 28P01)'
    )
    assert 'user "nobody_at_all"' in nobody.message
    assert 'database "no_such_database" does not exist, SQLSTATE 3D000' in database.message
    assert "pg_hba.conf rejects connection" in away.message
    assert none.message == "the login was refused (it asks for a password, and none is given)"


async def test_other_ways_to_log_in(postgres: Postgres) -> None:
    """MD5 works; a password in the clear is only sent without TLS when the file says so; trust asks for nothing."""
    md5 = await ask(postgres, user="md5_user")
    kept = await ask(postgres, user="clear_user")
    sent = await ask(postgres, user="clear_user", tls=False)
    trusted = await ask(postgres, user="trusted", password=None)
    assert [md5.outcome, sent.outcome, trusted.outcome] == [Outcome.UP] * 3
    assert kept.reason is Reason.AUTHENTICATION_FAILED
    assert kept.message.endswith("(it wants the password in clear text and offers no TLS; `tls: off` would allow that)")


async def test_queries_that_fail(postgres: Postgres) -> None:
    """What SQL finds wrong is a failed query in PostgreSQL's words, bounded."""
    missing = await ask(postgres, query="SELECT * FROM no_such_table")
    syntax = await ask(postgres, query="SELEC 1")
    two = await ask(postgres, query="SELECT 1; SELECT 2")
    long = await ask(postgres, query=f"SELECT '{'x' * 5000}'::int")
    assert missing.message == 'the query failed (relation "no_such_table" does not exist, SQLSTATE 42P01)'
    assert "cannot insert multiple commands into a prepared statement" in two.message
    for result in (missing, syntax, two, long):
        assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.QUERY_FAILED)
        assert len(result.message) < 300


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO jobs VALUES (9)",
        "WITH gone AS (DELETE FROM jobs RETURNING *) SELECT count(*) FROM gone",
        "CREATE TABLE other (n int)",
        "COPY jobs TO STDOUT",
        "COPY jobs FROM STDIN",
        "SELECT set_config('transaction_read_only', 'off', false)",
    ],
)
async def test_nothing_is_written(postgres: Postgres, query: str) -> None:
    """The query runs in a read-only transaction, whoever asks."""
    with table(postgres, "SELECT 1 AS n"):
        result = await ask(postgres, user="postgres", query=query)
        assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.QUERY_FAILED), result.message
        assert postgres.run("SELECT count(*) FROM jobs") == "1"


async def test_no_more_than_is_bearable_is_read(postgres: Postgres) -> None:
    """A thousand rows of many, and a mebibyte of much."""
    many = await ask(postgres, query="SELECT generate_series(1, 1000000)", expect={"rows": 1000})
    much = await ask(postgres, query="SELECT repeat('x', 100000000)")
    assert many.outcome is Outcome.UP, many.message
    assert (much.outcome, much.reason) == (Outcome.DOWN, Reason.BODY_TOO_LARGE)


async def test_too_slow(postgres: Postgres) -> None:
    """What takes longer than expected is degraded or down, and still told whole."""
    slow = await ask(postgres, query="SELECT pg_sleep(0.15)", expect={"degraded_over": "100ms"})
    assert (slow.outcome, slow.reason) == (Outcome.DEGRADED, Reason.TOO_SLOW)
    assert slow.phases["query"] > 150_000


async def test_a_query_without_end(postgres: Postgres) -> None:
    """It ends at the deadline, in the right phase; and the server stops it too, by itself."""
    async with nothing_left():
        result = await ask(postgres, timeout=0.5, query="SELECT pg_sleep(600)")
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_TIMEOUT)
    assert "query" in result.phases
    running = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'monitor' AND query LIKE '%pg_sleep(600)'"
    async with asyncio.timeout(5):
        while postgres.run(running) != "0":
            await asyncio.sleep(0.05)


async def test_a_frozen_server(postgres: Postgres) -> None:
    """Under kill -STOP it accepts connections and answers nothing: no answer in time, and nothing left behind."""
    with postgres.process.frozen():
        async with nothing_left():
            result = await ask(postgres, timeout=0.4)
            plain = await ask(postgres, timeout=0.4, tls="off")
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_TIMEOUT)
    assert list(result.phases)[-1] == "greeting"
    assert list(plain.phases)[-1] == "login"
    assert (await ask(postgres)).outcome is Outcome.UP


async def test_cancelled_at_once(postgres: Postgres) -> None:
    """A daemon that shuts down does not wait for a query."""
    async with nothing_left():
        task = asyncio.create_task(ask(postgres, timeout=60, query="SELECT pg_sleep(601)"))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_restarted_in_between(postgres: Postgres) -> None:
    """The same probe finds the server up, gone, and up again."""
    login: dict[str, Any] = {"host": "127.0.0.1", "port": postgres.port, "user": "monitor", "password": PASSWORD}
    async with asker("postgres") as probe:
        first = await probe.ask(**login, database="postgres")
        postgres.stop()
        gone = await probe.ask(**login, database="postgres")
        postgres.start()
        again = await probe.ask(**login, database="postgres")
    assert [first.outcome, gone.outcome, again.outcome] == [Outcome.UP, Outcome.DOWN, Outcome.UP]
    assert gone.reason is Reason.CONNECT_REFUSED


async def test_it_leaves_without_a_trace(postgres: Postgres) -> None:
    """No check, failed ones included, makes the server log a connection that was broken off."""
    before = postgres.settle()
    for query in ("SELECT 1", "SELECT * FROM no_such_table", "COPY (SELECT 1) TO STDOUT"):
        await ask(postgres, query=query)
    await ask(postgres, expect={"value": 2})
    assert "EOF" not in postgres.log.removeprefix(before)
    assert "could not" not in postgres.log.removeprefix(before)


async def test_over_tls(postgres: Postgres, certificates: Certificates) -> None:
    """`verify` trusts what it is told to, describes the certificate and judges its days."""
    identity = certificates.expiring(5)
    with postgres.encrypted(identity):
        trusted = await ask(postgres, user="tls_user", tls="verify", ca_file=str(identity.ca_file))
        untrusted = await ask(postgres, tls="verify")
        unverified = await ask(postgres, user="tls_user", tls="require")
        preferred = await ask(postgres, user="clear_user")
        fine = await ask(postgres, tls="verify", ca_file=str(identity.ca_file), expect={"certificate_days": 2})
        wrong_name = await ask(postgres, tls="verify", ca_file=str(identity.ca_file), server_name="db.acme.example")
    assert (trusted.outcome, trusted.reason) == (Outcome.DEGRADED, Reason.CERTIFICATE_EXPIRING), trusted.message
    assert list(trusted.phases) == ["dns", "connect", "greeting", "tls", "login", "query"]
    assert trusted.observations["tls_version"] == "TLSv1.3"
    assert (untrusted.outcome, untrusted.reason) == (Outcome.DOWN, Reason.CERTIFICATE_UNTRUSTED)
    assert untrusted.observations["certificate"]["days_left"] < 6
    assert [unverified.outcome, preferred.outcome, fine.outcome] == [Outcome.UP] * 3
    assert wrong_name.reason is Reason.CERTIFICATE_WRONG_HOST


async def test_tls_that_is_not_offered(postgres: Postgres) -> None:
    """`require` and `verify` are down without it, before any password was sent."""
    result = await ask(postgres, tls="require")
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.TLS_FAILED)
    assert result.message == "the TLS handshake failed (the server does not offer it)"


async def test_too_many_connections(postgres: Postgres) -> None:
    """A server that has no room says so: it is not serving."""
    postgres.run("ALTER ROLE monitor CONNECTION LIMIT 0")
    try:
        result = await ask(postgres)
    finally:
        postgres.run("ALTER ROLE monitor CONNECTION LIMIT -1")
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.NOT_SERVING)
    assert 'too many connections for role "monitor", SQLSTATE 53300' in result.message


async def test_nobody_there(postgres: Postgres) -> None:
    """A host that leaves connections unanswered, a closed socket, and a socket that may not be used."""
    async with unanswering() as port:
        dead = await ask_fake(port, 0.4, host="127.0.0.2")
    async with asker("postgres") as probe:
        missing = await probe.ask(socket="/nowhere/.s.PGSQL.5432", user="u")
        private = await probe.ask(socket=str(postgres.socket), user="u", public_only=True)
    guarded = await ask(postgres, public_only=True)
    assert dead.reason is Reason.CONNECT_TIMEOUT
    assert missing.reason is Reason.CONNECT_REFUSED
    assert (private.reason, guarded.reason) == (Reason.ADDRESS_REFUSED, Reason.ADDRESS_REFUSED)


@pytest.mark.parametrize("loop", LOOPS, ids=NAMES)
def test_on_each_loop(postgres: Postgres, certificates: Certificates, loop: Loop) -> None:
    """With and without TLS, hanging and cancelled, on asyncio's loop and on uvloop; and no farewell is lost."""
    identity = certificates.good()

    async def checks() -> list[Result]:
        async with nothing_left():
            plain = await ask(postgres, tls="off")
            secure = await ask(postgres, tls="verify", ca_file=str(identity.ca_file))
            hanging = await ask(postgres, timeout=0.3, query="SELECT pg_sleep(602)")
            task = asyncio.create_task(ask(postgres, timeout=2, query="SELECT pg_sleep(603)"))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return [plain, secure, hanging]

    before = postgres.settle()
    with postgres.encrypted(identity):
        plain, secure, hanging = run_on(loop, checks())
    assert [plain.outcome, secure.outcome] == [Outcome.UP, Outcome.UP], secure.message
    assert (hanging.outcome, hanging.reason) == (Outcome.DOWN, Reason.RESPONSE_TIMEOUT)
    assert "EOF" not in postgres.log.removeprefix(before)


# Servers that only say they are one ----------------------------------------------------------------------------------


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


async def started(peer: Peer) -> None:
    """Turn down TLS and read the first message."""
    await peer.reader.readexactly(8)
    await peer.say(b"N")
    size = struct.unpack("!I", await peer.reader.readexactly(4))[0]
    await peer.reader.readexactly(size - 4)


WELCOME = message(b"R", struct.pack("!I", 0)) + message(b"Z", b"I")


def saying(*after_login: bytes, login: bytes = WELCOME) -> Any:
    async def script(peer: Peer) -> None:
        await started(peer)
        await peer.say(login)
        if after_login:
            await peer.reader.read(65536)
            for piece in after_login:
                await peer.say(piece)
        await peer.until_gone()

    return script


async def endless_notices(peer: Peer) -> None:
    await started(peer)
    while True:
        await peer.say(message(b"N", b"\0") * 1000)


def scram(challenge: str) -> Any:
    async def script(peer: Peer) -> None:
        await started(peer)
        await peer.say(message(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"))
        asked = await peer.reader.read(4096)
        nonce = asked.rpartition(b"r=")[2].decode()
        await peer.say(message(b"R", struct.pack("!I", 11) + challenge.format(nonce=nonce).encode()))
        await peer.reader.read(4096)
        final = base64.b64encode(b"x" * 32)
        await peer.say(message(b"R", struct.pack("!I", 12) + b"v=" + final) + WELCOME)
        await peer.until_gone()

    return script


SALT = base64.b64encode(b"0123456789abcdef").decode()
ROW = message(b"T", struct.pack("!H", 1) + b"n\0" + b"\0" * 6 + struct.pack("!I", 23) + b"\0" * 8)
HOSTILE: list[tuple[str, Any, Reason]] = [
    ("closes", closing, Reason.EMPTY_RESPONSE),
    ("garbage", garbage, Reason.PROTOCOL_ERROR),
    ("silent", silent, Reason.RESPONSE_TIMEOUT),
    ("closes-after-login", saying(login=b""), Reason.RESPONSE_TIMEOUT),
    ("no-message", saying(login=b"HTTP/1.1 400 Bad Request\r\n\r\n"), Reason.PROTOCOL_ERROR),
    ("negative-size", saying(login=b"R\0\0\0\1"), Reason.PROTOCOL_ERROR),
    ("endless", endless_notices, Reason.BODY_TOO_LARGE),
    ("gssapi", saying(login=message(b"R", struct.pack("!I", 7))), Reason.AUTHENTICATION_FAILED),
    ("short-authentication", saying(login=message(b"R", b"\0")), Reason.PROTOCOL_ERROR),
    ("huge-row", saying(ROW, b"D" + struct.pack("!I", 1 << 29)), Reason.BODY_TOO_LARGE),
    ("short-row", saying(ROW, message(b"D", struct.pack("!Hi", 1, 100) + b"1")), Reason.PROTOCOL_ERROR),
    ("other-row", saying(ROW, message(b"D", struct.pack("!H", 7))), Reason.PROTOCOL_ERROR),
    ("negative-column", saying(ROW, message(b"D", struct.pack("!Hi", 1, -5))), Reason.PROTOCOL_ERROR),
    ("odd-error", saying(message(b"E", b"M" + b"\xff" * 50 + b"\0C42\x1b[0m\0\0")), Reason.QUERY_FAILED),
    ("rounds", scram(f"r={{nonce}}x,s={SALT},i=99999999"), Reason.PROTOCOL_ERROR),
    ("no-rounds", scram(f"r={{nonce}}x,s={SALT},i=0"), Reason.PROTOCOL_ERROR),
    ("other-nonce", scram(f"r=other,s={SALT},i=4096"), Reason.PROTOCOL_ERROR),
    ("no-salt", scram("r={nonce}x,s=====,i=4096"), Reason.PROTOCOL_ERROR),
    ("knows-no-password", scram(f"r={{nonce}}x,s={SALT},i=4096"), Reason.AUTHENTICATION_FAILED),
]


@pytest.mark.parametrize(("script", "reason"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
async def test_hostile_servers(script: Any, reason: Reason) -> None:
    """Whatever it says, it is down in time, for the right reason, in printable words, with nothing left behind."""
    async with talker(script) as server, nothing_left():
        result = await ask_fake(server.port, 0.7)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.message.isprintable()


async def test_the_password_is_not_repeated() -> None:
    """A server that says the password back does not bring it into a message."""
    told = message(b"E", b"Mbad word hunter2-and-more\0C42000\0\0")
    async with talker(saying(told)) as server:
        result = await ask_fake(server.port, password="hunter2-and-more")
    assert result.message == "the query failed (bad word ***, SQLSTATE 42000)"


# What may stand in the file -------------------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "either url or host is needed"),
    ({"host": "db"}, "a user is needed"),
    ({"url": "mysql://u:secret-word@db/x"}, "'mysql://db/x' must begin with postgresql:// or postgres://"),
    ({"url": "postgresql://u:secret-word@a,b/x"}, "is not the URL of one server"),
    ({"url": "postgresql://u@db/x?sslmode=require"}, "parameters of a URL are keys of their own here"),
    ({"url": "postgresql://u@db/x", "user": "v"}, "user stands in the url already"),
    ({"url": "postgresql://u:secret-word@db/x", "password": "q"}, "the password stands in the url already"),
    ({"url": "postgresql://u@db/x", "database": "y"}, "the database stands in the url already"),
    ({"host": "db", "user": "u", "socket": "/run/x"}, "host and socket exclude each other"),
    ({"user": "u", "socket": "run/x"}, "not an absolute path"),
    ({"user": "u", "socket": "/run/x", "tls": "require"}, "no TLS over a Unix socket"),
    ({"host": "db", "user": "u", "ca_file": "/etc/hosts"}, "ca_file needs `tls: verify`"),
    ({"host": "db", "user": "u", "tls": "off", "server_name": "x"}, "server_name needs TLS"),
    ({"host": "db", "user": "u", "tls": "verify", "ca_file": "/no/file"}, "ca_file: /no/file is not a file"),
    ({"host": "db", "user": "u", "expect": {"certificate_days": 5}}, "expect.certificate_days needs `tls: verify`"),
    ({"host": "db", "user": "u\0v"}, "NUL"),
    ({"host": "db", "user": "u", "query": ""}, "at least 1 character"),
    ({"host": "db", "user": "u", "expect": {"value": {"=": 1}}}, "'=' is no operator"),
    ({"host": "db", "user": "u", "tls": "sometimes"}, "'off', 'prefer', 'require' or 'verify'"),
]


@pytest.mark.parametrize(("options", "said"), WRONG, ids=[said[:30] for _, said in WRONG])
def test_wrong_options(options: dict[str, Any], said: str) -> None:
    """A mistake in the file is told in words that do not show the password."""
    with pytest.raises(ValidationError) as caught:
        KINDS["postgres"].options.model_validate(options)
    words = "; ".join(fault["msg"] for fault in caught.value.errors(include_input=False, include_context=False))
    assert said in words
    assert "secret-word" not in words


def test_the_target_shows_no_secret() -> None:
    """Neither the target nor the options as text show the login."""
    options = KINDS["postgres"].options.model_validate({"url": "postgres://me:secret-word@Db.acme.example:6000/shop"})
    assert (options.target(), options.host()) == ("db.acme.example:6000/shop", "db.acme.example")
    assert "secret-word" not in repr(options) + options.model_dump_json(by_alias=True)


async def test_no_thread_is_used(postgres: Postgres) -> None:
    """Everything happens on the loop."""
    before = set(threading.enumerate())
    async with asker("postgres") as probe:
        assert isinstance(probe, Asker)
        await asyncio.gather(*(ask(postgres) for _ in range(5)))
    assert set(threading.enumerate()) == before
