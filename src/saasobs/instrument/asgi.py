"""The one layer around an ASGI app: correlation ID in and out, one access line, one histogram.

1. `http` scopes get a RequestState; everything else passes through untouched (websockets get the state, no numbers).
2. `send` is watched: the first message carries the status and gets our header, the last body message ends the
   measurement, so that background tasks are not in the latency.
3. `receive` is watched for a client that leaves before the end.
4. Exceptions, CancelledError too, are noted and re-raised bare.
5. Each hook of ours is guarded: what goes wrong in it is counted, and the app goes on as if we were not there.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from time import perf_counter
from typing import Any

from saasobs.instrument import names
from saasobs.instrument.config import LEVELS, InstrumentConfig
from saasobs.instrument.logging_setup import tame_server_loggers
from saasobs.instrument.logs import CORRELATION_ATTRIBUTE, Logs
from saasobs.instrument.metrics import Metrics
from saasobs.instrument.rendering import REDACTED, is_sensitive
from saasobs.instrument.routes import route_template
from saasobs.instrument.state import (
    RequestState,
    accept_correlation_id,
    context_fields,
    enter,
    leave,
    make_correlation_id,
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

SCOPE_KEY = "saasobs"
"""The RequestState in the scope: an instrumented app inside another sees that it is already watched."""
_PATH_LIMIT = 1024
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}")
_CLIENT_CLOSED_REQUEST = 499
_LAST_MESSAGES = frozenset({"http.response.pathsend", "http.response.zerocopysend"})


class RequestLayer:
    """Wrap an ASGI app. State is per request, never on the instance."""

    def __init__(self, app: ASGIApp, config: InstrumentConfig, metrics: Metrics, logs: Logs) -> None:
        self.app = app
        self._config = config
        self._metrics = metrics
        self._logs = logs
        self._header = config.correlation_header.lower().encode()
        self._reported: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self._begin(scope)
        if request is None:
            await self.app(scope, receive, send)
            return
        token = enter(request.state)
        try:
            await self.app(scope, request.watch_receive(receive), request.watch_send(send))
        except BaseException as error:
            request.failed(error)
            raise
        finally:
            request.finish(last=True)
            leave(token)

    def _begin(self, scope: Scope) -> _Request | None:
        try:
            kind = scope["type"]
            if kind == "lifespan":
                tame_server_loggers()
            if kind not in ("http", "websocket") or SCOPE_KEY in scope:
                return None
            state = RequestState(self._correlation_id(scope["headers"]))
            scope[SCOPE_KEY] = state
            counted = kind == "http" and scope["path"] not in self._config.exclude
            return _Request(self, scope, state, counted=counted)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            self.hook_failed("begin")
            return None

    def _correlation_id(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        if self._config.trust_incoming:
            for name, value in headers:
                if name.lower() == self._header:
                    return accept_correlation_id(value.decode("latin-1")) or make_correlation_id()
        return make_correlation_id()

    def with_header(self, message: Message, correlation_id: str) -> Message:
        """The response's start with our header in place of any other of that name."""
        kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() != self._header]
        return {**message, "headers": [*kept, (self._header, correlation_id.encode())]}

    def started(self, method: str) -> Any:
        """One more request being served; the returned gauge is to be decremented."""
        gauge = self._metrics.active(method)
        gauge.inc()
        return gauge

    def observe(self, *, method: str, route: str, status: int, seconds: float) -> None:
        self._metrics.observe(method, route, status, seconds)

    def access_line(self, level: str, fields: dict[str, Any]) -> None:
        if LEVELS[level.upper()] >= self._logs.level:
            self._logs.emit(level, names.REQUEST_EVENT, "saasobs.http", {**context_fields(), **fields})

    def hook_failed(self, hook: str) -> None:
        """Count our own failure, and describe the first of its kind in the log."""
        self._metrics.internal_error(hook)
        if hook not in self._reported:
            self._reported.add(hook)
            fields = {"hook": hook, "exc_info": True}
            self._logs.emit_in_context("warning", names.INTERNAL_ERROR_EVENT, "saasobs.instrument", fields)


class _Request:
    """One request under observation. Every method that the app's path runs through is guarded."""

    def __init__(self, layer: RequestLayer, scope: Scope, state: RequestState, *, counted: bool) -> None:
        self.state = state
        self._layer = layer
        self._scope = scope
        self._path: str = scope["path"]
        self._root_path: str = scope.get("root_path", "")
        verb = scope.get("method", "")
        self._method = verb if verb in names.KNOWN_METHODS else names.OTHER_METHOD
        self._status = 0
        self._stream = False
        self._disconnected = False
        self._complete = False
        self._error = ""
        self._line: dict[str, Any] | None = None
        self._started_at = perf_counter()
        self._gauge = layer.started(self._method) if counted else None

    def watch_receive(self, receive: Receive) -> Receive:
        """Pass every message on; remember a disconnect that comes before the response's end."""

        async def watched() -> Message:
            message = await receive()
            if not self._complete and message.get("type") == "http.disconnect":
                self._disconnected = True
            return message

        return watched

    def watch_send(self, send: Send) -> Send:
        """Pass every message on; put our header into the first, and stop measuring at the last."""

        async def watched(message: Message) -> None:
            message = self._before(message)
            try:
                await send(message)
            except OSError:  # ASGI 2.4: how a server says that the client has gone
                self._disconnected = True
                raise
            if _is_last(message):
                self._complete = True
                self.finish(last=False)

        return watched

    def _before(self, message: Message) -> Message:
        try:
            kind = message.get("type")
            if kind == "http.response.start":
                self._status = int(message["status"])
                message = self._layer.with_header(message, self.state.correlation_id)
                self._stream = _is_event_stream(message["headers"])
            elif kind == "websocket.accept":
                message = self._layer.with_header(message, self.state.correlation_id)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            self._layer.hook_failed("start")
        return message

    def failed(self, error: BaseException) -> None:
        """Note how the app ended; the exception keeps the correlation ID for whoever logs it further out."""
        self._error = type(error).__name__
        with suppress(Exception):  # an exception type with slots
            setattr(error, CORRELATION_ATTRIBUTE, self.state.correlation_id)

    def finish(self, *, last: bool) -> None:
        """Write the numbers and the line, each once.

        :param last: the app has returned. Until then the line of a failure waits: Starlette answers 500 first and
            raises the exception, whose type belongs into the line, afterwards.
        """
        try:
            if self._gauge is not None:
                gauge, self._gauge = self._gauge, None
                self._measure(gauge)
            if self._line is not None and (last or self._line["status"] < 500):
                line, self._line = self._line, None
                self._log(line)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            self._layer.hook_failed("finish")

    def _measure(self, gauge: Any) -> None:
        seconds = max(0.0, perf_counter() - self._started_at)
        gauge.dec()
        status = self._final_status()
        route = route_template(self._scope, self._root_path, status)
        client = self._scope.get("client")
        self._line = {
            "method": str(self._scope.get("method", ""))[:32],
            "route": route,
            "path": self._safe_path(route),
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
            "client": client[0] if client else "",
        }
        if not self._stream:  # how long an event stream stayed open says nothing about latency
            self._layer.observe(method=self._method, route=route, status=status, seconds=seconds)

    def _final_status(self) -> int:
        """What was sent; without an answer, 499 when the client left and 500 when the app failed."""
        return self._status or (_CLIENT_CLOSED_REQUEST if self._disconnected else 500)

    def _outcome(self) -> str:
        if self._complete:
            return "ok"
        if self._disconnected:
            return "disconnect"
        return "cancelled" if self._error == asyncio.CancelledError.__name__ else "error"

    def _log(self, line: dict[str, Any]) -> None:
        outcome = self._outcome()
        if outcome != "ok":
            line["outcome"] = outcome
        if self._error:
            line["error_type"] = self._error
        self._layer.access_line("error" if line["status"] >= 500 or outcome == "error" else "info", line)

    def _safe_path(self, route: str) -> str:
        """The path without its query, and without what stands in it for a parameter such as `{token}`.

        Where no route matched, nobody knows what is a token: whatever looks like a UUID is taken for one, so that a
        mistyped ping URL does not end in the log.
        """
        path = self._path if route != names.UNMATCHED else _UUID.sub(REDACTED, self._path)
        for name, value in (self._scope.get("path_params") or {}).items():
            if is_sensitive(name) and str(value):
                path = path.replace(str(value), REDACTED)
        return path if len(path) <= _PATH_LIMIT else path[:_PATH_LIMIT] + "…"


def _is_last(message: Message) -> bool:
    kind = message.get("type")
    if kind == "http.response.body":
        return not message.get("more_body", False)
    return kind in _LAST_MESSAGES


def _is_event_stream(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers)
