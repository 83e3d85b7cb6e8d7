"""What is written by hand is what the official encoder writes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from saasobs.instrument.tracing.otlp import encode

texts = st.text(max_size=20) | st.text(min_size=120, max_size=140) | st.sampled_from(["", "é" * 70, "a" * 300])
numbers = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, 127, 128, -1, True, False])
floats = st.floats(allow_nan=False) | st.sampled_from([0.0, 1.0])
lists = st.lists(texts, max_size=3) | st.lists(st.integers(-9, 9), max_size=3) | st.lists(st.booleans(), max_size=3)
attributes = st.dictionaries(st.text(min_size=1, max_size=30), texts | numbers | floats | lists, max_size=6)
ids = st.tuples(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans(), st.integers(0, 255))


def context(given: tuple[int, int, bool, int]) -> SpanContext:
    trace_id, span_id, remote, flags = given
    return SpanContext(trace_id, span_id, remote, TraceFlags(flags), TraceState([("rojo", "1"), ("congo", "2")]))


def read(body: bytes) -> ExportTraceServiceRequest:
    """The message, without the W3C flags and the links' trace states, which the official encoder leaves out."""
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                span.flags &= ~0xFF
                for link in span.links:
                    link.flags &= ~0xFF
                    link.ClearField("trace_state")
    return request


def kept(resource: dict[str, Any]) -> tuple[TracerProvider, InMemorySpanExporter]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(ALWAYS_ON, Resource(resource, "https://schema.example/1"), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    return provider, memory


def as_one(spans: tuple[ReadableSpan, ...]) -> None:
    """Both encoders, on the same spans."""
    assert read(encode(spans)) == read(encode_spans(spans).SerializePartialToString())


@given(
    st.tuples(attributes, attributes),
    st.text(max_size=200),
    st.sampled_from([(kind, status) for kind in SpanKind for status in StatusCode]),
    ids | st.none(),
    st.lists(st.tuples(ids, attributes), max_size=2),
    st.lists(st.tuples(st.text(max_size=9), attributes), max_size=2),
)
def test_like_the_official_encoder(
    both: tuple[dict[str, Any], dict[str, Any]],
    name: str,
    kind_and_status: tuple[SpanKind, StatusCode],
    parent: tuple[int, int, bool, int] | None,
    links: list[tuple[tuple[int, int, bool, int], dict[str, Any]]],
    events: list[tuple[str, dict[str, Any]]],
) -> None:
    """Whatever a span holds, the message is the same."""
    (resource, said), (kind, status) = both, kind_and_status
    provider, memory = kept(resource)
    around = INVALID_SPAN if parent is None else NonRecordingSpan(context(parent))
    linked = [Link(context(each), more) for each, more in links]
    tracer = provider.get_tracer("saasobs", "1", "https://schema.example/2", {"scope": 1})
    span = tracer.start_span(name, set_span_in_context(around), kind, said, linked)
    for event, more in events:
        span.add_event(event, more)
    span.set_status(status, "because" if status is StatusCode.ERROR else None)
    span.end()
    as_one(memory.get_finished_spans())


def test_groups() -> None:
    """Spans of several scopes and resources come in their groups, and what was dropped is said."""
    provider, memory = kept({"service.name": "a"})
    other, more = kept({"service.name": "b"})
    for at in range(3):
        for scope in ("one", "two"):
            provider.get_tracer(scope).start_span(f"{scope} {at}").end()
        other.get_tracer("one").start_span("b", attributes={f"k{key}": key for key in range(200)}).end()
    as_one((*memory.get_finished_spans(), *more.get_finished_spans()))


def test_nothing_to_send() -> None:
    """No spans are an empty message."""
    assert encode(()) == b""


def test_what_the_protocol_cannot_say() -> None:
    """Numbers that are too large and halves of characters become text, and what is too deep an own word."""
    provider, memory = kept({})
    deep: Any = ["end"]
    for _ in range(30):
        deep = [deep]
    span: Any = provider.get_tracer("x").start_span("x")
    span._attributes._dict = {"large": 2**70, "half": "\ud800", "map": {"a": b"\x00", "b": None}, "deep": deep}
    span.end()
    (written,) = read(encode(memory.get_finished_spans())).resource_spans[0].scope_spans[0].spans
    values = {each.key: each.value for each in written.attributes}
    assert values["large"].string_value == str(2**70)
    assert values["half"].string_value == "?"
    assert [pair.key for pair in values["map"].kvlist_value.values] == ["a", "b"]
    assert values["deep"].HasField("array_value")
