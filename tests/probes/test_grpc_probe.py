"""The grpc kind against grpcio's own server, one of bare HTTP/2 that misbehaves, and a stranger's bytes."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes.grpc.wire import Malformed, read_status, request_message
from support.badhttp import bad_server, closed_port
from support.grpc_server import TOKEN, Answer, bare_server, health_server, replies
from support.loops import LOOPS, NAMES, Loop, run_on
from support.probing import asker, check, monitor
from support.silence import stopped_port
from support.tls import Certificates


async def ask(port: int, timeout: float = 5.0, public_only: bool = False, **options: Any) -> Result:
    async with asker("grpc") as probe:
        return await probe.ask(timeout, public_only, host="127.0.0.1", port=port, **options)


@pytest.mark.parametrize("loop", LOOPS, ids=NAMES)
def test_a_serving_server(loop: Loop) -> None:
    """A server that says SERVING is up, each phase with its time, on either loop."""
    with health_server() as server:
        server.set("", "SERVING")
        result = run_on(loop, ask(server.port))
    assert result.outcome is Outcome.UP, result.message
    assert list(result.phases) == ["dns", "connect", "call"]
    assert sum(result.phases.values()) == result.duration
    assert result.observations == {
        "address": "127.0.0.1", "status": 200, "grpc_status": "0 OK", "serving_status": "SERVING",
    }  # fmt: skip


async def test_the_states_of_services() -> None:
    """Each service has its own state; one that is not as expected names itself."""
    with health_server() as server:
        server.set("acme.Billing", "SERVING")
        server.set("acme.Search", "NOT_SERVING")
        server.set("acme.New", "UNKNOWN")
        billing = await ask(server.port, service="acme.Billing")
        search = await ask(server.port, service="acme.Search")
        new = await ask(server.port, service="acme.New")
        retired = await ask(server.port, service="acme.Search", expect={"status": "NOT_SERVING"})
        revived = await ask(server.port, service="acme.Billing", expect={"status": "NOT_SERVING"})
        unknown = await ask(server.port, service="acme.Nobody")
    assert billing.outcome is Outcome.UP, billing.message
    assert (search.outcome, search.reason) == (Outcome.DOWN, Reason.NOT_SERVING)
    assert search.message == "acme.Search says it is NOT_SERVING, expected SERVING"
    assert (new.reason, new.failures[0].seen) == (Reason.NOT_SERVING, "UNKNOWN")
    assert retired.outcome is Outcome.UP, retired.message
    assert revived.reason is Reason.VALUE_MISMATCH
    assert (unknown.outcome, unknown.reason) == (Outcome.DOWN, Reason.RESPONSE_MISMATCH)
    assert unknown.message.startswith("the server knows no such service acme.Nobody (grpc-status 5 NOT_FOUND")


async def test_a_server_without_health_service() -> None:
    """UNIMPLEMENTED is told as what it is."""
    with health_server(healthy=False) as server:
        result = await ask(server.port)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_MISMATCH)
    assert result.message.startswith("the server has no health service (grpc-status 12 UNIMPLEMENTED")


async def test_metadata_authenticates() -> None:
    """Without its token a call is refused as unauthenticated; with it the service answers, and hears who asked."""
    with health_server(guarded=True) as server:
        server.set("", "SERVING")
        refused = await ask(server.port)
        metadata = {"authorization": TOKEN, "x-team": "a"}
        async with asker("grpc") as probe:
            asked = monitor("grpc", host="127.0.0.1", port=server.port, metadata=metadata)
            admitted = await probe.probe.check(asked, check("0af7651916cd43dd8448eb211c80319c"))
    assert (refused.outcome, refused.reason) == (Outcome.DOWN, Reason.AUTHENTICATION_FAILED)
    assert refused.message == ("the call was not authenticated (grpc-status 16 UNAUTHENTICATED: no token, no answer)")
    assert admitted.outcome is Outcome.UP, admitted.message
    heard = server.calls[-1]
    assert (heard["x-team"], heard["x-request-id"]) == ("a", "0af7651916cd43dd8448eb211c80319c")
    assert heard["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert heard["user-agent"].startswith("saasobs/")


async def test_over_tls(certificates: Certificates) -> None:
    """HTTP/2 is agreed on in TLS, the chain described; expiring degrades, an unknown issuer is down."""
    good, expiring = certificates.good(), certificates.expiring(5)
    with health_server(good) as server:
        server.set("", "SERVING")
        trusted = await ask(server.port, tls=True, ca_file=str(good.ca_file))
        unknown = await ask(server.port, tls=True)
        plain = await ask(server.port, timeout=2)
    with health_server(expiring) as server:
        server.set("", "SERVING")
        soon = await ask(server.port, tls=True, ca_file=str(good.ca_file))
    assert trusted.outcome is Outcome.UP, trusted.message
    assert list(trusted.phases) == ["dns", "connect", "tls", "call"]
    assert trusted.observations["certificate"]["days_left"] > 80
    assert (unknown.outcome, unknown.reason) == (Outcome.DOWN, Reason.CERTIFICATE_UNTRUSTED)
    assert (soon.outcome, soon.reason) == (Outcome.DEGRADED, Reason.CERTIFICATE_EXPIRING), soon.message
    assert plain.outcome is Outcome.DOWN


async def test_tls_and_plaintext_mixed_up(certificates: Certificates) -> None:
    """TLS to a plaintext server, and TLS without HTTP/2, are named."""
    good = certificates.good()
    with health_server() as server:
        no_tls = await ask(server.port, tls=True, timeout=2)
    async with bad_server(good.context()) as web:
        no_http2 = await ask(web.port, tls=True, ca_file=str(good.ca_file))
    async with bare_server(b"\x15\x03\x01\x00\x02\x02\x28") as port:
        tls_here = await ask(port)
    assert no_tls.reason is Reason.TLS_FAILED, no_tls.message
    assert (no_http2.reason, no_http2.message) == (
        Reason.PROTOCOL_ERROR,
        "the answer breaks the rules of its protocol (the server did not agree on HTTP/2 in its TLS (ALPN))",
    )
    assert tls_here.message.endswith("(it speaks TLS: set tls: true)")


async def test_nobody_there() -> None:
    """A port that refuses, and a process that was stopped, have their own reasons."""
    async with closed_port() as port:
        refused = await ask(port)
    with stopped_port() as port:
        stopped = await ask(port, timeout=0.3)
    assert refused.reason is Reason.CONNECT_REFUSED
    assert (stopped.reason, list(stopped.phases)) == (Reason.RESPONSE_TIMEOUT, ["dns", "connect", "call"])


async def test_the_guard_holds() -> None:
    """A monitor of somebody who is not trusted never connects to a private address."""
    with health_server() as server:
        result = await ask(server.port, public_only=True)
        assert server.calls == []
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.ADDRESS_REFUSED)


async def test_a_slow_answer() -> None:
    """A call that took longer than allowed is degraded or down."""
    with health_server() as server:
        server.set("", "SERVING")
        degraded = await ask(server.port, expect={"degraded_over": "1us"})
        down = await ask(server.port, expect={"down_over": "1us"})
    assert (degraded.outcome, degraded.reason) == (Outcome.DEGRADED, Reason.TOO_SLOW)
    assert down.outcome is Outcome.DOWN


GRPC = ((":status", "200"), ("content-type", "application/grpc+proto"))
SERVING = b"\0\0\0\0\2\x08\x01"


def _resets(http: H2Connection, stream: int) -> None:
    http.reset_stream(stream, ErrorCodes.REFUSED_STREAM)


def _goes_away(http: H2Connection, stream: int) -> None:
    http.close_connection(ErrorCodes.ENHANCE_YOUR_CALM, b"too_many_pings")


def _pings(http: H2Connection, stream: int) -> None:
    for _ in range(40_000):
        http.ping(b"12345678")


FAULTS: dict[str, tuple[Answer | bytes, Reason, str]] = {
    "nothing": (b"", Reason.EMPTY_RESPONSE, r".*"),
    "HTTP/1": (
        b"HTTP/1.1 400 Bad Request\r\n\r\n", Reason.PROTOCOL_ERROR,
        r".*\(it speaks HTTP/1, not HTTP/2: HTTP/1.1 400 Bad Request\)"),
    "another protocol": (b"220 smtp.acme.example ESMTP\r\n", Reason.PROTOCOL_ERROR,
        r'.*\(it does not speak HTTP/2: "220 smtp.acme.example ESMTP"\)'),
    "half a frame": (b"\0\0\x10\x04\0\0\0", Reason.CONNECTION_RESET, r".*"),
    "a proxy's page": (
        replies((":status", "502"), ("content-type", "text/html"), body=b"<h1>no upstream</h1>", trailers=()),
        Reason.STATUS_MISMATCH, r"the call was answered with HTTP status 502, expected 200"),
    "a web page": (
        replies((":status", "200"), ("content-type", "text/html"), body=b"<h1>hi</h1>", trailers=()),
        Reason.PROTOCOL_ERROR, r".*\(the answer is text/html, not application/grpc\)"),
    "no trailers": (replies(*GRPC, body=SERVING, trailers=()), Reason.PROTOCOL_ERROR, r".*\(there is no grpc-status\)"),
    "odd status": (
        replies(*GRPC, body=SERVING, trailers=(("grpc-status", "fine"),)), Reason.PROTOCOL_ERROR,
        r'.*\(grpc-status is "fine"\)'),
    "no message": (replies(*GRPC), Reason.PROTOCOL_ERROR, r".*its length is wrong\)"),
    "compressed": (replies(*GRPC, body=b"\1" + SERVING[1:]), Reason.PROTOCOL_ERROR, r".*it is compressed.*"),
    "new status": (replies(*GRPC, body=b"\0\0\0\0\2\x08\x11"), Reason.NOT_SERVING, r"the server says it is 17, .*"),
    "empty message": (replies(*GRPC, body=b"\0" * 5), Reason.NOT_SERVING, r"the server says it is UNKNOWN, .*"),
    "large message": (
        replies(*GRPC, body=b"\0\0\x10\0\0" + b"x" * 8000), Reason.BODY_TOO_LARGE, r".*more than 16 KiB\)"),
    "unavailable": (
        replies(*GRPC, trailers=(("grpc-status", "14"), ("grpc-message", "shutting%20down"))), Reason.NOT_SERVING,
        r"the server is not available \(grpc-status 14 UNAVAILABLE: shutting down\)"),
    "forbidden": (
        replies(*GRPC, trailers=(("grpc-status", "7"),)), Reason.AUTHENTICATION_FAILED, r".*7 PERMISSION_DENIED\)"),
    "gave up": (replies(*GRPC, trailers=(("grpc-status", "4"),)), Reason.RESPONSE_TIMEOUT, r".*4 DEADLINE_EXCEEDED\)"),
    "failed": (
        replies(*GRPC, trailers=(("grpc-status", "13"), ("grpc-message", "password=hunter2"))), Reason.QUERY_FAILED,
        r"the call failed \(grpc-status 13 INTERNAL: password=\*\*\*\)"),
    "new code": (replies(*GRPC, trailers=(("grpc-status", "99"),)), Reason.QUERY_FAILED, r".*\(grpc-status 99\)"),
    "reset": (_resets, Reason.CONNECTION_RESET, r".*\(the call was reset: REFUSED_STREAM\)"),
    "goes away": (_goes_away, Reason.CONNECTION_RESET, r".*\(GOAWAY ENHANCE_YOUR_CALM: too_many_pings\)"),
    "endless pings": (_pings, Reason.BODY_TOO_LARGE, r".*more than 512 KiB for one call\)"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_server_that_answers_something_else(fault: str) -> None:
    """Every way of being wrong has its reason, and its sentence names what was seen."""
    answer, reason, sentence = FAULTS[fault]
    async with bare_server(answer) as port:
        result = await ask(port, timeout=4)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert re.fullmatch(sentence, result.message), result.message


async def test_the_page_of_a_proxy_is_the_excerpt() -> None:
    """What a proxy says in place of the server is shown."""
    async with bare_server(FAULTS["a proxy's page"][0]) as port:
        result = await ask(port)
    assert result.excerpt == "<h1>no upstream</h1>"


async def test_trailers_only() -> None:
    """An answer of one block of headers, as grpc servers send for errors, is understood."""
    answer = replies(*GRPC, ("grpc-status", "16"), trailers=())
    async with bare_server(answer) as port:
        result = await ask(port)
    assert result.reason is Reason.AUTHENTICATION_FAILED, result.message


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"metadata": {"Authorization": "x"}}, "no metadata key"),
    ({"metadata": {"grpc-timeout": "1S"}}, "set by the call itself"),
    ({"metadata": {"te": "x"}}, "set by the call itself"),
    ({"metadata": {"a": "ü"}}, "printable ASCII"),
    ({"service": "a b"}, "not the name of a service"),
    ({"authority": "a b"}, "not an authority"),
    ({"port": 0}, "greater than or equal to 1"),
    ({"host": "grpc://a"}, "not a host name"),
    ({"expect": {"status": "UP"}}, "SERVING"),
]


def _with(options: dict[str, Any]) -> dict[str, Any]:
    return {"host": "a.example", "port": 443} | options


@pytest.mark.parametrize(("options", "sentence"), MISTAKES, ids=[str(case[0]) for case in MISTAKES])
def test_mistakes_in_the_file(options: dict[str, Any], sentence: str) -> None:
    """A wrong option is refused with what would have been right."""
    with pytest.raises(ValidationError, match=re.escape(sentence)):
        monitor("grpc", **_with(options))


def test_secrets_are_not_shown() -> None:
    """Neither the target nor the options show metadata."""
    asked = monitor("grpc", host="::1", port=443, service="acme.Billing", metadata={"authorization": TOKEN})
    shown = asked.target + repr(asked.options) + str(asked.options.model_dump(mode="json"))
    assert asked.target == "[::1]:443 acme.Billing"
    assert "swordfish" not in shown


@given(st.text(max_size=300))
def test_requests_are_those_of_protobuf(service: str) -> None:
    """The hand-written request is byte for byte what generated code makes."""
    from grpc_health.v1 import health_pb2

    message = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    assert request_message(service) == b"\0" + len(message).to_bytes(4, "big") + message


@given(st.binary(max_size=60))
def test_messages_are_read_as_protobuf_reads_them(message: bytes) -> None:
    """Whatever bytes come as a message: what we read protobuf reads as well, and the same; nothing else is raised."""
    from google.protobuf.message import DecodeError
    from grpc_health.v1 import health_pb2

    framed = b"\0" + len(message).to_bytes(4, "big") + message
    try:
        status = read_status(framed)
    except Malformed:
        return
    try:
        read = health_pb2.HealthCheckResponse.FromString(message)
    except DecodeError:
        return  # such as a field number of 0, which makes no difference here
    assert read.status == status or status >= 2**31


_FRAMES = st.lists(
    st.builds(
        lambda kind, flags, stream, data: (
            len(data).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + data
        ),
        st.integers(0, 12), st.sampled_from([0, 1, 4, 5, 8, 0x20, 0x25, 0xFF]), st.sampled_from([0, 1, 2, 3]),
        st.binary(max_size=40) | st.sampled_from([b"\x88", b"\x88\x5f\x10application/grpc", SERVING, b"\0" * 8]),
    ),
    max_size=8,
).map(b"".join)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(_FRAMES.map(lambda frames: b"\0\0\0\4\0\0\0\0\0" + frames) | st.binary(max_size=200))
def test_any_frames_are_a_result(data: bytes) -> None:
    """Whatever a stranger sends, it is the stranger's fault and not ours."""

    async def main() -> Result:
        async with bare_server(data) as port:
            return await ask(port, timeout=2)

    result = asyncio.run(main())
    assert (result.outcome, result.reason is Reason.INTERNAL) == (Outcome.DOWN, False), result.message
