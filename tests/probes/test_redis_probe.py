"""The kind redis against Redis 7, and against scripts that speak worse."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes import KINDS
from support.dialogue import Peer, Script, closing, garbage, silent, talker
from support.leftovers import nothing_left
from support.probing import asker
from support.redis import PASSWORD, Redis, running_redis
from support.tls import Certificates


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with running_redis() as server:
        yield server


async def ask(server: Redis, timeout: float = 5.0, public_only: bool = False, **options: Any) -> Result:
    async with asker("redis") as probe:
        login: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "user": "monitor", "password": PASSWORD}
        return await probe.ask(timeout, public_only, **(login | options))


async def ask_fake(port: int, timeout: float = 5.0, **options: Any) -> Result:
    async with asker("redis") as probe:
        place: dict[str, Any] = {"host": "127.0.0.1", "port": port}
        return await probe.ask(timeout, **(place | options))


async def test_a_healthy_server(redis: Redis) -> None:
    """Connect, log in, PING: up, with every phase timed and the server described."""
    result = await ask(redis, expect={"value": "PONG"})
    assert result.outcome is Outcome.UP, result.message
    assert list(result.phases) == ["dns", "connect", "login", "query"]
    seen = result.observations
    assert (seen["server"], seen["role"], seen["mode"]) == ("redis", "master", "standalone")
    assert seen["server_version"].startswith("7.")


async def test_the_url_does_the_same(redis: Redis) -> None:
    """`url` holds server, login and database; a Unix socket takes the place of a host."""
    redis.run("-n", "3", "SET", "here", "yes")
    url = f"redis://monitor:{PASSWORD}@127.0.0.1:{redis.port}/3"
    async with asker("redis") as probe:
        by_url = await probe.ask(url=url, command="GET here", expect={"value": "yes"})
        by_socket = await probe.ask(
            socket=str(redis.socket), database=3, command=["GET", "here"], expect={"value": "yes"}
        )
    assert by_url.outcome is Outcome.UP, by_url.message
    assert by_socket.outcome is Outcome.UP, by_socket.message
    assert list(by_socket.phases) == ["connect", "login", "query"]


async def test_replies_have_types(redis: Redis) -> None:
    """A text is a number where a number is expected; nil is null; INFO is an object; JSON is JSON."""
    redis.run("SET", "waiting", "41")
    redis.run("SET", "document", '{"state": "ok"}')
    redis.run("RPUSH", "list", "a", "b")
    cases: list[tuple[Any, dict[str, Any]]] = [
        ("GET waiting", {"value": {"<": 42}}),
        ("GET waiting", {"value": "41"}),
        ("GET nothing", {"value": None}),
        ("LLEN list", {"value": 2}),
        ("LRANGE list 0 -1", {"value": "a", "json": {"$[1]": "b"}}),
        ("LRANGE nothing 0 -1", {"value": {"exists": False}}),
        ("GET document", {"json": {"$.state": "ok"}}),
        ("INFO replication", {"json": {"$.role": "master", "$.connected_slaves": {">=": 0}}}),
        ("GET waiting", {"value": {"matches": "^4[0-9]$"}}),
    ]
    for command, expect in cases:
        result = await ask(redis, command=command, expect=expect)
        assert result.outcome is Outcome.UP, (command, result.message)
    assert (await ask(redis, command="GET waiting")).observations["value"] == 41


async def test_wrong_data(redis: Redis) -> None:
    """A value that is not as expected is told with both."""
    redis.run("SET", "waiting", "41")
    wrong = await ask(redis, command="GET waiting", expect={"value": {"<": 41}})
    assert (wrong.outcome, wrong.reason) == (Outcome.DOWN, Reason.VALUE_MISMATCH)
    assert (wrong.message, wrong.excerpt) == ("the value is 41, expected < 41", "41")


async def test_wrong_credentials(redis: Redis) -> None:
    """A wrong password, a login that is missing and a database that is not there, in the server's words."""
    password = await ask(redis, password="not-this-one")
    database = await ask(redis, database=99)
    redis.run("ACL", "SETUSER", "default", "off")
    try:
        none = await ask(redis, user="", password=None)
    finally:
        redis.run("ACL", "SETUSER", "default", "on", "nopass", "~*", "&*", "+@all")
    for result in (password, database, none):
        assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.AUTHENTICATION_FAILED), result.message
        assert "not-this-one" not in repr(result)
    assert "WRONGPASS invalid username-password pair or user is disabled." in password.message
    assert "ERR DB index is out of range" in database.message
    assert "NOAUTH Authentication required." in none.message


async def test_commands_that_fail(redis: Redis) -> None:
    """What the server refuses is a failed query in its words."""
    unknown = await ask(redis, user="root", command="NONSENSE 1")
    forbidden = await ask(redis, command="FLUSHALL")
    assert unknown.message.startswith("the query failed (ERR unknown command 'NONSENSE'")
    assert (forbidden.outcome, forbidden.reason) == (Outcome.DOWN, Reason.QUERY_FAILED)
    assert "NOPERM" in forbidden.message


async def test_no_more_than_is_bearable_is_read(redis: Redis) -> None:
    """A large value and a long list end at their bounds."""
    redis.run("EVAL", "redis.call('SET', 'large', string.rep('x', 5000000))", "0")
    redis.run("EVAL", "for i = 1, 30000 do redis.call('RPUSH', 'long', i) end", "0")
    large = await ask(redis, command="GET large")
    long = await ask(redis, command="LRANGE long 0 -1")
    assert (large.reason, long.reason) == (Reason.BODY_TOO_LARGE, Reason.BODY_TOO_LARGE)


async def test_a_frozen_server(redis: Redis) -> None:
    """Under kill -STOP it accepts connections, which an open port would call well; here it is no answer in time."""
    with redis.process.frozen():
        async with nothing_left():
            result = await ask(redis, timeout=0.4)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_TIMEOUT)
    assert list(result.phases) == ["dns", "connect", "login"]
    assert (await ask(redis)).outcome is Outcome.UP


async def test_a_command_without_end(redis: Redis) -> None:
    """It ends at the deadline, in the right phase, or at once when the daemon shuts down."""
    async with nothing_left():
        result = await ask(redis, user="root", timeout=0.4, command="BLPOP nothing 0")
        task = asyncio.create_task(ask(redis, user="root", timeout=60, command="BLPOP nothing 0"))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (result.reason, list(result.phases)[-1]) == (Reason.RESPONSE_TIMEOUT, "query")


async def test_too_slow(redis: Redis) -> None:
    """What takes longer than expected is degraded."""
    slow = await ask(redis, user="root", command="BLPOP nothing 0.15", expect={"degraded_over": "100ms"})
    assert (slow.outcome, slow.reason) == (Outcome.DEGRADED, Reason.TOO_SLOW)


async def test_restarted_in_between() -> None:
    """The same probe finds the server up, gone, and up again."""
    with running_redis() as server:
        async with asker("redis") as probe:
            first = await probe.ask(host="127.0.0.1", port=server.port)
            server.process.stop()
            gone = await probe.ask(host="127.0.0.1", port=server.port)
            server.process.start()
            again = await probe.ask(host="127.0.0.1", port=server.port)
    assert [first.outcome, gone.outcome, again.outcome] == [Outcome.UP, Outcome.DOWN, Outcome.UP]
    assert gone.reason is Reason.CONNECT_REFUSED


async def test_loading(redis: Redis) -> None:
    """A replica without its master, and a server that loads its data, are not serving."""
    with running_redis("--replicaof", f"127.0.0.1 {redis.port + 1}", "--replica-serve-stale-data", "no") as replica:
        orphan = await ask(replica, command="GET x")
    assert (orphan.outcome, orphan.reason) == (Outcome.DOWN, Reason.NOT_SERVING), orphan.message
    assert "MASTERDOWN" in orphan.message


async def test_over_tls(certificates: Certificates) -> None:
    """TLS from the first byte, by a rediss URL or by `tls`, and its certificate is judged."""
    identity = certificates.expiring(5)
    files = ("--tls-cert-file", str(identity.pem), "--tls-key-file", str(identity.pem), "--tls-auth-clients", "no")
    with running_redis("--tls-port", "0", *files) as server:
        port = server.port
        server.run("CONFIG", "SET", "port", "0")
        server.run("CONFIG", "SET", "tls-port", str(port))
        async with asker("redis") as probe:
            by_url = await probe.ask(url=f"rediss://127.0.0.1:{port}", ca_file=str(identity.ca_file))
        untrusted = await ask_fake(port, tls="verify")
        trusting = await ask_fake(port, tls="require")
        clear = await ask_fake(port, tls="off")
    assert (by_url.outcome, by_url.reason) == (Outcome.DEGRADED, Reason.CERTIFICATE_EXPIRING), by_url.message
    assert list(by_url.phases) == ["dns", "connect", "tls", "login", "query"]
    assert untrusted.reason is Reason.CERTIFICATE_UNTRUSTED
    assert trusting.outcome is Outcome.UP, trusting.message
    assert clear.outcome is Outcome.DOWN


async def test_the_guard_holds(redis: Redis) -> None:
    """Neither a loopback address nor a socket is touched for those who may only check public targets."""
    guarded = await ask(redis, public_only=True)
    async with asker("redis") as probe:
        private = await probe.ask(socket=str(redis.socket), public_only=True)
    assert (guarded.reason, private.reason) == (Reason.ADDRESS_REFUSED, Reason.ADDRESS_REFUSED)


# Scripts --------------------------------------------------------------------------------------------------------------


def saying(*replies: bytes) -> Script:
    """One reply to each thing that is said."""

    async def script(peer: Peer) -> None:
        for reply in replies:
            await peer.reader.read(65536)
            await peer.say(reply)
        await peer.until_gone()

    return script


OLD = b"-ERR unknown command 'HELLO'\r\n"
HOSTILE: list[tuple[str, Script, Reason]] = [
    ("closes", closing, Reason.EMPTY_RESPONSE),
    ("garbage", garbage, Reason.PROTOCOL_ERROR),
    ("silent", silent, Reason.RESPONSE_TIMEOUT),
    ("http", saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Reason.PROTOCOL_ERROR),
    ("line-without-end", saying(b"+" + b"x" * 400_000), Reason.PROTOCOL_ERROR),
    ("no-number", saying(b"$abc\r\n"), Reason.PROTOCOL_ERROR),
    ("huge-text", saying(OLD, b"$9999999999999999999\r\n"), Reason.BODY_TOO_LARGE),
    ("huge-list", saying(OLD, b"*9999999999999999999\r\n" + b":1\r\n" * 30_000), Reason.BODY_TOO_LARGE),
    ("deep-list", saying(OLD, b"*1\r\n" * 10_000), Reason.BODY_TOO_LARGE),
    ("cut-off", saying(OLD, b"$5\r\nab"), Reason.RESPONSE_TIMEOUT),
    ("moved", saying(OLD, b"-MOVED 3999 169.254.169.254:6381\r\n"), Reason.QUERY_FAILED),
    ("loading", saying(OLD, b"-LOADING Redis is loading the dataset in memory\r\n"), Reason.NOT_SERVING),
    ("turned-away", saying(b"-ERR max number of clients reached\r\n", b"-ERR max number of clients reached\r\n"),
     Reason.NOT_SERVING),
]  # fmt: skip


@pytest.mark.parametrize(("script", "reason"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
async def test_hostile_servers(script: Script, reason: Reason) -> None:
    """Whatever it says, it is down in time, for the right reason, in printable words, with nothing left behind."""
    async with talker(script) as server, nothing_left():
        result = await ask_fake(server.port, 0.7)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.message.isprintable()


async def test_old_servers() -> None:
    """A server without HELLO is checked all the same; a redirect is told, and never followed."""
    async with talker(saying(OLD, b"+PONG\r\n")) as server:
        old = await ask_fake(server.port)
    async with talker(saying(OLD, b"-MOVED 3999 127.0.0.1:6381\r\n")) as server:
        moved = await ask_fake(server.port)
    assert old.outcome is Outcome.UP, old.message
    assert "server_version" not in old.observations
    assert moved.message == (
        "the query failed (MOVED 3999 127.0.0.1:6381; another server of the cluster is never followed)"
    )


def test_wrong_options() -> None:
    """A mistake in the file is told in words."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"host": "db", "command": "SUBSCRIBE news"}, "SUBSCRIBE is no question with one answer"),
        ({"host": "db", "command": ["client", "reply", "off"]}, "CLIENT is no question with one answer"),
        ({"host": "db", "command": []}, "at least 1 item"),
        ({"host": "db", "command": "GET 'a"}, "No closing quotation"),
        ({"host": "db", "tls": "prefer"}, "tls: prefer cannot be"),
        ({"host": "db", "user": "u"}, "user needs a password beside it"),
        ({"url": "redis://db/news"}, "is the number of the database, given once"),
        ({"url": "rediss://db", "tls": "off"}, "the url's scheme means TLS, and tls is off"),
    ]
    for options, said in wrong:
        with pytest.raises(ValidationError, match=said):
            KINDS["redis"].options.model_validate(options)
