"""One request under observation, whatever the server's protocol: what is measured, and when it is told.

An adapter (`asgi`, `wsgi`) tells it what passes: the response's start, its body, its end, a client that left, an
exception. Numbers are taken at the last byte of the body, so that background tasks are not in the latency; the line
is written then too, but that of a failure waits until the exception is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from contextvars import Token
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard, names
from saasobs.instrument.config import LEVELS
from saasobs.instrument.logs.out import CORRELATION_ATTRIBUTE
from saasobs.instrument.logs.rendering import REDACTED, is_sensitive
from saasobs.instrument.metrics.registry import Measured
from saasobs.instrument.state import Operation, accept_correlation_id, context_fields, enter, leave, random_id
from saasobs.instrument.tracing.tracer import Incoming

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

_PATH_LIMIT: Final = 1024
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}")
_CLIENT_CLOSED_REQUEST: Final = 499


class Exchange:
    """One request and its response. Every method that the app's path runs through is guarded."""

    def __init__(
        self, process: Instrumentation, offered_id: str, incoming: Incoming, *, method: str, path: str, counted: bool
    ) -> None:
        """
        :param offered_id: the correlation ID as the caller sent it, or nothing.
        :param counted: whether it goes into the numbers and the access log.
        """
        self._process = process
        trusted = accept_correlation_id(offered_id) if offered_id and process.config.trust_incoming else None
        self.operation = operation = Operation(trusted or random_id())
        self._method_sent = method
        self._method = method if method in names.KNOWN_METHODS else names.OTHER_METHOD
        self._path = path
        self._status = 0
        self._size = 0
        self._first_byte = 0.0
        self._endless = False
        self._disconnected = False
        self._complete = False
        self._cancelled = False
        self._error: BaseException | None = None
        self._line: dict[str, Any] | None = None
        self._token: Token[Operation | None] | None = None
        operation.name = ""
        self._begun = process.tracer.begin(operation, incoming)
        self._gauge: Any = None
        self._open = True
        self._counted = counted
        if counted:
            self._gauge = process.metrics.active(self._method)
            self._gauge.inc()

    # What an adapter knows and this does not.

    def route(self, status: int) -> str:
        """The template of the route that served it, or names.UNMATCHED."""
        raise NotImplementedError

    def path_params(self) -> Mapping[str, Any]:
        """The values that stand in the path for parameters."""
        return {}

    def client(self) -> str:
        """The peer's address, or nothing."""
        return ""

    def resolve_tenant(self) -> str | None:
        """The tenant by the configured resolver; asked once, when the response begins and nobody has set one."""
        return None

    # What an adapter tells.

    def enter(self) -> None:
        self._token = enter(self.operation)

    def leave(self) -> None:
        if self._token is not None:
            leave(self._token)
            self._token = None

    def response_started(self, status: int, *, endless: bool = False) -> None:
        """:param endless: an event stream: how long it stayed open says nothing about latency."""
        self._status = status
        self._endless = endless
        self._first_byte = perf_counter()

    def sent(self, size: int) -> None:
        self._size += size

    def disconnected(self) -> None:
        """The client has gone; before the response's end it is what the outcome will say."""
        if not self._complete:
            self._disconnected = True

    def completed(self) -> None:
        """The last byte of the body has been sent."""
        self._complete = True
        self.finish(last=False)

    def failed(self, error: BaseException, *, cancelled: bool = False) -> None:
        """Note how the app ended; the exception keeps the correlation ID for whoever logs it further out."""
        self._error = error
        self._cancelled = cancelled
        with suppress(Exception):  # an exception type with slots
            setattr(error, CORRELATION_ATTRIBUTE, self.operation.correlation_id)

    def finish(self, *, last: bool) -> None:
        """Take the numbers and write the line, each once.

        :param last: the app has returned. Until then the line of a failure waits: Starlette answers 500 first and
            raises the exception, whose type belongs into the line, afterwards.
        """
        try:
            if self._open:
                self._open = False
                self._measure()
            if self._line is not None and (last or self._line["status"] < 500):
                line, self._line = self._line, None
                self._tell(line)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("finish")

    def _measure(self) -> None:
        now = perf_counter()
        operation = self.operation
        seconds = max(0.0, now - operation.started_at)
        if self._gauge is not None:
            self._gauge.dec()
        status = self._status or (_CLIENT_CLOSED_REQUEST if self._disconnected else 500)
        operation.name = route = self.route(status)
        self._line = {
            "method": self._method_sent[:32],
            "route": route,
            "path": self._safe_path(route),
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
            "client": self.client(),
        }
        queries = operation.queries
        if queries is not None:
            self._line["db_queries"] = queries.count
            self._line["db_ms"] = round(queries.seconds * 1000, 3)
            self._process.queries.judge(operation)
        if not self._counted:
            return
        self._process.metrics.finished(
            Measured(
                method=self._method,
                route=route,
                status=status,
                seconds=seconds,
                first_byte=max(0.0, self._first_byte - operation.started_at) if self._status else seconds,
                size=self._size,
                queries=queries.count if queries is not None else 0,
                tenant=operation.tenant,
                trace_id=operation.trace_id if operation.span is not None else "",
                endless=self._endless,
                disconnected=self._disconnected,
            )
        )

    def _tell(self, line: dict[str, Any]) -> None:
        """The line, the error report and the span: all that waits until the app has returned."""
        process, operation, error = self._process, self.operation, self._error
        outcome = self._outcome()
        if outcome != "ok":
            line["outcome"] = outcome
        fault = error if outcome in ("ok", "error") and not self._cancelled else None
        if error is not None:
            line["error_type"] = type(error).__name__
        if fault is not None:
            process.metrics.exception(operation.name, type(fault).__name__)
            process.errors.capture(fault, handled=False, source="server")
        process.tracer.end(operation, self._begun, line, fault)
        if self._counted:
            level = "error" if line["status"] >= 500 or outcome == "error" else "info"
            if LEVELS[level.upper()] >= process.logs.level:
                process.logs.emit(level, names.REQUEST_EVENT, "saasobs.http", {**context_fields(), **line})

    def _outcome(self) -> str:
        if self._complete:
            return "ok"
        if self._disconnected:
            return "disconnect"
        return "cancelled" if self._cancelled else "error"

    def _safe_path(self, route: str) -> str:
        """The path without its query, and without what stands in it for a parameter such as `{token}`.

        Where no route matched, nobody knows what is a token: whatever looks like a UUID is taken for one, so that a
        mistyped ping URL does not end in the log.
        """
        path = self._path if route != names.UNMATCHED else _UUID.sub(REDACTED, self._path)
        for name, value in self.path_params().items():
            if is_sensitive(name) and str(value):
                path = path.replace(str(value), REDACTED)
        return path if len(path) <= _PATH_LIMIT else path[:_PATH_LIMIT] + "…"
