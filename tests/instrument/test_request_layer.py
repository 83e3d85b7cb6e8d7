"""One request in, one line and one observation out, whatever the app or the client does."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import saasobs
from saasobs.instrument import names
from saasobs.instrument.metrics.registry import Metrics
from saasobs.instrument.servers.asgi import ASGIApp, AsgiExchange, Message, Receive, Scope, Send
from saasobs.instrument.state import accept_correlation_id, current, random_id
from saasobs.instrument.tracing.tracer import Tracer
from support.asgi_server import serving
from support.capture import Captured, captured


@pytest.fixture
def out() -> Iterator[Captured]:
    with captured() as capture:
        yield capture


def client(out: Captured, app: ASGIApp, **options: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=out.instrumentation.wrap(app), raise_app_exceptions=False, **options)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def count(out: Captured, route: str, status: int, method: str = "GET") -> float | None:
    labels = {names.METHOD: method, names.ROUTE: route, names.STATUS: str(status)}
    return out.value(f"{names.REQUEST_DURATION}_count", **labels)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    saasobs.get_logger("shop").info("inside")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Request-Id", b"app")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def test_the_id_goes_in_and_out(out: Captured) -> None:
    """A valid ID is continued in log lines and replaces the app's own response header."""
    async with client(out, hello) as http:
        answer = await http.get("/?secret=1", headers={"X-Request-ID": "abc-1"})
    assert answer.headers.get_list("x-request-id") == ["abc-1"]
    inside, line = out.lines()
    assert inside["correlation_id"] == line["correlation_id"] == "abc-1"
    assert (line["event"], line["path"], line["client"], line["status"]) == ("http.request", "/", "127.0.0.1", 200)
    assert line["duration_ms"] >= 0
    assert "outcome" not in line


@pytest.mark.parametrize("offered", ["", "a b", "x" * 129, 'a"b', "ä", "a\tb"])
async def test_a_bad_id_is_replaced(out: Captured, offered: str) -> None:
    """An ID that could forge a line or fill a log is not used at all."""
    async with client(out, hello) as http:
        answer = await http.get("/", headers={b"X-Request-ID": offered.encode()})
    assert accept_correlation_id(answer.headers["x-request-id"])
    assert answer.headers["x-request-id"] != offered


async def test_a_public_edge_makes_its_own() -> None:
    """With trust_incoming off a caller's ID is not continued."""
    with captured(trust_incoming=False, correlation_header="X-Trace") as out:
        async with client(out, hello) as http:
            answer = await http.get("/", headers={"X-Trace": "abc"})
    assert answer.headers["x-trace"] != "abc"


@given(st.text())
def test_only_safe_ids_are_accepted(offered: str) -> None:
    """Whatever is accepted can stand in a header and a log line as it is."""
    accepted = accept_correlation_id(offered)
    assert accepted is None or (
        accepted == offered and offered.isascii() and offered.isprintable() and " " not in offered
    )
    assert accept_correlation_id(random_id())


def shop() -> FastAPI:
    """Routes of every shape: prefixes, nested routers, mounts with and without parameters, static files."""
    app, leaf, outer, sub = FastAPI(), APIRouter(prefix="/r"), APIRouter(prefix="/outer/{tenant}"), FastAPI()

    @leaf.get("/x/{y}")
    async def nested(y: str) -> str:
        return y

    outer.include_router(leaf)
    app.include_router(outer, prefix="/v1")

    @sub.get("/items/{id}")
    async def item(id: int) -> int:  # noqa: A002 - a path parameter
        return id

    sub.include_router(leaf)
    app.mount("/sub", sub)

    async def plain(request: Request) -> Response:
        return PlainTextResponse("x")

    app.mount("/st/{tenant}", Starlette(routes=[Mount("/deep/{t}", routes=[Route("/a/{z}", plain)])]))
    app.mount("/static", StaticFiles(directory="."))

    @app.get("/slash/")
    async def slash() -> int:
        return 1

    @app.get("/reset/{token}")
    def reset(token: str) -> int:
        saasobs.bind(tenant="acme")
        return 1

    return app


@pytest.mark.parametrize(
    ("method", "path", "status", "route"),
    [
        ("GET", "/v1/outer/acme/r/x/1", 200, "/v1/outer/{tenant}/r/x/{y}"),
        ("GET", "/sub/items/4", 200, "/sub/items/{id}"),
        ("GET", "/sub/r/x/4", 200, "/sub/r/x/{y}"),
        ("POST", "/sub/items/4", 405, "/sub/items/{id}"),
        ("GET", "/sub/nope", 404, "__unmatched__"),
        ("GET", "/st/acme/deep/q/a/5", 200, "/st/{tenant}/deep/{t}/a/{z}"),
        ("GET", "/st/st/deep/deep/a/a", 200, "/st/{tenant}/deep/{t}/a/{z}"),
        ("GET", "/st/acme/nope", 404, "__unmatched__"),
        ("GET", "/static/pyproject.toml", 200, "/static/{path}"),
        ("GET", "/static/nope", 404, "__unmatched__"),
        ("GET", "/slash", 307, "__unmatched__"),
        ("GET", "/wp-login.php", 404, "__unmatched__"),
        ("FOO", "/v1/outer/acme/r/x/1", 405, "/v1/outer/{tenant}/r/x/{y}"),
    ],
)
async def test_routes_are_templates(out: Captured, method: str, path: str, status: int, route: str) -> None:
    """The label is the whole template, with mounts and prefixes, and never a tenant, an ID or an unknown method."""
    async with client(out, shop()) as http:
        answer = await http.request(method, path)
    assert answer.status_code == status
    assert count(out, route, status, "_OTHER" if method == "FOO" else method) == 1
    assert out.lines("http.request")[0]["route"] == route


async def test_behind_a_proxys_prefix(out: Captured) -> None:
    """A root path that the server sets is not part of the template."""
    async with client(out, shop(), root_path="/api") as http:
        await http.get("/api/sub/items/4")
    assert count(out, "/sub/items/{id}", 200) == 1


async def test_secret_path_parameters(out: Captured) -> None:
    """What stands in the path for `{token}` is not in the access line; what a sync endpoint binds is."""
    async with client(out, shop()) as http:
        await http.get("/reset/s3cret-s3cret")
    line = out.lines("http.request")[0]
    assert (line["path"], line["tenant"]) == ("/reset/***", "acme")
    assert "s3cret" not in out.text()


async def test_path_parameters_of_a_configured_name() -> None:
    """What stands in the path for a name that `scrub` adds is masked like a token."""
    with captured(scrub=("Y",)) as seen:
        async with client(seen, shop()) as http:
            await http.get("/v1/outer/acme/r/x/12345")
        assert seen.lines("http.request")[0]["path"] == "/v1/outer/acme/r/x/***"


async def test_excluded_paths(out: Captured) -> None:
    """A scrape and a health check still get an ID, and leave no line and no number."""
    async with client(out, hello) as http:
        answer = await http.get("/healthz")
    assert answer.headers["x-request-id"]
    assert out.lines("http.request") == []
    assert count(out, names.UNMATCHED, 200) is None


class Boom(Exception):
    pass


async def test_an_exception_is_counted_and_raised_bare(out: Captured) -> None:
    """Without an answer it is a 500, the very same exception goes on, and the server's own line gets the ID."""
    original = Boom("no")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise original

    async def unused() -> Message:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": [(b"x-request-id", b"abc")]}
    with pytest.raises(Boom) as caught:
        await out.instrumentation.wrap(app)(scope, unused, unused)  # type: ignore[arg-type]
    assert caught.value is original
    assert original.__context__ is None
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=original)
    fault, line, *servers = out.lines()
    assert (fault["event"], fault["error_type"], fault["correlation_id"]) == (names.EXCEPTION_EVENT, "Boom", "abc")
    assert (line["status"], line["error_type"], line["level"], line["outcome"]) == (500, "Boom", "error", "error")
    assert {each["correlation_id"] for each in servers} <= {"abc"}
    assert count(out, names.UNMATCHED, 500) == 1
    assert out.value(names.ACTIVE_REQUESTS, http_request_method="GET") == 0
    assert current() is None


async def test_an_exception_in_mid_stream(out: Captured) -> None:
    """The status stays as it was sent, and the line says that it went wrong."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise Boom

    async with client(out, app) as http:
        await http.get("/")
    line = out.lines("http.request")[0]
    assert (line["status"], line["outcome"], line["error_type"], line["level"]) == (200, "error", "Boom", "error")


async def test_an_app_that_answers_nothing(out: Captured) -> None:
    """Returning without an answer is a 500: that is what the client gets from the server."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        return

    with pytest.raises(AssertionError):  # httpx's own check that there is an answer
        await client(out, app).get("/")
    assert out.lines("http.request")[0]["status"] == 500


async def test_background_work_is_not_latency(out: Captured) -> None:
    """The line and the number are there with the last byte, before background tasks run, and once only."""
    release = asyncio.Event()
    app = FastAPI()

    async def later() -> None:
        await release.wait()
        raise Boom

    @app.get("/x")
    async def x(tasks: BackgroundTasks) -> int:
        tasks.add_task(later)
        return 1

    sent = asyncio.Event()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            sent.set()

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": [], "query_string": b""}
    task = asyncio.create_task(out.instrumentation.wrap(app)(scope, receive, send))
    await sent.wait()
    await asyncio.sleep(0)
    assert count(out, "/x", 200) == 1
    release.set()
    with pytest.raises(Boom):
        await task
    assert len(out.lines("http.request")) == 1


async def test_a_stream_is_measured_to_its_end(out: Captured) -> None:
    """A response in pieces is one observation, which ends with the last piece."""
    order: list[str] = []

    async def pieces() -> Any:
        for n in range(3):
            order.append(str(count(out, "/s", 200)))
            yield f"{n}"

    async def stream(request: Request) -> Response:
        return StreamingResponse(pieces())

    async with client(out, Starlette(routes=[Route("/s", stream)])) as http:
        assert (await http.get("/s")).text == "012"
    assert order == ["None"] * 3
    assert count(out, "/s", 200) == 1


async def test_an_event_stream_is_no_latency(out: Captured) -> None:
    """How long server-sent events stayed open is logged, and kept out of the histogram."""

    async def events(request: Request) -> Response:
        return Response("data: x\n\n", media_type="text/event-stream")

    async with client(out, Starlette(routes=[Route("/e", events)])) as http:
        await http.get("/e")
    assert count(out, "/e", 200) is None
    assert len(out.lines("http.request")) == 1


@pytest.mark.parametrize(("started", "status"), [(False, 499), (True, 200)])
async def test_a_client_that_leaves(out: Captured, started: bool, status: int) -> None:
    """A client that left before any answer is a 499; after the start the status stays as sent."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        assert (await receive())["type"] == "http.disconnect"

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None: ...

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    await out.instrumentation.wrap(app)(scope, receive, send)
    line = out.lines("http.request")[0]
    assert (line["status"], line["outcome"], line["level"]) == (status, "disconnect", "info")


async def test_a_send_that_finds_nobody(out: Captured) -> None:
    """A server that says by OSError that the client has gone is understood, and the error goes on."""

    async def gone(message: Message) -> None:
        raise BrokenPipeError

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    with pytest.raises(BrokenPipeError):
        await out.instrumentation.wrap(hello)(scope, gone, gone)  # type: ignore[arg-type]
    assert out.lines("http.request")[0]["outcome"] == "disconnect"


async def test_a_cancelled_request(out: Captured) -> None:
    """A cancellation is no failure of the app; in-flight goes down, and the cancellation goes on."""
    begun = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def nothing(*_: object) -> Message:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    task = asyncio.create_task(out.instrumentation.wrap(app)(scope, nothing, nothing))  # type: ignore[arg-type]
    await begun.wait()
    assert out.value(names.ACTIVE_REQUESTS, http_request_method="GET") == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert out.lines("http.request")[0]["outcome"] == "cancelled"
    assert out.value(names.ACTIVE_REQUESTS, http_request_method="GET") == 0


async def test_our_own_failure_is_ours(out: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """When each of our hooks fails, the app answers all the same, and the failures are counted."""
    layer = out.instrumentation.wrap(hello)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("ours")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=layer), base_url="http://test") as http:
        for hook, owner, name in (
            ("begin", Tracer, "begin"),
            ("start", AsgiExchange, "_headers"),
            ("finish", Metrics, "finished"),
        ):
            with monkeypatch.context() as patch:  # the only way to make code that is right go wrong
                patch.setattr(owner, name, broken)
                assert (await http.get("/")).text == "hello"
            assert out.value(names.INTERNAL_ERRORS, hook=hook) == 1
    described = out.lines(names.INTERNAL_ERROR_EVENT)
    assert [line["hook"] for line in described] == ["begin", "start", "finish"]


async def test_hostile_scopes(out: Captured) -> None:
    """A scope that lacks what we look for reaches the app as it came."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def nothing(*_: object) -> Message:
        raise AssertionError

    layer = out.instrumentation.wrap(app)
    for scope in ({"type": "lifespan"}, {"type": "http"}, {"type": "strange"}):
        await layer(scope, nothing, nothing)  # type: ignore[arg-type]
    assert [scope["type"] for scope in seen] == ["lifespan", "http", "strange"]


async def test_websockets_carry_the_id(out: Captured) -> None:
    """A websocket's log lines carry the ID; it is in no number."""
    messages: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        saasobs.get_logger("x").info("ws.inside")
        await send({"type": "websocket.accept"})

    async def send(message: Message) -> None:
        messages.append(message)

    async def nothing() -> Message:
        raise AssertionError

    scope = {"type": "websocket", "path": "/ws", "headers": [(b"x-request-id", b"abc")]}
    await out.instrumentation.wrap(app)(scope, nothing, send)
    assert out.lines()[0]["correlation_id"] == "abc"
    assert messages[0]["headers"] == [(b"x-request-id", b"abc")]
    assert b"_count" not in out.instrumentation.metrics.exposition()[0]


async def test_with_the_users_base_http_middleware(out: Captured) -> None:
    """Starlette's BaseHTTPMiddleware inside does not lose what the endpoint binds."""

    async def endpoint(request: Request) -> Response:
        saasobs.bind(tenant="acme")
        return PlainTextResponse("x")

    async def through(request: Request, call_next: Any) -> Response:
        answer: Response = await call_next(request)
        return answer

    app = Starlette(routes=[Route("/x", endpoint)])
    app.add_middleware(BaseHTTPMiddleware, dispatch=through)
    async with client(out, app) as http:
        await http.get("/x")
    line = out.lines("http.request")[0]
    assert (line["tenant"], line["route"]) == ("acme", "/x")


def test_a_client_that_nobody_misses(out: Captured) -> None:
    """An app that never asks whether its client is there, and answers in vain, ends in a disconnect all the same."""
    gone = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(gone.wait, 10)
        await asyncio.sleep(0.1)  # the loop gets to read the end of the connection
        await hello(scope, receive, send)

    with serving(out.instrumentation.wrap(app), lifespan="off") as url, httpx.Client(base_url=url) as http:
        with pytest.raises(httpx.ReadTimeout):
            http.get("/slow", timeout=0.2)
        gone.set()
    (line,) = out.lines("http.request")
    assert (line["status"], line["outcome"]) == (200, "disconnect")


def test_over_a_real_server(out: Captured) -> None:
    """Through uvicorn: an abandoned request is noticed, an exception is a 500 with the ID, garbage is the server's."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/boom":
            raise Boom
        if scope["path"] == "/slow":
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await hello(scope, receive, send)

    with serving(out.instrumentation.wrap(app), lifespan="off") as url, httpx.Client(base_url=url) as http:
        with pytest.raises(httpx.ReadTimeout):
            http.get("/slow", timeout=0.2)
        assert http.get("/boom", headers={"X-Request-ID": "abc"}).status_code == 500
        assert http.get("/", headers={"X-Request-ID": "def"}).headers["x-request-id"] == "def"
    by_path = {line["path"]: line for line in out.lines("http.request")}
    assert (by_path["/slow"]["status"], by_path["/slow"]["outcome"]) == (499, "disconnect")
    assert by_path["/boom"]["error_type"] == "Boom"
    faults = [line for line in out.lines() if "exception" in line]
    assert {line["correlation_id"] for line in faults} == {"abc"}
