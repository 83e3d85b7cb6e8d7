"""The span of an operation under a provider of ours: plain fields until it ends, and described where it is sent.

The SDK's own span costs 20 µs on the request's path before anything is sent: locks, bounded collections, a sampler that
is asked again, each attribute looked at one by one. This one is a `Span` to the app and a `ReadableSpan` to processors
and exporters; what it says of the request is worked out when an exporter reads it, in the exporter's thread. The spans
below it are the SDK's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.util import types

from saasobs.instrument.state import Operation
from saasobs.instrument.tracing.attributes import Description, exception_attributes
from saasobs.instrument.tracing.recording import KINDS, remote
from saasobs.instrument.tracing.trace_context import Parent

if TYPE_CHECKING:
    from saasobs.instrument.tracing.provider import OurProvider

_MOST: Final = 128
"""Attributes, events and links of one span: the SDK's own limit."""
_UNSET: Final = Status(StatusCode.UNSET)
_FAILED: Final = Status(StatusCode.ERROR)


class OperationSpans:
    """Makes the spans of operations, as long as only our own processors look at them."""

    def __init__(self, provider: OurProvider, scope: InstrumentationScope) -> None:
        self._provider = provider
        self._scope = scope

    def __call__(self, operation: Operation, parent: Parent | None, link: Parent | None) -> Span | None:
        """A span that has begun; None when the app has processors of its own, which expect the SDK's."""
        provider = self._provider
        if provider.has_guests:
            return None
        return OperationSpan(
            Parent(operation.trace_id, operation.span_id, operation.trace_flags, operation.tracestate),
            parent,
            KINDS.get(operation.kind, SpanKind.INTERNAL),
            () if link is None else (Link(remote(link)),),
            (provider.resource, self._scope),
            provider.ended,
        )


class OperationSpan(Span, ReadableSpan):
    """A span that ends as one thing said of one operation."""

    _title = ""
    _instrumentation_info = None
    _events: Sequence[Event] = ()
    _stated = _UNSET
    """Its status, as far as the app has said one."""
    _end_time: int | None = None
    _own: dict[str, Any] | None = None
    """Attributes from the app."""
    _describe: Callable[[], Description] | None = None
    _known: BoundedAttributes | None = None
    _known_context: SpanContext | None = None

    def __init__(
        self,
        place: Parent,
        parent: Parent | None,
        kind: SpanKind,
        links: Sequence[Link],
        source: tuple[Resource, InstrumentationScope],
        on_end: Callable[[ReadableSpan], None],
    ) -> None:
        """:param place: its own. :param on_end: takes it when it has ended."""
        # The fields of ReadableSpan, without its __init__, which would write them twice.
        self._place = place
        self._above = parent
        self._kind = kind
        self._links = links
        self._resource, self._instrumentation_scope = source
        self._start_time = time_ns()
        self._on_end = on_end

    # What it says.

    def end_described(self, describe: Callable[[], Description], error: BaseException | None) -> None:
        """End it. :param describe: gives name, attributes and status, when somebody reads them."""
        self._describe = describe
        if error is not None:
            self.add_event("exception", exception_attributes(error))
        self.end()

    @property
    def _context(self) -> SpanContext:  # type: ignore[override]
        return self.get_span_context()

    @property
    def _parent(self) -> SpanContext | None:  # type: ignore[override]
        return None if self._above is None else remote(self._above)

    @property
    def _status(self) -> Status:  # type: ignore[override]
        return _FAILED if self._end_time is not None and self._description().failed else self._stated

    @property
    def _attributes(self) -> BoundedAttributes:  # type: ignore[override]
        if self._end_time is None:
            return BoundedAttributes(_MOST, self._own)
        if self._known is None:
            said = self._description().attributes
            self._known = BoundedAttributes(_MOST, {**(self._own or {}), **said} if self._own else said)
        return self._known

    @property
    def _name(self) -> str:  # type: ignore[override]
        return self._title if self._end_time is None else self._description().name

    def _description(self) -> Description:
        if isinstance(self._describe, Description):
            return self._describe
        made = self._describe() if self._describe is not None else Description(self._title, {}, failed=False)
        self._describe = made  # type: ignore[assignment]
        return made

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, {self.get_span_context()!r})"

    # OpenTelemetry's interface, for the app.

    def get_span_context(self) -> SpanContext:
        if self._known_context is None:
            self._known_context = remote(self._place, is_remote=False)
        return self._known_context

    def is_recording(self) -> bool:
        return self._end_time is None

    def set_attribute(self, key: str, value: types.AttributeValue) -> None:
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, types.AttributeValue]) -> None:
        if self._end_time is None and (self._own is None or len(self._own) < _MOST):
            self._own = {**(self._own or {}), **attributes}

    def add_event(self, name: str, attributes: types.Attributes = None, timestamp: int | None = None) -> None:
        if self._end_time is None and len(self._events) < _MOST:
            self._events = (*self._events, Event(name, BoundedAttributes(_MOST, attributes), timestamp))

    def add_link(self, context: SpanContext, attributes: types.Attributes = None) -> None:
        if self._end_time is None and len(self._links) < _MOST:
            self._links = (*self._links, Link(context, BoundedAttributes(_MOST, attributes)))

    def update_name(self, name: str) -> None:
        self._title = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        chosen = Status(status, description) if isinstance(status, StatusCode) else status
        if self._end_time is None and not chosen.is_unset and self._stated.status_code is not StatusCode.OK:
            self._stated = chosen

    def record_exception(
        self,
        exception: BaseException,
        attributes: types.Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002 - the API's signature
    ) -> None:
        said = {**exception_attributes(exception), "exception.escaped": str(escaped), **(attributes or {})}
        self.add_event("exception", said, timestamp)

    def end(self, end_time: int | None = None) -> None:
        if self._end_time is None:
            self._end_time = end_time if end_time is not None else time_ns()
            self._on_end(self)
