"""The kind mongodb against a stand-in that speaks its wire protocol: Debian has no MongoDB."""

from __future__ import annotations

import asyncio
import datetime as dt
import struct
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import bson
import pytest
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes import KINDS
from support.dialogue import Peer, Script, closing, garbage, silent, talker
from support.leftovers import nothing_left
from support.mongodb import OP_MSG, PASSWORD, USER, Mongo, failure, op_msg, read_op_msg, running_mongo
from support.probing import asker
from support.tls import Certificates


async def ask(port: int, timeout: float = 5.0, public_only: bool = False, **options: Any) -> Result:
    async with asker("mongodb") as probe:
        login: dict[str, Any] = {"host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD}
        return await probe.ask(timeout, public_only, **(login | options))


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-1"])
async def test_a_healthy_server(mechanism: str) -> None:
    """Hello, log in by SCRAM, ping: up, with every phase timed and the server described."""
    server = Mongo(mechanisms=(mechanism,))
    async with running_mongo(server) as running:
        result = await ask(running.port, expect={"json": {"$.ok": 1}})
    assert result.outcome is Outcome.UP, result.message
    assert list(result.phases) == ["dns", "connect", "login", "query"]
    seen = result.observations
    assert (seen["server_version"], seen["role"], seen["replica_set"]) == ("7.0.14", "primary", "rs0")
    assert PASSWORD not in repr(server.asked)


async def test_the_command_as_it_is_sent() -> None:
    """Its name first, for the database that was named, with the time that is left and Extended JSON read."""
    server = Mongo(locked=False, answers={"count": {"n": 3, "ok": 1.0}})
    command = {"count": "orders", "query": {"at": {"$lt": {"$date": "2026-01-01T00:00:00Z"}}}}
    async with running_mongo(server) as running, asker("mongodb") as probe:
        url = f"mongodb://127.0.0.1:{running.port}/shop"
        result = await probe.ask(url=url, command=command, expect={"value": {"<": 5}})
    sent = server.asked[-1]
    assert result.outcome is Outcome.UP, result.message
    assert result.observations["value"] == 3
    assert (next(iter(sent)), sent["$db"]) == ("count", "shop")
    assert 0 < sent["maxTimeMS"] <= 5000
    assert sent["$readPreference"] == {"mode": "primaryPreferred"}
    assert sent["query"] == {"at": {"$lt": dt.datetime(2026, 1, 1)}}  # noqa: DTZ001 - as BSON gives it


async def test_wrong_data() -> None:
    """A value that is not as expected is told with both; BSON's own types are told in Extended JSON."""
    batch = [{"_id": bson.ObjectId("0" * 24), "state": "stuck", "at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}]
    server = Mongo(answers={"find": {"cursor": {"id": 0, "firstBatch": batch}, "ok": 1.0}})
    wanted = {"$.cursor.firstBatch[*].state": "done", "$.cursor.firstBatch[0]._id['$oid']": "0" * 24}
    async with running_mongo(server) as running:
        result = await ask(running.port, command={"find": "jobs"}, expect={"json": wanted})
        value = await ask(running.port, expect={"value": 2})
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.VALUE_MISMATCH)
    assert result.message == '$.cursor.firstBatch[*].state is "stuck", expected "done"'
    assert '"$date":"2026-01-01T00:00:00Z"' in result.excerpt
    assert value.message == "the value is 1.0, expected 2"


async def test_wrong_credentials() -> None:
    """A wrong password, a login that is missing: refused, in the server's words."""
    async with running_mongo(Mongo()) as running:
        password = await ask(running.port, password="not-this-one")
        nobody = await ask(running.port, user="nobody")
        none = await ask(running.port, user="", password=None)
    for result in (password, nobody, none):
        assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.AUTHENTICATION_FAILED), result.message
    assert password.message == "the login was refused (Authentication failed., AuthenticationFailed)"
    assert "Command ping requires authentication, Unauthorized" in none.message


async def test_commands_that_fail() -> None:
    """What the server cannot do is a failed query; a member that is of no use now is not serving."""
    away = failure(13436, "NotPrimaryOrSecondary", "node is recovering")
    async with running_mongo(Mongo(answers={"find": away})) as running:
        unknown = await ask(running.port, command={"nonsense": 1})
        recovering = await ask(running.port, command={"find": "jobs"})
    assert unknown.message == "the query failed (no such command: 'nonsense', CommandNotFound)"
    assert (recovering.outcome, recovering.reason) == (Outcome.DOWN, Reason.NOT_SERVING)


async def test_other_members_are_left_alone() -> None:
    """A secondary that names its primary is what is checked; the primary is not asked."""
    hello = {"secondary": True, "isWritablePrimary": False, "primary": "169.254.169.254:27017", "ok": 1.0}
    told = {"setName": "rs0", "hosts": ["169.254.169.254:27017"], "saslSupportedMechs": ["SCRAM-SHA-256"]}
    async with running_mongo(Mongo(answers={"hello": hello | told})) as running:
        result = await ask(running.port)
    assert (result.outcome, result.observations["role"]) == (Outcome.UP, "secondary")
    assert running.connections == 1


async def test_the_password_is_hashed_once() -> None:
    """The rounds of hashing are spared as long as the salt stays; too many of them are refused."""
    async with running_mongo(Mongo(rounds=90_000)) as running, asker("mongodb") as probe:
        login: dict[str, Any] = {"host": "127.0.0.1", "port": running.port, "user": USER, "password": PASSWORD}
        results = [await probe.ask(**login) for _ in range(2)]
    async with running_mongo(Mongo(rounds=100_001)) as running:
        greedy = await ask(running.port)
    assert [one.outcome for one in results] == [Outcome.UP] * 2
    assert len(probe.probe.salted._made) == 1  # type: ignore[attr-defined]
    assert (greedy.outcome, greedy.reason) == (Outcome.DOWN, Reason.PROTOCOL_ERROR)
    assert "100001 rounds of hashing" in greedy.message


@pytest.mark.parametrize(("command", "phase"), [("hello", "login"), ("ping", "query")])
async def test_a_server_that_hangs(command: str, phase: str) -> None:
    """It ends at the deadline, in the right phase, or at once when the daemon shuts down."""
    async with running_mongo(Mongo(silent_at=command)) as running, nothing_left():
        result = await ask(running.port, timeout=0.3)
        task = asyncio.create_task(ask(running.port, timeout=60))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_TIMEOUT)
    assert list(result.phases)[-1] == phase


async def test_over_tls(certificates: Certificates) -> None:
    """TLS from the first byte, and its certificate is judged."""
    identity = certificates.expiring(5)
    async with running_mongo(Mongo(), identity.context()) as running:
        trusted = await ask(running.port, tls="verify", ca_file=str(identity.ca_file))
        untrusted = await ask(running.port, tls="verify")
        required = await ask(running.port, tls="require")
    assert (trusted.outcome, trusted.reason) == (Outcome.DEGRADED, Reason.CERTIFICATE_EXPIRING), trusted.message
    assert list(trusted.phases) == ["dns", "connect", "tls", "login", "query"]
    assert untrusted.reason is Reason.CERTIFICATE_UNTRUSTED
    assert required.outcome is Outcome.UP, required.message


async def test_nobody_there() -> None:
    """A server that went away is refused; the guard holds."""
    async with running_mongo(Mongo()) as running:
        guarded = await ask(running.port, public_only=True)
    gone = await ask(running.port)
    assert (guarded.reason, gone.reason) == (Reason.ADDRESS_REFUSED, Reason.CONNECT_REFUSED)


# Worse ----------------------------------------------------------------------------------------------------------------


def answering(make: Callable[[int], bytes]) -> Script:
    """The same answer to everything, made of the request's number."""

    async def script(peer: Peer) -> None:
        while True:
            number, _ = await read_op_msg(peer)
            await peer.say(make(number))

    return script


def deep(levels: int) -> bytes:
    """A document of documents of documents …"""
    document = b"\5\0\0\0\0"
    for _ in range(levels):
        document = struct.pack("<i", len(document) + 8) + b"\3a\0" + document + b"\0"
    return document


HOSTILE: list[tuple[str, Script, Reason]] = [
    ("closes", closing, Reason.EMPTY_RESPONSE),
    ("garbage", garbage, Reason.PROTOCOL_ERROR),
    ("silent", silent, Reason.RESPONSE_TIMEOUT),
    ("other-kind", answering(lambda to: struct.pack("<iiii", 100, 1, to, 1) + b"x" * 84), Reason.PROTOCOL_ERROR),
    ("other-number", answering(lambda to: op_msg({"ok": 1.0}, to + 1)), Reason.PROTOCOL_ERROR),
    ("huge", answering(lambda to: struct.pack("<iiii", 40_000_000, 1, to, OP_MSG)), Reason.BODY_TOO_LARGE),
    ("negative", answering(lambda to: struct.pack("<iiii", -5, 1, to, OP_MSG)), Reason.PROTOCOL_ERROR),
    ("no-bson", answering(lambda to: op_msg(b"\x30\0\0\0" + b"\xff" * 44, to)), Reason.PROTOCOL_ERROR),
    ("deep", answering(lambda to: op_msg(deep(20_000), to)), Reason.PROTOCOL_ERROR),
    ("no-ok", answering(lambda to: op_msg({}, to)), Reason.QUERY_FAILED),
    ("odd-ok", answering(lambda to: op_msg({"ok": "yes", "errmsg": 5, "code": [1]}, to)), Reason.QUERY_FAILED),
    ("no-scram", answering(lambda to: op_msg({"ok": 1.0, "saslSupportedMechs": 5}, to)), Reason.PROTOCOL_ERROR),
]


@pytest.mark.parametrize(("script", "reason"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
async def test_hostile_servers(script: Script, reason: Reason) -> None:
    """Whatever it says, it is down in time, for the right reason, in printable words, with nothing left behind."""
    async with talker(script) as server, nothing_left():
        result = await ask(server.port, 0.7)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.message.isprintable()


def test_wrong_options() -> None:
    """A mistake in the file is told in words."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"url": "mongodb+srv://cluster.acme.example/shop"}, "must begin with mongodb://"),
        ({"url": "mongodb://a:1,b:2/shop"}, "is not the URL of one server"),
        ({"host": "db", "user": "u"}, "user and password go together"),
        ({"host": "db", "command": {}}, "at least 1 item"),
        ({"host": "db", "command": {"ping": 1, "$db": "x"}}, r"\$db is set by the check itself"),
        ({"host": "db", "tls": "prefer"}, "tls: prefer cannot be"),
    ]
    for options, said in wrong:
        with pytest.raises(ValidationError, match=said):
            KINDS["mongodb"].options.model_validate(options)


@pytest.mark.parametrize(("kind", "module"), [("mongodb", "pymongo"), ("rabbitmq", "pamqp")])
def test_a_missing_driver(kind: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library, the file's error names the extra that brings it."""
    # Hidden rather than uninstalled: other tests need it.
    monkeypatch.setattr("saasobs.options.find_spec", lambda name: None if name == module else find_spec(name))
    with pytest.raises(ValidationError, match=rf"pip install 'saasobs\[{kind}\]'"):
        KINDS[kind].options.model_validate({"host": "db"})
