"""A websocket is one line, when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

import saasobs
from saasobs.instrument import names
from support.capture import Captured, captured


@pytest.fixture
def out() -> Iterator[Captured]:
    with captured() as capture:
        yield capture


def app() -> FastAPI:
    root = FastAPI()

    @root.websocket("/rooms/{room}")
    async def room(socket: WebSocket, room: str) -> None:
        if room == "closed":
            return await socket.close()
        await socket.accept()
        saasobs.bind(room=room)
        text = await socket.receive_text()
        if text == "boom":
            raise RuntimeError(text)
        await socket.send_text(text)
        return await socket.close(1011 if text == "late" else 1000)

    return root


def line(out: Captured) -> dict[str, Any]:
    (found,) = out.lines(names.WEBSOCKET_EVENT)
    return found


def test_one_that_ends_well(out: Captured) -> None:
    """The line has the route, what was bound, the close code and the same ID as the handshake's answer."""
    with TestClient(out.instrumentation.wrap(app())).websocket_connect("/rooms/7") as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
        extra: Any = socket.extra_headers
        headers = dict(extra)
    found = line(out)
    assert (found["route"], found["status"], found["close_code"], found["room"]) == ("/rooms/{room}", 101, 1000, "7")
    assert "outcome" not in found
    assert headers[b"x-request-id"].decode() == found["correlation_id"]


def test_one_that_fails(out: Captured) -> None:
    """An exception is an error with its type, and in no histogram."""
    client = TestClient(out.instrumentation.wrap(app()), raise_server_exceptions=False)
    with pytest.raises(RuntimeError), client.websocket_connect("/rooms/7") as socket:  # noqa: PT012 - it comes at the end
        socket.send_text("boom")
        socket.receive_text()
    assert (line(out)["outcome"], line(out)["error_type"]) == ("error", "RuntimeError")
    labels = {names.METHOD: "_OTHER", names.ROUTE: "/rooms/{room}", names.STATUS: "101"}
    assert out.value(f"{names.REQUEST_DURATION}_count", **labels) is None


@pytest.mark.parametrize(("code", "outcome"), [(1000, None), (1001, None), (1006, "disconnect")])
def test_a_client_that_leaves(out: Captured, code: int, outcome: str | None) -> None:
    """Going away is a good end, a broken connection is a disconnect."""
    client = TestClient(out.instrumentation.wrap(app()))
    with suppress(WebSocketDisconnect), client.websocket_connect("/rooms/7") as socket:
        socket.close(code)
    assert (line(out)["close_code"], line(out).get("outcome")) == (code, outcome)


def test_one_that_is_refused(out: Captured) -> None:
    """Closed before it was accepted is 403."""
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        TestClient(out.instrumentation.wrap(app())).websocket_connect("/rooms/closed"),
    ):
        raise AssertionError
    assert line(out)["status"] == 403
