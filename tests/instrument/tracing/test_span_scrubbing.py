"""Spans go through the same scrubber as log lines and error reports, with the names that the configuration adds."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode
from opentelemetry.util.types import AttributeValue

from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.process import Instrumentation
from saasobs.instrument.scrub import Scrubber
from saasobs.instrument.state import Operation, enter, leave
from saasobs.instrument.tracing.provider import recorder_into
from saasobs.instrument.tracing.scrubbing import Scrubbing
from support.capture import captured

CONFIG = InstrumentConfig(service="shop", trace_sample_ratio=1.0, scrub=("tax_id", "X-Device-Key"))


@pytest.fixture
def memory() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def process(memory: InMemorySpanExporter) -> Instrumentation:
    with captured(scrub=CONFIG.scrub, trace_sample_ratio=1.0) as out:
        out.instrumentation.tracer.record_with(recorder_into(memory, CONFIG))
        return out.instrumentation


def recorded(process: Instrumentation, memory: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """The spans of an operation with a child of the app's own, both of which say too much."""
    operation = Operation("one", "task", "invoices.send")
    begun = process.tracer.begin(operation)
    token, attached = enter(operation), process.tracer.attach(operation)
    recorder = process.tracer.recorder
    assert recorder is not None
    said: dict[str, AttributeValue] = {"app.tax_id": "12-3456789", "x-device-key": "42", "password": "hunter2", "n": 7}
    said["to"] = "ana@acme.example"
    operation.span.set_attributes(said)
    operation.span.add_event("sent", {"tax_id": "12-3456789", "n": 7})
    with recorder.provider.get_tracer("app").start_as_current_span("mail ana@acme.example") as child:
        child.set_attributes({**said, "all": ["ana@acme.example", "b"], "quiet": True, "token": True})
        child.record_exception(ValueError("no such user: ana@acme.example"))
        child.set_status(Status(StatusCode.ERROR, "no such user: ana@acme.example"))
    process.tracer.detach(attached)
    leave(token)
    process.tracer.end(operation, begun, {"outcome": "success"}, None)
    return {span.kind.name: span for span in memory.get_finished_spans()}


def test_attributes(process: Instrumentation, memory: InMemorySpanExporter) -> None:
    """Values are masked by the names of the scrubber and of `scrub`, and by what they look like; others stay."""
    spans = recorded(process, memory)
    for span in spans.values():
        assert span.attributes is not None
        shown = {name: span.attributes[name] for name in ("app.tax_id", "x-device-key", "password", "to", "n")}
        masked = dict.fromkeys(("app.tax_id", "x-device-key", "password"), "***")
        assert shown == {**masked, "to": "***@acme.example", "n": 7}
        assert span.attributes.get("correlation_id", "one") == "one"
        assert "ana@" not in span.to_json()
        assert "12-3456789" not in span.to_json()
    below = spans["INTERNAL"].attributes
    assert below is not None
    assert (below["all"], below["quiet"], below["token"]) == (("***@acme.example", "b"), True, True)
    assert spans["INTERNAL"].status.description == "no such user: ***@acme.example"


def test_what_it_belongs_to_stays(process: Instrumentation, memory: InMemorySpanExporter) -> None:
    """A copy has the same IDs, times, events and scope as the span."""
    spans = recorded(process, memory)
    above, below = spans["CONSUMER"], spans["INTERNAL"]
    assert above.context is not None
    assert below.parent is not None
    assert below.parent.span_id == above.context.span_id
    assert below.instrumentation_scope is not None
    assert below.instrumentation_scope.name == "app"
    assert [event.name for event in above.events] == ["sent"]
    assert dict(above.events[0].attributes or {}) == {"tax_id": "***", "n": 7}
    assert (below.end_time or 0) >= (below.start_time or 0) > 0


def test_what_needs_no_masking_is_not_copied(process: Instrumentation, memory: InMemorySpanExporter) -> None:
    """A span in which there is nothing to mask is handed on as it is."""
    scrubbing = Scrubbing(Scrubber())
    for span in recorded(process, memory).values():  # scrubbed once already
        assert scrubbing.span(span) is span
