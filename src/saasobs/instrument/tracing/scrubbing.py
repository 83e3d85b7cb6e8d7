"""What spans say, scrubbed as log lines and error reports are, before an exporter of ours reads it.

The app and its libraries put what they like into spans. By name and by what it looks like it is masked in a copy: other
processors that look at the same span see what the app has said. Works in the exporter's thread. Imported with the SDK
only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from saasobs.instrument import guard
from saasobs.instrument.plain import REDACTED
from saasobs.instrument.scrub import Scrubber

_OURS: Final = "saasobs"
_SCRUBBED: Final = frozenset({"db.query.text", "url.full", "url.path", "user_agent.original"})
"""Long texts that our own spans have scrubbed already, better than could be done here."""


class ScrubbingExporter(SpanExporter):
    """Hands scrubbed spans to another exporter."""

    def __init__(self, exporter: SpanExporter, scrubber: Scrubber) -> None:
        self._exporter = exporter
        self._scrubbing = Scrubbing(scrubber)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([each for each in map(self._scrubbed, spans) if each is not None])

    @guard.guarded("trace")
    def _scrubbed(self, span: ReadableSpan) -> ReadableSpan | None:
        """Rather no span than one that nobody has looked through."""
        return self._scrubbing.span(span)

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class Scrubbing:
    """The rules of one scrubber, for attributes. Pure."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self.masked = lru_cache(maxsize=4096)(self._is_masked)

    def _is_masked(self, name: str) -> bool:
        """`app.tax_id` is a `tax_id` too."""
        return self._scrubber.sensitive(name) or self._scrubber.sensitive(name.rpartition(".")[2])

    def span(self, span: ReadableSpan) -> ReadableSpan:
        """The span itself when there is nothing to mask in it."""
        scope = span.instrumentation_scope
        done = _SCRUBBED if scope is not None and scope.name == _OURS else frozenset[str]()
        changed = self._changed(span.attributes, done)
        events = [self._event(event) for event in span.events]
        said = span.status.description
        description = self._scrubber.text(said) if said else said
        name = self._scrubber.text(span.name)
        if not changed and description == said and name == span.name and all(a is b for a, b in _pairs(events, span)):
            return span
        return ReadableSpan(
            name=name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=_with(span.attributes, changed, span.dropped_attributes),
            events=events,
            links=span.links,
            kind=span.kind,
            status=Status(span.status.status_code, description) if said else span.status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=scope,
        )

    def _event(self, event: Event) -> Event:
        changed = self._changed(event.attributes, frozenset())
        if not changed:
            return event
        return Event(event.name, _with(event.attributes, changed, event.dropped_attributes), event.timestamp)

    def _changed(self, attributes: Mapping[str, Any] | None, done: frozenset[str]) -> dict[str, Any]:
        """The attributes that are said otherwise."""
        said = ((name, value, self._shown(name, value, done)) for name, value in (attributes or {}).items())
        return {name: shown for name, value, shown in said if shown is not value and shown != value}

    def _shown(self, name: str, value: Any, done: frozenset[str]) -> Any:
        kind = type(value)
        if self.masked(name):
            return value if value is None or kind is bool else REDACTED
        if kind is str:
            return value if name in done else self._scrubber.text(value)
        return self._each(value) if kind is tuple or kind is list else value

    def _each(self, values: Sequence[Any]) -> Sequence[Any]:
        shown = (self._scrubber.text(value) if type(value) is str else value for value in values)
        return type(values)(shown)  # type: ignore[call-arg]


def _pairs(events: Sequence[Event], span: ReadableSpan) -> zip[tuple[Event, Event]]:
    return zip(events, span.events, strict=True)


def _with(attributes: Mapping[str, Any] | None, changed: Mapping[str, Any], dropped: int) -> BoundedAttributes:
    copy = BoundedAttributes(attributes={**(attributes or {}), **changed})
    copy.dropped = dropped
    return copy
