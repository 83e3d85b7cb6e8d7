"""Pings are never lost by us and never cost us much; strangers learn nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saasobs.core.errors import NotFound, StorageError
from saasobs.core.heartbeat import Signal
from saasobs.core.peers import is_private_address
from saasobs.web import combined_app, ingest_app, operator_app
from saasobs.web.ingest import KEPT_BODY, READ_BODY
from support.asgi_server import serving
from support.capture import captured
from support.operator import NOW, TOKEN, FakeOperator, a_busy_operator


def client(operator: FakeOperator, peer: str = "192.0.2.9", **options: Any) -> httpx.AsyncClient:
    app = ingest_app(operator, now=lambda: NOW, **options)
    transport = httpx.ASGITransport(app=app, client=(peer, 4711), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://ping.example")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    ("action", "signal", "exit_code"),
    [
        ("", Signal.SUCCESS, None),
        ("/", Signal.SUCCESS, None),
        ("/start", Signal.START, None),
        ("/fail", Signal.FAIL, None),
        ("/log", Signal.LOG, None),
        ("/0", Signal.SUCCESS, 0),
        ("/1", Signal.FAIL, 1),
        ("/255", Signal.FAIL, 255),
    ],
)
async def test_a_ping(method: str, action: str, signal: Signal, exit_code: int | None) -> None:
    """Each method and each form of the URL is written down with its signal, exit code, source and moment."""
    operator = FakeOperator()
    async with client(operator) as http:
        answer = await http.request(method, f"/ping/{TOKEN}{action}")
    assert (answer.status_code, answer.text) == (200, "" if method == "HEAD" else "OK")
    (ping,) = operator.pings
    assert (ping.monitor, ping.at, ping.signal, ping.exit_code) == ("nightly", NOW, signal, exit_code)
    assert (ping.source, ping.method) == ("192.0.2.9", method)


@pytest.mark.parametrize(
    "path",
    [
        f"/ping/{TOKEN}/256",
        f"/ping/{TOKEN}/-1",
        f"/ping/{TOKEN}/1.5",
        f"/ping/{TOKEN}/²",
        f"/ping/{TOKEN}/stop",
        f"/ping/{TOKEN}/start/",
        "/ping/00000000-0000-0000-0000-000000000000",
        "/ping/nope",
        "/ping/",
        "/ping",
        "/nope",
        "/metrics/",
    ],
)
async def test_unknown_addresses_look_alike(path: str) -> None:
    """A wrong token, a wrong form and a wrong address get the same 404: no redirect, no hint."""
    operator = FakeOperator()
    async with client(operator) as http:
        answer = await http.get(path)
    assert (answer.status_code, answer.text, operator.pings) == (404, "not found", [])


async def test_tokens_in_capitals() -> None:
    """A UUID means the same in upper case."""
    operator = FakeOperator()
    async with client(operator) as http:
        assert (await http.get(f"/ping/{TOKEN.upper()}")).status_code == 200


async def test_other_methods() -> None:
    """Anything but GET, HEAD and POST is refused, and writes nothing."""
    operator = FakeOperator()
    async with client(operator) as http:
        assert (await http.put(f"/ping/{TOKEN}")).status_code == 405
    assert operator.pings == []


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"done", "done"),
        ("año".encode("latin-1"), "a\ufffdo"),
        (b"a\0b", "a\ufffdb"),
        (b"x" * (KEPT_BODY + 1), "x" * KEPT_BODY),
        ("€".encode() * KEPT_BODY, "€" * (KEPT_BODY // 3) + "\ufffd"),
    ],
)
async def test_bodies_are_cut_and_tolerated(body: bytes, kept: str) -> None:
    """The first 10 kB are kept, in whatever encoding they come."""
    operator = FakeOperator()
    async with client(operator) as http:
        assert (await http.post(f"/ping/{TOKEN}", content=body)).status_code == 200
    assert operator.pings[0].body == kept


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=2 * KEPT_BODY))
def test_any_body_is_taken(body: bytes) -> None:
    """No sequence of bytes makes a ping fail."""
    operator = FakeOperator()

    async def send() -> int:
        async with client(operator) as http:
            return (await http.post(f"/ping/{TOKEN}/fail", content=body)).status_code

    assert asyncio.run(send()) == 200
    assert len(operator.pings[0].body) <= KEPT_BODY
    assert "\0" not in operator.pings[0].body


def raw(url: str, request: bytes, *, then_wait: bool = False) -> bytes:
    """Send bytes as they are; returns all that comes until the server closes (or, when not waiting, we do)."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            line.sendall(request)
        if not then_wait:
            with contextlib.suppress(OSError):  # the server has closed already
                line.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := line.recv(65536):
                answer += piece
        return answer


POST = f"POST /ping/{TOKEN} HTTP/1.1\r\nHost: x\r\n"


def test_a_body_without_end() -> None:
    """Past the limit the ping is written, answered, and the connection closed: nothing is buffered."""
    operator = FakeOperator()
    with serving(ingest_app(operator)) as url:
        length = 50 * READ_BODY
        answer = raw(url, f"{POST}Content-Length: {length}\r\n\r\n".encode() + b"x" * (2 * READ_BODY), then_wait=True)
    assert b"connection: close" in answer.lower()
    assert answer.endswith(b"OK")
    assert len(operator.pings[0].body) == KEPT_BODY


def test_a_slow_and_a_broken_body() -> None:
    """A job that pinged has pinged, even when its body stalls or breaks off."""
    operator = FakeOperator()
    with serving(ingest_app(operator, body_seconds=0.1)) as url:
        stalled = raw(url, f"{POST}Content-Length: 100\r\n\r\nhalf".encode(), then_wait=True)
        raw(url, f"{POST}Content-Length: 100\r\n\r\nbroken".encode())
    assert stalled.endswith(b"OK")
    assert [ping.body for ping in operator.pings] == ["half", "broken"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
        b"GET / HTTP/9.9\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /ping/%ff%00%zz HTTP/1.1\r\nHost: \xff\xff\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nX-Saasobs: 1\r\nContent-Length: abc\r\n\r\n",
        b"POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nX-Saasobs: 1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"",
    ],
)
def test_garbage(request_bytes: bytes) -> None:
    """Raw garbage, huge headers and broken framing get a short refusal or a closed line, and the server lives on."""
    operator = a_busy_operator()
    with serving(combined_app(operator_app(operator), ingest_app(operator))) as url:
        answer = raw(url, request_bytes)
        assert httpx.get(f"{url}/healthz").text == "OK"
    assert b"Traceback" not in answer
    assert b".py" not in answer
    assert b" 500 " not in answer
    assert operator.calls == []


@pytest.mark.parametrize(("failure", "status"), [(StorageError("locked"), 503), (NotFound("gone"), 404)])
async def test_a_ping_that_cannot_be_written(failure: Exception, status: int) -> None:
    """While the store is broken the client is told to come again; nothing says what is wrong with us."""
    async with client(FakeOperator(failure=failure)) as http:
        answer = await http.get(f"/ping/{TOKEN}")
    assert answer.status_code == status
    assert ("retry-after" in answer.headers) == (status == 503)
    assert str(failure) not in answer.text


async def test_a_bug_of_ours_is_short() -> None:
    """An unexpected failure is a plain 500."""
    async with client(FakeOperator(failure=KeyError("s3cret"))) as http:
        answer = await http.get(f"/ping/{TOKEN}")
    assert (answer.status_code, answer.text) == (500, "internal error")


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.1.2.3", {}, 200),
        ("::ffff:192.168.1.1", {}, 200),
        ("192.0.2.9", {}, 404),
        ("8.8.8.8", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"Forwarded": "for=10.0.0.1"}, 404),
        ("10.0.0.1", {"X-Real-IP": "8.8.8.8"}, 404),
        ("10.0.0.1", {"Via": "1.1 proxy"}, 404),
    ],
)
async def test_private_metrics(peer: str, headers: dict[str, str], status: int) -> None:
    """Metrics are for our own network, straight: whoever came through a proxy may be anybody."""
    async with client(FakeOperator(), peer) as http:
        answer = await http.get("/metrics", headers={"Accept": "text/x", **headers})
    assert answer.status_code == status
    assert answer.text == ("# for text/x\n" if status == 200 else "not found")


async def test_public_metrics() -> None:
    """With metrics=public everybody is answered, with the content type that the exposition has."""
    async with client(FakeOperator(), "8.8.8.8", metrics="public") as http:
        answer = await http.get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"})
        assert (await http.head("/metrics")).status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    ("text", "private"),
    [
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("169.254.1.1", True),
        ("fd00::1", True),
        ("fe80::1%eth0", True),
        ("2001:db8::1", False),
        ("100.64.0.1", False),
        ("", False),
        ("testclient", False),
    ],
)
def test_private_addresses(text: str, private: bool) -> None:
    """Loopback, RFC 1918, unique local and link-local addresses are private; nothing else is."""
    assert is_private_address(text) is private


async def test_health_and_readiness() -> None:
    """healthz says that the loop runs; readyz says no while the daemon is not ready, and why to private peers only."""
    operator = FakeOperator(ready=False, problems=("the database is locked",))
    async with client(operator, "10.0.0.1") as http:
        assert (await http.get("/healthz")).text == "OK"
        near = await http.get("/readyz")
    async with client(operator, "8.8.8.8") as http:
        far = await http.get("/readyz")
    assert (near.status_code, near.json()) == (503, {"ready": False, "problems": ["the database is locked"]})
    assert (far.status_code, far.json()) == (503, {"ready": False, "problems": []})
    operator.ready, operator.problems = True, ()
    async with client(operator) as http:
        assert (await http.get("/readyz")).status_code == 200
        assert (await http.head("/readyz")).status_code == 200


def test_both_on_one_listener() -> None:
    """The path says whose request it is; a foreign Host is fine for a ping and not for the page; lifespan works."""
    operator = a_busy_operator()
    app = combined_app(operator_app(operator), ingest_app(operator))
    with serving(app, lifespan="on") as url, httpx.Client(base_url=url, headers={"Host": "ping.example"}) as http:
        assert http.get(f"/ping/{TOKEN}").text == "OK"
        assert http.get("/metrics").status_code == 200
        assert http.get("/readyz").status_code == 200
        assert http.get("/").status_code == 403
        assert http.get("/", headers={"Host": "localhost"}).status_code == 200


@pytest.mark.parametrize("path", [f"/ping/{TOKEN}", f"/ping/{TOKEN}/stop", f"/ping/{TOKEN}/start/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_tokens_are_not_logged(path: str, method: str) -> None:
    """Behind the request layer, as the daemon serves it, a token is in no access line, and the route is a template."""
    operator = a_busy_operator()
    app = combined_app(operator_app(operator), ingest_app(operator))
    with captured() as out:
        transport = httpx.ASGITransport(app=out.instrumentation.wrap(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            await http.request(method, path)
            await http.get("/api/v1/monitors/api")
        assert TOKEN not in out.text()
        ping, api = out.lines("http.request")
    assert ping["path"].startswith("/ping/***")
    assert ping["route"].startswith("/ping/{token}")
    assert api["route"] == "/api/v1/monitors/{name:path}"
