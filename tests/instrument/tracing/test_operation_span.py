"""The span of an operation is OpenTelemetry's to whoever looks at it, though it is not the SDK's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, Status, StatusCode

from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.state import Operation
from saasobs.instrument.tracing.provider import OurProvider, recorder_into
from saasobs.instrument.tracing.recording import Recorder
from saasobs.instrument.tracing.spans import OperationSpan

LINE = {"method": "GET", "route": "/x", "path": "/x", "status": 200, "client": "127.0.0.1"}


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def recorder(exporter: InMemorySpanExporter) -> Recorder:
    return recorder_into(exporter, InstrumentConfig(trace_sample_ratio=1.0))


def begin(recorder: Recorder) -> tuple[Operation, Any]:
    operation = Operation("")
    recorder.begin(operation, None, None, "GET", "/x")
    return operation, operation.span


def test_what_the_app_says_is_kept(recorder: Recorder, exporter: InMemorySpanExporter) -> None:
    """Attributes, events, links and a status of the app's own go out with ours; ours win where both speak."""
    operation, span = begin(recorder)
    assert isinstance(span, OperationSpan)
    other = trace.SpanContext(1, 2, is_remote=True)
    span.set_attribute("order", 7)
    span.set_attributes({"http.route": "/mine", "bad": object()})  # type: ignore[dict-item]
    span.add_event("paid", {"cents": 450})
    span.add_link(other, {"why": "retry"})
    span.set_status(Status(StatusCode.OK))
    span.record_exception(ValueError("caught"))
    span.update_name("mine")
    assert (span.is_recording(), span.name, (span.attributes or {})["order"]) == (True, "mine", 7)
    recorder.end(operation, span, LINE, None)
    (told,) = exporter.get_finished_spans()
    assert told.attributes is not None
    assert (told.name, told.attributes["order"], told.attributes["http.route"]) == ("GET /x", 7, "/x")
    assert told.attributes.get("bad") is None
    assert [event.name for event in told.events] == ["paid", "exception"]
    assert told.links[0].context == other
    assert told.status.status_code is StatusCode.OK
    assert told.end_time is not None
    assert told.start_time is not None
    assert told.end_time >= told.start_time
    assert json.loads(told.to_json())["attributes"]["order"] == 7


def test_after_its_end_nothing_is_taken(recorder: Recorder, exporter: InMemorySpanExporter) -> None:
    """Who speaks too late is not heard, and does no harm; a span ends once."""
    operation, span = begin(recorder)
    recorder.end(operation, span, LINE, None)
    span.set_attribute("late", 1)
    span.add_event("late")
    span.add_link(trace.SpanContext(1, 2, is_remote=True))
    span.set_status(StatusCode.ERROR)
    span.end()
    (told,) = exporter.get_finished_spans()
    assert told.attributes is not None
    assert "late" not in told.attributes
    assert (list(told.events), list(told.links), told.status.status_code) == ([], [], StatusCode.UNSET)


def test_a_span_says_no_more_than_the_sdk_would(recorder: Recorder, exporter: InMemorySpanExporter) -> None:
    """At most 128 attributes, events and links: an app in a loop does not fill the memory."""
    operation, span = begin(recorder)
    for number in range(300):
        span.set_attribute(f"key-{number}", number)
        span.add_event("again")
        span.add_link(trace.SpanContext(1, 2, is_remote=True))
    recorder.end(operation, span, LINE, None)
    (told,) = exporter.get_finished_spans()
    assert told.attributes is not None
    assert (len(told.attributes), len(told.events), len(told.links)) == (128, 128, 128)
    assert told.attributes["http.route"] == "/x"


def test_it_is_described_when_it_is_read(recorder: Recorder) -> None:
    """What a request pays for is the span, not its description."""
    asked: list[str] = []

    class Sees(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            asked.append(span.name)

    provider = recorder.provider
    assert isinstance(provider, OurProvider)
    provider.add_ours(Sees())
    operation, span = begin(recorder)
    operation.name = "/later"
    recorder.end(operation, span, {**LINE, "route": "/later"}, None)
    assert asked == ["GET /later"]


def test_an_app_with_processors_of_its_own_gets_the_sdks(recorder: Recorder, exporter: InMemorySpanExporter) -> None:
    """Who has added a processor may rely on all that the SDK's spans are, from their start on."""
    started: list[str] = []

    class Theirs(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            started.append(type(span).__module__)

    provider = recorder.provider
    assert isinstance(provider, OurProvider)
    provider.add_span_processor(Theirs())
    operation, span = begin(recorder)
    recorder.end(operation, span, LINE, None)
    assert started == ["opentelemetry.sdk.trace"]
    assert [told.name for told in exporter.get_finished_spans()] == ["GET /x"]
    assert span.get_span_context().trace_id == int(operation.trace_id, 16)


def test_the_sdks_spans_lie_below_it(recorder: Recorder, exporter: InMemorySpanExporter) -> None:
    """A child made by the app's own tracer has it for a parent."""
    operation, span = begin(recorder)
    token = recorder.attach(operation)
    Link(span.get_span_context())
    with recorder.provider.get_tracer("app").start_as_current_span("inner"):
        pass
    otel_context.detach(token)
    recorder.end(operation, span, LINE, None)
    inner, outer = exporter.get_finished_spans()
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
