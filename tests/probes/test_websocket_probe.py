"""The websocket kind against a real server, a misbehaving one, and a stranger's bytes."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from websockets.asyncio.server import ServerConnection

from saasobs.core.result import Outcome, Reason, Result
from support.badhttp import bad_server, closed_port
from support.loops import LOOPS, NAMES, Loop, run_on
from support.probing import asker, monitor
from support.silence import stopped_port
from support.tls import Certificates
from support.websocket_server import Raw, Talk, accepted, frame, raw_server, websocket_server


async def ask(port: int, path: str = "/", timeout: float = 5.0, public_only: bool = False, **options: Any) -> Result:
    async with asker("websocket") as probe:
        return await probe.ask(timeout, public_only, url=f"ws://127.0.0.1:{port}{path}", **options)


@pytest.mark.parametrize("loop", LOOPS, ids=NAMES)
def test_a_conversation(loop: Loop) -> None:
    """An upgrade, a message back and forth and a ping, each with its time, on either loop."""

    async def main() -> Result:
        async with websocket_server(subprotocols=("feed.v1", "feed.v2")) as server:
            return await ask(
                server.port,
                subprotocols=["feed.v2", "feed.v3"],
                send='{"type": "hello"}',
                expect={"subprotocol": "feed.v2", "contains": "hello", "matches": "^{", "json": {"$.type": "hello"}},
            )

    result = run_on(loop, main())
    assert result.outcome is Outcome.UP, result.message
    assert list(result.phases) == ["dns", "connect", "upgrade", "message", "ping"]
    assert sum(result.phases.values()) == result.duration
    assert result.observations["subprotocol"] == "feed.v2"
    assert result.observations["status"] == 101
    assert result.observations["message_bytes"] == len('{"type": "hello"}')
    assert 0 < result.observations["ping_us"] <= result.phases["ping"]
    assert result.observations["closed"].startswith("closed with 1000 (OK)")
    assert result.excerpt == ""


async def test_what_the_server_gets() -> None:
    """Path, query, headers, origin, login and correlation reach it; the user's own header wins."""
    async with websocket_server() as server, asker("websocket") as probe:
        url = f"ws://anna:s%40cret@127.0.0.1:{server.port}/feed/ü?token=abc#part"
        asked = monitor(
            "websocket", url=url, headers={"X-Team": "blue", "User-Agent": "mine"}, origin="https://app.acme.example"
        )
        given = await probe.probe.check(asked, _correlated())
    assert given.outcome is Outcome.UP, given.message
    headers = server.headers[0]
    assert server.paths == ["/feed/%C3%BC?token=abc"]
    assert (headers["X-Team"], headers["User-Agent"], headers["Origin"]) == ("blue", "mine", "https://app.acme.example")
    assert headers["Authorization"] == "Basic YW5uYTpzQGNyZXQ="
    assert headers["Host"] == f"127.0.0.1:{server.port}"
    assert headers["X-Request-ID"] == "0af7651916cd43dd8448eb211c80319c"
    assert headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert "Sec-WebSocket-Extensions" not in headers


def _correlated() -> Any:
    from support.probing import check

    return check("0af7651916cd43dd8448eb211c80319c")


async def test_over_tls(certificates: Certificates) -> None:
    """A trusted certificate is described, an expiring one degrades, an unknown issuer is down."""
    good, expiring = certificates.good(), certificates.expiring(5)
    async with websocket_server(context=good.context()) as server, asker("websocket") as probe:
        url = f"wss://127.0.0.1:{server.port}/"
        trusted = await probe.ask(url=url, ca_file=str(good.ca_file), send="hi", expect={"contains": "hi"})
        unknown = await probe.ask(url=url)
    async with websocket_server(context=expiring.context()) as server, asker("websocket") as probe:
        soon = await probe.ask(url=f"wss://127.0.0.1:{server.port}/", ca_file=str(good.ca_file))
    assert trusted.outcome is Outcome.UP, trusted.message
    assert list(trusted.phases) == ["dns", "connect", "tls", "upgrade", "message", "ping"]
    assert trusted.observations["certificate"]["days_left"] > 80
    assert (unknown.outcome, unknown.reason) == (Outcome.DOWN, Reason.CERTIFICATE_UNTRUSTED)
    assert (soon.outcome, soon.reason) == (Outcome.DEGRADED, Reason.CERTIFICATE_EXPIRING), soon.message


async def test_a_refused_upgrade() -> None:
    """A status other than 101 is told with the server's own words."""
    async with bad_server() as server:
        forbidden = await ask(server.port, "/status/403")
        plain = await ask(server.port, "/text?body=this+is+no+websocket")
    assert (forbidden.outcome, forbidden.reason) == (Outcome.DOWN, Reason.STATUS_MISMATCH)
    assert forbidden.message == "the upgrade was refused with status 403, expected 101"
    assert (forbidden.failures[0].expected, forbidden.failures[0].seen) == ("101", "403")
    assert plain.message == "the upgrade was refused with status 200, expected 101"
    assert plain.excerpt == "this is no websocket"
    assert list(plain.phases) == ["dns", "connect", "upgrade"]


async def test_a_redirect_is_a_refusal() -> None:
    """A redirect is not followed; where it leads is told, without its secrets."""
    async with bad_server() as server:
        result = await ask(server.port, "/redirect?to=https://sso.acme.example/login?token%3Dabc")
    assert result.reason is Reason.STATUS_MISMATCH
    assert result.message == (
        "the upgrade was refused with status 302, expected 101; it redirects to "
        "https://sso.acme.example/login?token=***, which is not followed"
    )


async def test_a_refusal_without_end_is_a_refusal() -> None:
    """A body that never ends does not hide the status that came before it."""
    async with bad_server() as server:
        result = await ask(server.port, "/drip", timeout=2)
    assert (result.reason, result.failures[0].seen) == (Reason.STATUS_MISMATCH, "200"), result.message


async def _welcome(connection: ServerConnection) -> None:
    for text in ("one moment", '{"type": "welcome", "users": 3}', "and so on"):
        await connection.send(text)
    await connection.wait_closed()


MISMATCHES: list[tuple[dict[str, Any], Reason, str]] = [
    ({"contains": "ready"}, Reason.RESPONSE_MISMATCH, 'the message "one moment" does not contain "ready"'),
    ({"not_contains": "one"}, Reason.RESPONSE_MISMATCH, 'the message contains "one", which it must not'),
    ({"matches": "^two"}, Reason.RESPONSE_MISMATCH, 'the message "one moment" does not match ^two'),
    ({"not_matches": "mo.*"}, Reason.RESPONSE_MISMATCH, 'the message matches mo.* with "moment", which it must not'),
    ({"json": {"$.a": 1}}, Reason.JSON_MISMATCH, "the message is not JSON"),
]


@pytest.mark.parametrize(("expect", "reason", "sentence"), MISMATCHES, ids=[next(iter(case[0])) for case in MISMATCHES])
async def test_a_message_that_is_not_as_expected(expect: dict[str, Any], reason: Reason, sentence: str) -> None:
    """Each expectation tells what it expected and what came."""
    async with websocket_server(_welcome) as server:
        result = await ask(server.port, expect=expect)
    assert (result.outcome, result.reason, result.message) == (Outcome.DOWN, reason, sentence)
    assert result.excerpt == "one moment"


async def test_the_first_of_several_messages_that_fits() -> None:
    """With `messages` the server may say other things first."""
    async with websocket_server(_welcome) as server:
        found = await ask(server.port, messages=5, expect={"json": {"$.type": "welcome", "$.users": {">": 2}}})
        wrong = await ask(server.port, messages=2, expect={"json": {"$.type": "welcome", "$.users": {">": 9}}})
        few = await ask(server.port, timeout=0.5, messages=9, expect={"contains": "never"})
    assert found.outcome is Outcome.UP, found.message
    assert found.observations["messages"] == 2
    assert (wrong.reason, wrong.message) == (Reason.JSON_MISMATCH, "$.users is 3, expected > 9")
    assert few.reason is Reason.RESPONSE_TIMEOUT
    assert "3 of 9 messages came and none was as expected" in few.message


async def test_patterns_that_take_too_long_are_our_fault() -> None:
    """A regular expression that explodes on a message says nothing about the server."""
    async with websocket_server() as server:
        result = await ask(server.port, send="a" * 60 + "!", expect={"matches": "^(a+)+$"})
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERNAL), result.message


async def test_silence_and_slowness() -> None:
    """No message in time is a time-out of that phase; a slow one is degraded or down as asked."""

    async def slow(connection: ServerConnection) -> None:
        await asyncio.sleep(0.1)
        await connection.send("late")
        await connection.wait_closed()

    async with websocket_server() as server:
        silent = await ask(server.port, timeout=0.3, expect={"message": True})
    async with websocket_server(slow) as server:
        late = await ask(server.port, expect={"message": True, "degraded_over": "50ms"})
        later = await ask(server.port, expect={"message": True, "down_over": "50ms"})
    assert (silent.outcome, silent.reason) == (Outcome.DOWN, Reason.RESPONSE_TIMEOUT)
    assert list(silent.phases) == ["dns", "connect", "upgrade", "message"]
    assert (late.outcome, late.reason) == (Outcome.DEGRADED, Reason.TOO_SLOW), late.message
    assert later.outcome is Outcome.DOWN


async def _policy(connection: ServerConnection) -> None:
    await connection.close(1008, "token expired")


async def _bye(connection: ServerConnection) -> None:
    await connection.send("bye")
    await connection.close(1000)


async def test_a_server_that_closes() -> None:
    """Closed with a complaint is down with its words; closed after the message that was waited for is fine."""
    async with websocket_server(_policy) as server:
        turned_away = await ask(server.port)
        no_message = await ask(server.port, expect={"message": True})
    async with websocket_server(_bye) as server:
        done = await ask(server.port, expect={"contains": "bye"})
    for result in (turned_away, no_message):
        assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.EMPTY_RESPONSE)
        assert result.message == (
            "the server closed the connection without an answer (closed with 1008 (policy violation) token expired)"
        )
        assert result.observations["closed"] == "closed with 1008 (policy violation) token expired"
    assert done.outcome is Outcome.UP, done.message


async def test_messages_have_a_cap() -> None:
    """A message larger than allowed is refused before it is held; fragments count together."""

    async def fragments(connection: ServerConnection) -> None:
        await connection.send(["x" * 600] * 3)
        await connection.wait_closed()

    talks: list[Talk] = [fragments, lambda connection: connection.send("y" * 5000)]
    for talk in talks:
        async with websocket_server(talk) as server:
            result = await ask(server.port, max_message="1 KiB", expect={"message": True})
        assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.BODY_TOO_LARGE), result.message


async def test_binary_and_large_messages() -> None:
    """A binary message is judged as the text it may be; a megabyte in fragments is one message."""

    async def talk(connection: ServerConnection) -> None:
        await connection.send([b"\xff\xfe", b"ready"])
        await connection.send(["z" * 50_000] * 20)
        await connection.wait_closed()

    async with websocket_server(talk) as server:
        binary = await ask(server.port, expect={"contains": "ready"})
        large = await ask(server.port, messages=2, expect={"matches": "^z+$"})
    assert binary.observations["message_binary"] is True
    assert large.observations["message_bytes"] == 1_000_000
    assert {binary.outcome, large.outcome} == {Outcome.UP}


async def _no_pong(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
    writer.write(accepted(key))
    await reader.read()


async def test_a_server_that_hangs_behind_its_upgrade() -> None:
    """Without its pong a server is down; a check that does not ask for one cannot tell."""
    async with raw_server(_no_pong) as port:
        hanging = await ask(port, timeout=0.4)
        unasked = await ask(port, timeout=0.6, ping=False)
    assert (hanging.outcome, hanging.reason) == (Outcome.DOWN, Reason.RESPONSE_TIMEOUT)
    assert list(hanging.phases)[-1] == "ping"
    assert unasked.outcome is Outcome.UP, unasked.message


async def test_nobody_there() -> None:
    """A port that refuses and a process that was stopped have their own reasons."""
    async with closed_port() as port:
        refused = await ask(port)
    with stopped_port() as port:
        stopped = await ask(port, timeout=0.3)
    assert refused.reason is Reason.CONNECT_REFUSED
    assert (stopped.reason, list(stopped.phases)) == (Reason.RESPONSE_TIMEOUT, ["dns", "connect", "upgrade"])


async def test_a_wanted_subprotocol_that_is_not_chosen() -> None:
    """A server that chooses another one, or none, is down."""
    async with websocket_server(subprotocols=("feed.v1",)) as server:
        other = await ask(server.port, subprotocols=["feed.v2", "feed.v1"], expect={"subprotocol": "feed.v2"})
    async with raw_server(_no_pong) as port:
        none = await ask(port, subprotocols=["feed.v2"], ping=False, expect={"subprotocol": "feed.v2"})
    assert (other.outcome, other.reason) == (Outcome.DOWN, Reason.HEADER_MISMATCH)
    assert other.message == "the server chose the subprotocol feed.v1, expected feed.v2"
    assert none.message == "the server chose the subprotocol none, expected feed.v2"


async def test_the_guard_holds() -> None:
    """A monitor of somebody who is not trusted never connects to a private address."""
    async with websocket_server() as server:
        result = await ask(server.port, public_only=True)
        assert server.headers == []
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.ADDRESS_REFUSED)


def _says(data: bytes, *, upgraded: bool = False, reset: bool = False) -> Raw:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        if reset:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.write((accepted(key) if upgraded else b"") + data)
        await writer.drain()
        await asyncio.sleep(0.02)

    return answer


_UPGRADE = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
FAULTS: dict[str, tuple[Raw, Reason, str]] = {
    "nothing": (_says(b""), Reason.EMPTY_RESPONSE, r".*"),
    "reset": (_says(b"", reset=True), Reason.CONNECTION_RESET, r".*"),
    "another protocol": (_says(b"SSH-2.0-x\r\n"), Reason.PROTOCOL_ERROR, r'.*\(this is no HTTP: "SSH-2.0-x"\)'),
    "garbage": (_says(b"\x00\xff\x01\r\n\r\n"), Reason.PROTOCOL_ERROR, r".*this is no HTTP.*"),
    "half a head": (_says(b"HTTP/1.1 101 X\r\nUpgr"), Reason.CONNECTION_RESET, r".*"),
    "endless headers": (
        _says(b"HTTP/1.1 101 X\r\n" + b"A: b\r\n" * 500), Reason.PROTOCOL_ERROR, r".*more than 128 headers\)"),
    "endless header": (
        _says(b"HTTP/1.1 101 X\r\nA: " + b"b" * 400_000), Reason.PROTOCOL_ERROR, r".*a line longer than 8192 bytes\)"),
    "endless interim answers": (
        _says(b"HTTP/1.1 100 Go on\r\n\r\n" * 20), Reason.PROTOCOL_ERROR, r".*8 interim answers and no final one\)"),
    "no accept": (_says(_UPGRADE + b"\r\n"), Reason.PROTOCOL_ERROR, r".*in the upgrade: .*Sec-WebSocket-Accept.*"),
    "wrong accept": (
        _says(_UPGRADE + b"Sec-WebSocket-Accept: eHg=\r\n\r\n"), Reason.PROTOCOL_ERROR,
        r".*in the upgrade: invalid Sec-WebSocket-Accept header: eHg=\)"),
    "old HTTP": (_says(_UPGRADE.replace(b"1.1", b"1.0") + b"\r\n"), Reason.PROTOCOL_ERROR, r".*in the upgrade.*"),
    "cut off": (_says(b"", upgraded=True), Reason.CONNECTION_RESET, r".*it ended without a close frame\)"),
    "cut within": (
        _says(frame(1, b"x" * 100)[:50], upgraded=True), Reason.CONNECTION_RESET, r".*without a close frame\)"),
    "no UTF-8": (_says(frame(1, b"\xff\xfe"), upgraded=True), Reason.PROTOCOL_ERROR, r".*that is not UTF-8\)"),
    "reserved opcode": (_says(frame(3, b""), upgraded=True), Reason.PROTOCOL_ERROR, r".*opcode.*"),
    "reserved bits": (_says(frame(1, b"", 0xF0), upgraded=True), Reason.PROTOCOL_ERROR, r".*reserved bits.*"),
    "masked": (_says(b"\x81\x80abcd", upgraded=True), Reason.PROTOCOL_ERROR, r".*masking.*"),
    "long ping": (_says(frame(9, b"x" * 126), upgraded=True), Reason.PROTOCOL_ERROR, r".*control frame.*"),
    "endless frames": (
        _says(frame(0xA, b"") * 6000, upgraded=True), Reason.PROTOCOL_ERROR, r".*more than 4096 frames\)"),
    "huge frame": (
        _says(b"\x81\x7f\x7f" + b"\xff" * 7, upgraded=True), Reason.BODY_TOO_LARGE, r".*more than 1048576 bytes\)"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_server_that_breaks_the_rules(fault: str) -> None:
    """Every way of being wrong has its reason, and its sentence names what was seen."""
    answer, reason, sentence = FAULTS[fault]
    async with raw_server(answer) as port:
        result = await ask(port, timeout=3, expect={"message": True})
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert re.fullmatch(sentence, result.message), result.message


async def test_an_interim_answer_is_passed_over() -> None:
    """A 103 before the 101 is no refusal."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + accepted(key) + frame(1, b"hi"))
        await reader.read()

    async with raw_server(answer) as port:
        result = await ask(port, ping=False, expect={"contains": "hi"})
    assert result.outcome is Outcome.UP, result.message


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"url": "http://a.example/"}, "must begin with ws:// or wss://"),
    ({"url": "ws://"}, "host"),
    ({"url": "ws://a.example/ b"}, "no spaces"),
    ({"headers": {"Sec-WebSocket-Key": "x"}}, "set by the upgrade itself"),
    ({"headers": {"Upgrade": "x"}}, "set by the upgrade itself"),
    ({"headers": {"X-A": "b\r\nc"}}, "line breaks"),
    ({"subprotocols": ["a b"]}, "not the name of a subprotocol"),
    ({"subprotocols": ["a", "a"]}, "names one of them twice"),
    ({"expect": {"subprotocol": "a"}}, "is not offered"),
    ({"origin": "app.example"}, "is not an origin"),
    ({"send": ""}, "at least 1 character"),
    ({"messages": 0}, "greater than or equal to 1"),
    ({"ssl": True}, "Extra inputs"),
]


@pytest.mark.parametrize(("options", "sentence"), MISTAKES, ids=[str(case[0]) for case in MISTAKES])
def test_mistakes_in_the_file(options: dict[str, Any], sentence: str) -> None:
    """A wrong option is refused with what would have been right."""
    with pytest.raises(ValidationError, match=re.escape(sentence)):
        monitor("websocket", **({"url": "ws://a.example/"} | options))


def test_secrets_are_not_shown() -> None:
    """Neither the target nor the options show a login, a token, a header or what is sent."""
    asked = monitor(
        "websocket",
        url="wss://anna:hunter2@a.example/feed?token=swordfish",
        headers={"X-Key": "topsecret"},
        send="psst",
    )
    shown = asked.target + repr(asked.options) + str(asked.options.model_dump(mode="json"))
    assert asked.target == "wss://a.example/feed?token=***"
    assert not any(secret in shown for secret in ("hunter2", "swordfish", "topsecret", "psst"))


def _answered(data: bytes, *, upgraded: bool) -> Result:
    async def main() -> Result:
        async with raw_server(_says(data, upgraded=upgraded)) as port:
            return await ask(port, timeout=2, send="x", messages=3, expect={"json": {"$.a": 1}})

    return asyncio.run(main())


_HEADS = st.builds(
    lambda line, headers: line + b"\r\n".join((b"", *(name + b": " + value for name, value in headers), b"", b"")),
    st.sampled_from([b"HTTP/1.1 101 X", b"HTTP/1.1 200 OK", b"HTTP/1.0 101", b"HTTP/1.1 999 X", b"HTTP/1.1 101 \xff"]),
    st.lists(st.tuples(st.sampled_from([b"Upgrade", b"Connection", b"Sec-WebSocket-Accept", b"Sec-WebSocket-Protocol",
                                        b"Sec-WebSocket-Extensions", b"Content-Length", b"Transfer-Encoding"]),
                       st.sampled_from([b"websocket", b"Upgrade", b"chunked", b"5", b"-1", b"\xff", b",,", b'a;b="']))),
)  # fmt: skip
_FRAMES = st.lists(st.builds(frame, st.integers(0, 15), st.binary(max_size=200), st.sampled_from([0x80, 0, 0xC0])))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300) | _HEADS)
def test_any_answer_to_the_upgrade_is_a_result(data: bytes) -> None:
    """Whatever a stranger answers, it is the stranger's fault and not ours."""
    result = _answered(data, upgraded=False)
    assert (result.outcome, result.reason is Reason.INTERNAL) == (Outcome.DOWN, False), result.message


@settings(max_examples=60, deadline=None)
@given(_FRAMES.map(b"".join) | st.binary(max_size=300))
def test_any_frames_are_a_result(data: bytes) -> None:
    """Whatever frames a stranger sends, it is the stranger's fault and not ours."""
    result = _answered(data, upgraded=True)
    assert (result.outcome, result.reason is Reason.INTERNAL) == (Outcome.DOWN, False), result.message
