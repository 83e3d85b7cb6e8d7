"""aiohttp's sessions: middlewares of the app's, sessions made before us, websockets, streams."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from instrument.clients.conftest import Observed
from saasobs.instrument.clients import aiohttp as aiohttp_hook
from saasobs.instrument.clients.calls import observe_for
from saasobs.instrument.queries.patching import undo
from saasobs.instrument.state import Operation, enter, leave
from support.capture import captured
from support.echo import OWN, Echo


async def test_a_session_made_before_us_is_observed(echo: Echo) -> None:
    """A session that the app has made before the instrumentation began is observed as well."""
    async with aiohttp.ClientSession() as session:
        with captured() as out:
            aiohttp_hook.install(out.instrumentation)
            token = enter(Operation("corr-9"))
            try:
                async with session.get(f"{echo.own}/echo") as response:
                    assert (await response.json(content_type=None))["x-request-id"] == ["corr-9"]
            finally:
                leave(token)
                undo()
                observe_for(None)


@pytest.mark.parametrize("where", ["session", "request"])
async def test_middlewares_of_the_apps_are_around_ours(where: str, observed: Observed, echo: Echo) -> None:
    """A middleware that sends a request twice makes two calls, each with our headers once."""
    observed.record()

    async def again(request: aiohttp.ClientRequest, handler: Any) -> aiohttp.ClientResponse:
        response: aiohttp.ClientResponse = await handler(request)
        if response.status == 503:
            response.release()
            response = await handler(request)
        return response

    async with aiohttp.ClientSession(middlewares=(again,) if where == "session" else ()) as session:
        more: dict[str, Any] = {"middlewares": (again,)} if where == "request" else {}
        async with session.get(f"{echo.own}/flaky", **more) as response:
            assert response.status == 200
    first, second = (headers["traceparent"] for _, headers in echo.seen)
    assert (len(first), len(second)) == (1, 1)
    assert first != second
    assert observed.count("GET", OWN, "503") == 1.0
    assert observed.count("GET", OWN, "200") == 1.0


async def test_a_websocket_is_a_call(observed: Observed) -> None:
    """The request that opens a websocket carries our headers and is counted as 101."""
    seen: dict[str, str] = {}

    async def chat(request: web.Request) -> web.WebSocketResponse:
        seen.update(request.headers)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("hi")
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/chat", chat)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    try:
        async with aiohttp.ClientSession() as session, session.ws_connect(server.make_url("/chat")) as socket:
            assert await socket.receive_str() == "hi"
    finally:
        await server.close()
    assert seen["X-Request-ID"] == "corr-1"
    assert observed.count("GET", OWN, "101") == 1.0


async def test_a_subclass_is_a_session(observed: Observed, echo: Echo) -> None:
    """A session of the app's own class, with headers for all requests, is observed once; the response is unread."""

    with pytest.warns(DeprecationWarning, match="Inheritance"):

        class Api(aiohttp.ClientSession):
            async def _request(self, *args: Any, **kwargs: Any) -> aiohttp.ClientResponse:
                return await super()._request(*args, **kwargs)

    async with Api(headers={"a": "b"}) as session, session.get(f"{echo.own}/echo") as response:
        assert b"corr-1" in b"".join([part async for part in response.content.iter_any()])
    assert observed.count("GET", OWN, "200") == 1.0


async def test_calls_at_the_same_time(observed: Observed, echo: Echo) -> None:
    """Ten calls of one session at once are ten."""
    async with aiohttp.ClientSession() as session:

        async def ask() -> int:
            async with session.get(f"{echo.own}/echo") as response:
                return response.status

        assert await asyncio.gather(*(ask() for _ in range(10))) == [200] * 10
    assert observed.count("GET", OWN, "200") == 10.0


async def test_a_time_out_is_counted(observed: Observed) -> None:
    """A time-out is the library's own error, and counted under its name."""

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.05)) as session:
            with pytest.raises(asyncio.TimeoutError):
                await session.get(f"http://127.0.0.1:{deaf.getsockname()[1]}/")
    series = observed.out.instrumentation.metrics.client.families[0].series
    assert [status for _, _, status in series] in (["TimeoutError"], ["CancelledError"])


def test_an_old_aiohttp_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An aiohttp without client middlewares works as before, and one line says that it is not observed."""
    monkeypatch.setattr(aiohttp.ClientSession, "ATTRS", frozenset())  # as in 3.11
    with captured() as out:
        before = aiohttp.ClientSession._request
        aiohttp_hook.install(out.instrumentation)
        assert aiohttp.ClientSession._request is before
        assert len(out.lines("saasobs.misconfigured")) == 1
