"""One request under observation, whatever the server's protocol: what is measured, and when it is told.

An adapter (`asgi`, `wsgi`) tells it what passes: the response's start, its body, its end, a client that left, an
exception. Numbers are taken at the last byte of the body, so that background tasks are not in the latency; the line
is written then too, but that of a failure waits until the exception is known.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Token
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard, names
from saasobs.instrument.logs.access import AccessFields, as_dict
from saasobs.instrument.logs.out import CORRELATION_ATTRIBUTE
from saasobs.instrument.logs.rendering import REDACTED
from saasobs.instrument.scrub import scrub_text
from saasobs.instrument.servers.tenants import Asked, TenantRule
from saasobs.instrument.state import Operation, RequestFacts, accept_correlation_id, enter, leave
from saasobs.instrument.tracing.tracer import Incoming

if TYPE_CHECKING:
    from saasobs.instrument.metrics.families import GaugeSeries
    from saasobs.instrument.process import Instrumentation

_PATH_LIMIT: Final = 1024
_METHOD_LIMIT: Final = 32
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}")
_CLIENT_CLOSED_REQUEST: Final = 499
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Exchange(ABC):
    """One request and its response. Every method that the app's path runs through is guarded."""

    event = names.REQUEST_EVENT
    """The name of the line's event."""
    measured = True
    """Whether such exchanges go into the numbers."""

    # Slots for what every request needs, and the class for the rest, as in state.Operation.
    __slots__ = (
        "__dict__", "_begun", "_complete", "_endless", "_error", "_first_byte", "_gauge", "_logged", "_method",
        "_method_sent", "_path", "_process", "_seconds", "_size", "_status", "_untold", "operation",
    )  # fmt: skip

    _disconnected = False
    _cancelled = False
    _token: Token[Operation | None] | None = None
    _attached: Any = None

    def __init__(
        self, process: Instrumentation, offered_id: str, incoming: Incoming, method: str, path: str, *, counted: bool
    ) -> None:
        """
        :param offered_id: the correlation ID as the caller sent it, or nothing.
        :param counted: whether it goes into the access log, the traces and, if it is `measured` too, the numbers.
        """
        self._status = 0
        self._size = 0
        self._first_byte = 0.0
        self._seconds = -1.0
        self._untold = True
        self._endless = False
        self._complete = False
        self._error: BaseException | None = None
        self._gauge: GaugeSeries | None = None
        self._process = process
        self._method_sent = method
        self._method = known = method if method in names.KNOWN_METHODS else names.OTHER_METHOD
        self._path = path
        self._logged = counted
        trusted = accept_correlation_id(offered_id) if offered_id and process.config.trust_incoming else None
        self.operation = operation = Operation(trusted or "")  # an ID that nobody offers is the trace ID
        self._begun = process.tracer.begin(operation, incoming, known, path, unseen=not counted)
        if process.tenant_of is not None:
            operation.tenant = self._tenant(process.tenant_of)
        if counted and self.measured:
            self._gauge = gauge = process.metrics.active(known)
            gauge.inc()

    # What an adapter knows and this does not.

    @abstractmethod
    def route(self, status: int) -> str:
        """The template of the route that served it, or names.UNMATCHED."""

    @abstractmethod
    def path_params(self) -> Mapping[str, Any]:
        """The values that stand in the path for parameters."""

    @abstractmethod
    def client(self) -> str:
        """The peer's address, or nothing."""

    @abstractmethod
    def kept_facts(self) -> Callable[[], RequestFacts]:
        """What a span may ask of the request long after it, holding no more of it than that takes."""

    @abstractmethod
    def asked(self) -> Asked:
        """What the rule for tenants may look at."""

    # What an adapter tells.

    def enter(self) -> None:
        """From here on the operation in progress is this one's."""
        tracer = self._process.tracer
        self._token = enter(self.operation)
        self._attached = None if tracer.recorder is None else tracer.attach(self.operation)

    def leave(self) -> None:
        """And from here on it is not."""
        token = self._token
        if token is not None:
            self._token = None
            self._process.tracer.detach(self._attached)
            leave(token)

    def response_started(self, status: int, *, endless: bool = False) -> None:
        """:param endless: an event stream: how long it stayed open says nothing about latency."""
        self._status = status
        self._endless = endless
        self._first_byte = perf_counter()

    def sent(self, size: int) -> None:
        """So many bytes of the body have been handed to the server."""
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
        """Note how the app ended, or what it made a 500 of.

        The exception keeps the correlation ID for whoever logs it further out.
        """
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
            if self._seconds < 0.0:
                self._measure()
            if self._untold and (last or self._status < 500):
                self._untold = False
                self._tell()
            elif last and self._error is not None and not self._cancelled:
                self._report(self._error)  # after the response: a background task, a body's close()
            if last and (self._error or self.operation.fault) is not None:
                self._error = self.operation.fault = None  # its traceback knows the frames that know us
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("finish")

    def _measure(self) -> None:
        operation = self.operation
        started = operation.started_at
        self._seconds = seconds = perf_counter() - started
        gauge = self._gauge
        if gauge is not None:
            gauge.dec()
        status, first_byte = self._status, self._first_byte - started
        if not status:
            self._status = status = _CLIENT_CLOSED_REQUEST if self._disconnected else 500
            first_byte = seconds
        operation.name = route = self.route(status)
        queries = operation.queries
        count, asking = 0, 0.0
        if queries is not None:
            self._process.queries.judge(operation)
            count, asking = queries.count, queries.seconds
        if gauge is not None:
            trace_id = operation.trace_id if operation.span is not None else ""
            self._process.metrics.finished(
                (self._method, route, status, seconds, first_byte, self._size, count, operation.tenant, trace_id,
                 self._endless, self._disconnected, asking)
            )  # fmt: skip

    def _tell(self) -> None:
        """The line, the error report and the span: all that waits until the app has returned."""
        process, operation = self._process, self.operation
        error = self._error or operation.fault
        outcome = "ok" if self._complete and not self._disconnected else self.outcome()
        fault = error if error is not None and outcome in ("ok", "error") and not self._cancelled else None
        if fault is not None:
            self._report(fault)
        logs = process.logs
        level = "error" if self._status >= 500 or outcome == "error" else "info"
        wanted = self._logged and logs.wants(level)
        if not wanted and operation.span is None:
            process.tracer.end(operation, self._begun, _NOTHING, fault)
            return
        line = self.fields(outcome, error)
        if self._begun is not None:
            process.tracer.end(operation, self._begun, as_dict(line), fault, self.kept_facts())
        if wanted:
            logs.access(level, self.event, operation, line)

    def _report(self, fault: BaseException) -> None:
        self._process.metrics.exception(self.operation.name, type(fault).__name__)
        self._process.errors.capture(fault, handled=False, source="server")

    @guard.guarded("tenant")
    def _tenant(self, rule: TenantRule) -> str | None:
        """For whom it is, as far as the request itself says; `set_tenant` may know better later."""
        return rule(self.asked())

    def fields(self, outcome: str, error: BaseException | None) -> AccessFields:
        """What the line says."""
        operation = self.operation
        queries = operation.queries
        more: Mapping[str, Any] = _NOTHING
        if queries is not None or outcome != "ok" or error is not None or operation.kind != "request":
            more = self.rare_fields(outcome, error)
        path = self._safe_path(operation.name)
        method = self._method_sent[:_METHOD_LIMIT]
        return method, operation.name, path, self._status, self._seconds * 1000.0, self.client(), more

    def rare_fields(self, outcome: str, error: BaseException | None) -> dict[str, Any]:
        """What not every line says."""
        more: dict[str, Any] = {}
        queries = self.operation.queries
        if queries is not None:
            more["db_queries"] = queries.count
            more["db_ms"] = round(queries.seconds * 1000, 3)
        if outcome != "ok":
            more["outcome"] = outcome
        if error is not None:
            more["error_type"] = type(error).__name__
        return more

    def outcome(self) -> str:
        """`ok`, `error`, `disconnect` or `cancelled`."""
        if self._disconnected:
            return "disconnect"
        if self._complete:
            return "ok"
        return "cancelled" if self._cancelled else "error"

    def _safe_path(self, route: str) -> str:
        """The path without its query, and without what stands in it for a parameter such as `{token}`.

        Where no route matched, nobody knows what is a token: whatever looks like a UUID is taken for one, so that a
        mistyped ping URL does not end in the log.
        """
        path = self._path
        if route == names.UNMATCHED:
            path = scrub_text(_UUID.sub(REDACTED, path[:_PATH_LIMIT]))
        elif path == route:
            return path
        elif "@" in path or "eyJ" in path:
            path = scrub_text(path)
        for name, value in self.path_params().items():
            if self._process.logs.scrubber.sensitive(name) and str(value):
                path = path.replace(str(value), REDACTED)
        return path if len(path) <= _PATH_LIMIT else path[:_PATH_LIMIT] + "…"
