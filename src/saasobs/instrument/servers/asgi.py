"""The one layer around an ASGI app: correlation ID in and out, one access line, one set of numbers.

1. `http` and `websocket` scopes get an Operation; everything else passes through untouched.
2. `send` is watched: the first message carries the status and gets our header, the last body message ends the
   measurement, so that background tasks are not in the latency.
3. `receive` is watched for a client that leaves before the end.
4. Exceptions, CancelledError too, are noted and re-raised bare.
5. Each hook of ours is guarded: what goes wrong in it is counted, and the app goes on as if we were not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard
from saasobs.instrument.config import ALWAYS_EXCLUDED
from saasobs.instrument.logs.setup import tame_server_loggers
from saasobs.instrument.servers.exchange import Exchange
from saasobs.instrument.servers.routes import route_template
from saasobs.instrument.state import RequestFacts
from saasobs.instrument.tracing.tracer import NOTHING, Incoming

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

SCOPE_KEY: Final = "saasobs"
"""In the scope of a request that is watched: an instrumented app inside another leaves it alone."""
_LAST_MESSAGES: Final = frozenset({"http.response.pathsend", "http.response.zerocopysend"})
_TRACE_HEADERS: Final = frozenset({b"traceparent", b"tracestate", b"baggage"})


class RequestLayer:
    """Wrap an ASGI app. State is per request, never on the instance."""

    def __init__(self, app: ASGIApp, process: Instrumentation) -> None:
        self.app = app
        self._process = process
        self._excluded = ALWAYS_EXCLUDED | process.config.exclude | {process.config.metrics_path}
        self.header = process.config.correlation_header.lower().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = self._begin(scope)
        if exchange is None:
            await self.app(scope, receive, send)
            return
        exchange.enter()
        try:
            await self.app(scope, exchange.watch_receive(receive), exchange.watch_send(send))
        except BaseException as error:
            exchange.failed(error, cancelled=isinstance(error, asyncio.CancelledError))
            raise
        finally:
            exchange.finish(last=True)
            exchange.leave()

    def _begin(self, scope: Scope) -> AsgiExchange | None:
        try:
            kind = scope["type"]
            if kind == "lifespan":
                tame_server_loggers()
            if kind not in ("http", "websocket") or SCOPE_KEY in scope:
                return None
            counted = kind == "http" and scope["path"] not in self._excluded
            exchange = AsgiExchange(self._process, scope, self.header, counted=counted)
            scope[SCOPE_KEY] = True  # the operation itself would make a circle of it
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("begin")
            return None
        return exchange


def _read(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> tuple[str, Incoming]:
    """The first correlation ID, and the trace headers as often as they came. ASGI has their names in lower case."""
    offered = ""
    trace: dict[bytes, tuple[str, ...]] | None = None
    for name, value in headers:
        if name == wanted:
            offered = offered or value.decode("latin-1")
        elif name in _TRACE_HEADERS:
            trace = {} if trace is None else trace
            trace[name] = (*trace.get(name, ()), value.decode("latin-1"))
    if trace is None:
        return offered, NOTHING
    found = (trace.get(name, ()) for name in (b"traceparent", b"tracestate", b"baggage"))
    return offered, Incoming(*found)


class AsgiExchange(Exchange):
    """An exchange that watches ASGI's messages."""

    def __init__(self, process: Instrumentation, scope: Scope, header: bytes, *, counted: bool) -> None:
        self._scope = scope
        self._header = header
        self._root_path: str = scope.get("root_path", "")
        offered, incoming = _read(scope["headers"], header)
        method = scope.get("method", "")
        super().__init__(process, offered, incoming, method=method, path=scope["path"], counted=counted)
        self.operation.facts = partial(_facts, scope, self._root_path)
        if scope["type"] == "websocket":
            self.operation.kind = "websocket"

    def route(self, status: int) -> str:
        return route_template(self._scope, self._root_path, status)

    def path_params(self) -> Mapping[str, Any]:
        return self._scope.get("path_params") or {}

    def client(self) -> str:
        client = self._scope.get("client")
        return client[0] if client else ""

    def watch_receive(self, receive: Receive) -> Receive:
        """Pass every message on; remember a disconnect that comes before the response's end."""

        async def watched() -> Message:
            message = await receive()
            if message.get("type") == "http.disconnect":
                self.disconnected()
            return message

        return watched

    def watch_send(self, send: Send) -> Send:
        """Pass every message on; put our header into the first, and stop measuring at the last."""

        async def watched(message: Message) -> None:
            message = self._before(message)
            try:
                await send(message)
            except OSError:  # ASGI 2.4: how a server says that the client has gone
                self.disconnected()
                raise
            if _is_last(message):
                self.completed()

        return watched

    def _before(self, message: Message) -> Message:
        try:
            kind = message.get("type")
            if kind == "http.response.body":
                self._size += len(message.get("body", b""))
            elif kind == "http.response.start":
                headers, endless = self._headers(message.get("headers", ()))
                self.response_started(int(message["status"]), endless=endless)
                return {**message, "headers": headers}
            elif kind == "websocket.accept":
                return {**message, "headers": self._headers(message.get("headers", ()))[0]}
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("start")
        return message

    def _headers(self, headers: Iterable[tuple[bytes, bytes]]) -> tuple[list[tuple[bytes, bytes]], bool]:
        """The response's headers with ours in place of any other of that name, and whether it is an event stream."""
        ours, kept, endless = self._header, [], False
        for pair in headers:
            name = pair[0].lower()
            if name != ours:
                kept.append(pair)
                if name == b"content-type" and pair[1].startswith(b"text/event-stream"):
                    endless = True
        kept.append((ours, self.operation.correlation_id.encode()))
        return kept, endless


def _facts(scope: Scope, root_path: str) -> RequestFacts:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    host = dict(headers).get("host", "")
    client = scope.get("client")
    return RequestFacts(
        method=scope.get("method", ""),
        url=f"{scope.get('scheme', 'http')}://{host}{scope['path']}",
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=headers,
        client=client[0] if client else "",
        route=route_template(scope, root_path, 0),
    )


def _is_last(message: Message) -> bool:
    kind = message.get("type")
    if kind == "http.response.body":
        return not message.get("more_body", False)
    return kind in _LAST_MESSAGES
