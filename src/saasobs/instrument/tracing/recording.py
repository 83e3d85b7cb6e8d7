"""Makes spans through OpenTelemetry's API, under the app's provider or ours. Imported when somebody records.

1. A SERVER span that somebody else has made around us (OpenTelemetry's middleware outside of our layer, FastAPI's own
   telemetry where it cannot be switched off) is adopted: the operation takes its IDs, and there is no second one.
2. Under our own provider the decision has been made before any object of the SDK is; under the app's it is asked.
3. An operation that is not recorded is still OpenTelemetry's current span where it works, as one that records nothing:
   what the app and its libraries make below it is not recorded either, and carries the right trace ID.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from functools import partial
from time import time_ns
from typing import Any, Final, Protocol
from urllib.parse import unquote_plus

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.baggage import set_baggage
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TracerProvider,
    TraceState,
)

from saasobs._version import __version__
from saasobs.instrument import names
from saasobs.instrument.state import Operation, RequestFacts, current
from saasobs.instrument.tracing.attributes import (
    Description,
    Ended,
    describe,
    ended,
    exception_attributes,
    type_name,
)
from saasobs.instrument.tracing.identity import identify
from saasobs.instrument.tracing.sampling import Sampling
from saasobs.instrument.tracing.trace_context import RANDOM, SAMPLED, Parent

SCHEMA: Final = "https://opentelemetry.io/schemas/1.37.0"
_NOWHERE: Final = Context()
_KEY: Final = next(iter(trace.set_span_in_context(INVALID_SPAN, _NOWHERE)))
"""Under which the API keeps the current span; it does not tell."""
_BAGGAGE: Final = next(iter(set_baggage("key", "value", _NOWHERE)))
_LEVEL_1: Final = re.compile(
    r"(?:[a-z][_0-9a-z\-*/]{0,255}|[a-z0-9][_0-9a-z\-*/]{0,240}@[a-z][_0-9a-z\-*/]{0,13})=(.*)", re.DOTALL
)
"""Members of a tracestate that the API takes; about others it would complain in the log."""
_ADOPTED: Final = object()


def _context_variable() -> ContextVar[Context]:
    token = otel_context.attach(_NOWHERE)
    token.var.reset(token)
    return token.var


_CURRENT: Final = _context_variable()
"""Where the API keeps the current context; through its own functions each look at it costs four calls."""
_CHILDREN: Final = 1000
"""Spans below one operation. More tell a reader nothing, and would cost the app a second of CPU."""
KINDS: Final = {
    "request": SpanKind.SERVER,
    "websocket": SpanKind.SERVER,
    "task": SpanKind.CONSUMER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
}


class Ids(Protocol):
    """An ID generator that gives IDs which have been drawn already."""

    def next(self, trace_id: int, span_id: int) -> None: ...


Make = Callable[[Operation, Parent | None, Parent | None], Span | None]
"""Gives an operation its span, of its parent and its link; None: the provider is to."""


class Pipeline(Protocol):
    """What stands behind a provider of ours."""

    def flush(self, timeout: float) -> None: ...

    def close(self, timeout: float) -> None: ...


class Recorder:
    """Makes the spans of one process."""

    def __init__(
        self,
        provider: TracerProvider,
        sampling: Sampling | None = None,
        ids: Ids | None = None,
        pipeline: Pipeline | None = None,
        make: Make | None = None,
    ) -> None:
        """
        :param sampling: decides, and `ids` are given to the provider's generator; None: the provider decides.
        :param make: gives an operation its span at less cost than the provider, or None when it should not.
        """
        self.provider = provider
        self._tracer = provider.get_tracer("saasobs", __version__, SCHEMA)
        self._sampling = sampling
        self._ids = ids
        self._pipeline = pipeline
        self._make = make

    @classmethod
    def of_the_app(cls, provider: TracerProvider) -> Recorder:
        """Spans go where the app's own go; its sampler decides, and it ends by itself."""
        return cls(provider)

    @property
    def is_ours(self) -> bool:
        """Whether the provider is one that we have made, and end."""
        return self._pipeline is not None

    # Operations.

    def begin(self, operation: Operation, parent: Parent | None, link: Parent | None, method: str, path: str) -> Any:
        """Fill the operation's IDs in, and begin its span if it is recorded. See `Tracer.begin`."""
        around = _CURRENT.get().get(_KEY)
        if around is not None and isinstance(around, Span) and _is_outer(around, operation):
            return _adopt(operation, around)
        if self._sampling is None or self._ids is None:
            return self._ask(operation, parent, link, _asked(method, path))
        if not identify(operation, parent, self._sampling):
            return None
        if self._make is not None:
            span = self._make(operation, parent, link)
            if span is not None:
                operation.span = span
                operation.sampled = True
                return span
        self._ids.next(int(operation.trace_id, 16), int(operation.span_id, 16))
        span = self._start(operation, parent, link, None)
        if not span.is_recording():
            return None
        operation.span = span
        operation.sampled = True
        return span

    def _start(
        self, operation: Operation, parent: Parent | None, link: Parent | None, attributes: Mapping[str, Any] | None
    ) -> Span:
        return self._tracer.start_span(
            operation.name or operation.kind,
            _NOWHERE if parent is None else trace.set_span_in_context(NonRecordingSpan(remote(parent)), _NOWHERE),
            KINDS.get(operation.kind, SpanKind.INTERNAL),
            attributes,
            None if link is None else [Link(remote(link))],
        )

    def _ask(
        self, operation: Operation, parent: Parent | None, link: Parent | None, attributes: Mapping[str, Any]
    ) -> Any:
        """Begin a span under a provider that decides itself, and take its IDs over."""
        span = self._start(operation, parent, link, attributes)
        _take_over(operation, span.get_span_context())
        if parent is not None:
            operation.parent_span_id = parent.span_id
            operation.trace_flags |= parent.flags & RANDOM
            operation.tracestate = operation.tracestate and parent.tracestate
        if not span.is_recording():
            return None
        operation.span = span
        operation.sampled = operation.trace_flags & SAMPLED == SAMPLED
        return span

    def end(
        self,
        operation: Operation,
        begun: Any,
        line: Mapping[str, Any],
        error: BaseException | None,
        facts: Callable[[], RequestFacts] | None = None,
    ) -> None:
        """See `Tracer.end`."""
        span: Span = operation.span
        if not span.is_recording():  # somebody has ended it, and would be told off in the log for what we say now
            return
        if begun is _ADOPTED:
            if operation.tenant is not None:
                span.set_attribute("tenant", operation.tenant)
            return
        fault = None if error is None else type(error)
        end_described = getattr(span, "end_described", None)
        if end_described is not None:  # worked out when it is read, in the exporter's thread
            end_described(partial(_described, ended(operation, facts), line, fault), error)
            return
        name, attributes, failed = _described(ended(operation, facts), line, fault)
        span.update_name(name)
        span.set_attributes(attributes)
        _finish(span, error, failed=failed)

    # OpenTelemetry's current span.

    def attach(self, operation: Operation) -> Token[Context]:
        """See `Tracer.attach`."""
        span: Span = operation.span if operation.span is not None else _Unrecorded(operation)
        here = _CURRENT.get()
        known: dict[str, object] = {**here, _KEY: span} if here else {_KEY: span}
        if operation.baggage:
            known[_BAGGAGE] = _carried(operation.baggage)
        return _CURRENT.set(Context(known))

    # Spans below.

    def child(
        self, operation: Operation, name: str, kind: str, attributes: Mapping[str, Any] | None, start: int | None = None
    ) -> Child | None:
        """See `Tracer.child`. :param start: nanoseconds since the epoch, when it began earlier."""
        operation.children += 1
        if operation.children > _CHILDREN:
            return None
        kind_of_span = KINDS.get(kind, SpanKind.INTERNAL)
        span = self._tracer.start_span(name, _above(operation), kind_of_span, attributes, None, start)
        return Child(span)

    def past(
        self,
        operation: Operation,
        name: str,
        seconds: float,
        attributes: Mapping[str, Any] | None,
        error: BaseException | None,
        kind: str,
    ) -> None:
        """See `Tracer.past`."""
        child = self.child(operation, name, kind, attributes, time_ns() - int(max(0.0, seconds) * 1e9))
        if child is not None:
            child.end(None, error)

    # The end of the process.

    def flush(self, timeout: float) -> None:
        """See `Tracer.flush`."""
        if self._pipeline is not None:
            self._pipeline.flush(timeout)

    def close(self, timeout: float) -> None:
        """See `Tracer.close`."""
        if self._pipeline is not None:
            self._pipeline.close(timeout)


class Child:
    """The span of one call, in progress."""

    __slots__ = ("_span", "span_id")

    def __init__(self, span: Span) -> None:
        self._span = span
        self.span_id = f"{span.get_span_context().span_id:016x}"
        """16 hexadecimal digits: the parent of what happens on the other side."""

    def end(self, attributes: Mapping[str, Any] | None = None, error: BaseException | None = None) -> None:
        """:param attributes: what is known now. :param error: what the call raised."""
        if not self._span.is_recording():
            return
        if attributes:
            self._span.set_attributes(attributes)
        if error is not None:
            self._span.set_attribute("error.type", type_name(type(error)))
        status = (attributes or {}).get("http.response.status_code", 0)
        if status >= 400 and error is None:
            self._span.set_attribute("error.type", str(status))
        _finish(self._span, None, failed=error is not None or status >= 400)


class _Unrecorded(NonRecordingSpan):
    """The current span of an operation that is not recorded. Its context is made when somebody asks."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    def get_span_context(self) -> SpanContext:
        operation = self._operation
        parent = Parent(operation.trace_id, operation.span_id, operation.trace_flags & RANDOM, operation.tracestate)
        return remote(parent, is_remote=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.get_span_context()!r})"


def _finish(span: Span, error: BaseException | None, *, failed: bool) -> None:
    if error is not None:
        span.add_event("exception", exception_attributes(error))
    if failed:
        span.set_status(StatusCode.ERROR)
    span.end()


def _described(operation: Ended, line: Mapping[str, Any], fault: type[BaseException] | None) -> Description:
    told = describe(operation, line, fault)
    if operation.children > _CHILDREN:
        told.attributes["saasobs.spans_left_out"] = operation.children - _CHILDREN
    return told


def _is_outer(around: Span, operation: Operation) -> bool:
    """Whether the current span is somebody's span of this very operation.

    It is not when it is that of another operation of ours, which calls this one inside of the process; nor when it
    comes from elsewhere, is over, or is of another kind, as a test's or a client's.
    """
    running = current()
    if isinstance(around, _Unrecorded) or (running is not None and running.span is around):
        return False
    context = around.get_span_context()
    if not context.is_valid or context.is_remote:
        return False
    if type(around) is NonRecordingSpan:
        return True
    kind = KINDS.get(operation.kind, SpanKind.INTERNAL)
    return around.is_recording() and getattr(around, "kind", None) == kind and operation.kind != "job"


def _adopt(operation: Operation, around: Span) -> Any:
    _take_over(operation, around.get_span_context())
    parent = getattr(around, "parent", None)
    if parent is not None:
        operation.parent_span_id = f"{parent.span_id:016x}"
    if not around.is_recording():
        return None
    operation.span = around
    operation.sampled = operation.trace_flags & SAMPLED == SAMPLED
    around.set_attribute(names.CORRELATION_ID, operation.correlation_id)
    return _ADOPTED


def _take_over(operation: Operation, context: SpanContext) -> None:
    operation.trace_id = f"{context.trace_id:032x}"
    operation.span_id = f"{context.span_id:016x}"
    operation.trace_flags = int(context.trace_flags) & (SAMPLED | RANDOM)
    if context.trace_state:
        operation.tracestate = context.trace_state.to_header()
    if not operation.correlation_id:
        operation.correlation_id = operation.trace_id


def _asked(method: str, path: str) -> Mapping[str, Any]:
    """What a sampler of the app's may want to know beforehand."""
    return {"http.request.method": method, "url.path": path} if method else {}


def _carried(baggage: str) -> dict[str, object]:
    """Baggage as the API's own parser has it: values decoded, properties left out."""
    pairs = (member.partition(";")[0].partition("=") for member in baggage.split(","))
    return {name.strip(): unquote_plus(value.strip()) for name, _, value in pairs}


def remote(parent: Parent, *, is_remote: bool = True) -> SpanContext:
    state = None
    if parent.tracestate:
        taken = (member.partition("=")[::2] for member in parent.tracestate.split(",") if _LEVEL_1.fullmatch(member))
        state = TraceState(list(taken))
    trace_id, span_id = int(parent.trace_id, 16), int(parent.span_id, 16)
    return SpanContext(trace_id, span_id, is_remote, TraceFlags(parent.flags), state)


def _above(operation: Operation) -> Context | None:
    """The parent of a child: a span of the app's own that is current here (None says so), or the operation's."""
    here = trace.get_current_span()
    operations: Span = operation.span
    if here is operations:
        return None
    if here.is_recording() and here.get_span_context().trace_id == operations.get_span_context().trace_id:
        return None
    return Context({_KEY: operations})
