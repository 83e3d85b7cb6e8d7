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
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard, names
from saasobs.instrument.config import ALWAYS_EXCLUDED
from saasobs.instrument.logs.setup import tame_server_loggers
from saasobs.instrument.servers.exchange import Exchange
from saasobs.instrument.servers.routes import route_template
from saasobs.instrument.servers.tenants import Asked
from saasobs.instrument.state import RequestFacts, enter, leave
from saasobs.instrument.tracing.ownership import claim_asgi_scope
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
_SWITCHING_PROTOCOLS: Final = 101
_REFUSED: Final = 403
_NORMAL: Final = 1000
_WELL_CLOSED: Final = frozenset({1000, 1001, 1005})
"""RFC 6455, 7.4.1: done, going away, and no code at all."""
_LAST_WORDS: Final = frozenset({"lifespan.shutdown.complete", "lifespan.shutdown.failed"})
_PATIENCE: Final = 2.0
"""Seconds that the end of the app waits for the collector."""
_TRACE_HEADERS: Final = frozenset({b"traceparent", b"tracestate", b"baggage"})


class RequestLayer:
    """Wrap an ASGI app. State is per request, never on the instance."""

    def __init__(self, app: ASGIApp, process: Instrumentation) -> None:
        self.app = app
        self._process = process
        self._excluded = ALWAYS_EXCLUDED | process.config.exclude | {process.config.metrics_path}
        self._endpoints = process.metrics.endpoints
        self.header = process.config.correlation_header.lower().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _path(scope)
        if path in self._endpoints.paths and await self._serve(scope, send):
            return
        exchange = self.begin(scope, path)
        if exchange is None:
            await self.app(scope, receive, self._before_the_end(send) if scope["type"] == "lifespan" else send)
            return
        exchange.receiving, exchange.sending = receive, send
        tracer = self._process.tracer
        token = enter(exchange.operation)
        attached = None if tracer.recorder is None else tracer.attach(exchange.operation)
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            exchange.failed(error, cancelled=isinstance(error, asyncio.CancelledError))
            raise
        finally:
            exchange.finish(last=True)
            if attached is not None:
                tracer.detach(attached)
            leave(token)

    def _before_the_end(self, send: Send) -> Send:
        """Send what waits before the server hears that the app is done: uvicorn then dies by a signal, past atexit."""

        async def watched(message: Message) -> None:
            if message.get("type") in _LAST_WORDS:
                await asyncio.to_thread(self._process.flush, _PATIENCE)
            await send(message)

        return watched

    async def _serve(self, scope: Scope, send: Send) -> bool:
        """Answer what is asked of us and not of the app; whether it was."""
        try:
            if scope["type"] != "http" or SCOPE_KEY in scope:
                return False
            client = scope.get("client")
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            peer = client[0] if client else ""
            answer = await self._endpoints.respond_async(scope["method"], _path(scope), peer, headers)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("endpoint")
            return False
        if answer is None:
            return False
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
        await send({"type": "http.response.body", "body": answer.body})
        return True

    def begin(self, scope: Scope, path: str | None = None) -> AsgiExchange | None:
        """The observation of a request; None when it is not ours to observe.

        :param path: as the app's routes see it, if it is known already.
        """
        try:
            kind = scope["type"]
            if kind == "lifespan":
                tame_server_loggers()
            if kind not in ("http", "websocket") or SCOPE_KEY in scope:
                return None
            counted = (_path(scope) if path is None else path) not in self._excluded
            make = AsgiExchange if kind == "http" else WebSocketExchange
            exchange = make(self._process, scope, self.header, counted=counted)
            if self._process.tracer.recorder is not None:
                claim_asgi_scope(self._process.tracer, scope)
            scope[SCOPE_KEY] = True  # the operation itself would make a circle of it
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("begin")
            return None
        return exchange


def _path(scope: Scope) -> str:
    """The path as the app's routes see it: without what a proxy or `--root-path` put in front."""
    path: str = scope.get("path", "")  # of the lifespan there is none
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root) else path


def _read(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> tuple[str, Incoming]:
    """The first correlation ID, and the trace headers as often as they came. ASGI has their names in lower case."""
    known = dict(headers)
    if wanted not in known and b"traceparent" not in known and b"baggage" not in known:
        return "", NOTHING  # as of most, so the others are looked at twice
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

    __slots__ = ("_ending", "_header", "_root_path", "_scope", "receiving", "sending")
    receiving: Receive
    sending: Send
    """The server's own."""

    def __init__(self, process: Instrumentation, scope: Scope, header: bytes, *, counted: bool) -> None:
        self._scope = scope
        self._header = header
        self._root_path: str = scope.get("root_path", "")
        offered, incoming = _read(scope["headers"], header)
        method = scope.get("method", "")
        self._ending = False
        # Not by super(), which is an object more to make and to ask for each request.
        Exchange.__init__(self, process, offered, incoming, method, scope["path"], counted=counted)
        self.operation.facts = partial(_facts, scope, self._root_path)

    def route(self, status: int) -> str:
        return route_template(self._scope, self._root_path, status)

    def path_params(self) -> Mapping[str, Any]:
        return self._scope.get("path_params") or {}

    def client(self) -> str:
        client = self._scope.get("client")
        return client[0] if client else ""

    def kept_facts(self) -> Callable[[], RequestFacts]:
        scope = self._scope  # by now it holds the app's route and parameters, and what it has opened
        return partial(_plain_facts, scope.get("scheme", "http"), scope["path"], scope["headers"])

    def asked(self) -> Asked:
        scope = self._scope
        return Asked(_header(scope, "host"), scope["path"], self.client(), partial(_header, scope))

    def failed(self, error: BaseException, *, cancelled: bool = False) -> None:
        """Note how the app ended. What uvicorn then answers by itself carries our header too."""
        super().failed(error, cancelled=cancelled)
        if not self._status:
            self._sign_the_servers_answer()

    @guard.guarded("start")
    def _sign_the_servers_answer(self) -> None:
        """uvicorn's 500 is of its own making, but for the headers that all of its responses have."""
        cycle = getattr(self.sending, "__self__", None)
        always = getattr(cycle, "default_headers", None)
        if cycle is not None and isinstance(always, list):
            # A new list: the old one is of the whole server.
            cycle.default_headers = [*always, (self._header, self.operation.correlation_id.encode())]

    # Bound methods, and no closures around the server's functions: fewer objects, fewer calls.

    async def receive(self) -> Message:
        """Pass every message on; remember a disconnect that comes before the response's end."""
        message = await self.receiving()
        if not self._ending and message.get("type") == "http.disconnect":
            self.disconnected()
        return message

    async def send(self, message: Message) -> None:
        """Pass every message on; put our header into the first, and stop measuring at the last."""
        last = False
        try:
            kind = message["type"]
            if kind == "http.response.body":
                self._size += len(message.get("body", b""))
                last = not message.get("more_body", False)
            elif kind == "http.response.start":
                message["headers"] = self._headers(message.get("headers", ()))
                self._status = int(message["status"])
                self._first_byte = perf_counter()
            else:
                last = kind in _LAST_MESSAGES
            if last:
                self._ending = True  # from now on the app may be told of a disconnect that is none
                # uvicorn drops in silence what is sent to a client that has gone; its cycle knows.
                if getattr(getattr(self.sending, "__self__", None), "disconnected", False):
                    self.disconnected()
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("start")
        try:
            await self.sending(message)
        except OSError:  # ASGI 2.4: how a server says that the client has gone
            self.disconnected()
            raise
        if last:
            self._complete = True
            self.finish(last=False)

    def _headers(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The response's headers, in a new list, with ours in place of any other of that name."""
        ours, kept, again = self._header, [*headers], False
        for name, value in kept:
            known = name.lower()
            if known == b"content-type":
                self._endless = value.startswith(b"text/event-stream")
            elif known == ours:
                again = True
        if again:
            kept = [pair for pair in kept if pair[0].lower() != ours]
        kept.append((ours, self.operation.correlation_id.encode()))
        return kept


class WebSocketExchange(AsgiExchange):
    """A websocket: one line when it closes; how long it stayed open is no latency, so it is in no histogram."""

    __slots__ = ("_code",)
    event = names.WEBSOCKET_EVENT
    measured = False

    def __init__(self, process: Instrumentation, scope: Scope, header: bytes, *, counted: bool) -> None:
        self._code: int | None = None
        super().__init__(process, scope, header, counted=counted)
        self.operation.kind = "websocket"

    def rare_fields(self, outcome: str, error: BaseException | None) -> dict[str, Any]:
        code = {} if self._code is None else {"close_code": self._code}
        return {**super().rare_fields(outcome, error), **code}

    async def receive(self) -> Message:
        """Pass every message on; remember with which code the client left."""
        message = await self.receiving()
        if message.get("type") == "websocket.disconnect":
            self._closed(message.get("code"))
        return message

    async def send(self, message: Message) -> None:
        """Pass every message on; note how the app answers, and how it closes."""
        self._note(message)
        try:
            await self.sending(message)
        except OSError:  # as of a request
            self.disconnected()
            raise

    def failed(self, error: BaseException, *, cancelled: bool = False) -> None:
        """Starlette tells an endpoint of the end by an exception, which seldom anybody catches: no fault."""
        if self._code is None or type(error).__name__ != "WebSocketDisconnect":
            super().failed(error, cancelled=cancelled)

    def finish(self, *, last: bool) -> None:
        """An app that returns has closed it; one that never answered has refused it."""
        if last and self._error is None and not self._disconnected:
            self._complete = True
        self._status = self._status or _REFUSED
        super().finish(last=last)

    def _note(self, message: Message) -> None:
        try:
            kind = message["type"]
            if kind == "websocket.accept":
                self.response_started(_SWITCHING_PROTOCOLS)
                message["headers"] = self._headers(message.get("headers", ()))
            elif kind == "websocket.close":
                self._closed(message.get("code", _NORMAL))
            elif kind == "websocket.http.response.start":
                self.response_started(int(message["status"]))
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("start")

    def _closed(self, code: int | None) -> None:
        if self._code is None:
            self._code = code
            if code in _WELL_CLOSED:
                self._complete = True
            else:
                self.disconnected()


def _header(scope: Scope, name: str) -> str:
    wanted = name.lower().encode("latin-1", "replace")
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == wanted), "")


def _facts(scope: Scope, root_path: str) -> RequestFacts:
    client = scope.get("client")
    return _plain_facts(scope.get("scheme", "http"), scope["path"], scope["headers"])._replace(
        method=scope.get("method", ""),
        query=scope.get("query_string", b"").decode("latin-1"),
        client=client[0] if client else "",
        route=route_template(scope, root_path, 0),
    )


def _plain_facts(scheme: str, path: str, headers: Iterable[tuple[bytes, bytes]]) -> RequestFacts:
    """The URL without its query, and the headers."""
    texts = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
    return RequestFacts("", f"{scheme}://{dict(texts).get('host', '')}{path}", "", texts, "", "")
