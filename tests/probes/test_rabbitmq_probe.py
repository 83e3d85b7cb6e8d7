"""The kind rabbitmq against RabbitMQ 3.10, and against scripts that speak worse."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest
from pamqp import commands, frame, header
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes import KINDS
from support.dialogue import Peer, Script, closing, garbage, silent, talker
from support.leftovers import nothing_left
from support.probing import asker
from support.rabbitmq import PASSWORD, QUEUE, USER, VHOST, Rabbit
from support.tls import Certificates

pytestmark = pytest.mark.xdist_group("rabbitmq")
"""One worker, so that the server is started once."""


async def ask(port: int, timeout: float = 10.0, public_only: bool = False, **options: Any) -> Result:
    async with asker("rabbitmq") as probe:
        login: dict[str, Any] = {"host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD, "vhost": VHOST}
        return await probe.ask(timeout, public_only, **(login | options))


@pytest.mark.slow
async def test_a_healthy_server(rabbitmq: Rabbit) -> None:
    """Log in, open a channel, look at a queue: up, with every phase timed and the server described."""
    result = await ask(rabbitmq.port, queue=QUEUE, expect={"max_messages": 0, "min_consumers": 0})
    assert result.outcome is Outcome.UP, result.message
    assert list(result.phases) == ["dns", "connect", "greeting", "login", "query"]
    seen = result.observations
    assert (seen["server"], seen["messages"], seen["consumers"]) == ("RabbitMQ", 0, 0)
    assert seen["server_version"].startswith("3.")


@pytest.mark.slow
async def test_the_url_does_the_same(rabbitmq: Rabbit) -> None:
    """`url` holds server, login and virtual host; without a login it is guest's."""
    async with asker("rabbitmq") as probe:
        by_url = await probe.ask(url=f"amqp://{USER}:{PASSWORD}@127.0.0.1:{rabbitmq.port}/{VHOST}", queue=QUEUE)
        guest = await probe.ask(url=f"amqp://127.0.0.1:{rabbitmq.port}")
    assert by_url.outcome is Outcome.UP, by_url.message
    assert guest.outcome is Outcome.UP, guest.message


@pytest.mark.slow
async def test_wrong_data(rabbitmq: Rabbit) -> None:
    """Too few consumers, and a queue that is not there, in words."""
    idle = await ask(rabbitmq.port, queue=QUEUE, expect={"min_consumers": 1})
    missing = await ask(rabbitmq.port, queue="no such {queue}")
    assert (idle.outcome, idle.reason) == (Outcome.DOWN, Reason.VALUE_MISMATCH)
    assert idle.message == "0 consumers are at invoices, expected at least 1"
    assert (missing.outcome, missing.reason) == (Outcome.DOWN, Reason.QUERY_FAILED)
    assert "NOT_FOUND - no queue 'no such {queue}' in vhost 'billing', code 404" in missing.message


@pytest.mark.slow
async def test_wrong_credentials(rabbitmq: Rabbit) -> None:
    """A wrong password, a virtual host that is not there and one that is another's, in the server's words."""
    password = await ask(rabbitmq.port, password="not-this-one")
    vhost = await ask(rabbitmq.port, vhost="nowhere")
    private = await ask(rabbitmq.port, vhost="private")
    for result in (password, vhost, private):
        assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.AUTHENTICATION_FAILED), result.message
        assert "not-this-one" not in repr(result)
    assert "ACCESS_REFUSED - Login was refused" in password.message
    assert "vhost nowhere not found, code 530" in vhost.message
    assert "access to vhost 'private' refused for user 'monitor'" in private.message


@pytest.mark.slow
async def test_over_tls(rabbitmq: Rabbit, certificates: Certificates) -> None:
    """TLS from the first byte, and its certificate is judged; a client without TLS is told apart."""
    trusted = await ask(rabbitmq.tls_port, tls="verify", ca_file=str(certificates.ca_file))
    untrusted = await ask(rabbitmq.tls_port, tls="verify")
    clear = await ask(rabbitmq.tls_port, timeout=3)
    wrong_way = await ask(rabbitmq.port, tls="require")
    assert (trusted.outcome, trusted.reason) == (Outcome.DEGRADED, Reason.CERTIFICATE_EXPIRING), trusted.message
    assert list(trusted.phases) == ["dns", "connect", "tls", "greeting", "login", "query"]
    assert untrusted.reason is Reason.CERTIFICATE_UNTRUSTED
    assert clear.outcome is Outcome.DOWN
    assert (wrong_way.outcome, wrong_way.reason) == (Outcome.DOWN, Reason.TLS_FAILED)


@pytest.mark.slow
async def test_a_frozen_server(rabbitmq: Rabbit) -> None:
    """Under kill -STOP it accepts connections and answers nothing: no answer in time, and nothing left behind."""
    with rabbitmq.frozen():
        async with nothing_left():
            result = await ask(rabbitmq.port, timeout=0.4)
            task = asyncio.create_task(ask(rabbitmq.port, timeout=60))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_TIMEOUT)
    assert list(result.phases)[-1] == "greeting"
    assert (await ask(rabbitmq.port)).outcome is Outcome.UP


@pytest.mark.slow
async def test_it_leaves_without_a_trace(rabbitmq: Rabbit) -> None:
    """No check, failed ones included, makes the server log a connection that was broken off."""
    before = rabbitmq.log
    await ask(rabbitmq.port, queue=QUEUE)
    await ask(rabbitmq.port, queue=QUEUE, expect={"min_consumers": 1})
    await ask(rabbitmq.port, queue="missing")
    await asyncio.sleep(0.2)
    assert "closed" not in rabbitmq.log.removeprefix(before)


@pytest.mark.slow
async def test_restarted_in_between(rabbitmq: Rabbit) -> None:
    """The same probe finds the broker up, gone, and up again; Erlang itself, which takes long, goes on."""
    async with asker("rabbitmq") as probe:
        url = f"amqp://{USER}:{PASSWORD}@127.0.0.1:{rabbitmq.port}/{VHOST}"
        first = await probe.ask(url=url)
        rabbitmq.control("stop_app")
        gone = await probe.ask(url=url)
        rabbitmq.control("start_app")
        again = await probe.ask(url=url, timeout=20)
    assert [first.outcome, gone.outcome, again.outcome] == [Outcome.UP, Outcome.DOWN, Outcome.UP], again.message
    assert gone.reason is Reason.CONNECT_REFUSED


# Scripts --------------------------------------------------------------------------------------------------------------

Connection, Channel, Queue = commands.Connection, commands.Channel, commands.Queue


def saying(*answers: Any) -> Script:
    """One answer to each thing that is said: methods as they are, bytes as they are."""

    async def script(peer: Peer) -> None:
        for answer in answers:
            await peer.reader.read(65536)
            await peer.say(answer if isinstance(answer, bytes) else frame.marshal(answer, 0))
        await peer.until_gone()

    return script


def start(**options: Any) -> commands.Connection.Start:
    return Connection.Start(server_properties={"product": "Fake", "version": "1"}, **options)


WELCOME = (start(), Connection.Tune(0, 131072, 60), Connection.OpenOk(), Channel.OpenOk())


async def test_a_long_queue() -> None:
    """More messages than allowed are told with both figures."""
    async with talker(saying(*WELCOME, Queue.DeclareOk(QUEUE, 7, 2), Connection.CloseOk())) as server:
        result = await ask(server.port, queue=QUEUE, expect={"max_messages": 5, "min_consumers": 2})
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.VALUE_MISMATCH)
    assert result.message == "7 messages wait in invoices, expected at most 5"
    assert (result.observations["messages"], result.observations["consumers"]) == (7, 2)


async def test_too_slow() -> None:
    """What takes longer than expected is degraded."""

    async def script(peer: Peer) -> None:
        await asyncio.sleep(0.12)
        await saying(*WELCOME, Connection.CloseOk())(peer)

    async with talker(script) as server:
        result = await ask(server.port, expect={"degraded_over": "100ms"})
    assert (result.outcome, result.reason) == (Outcome.DEGRADED, Reason.TOO_SLOW)


def framed(kind: int, body: bytes) -> bytes:
    return struct.pack(">BHI", kind, 0, len(body)) + body + b"\xce"


NESTED = b"".join(struct.pack(">I", 7 * (5000 - level)) + b"\1aF" for level in range(5000))
HOSTILE: list[tuple[str, Script, Reason]] = [
    ("closes", closing, Reason.EMPTY_RESPONSE),
    ("garbage", garbage, Reason.PROTOCOL_ERROR),
    ("silent", silent, Reason.RESPONSE_TIMEOUT),
    ("http", saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Reason.PROTOCOL_ERROR),
    ("other-version", saying(header.ProtocolHeader(1, 0, 0).marshal()), Reason.PROTOCOL_ERROR),
    ("no-end", saying(struct.pack(">BHI", 1, 0, 4) + b"\0\x0a\0\x0a!"), Reason.PROTOCOL_ERROR),
    ("unknown-method", saying(framed(1, b"\0\xff\0\xff")), Reason.PROTOCOL_ERROR),
    ("short-method", saying(framed(1, b"\0\x0a\0\x0a")), Reason.PROTOCOL_ERROR),
    ("empty-method", saying(framed(1, b"")), Reason.PROTOCOL_ERROR),
    ("content", saying(framed(3, b"hello")), Reason.PROTOCOL_ERROR),
    ("nested", saying(framed(1, b"\0\x0a\0\x0a\0\x09" + NESTED)), Reason.PROTOCOL_ERROR),
    ("huge", saying(struct.pack(">BHI", 1, 0, 1 << 27)), Reason.BODY_TOO_LARGE),
    ("heartbeats", saying(framed(8, b"") * 30_000), Reason.BODY_TOO_LARGE),
    ("wrong-order", saying(Connection.OpenOk()), Reason.PROTOCOL_ERROR),
    ("no-plain", saying(start(mechanisms="GSSAPI")), Reason.AUTHENTICATION_FAILED),
    ("shutting-down", saying(start(), Connection.Close(320, "CONNECTION_FORCED - bye", 0, 0)), Reason.NOT_SERVING),
]


@pytest.mark.parametrize(("script", "reason"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
async def test_hostile_servers(script: Script, reason: Reason) -> None:
    """Whatever it says, it is down in time, for the right reason, in printable words, with nothing left behind."""
    async with talker(script) as server, nothing_left():
        result = await ask(server.port, 0.7)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.message.isprintable()


async def test_the_guard_holds() -> None:
    """A loopback address is not touched for those who may only check public targets."""
    assert (await ask(5672, public_only=True)).reason is Reason.ADDRESS_REFUSED


def test_wrong_options() -> None:
    """A mistake in the file is told in words."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"host": "mq", "expect": {"max_messages": 5}}, "need a queue"),
        ({"host": "mq", "queue": "é" * 200}, "at most 255 bytes"),
        ({"url": "amqp://mq/one", "vhost": "two"}, "the vhost stands in the url already"),
        ({"host": "mq", "password": "x"}, "user and password go together"),
        ({"url": "amqps://mq", "tls": "prefer"}, "the url's scheme means TLS, and tls is prefer"),
    ]
    for options, said in wrong:
        with pytest.raises(ValidationError, match=said):
            KINDS["rabbitmq"].options.model_validate(options)
    secured = KINDS["rabbitmq"].options.model_validate({"url": "amqps://mq.acme.example/%2Fodd"})
    assert secured.target() == "mq.acme.example:5671//odd"
