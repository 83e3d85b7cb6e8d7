"""Operations get their place in a trace, and a span when they are to be recorded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace import SpanKind, StatusCode

from saasobs.instrument import guard
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.state import Operation, RequestFacts, enter, leave
from saasobs.instrument.tracing.provider import recorder_into
from saasobs.instrument.tracing.recording import Recorder
from saasobs.instrument.tracing.tracer import NOTHING, Incoming, Tracer, traceparent
from saasobs.instrument.tracing.troubles import ExportTroubles
from support.capture import captured

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
LINE = {
    "method": "GET",
    "route": "/orders/{id}",
    "path": "/orders/3",
    "status": 200,
    "duration_ms": 1.5,
    "client": "::1",
}


@dataclass
class Traced:
    """A tracer, and the spans that come of it."""

    tracer: Tracer
    memory: InMemorySpanExporter

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.memory.get_finished_spans()

    def request(self, incoming: Incoming = NOTHING, line: dict[str, Any] = LINE, **options: Any) -> Operation:
        """One request from begin to end."""
        error = options.pop("error", None)
        operation = Operation("")
        begun = self.tracer.begin(operation, incoming, **options)
        operation.name = line.get("route", "")
        self.tracer.end(operation, begun, line, error)
        return operation


def traced(**changes: Any) -> Traced:
    config = InstrumentConfig(service="shop", **{"trace_sample_ratio": 1.0, **changes})
    made = Traced(Tracer(config), InMemorySpanExporter())
    made.tracer.record_with(recorder_into(made.memory, config))
    return made


def sent(flags: str = "01", **more: tuple[str, ...]) -> Incoming:
    return Incoming((f"00-{CALLER}-{SPAN}-{flags}",), **more)


@contextmanager
def inside(tracer: Tracer, operation: Operation) -> Iterator[None]:
    """As a server does around the app."""
    token, attached = enter(operation), tracer.attach(operation)
    try:
        yield
    finally:
        tracer.detach(attached)
        leave(token)


@contextmanager
def quietly() -> Iterator[list[str]]:
    """The hooks that failed meanwhile."""
    failed: list[str] = []
    before = guard._Ear.report[0]
    guard.report_to(lambda hook, error: failed.append(f"{hook}: {error!r}"))
    try:
        yield failed
    finally:
        guard.report_to(before)


def of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_fresh_trace() -> None:
    """Without a caller there is a new trace, its ID is the correlation ID, and its span has no parent."""
    made = traced()
    operation = made.request()
    (span,) = made.spans()
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == operation.trace_id == operation.correlation_id
    assert f"{span.context.span_id:016x}" == operation.span_id
    assert span.parent is None
    assert operation.sampled
    assert traceparent(operation) == f"00-{operation.trace_id}-{operation.span_id}-03"


def test_a_callers_trace_goes_on() -> None:
    """With a caller the span lies below the caller's, and tracestate and baggage go on as they came."""
    made = traced(trace_sample_ratio=0.0)
    state, bag = ("rojo=1", "congo=2"), ("user=1,b ad=2",)
    operation = made.request(sent("03", tracestate=state, baggage=bag))
    (span,) = made.spans()
    assert span.parent is not None
    assert (operation.trace_id, operation.parent_span_id) == (CALLER, SPAN)
    assert (f"{span.parent.span_id:016x}", span.parent.is_remote) == (SPAN, True)
    assert (operation.tracestate, operation.baggage) == ("rojo=1,congo=2", "user=1")
    assert span.context is not None
    assert span.context.trace_state.to_header() == "rojo=1,congo=2"
    assert traceparent(operation) == f"00-{CALLER}-{operation.span_id}-03"


@pytest.mark.parametrize(("flags", "onward"), [("00", "00"), ("02", "02"), ("fc", "00")])
def test_a_caller_that_does_not_record(flags: str, onward: str) -> None:
    """A caller's no is a no, whatever the ratio; unknown flags end here."""
    made = traced()
    operation = made.request(sent(flags))
    assert made.spans() == ()
    assert not operation.sampled
    assert traceparent(operation) == f"00-{CALLER}-{operation.span_id}-{onward}"


def test_another_sampler() -> None:
    """A sampler that is not parent-based does not follow the caller, and says so to those it calls."""
    operation = traced(trace_sampler="always_on").request(sent("00"))
    assert operation.sampled
    assert traceparent(operation).endswith("-01")
    assert not traced(trace_sampler="always_off").request(sent("01")).sampled


def test_a_public_edge() -> None:
    """At a public edge a trace begins, with a link to the caller's; what the caller sent along ends there."""
    made = traced(trust_incoming=False)
    operation = made.request(sent("00", tracestate=("a=1",), baggage=("b=2",)))
    (span,) = made.spans()
    assert operation.trace_id != CALLER
    assert (operation.parent_span_id, operation.tracestate, operation.baggage, span.parent) == ("", "", "", None)
    (link,) = span.links
    assert (f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") == (CALLER, SPAN)


def test_a_public_edge_that_does_not_record() -> None:
    """A caller cannot force a recording at a public edge."""
    made = traced(trust_incoming=False, trace_sample_ratio=0.0)
    assert not made.request(sent("01")).sampled
    assert made.spans() == ()


def test_messages_of_the_apps_own() -> None:
    """What came through a queue of the app's own goes on at a public edge too."""
    assert traced(trust_incoming=False).request(sent(), own=True).trace_id == CALLER


def test_a_health_check_is_not_recorded() -> None:
    """What is left out of the numbers is left out of the traces, even when a caller records it."""
    made = traced()
    operation = made.request(sent("03"), unseen=True)
    assert (made.spans(), operation.sampled, operation.trace_id) == ((), False, CALLER)
    assert traceparent(operation).endswith("-02")


def test_what_a_request_says() -> None:
    """A SERVER span follows the stable HTTP conventions, with the correlation ID and the tenant."""
    made = traced()
    operation = Operation("abc")
    operation.tenant = "acme"
    headers = (("Host", "shop.example:8443"), ("User-Agent", "curl/8"), ("authorization", "Bearer abc"))
    operation.facts = lambda: RequestFacts("GET", "https://shop.example:8443/orders/3", "q=1", headers, "::1", "")
    begun = made.tracer.begin(operation)
    operation.name = "/orders/{id}"
    made.tracer.end(operation, begun, {**LINE, "db_queries": 3, "db_ms": 1.25}, None)
    (span,) = made.spans()
    assert (span.name, span.kind, span.status.status_code) == ("GET /orders/{id}", SpanKind.SERVER, StatusCode.UNSET)
    assert of(span) == {
        "correlation_id": "abc",
        "tenant": "acme",
        "http.request.method": "GET",
        "http.route": "/orders/{id}",
        "url.path": "/orders/3",
        "url.scheme": "https",
        "server.address": "shop.example",
        "server.port": 8443,
        "user_agent.original": "curl/8",
        "http.response.status_code": 200,
        "client.address": "::1",
        "db_queries": 3,
        "db_ms": 1.25,
    }


@pytest.mark.parametrize(
    ("line", "name", "failed", "error_type"),
    [
        ({"status": 404, "route": "__unmatched__"}, "GET", False, None),
        ({"status": 500}, "GET /orders/{id}", True, "500"),
        ({"status": 503}, "GET /orders/{id}", True, "503"),
        ({"method": "FOO"}, "HTTP /orders/{id}", False, None),
        ({"method": "FOO", "route": "__unmatched__"}, "HTTP", False, None),
        ({"status": 499, "outcome": "disconnect"}, "GET /orders/{id}", False, None),
        ({"outcome": "error", "error_type": "OSError"}, "GET /orders/{id}", True, "OSError"),
    ],
)
def test_name_and_status(line: dict[str, Any], name: str, failed: bool, error_type: str | None) -> None:
    """Only what is the server's fault is an error, and names are bounded whatever is sent."""
    made = traced()
    made.request(line={**LINE, **line})
    (span,) = made.spans()
    said = of(span)
    assert (span.name, span.status.status_code is StatusCode.ERROR) == (name, failed)
    assert said.get("error.type") == error_type
    assert said.get("http.request.method_original") == ("FOO" if "method" in line else None)
    assert ("http.route" in said) is ("/" in name)


def raised(error: Exception) -> Exception:
    """The exception as it is after it has been raised here."""
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


class Hostile(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


@pytest.mark.parametrize(
    ("error", "message"),
    [(ValueError("token=abcdef123456 is wrong"), "token=*** is wrong"), (Hostile(), "<unprintable Hostile>")],
)
def test_a_fault(error: Exception, message: str) -> None:
    """A fault is an event with type, scrubbed message and traceback, and the span is an error."""
    made = traced()
    made.request(line={**LINE, "status": 500}, error=raised(error))
    (span,) = made.spans()
    (event,) = span.events
    said = dict(event.attributes or {})
    assert span.status.status_code is StatusCode.ERROR
    assert of(span)["error.type"] == said["exception.type"]
    assert said["exception.type"] in ("ValueError", f"{__name__}.Hostile")
    assert (event.name, said["exception.message"]) == ("exception", message)
    assert "in raised" in str(said["exception.stacktrace"])


def test_unreadable_facts() -> None:
    """A URL that cannot be read costs its own attributes, not the span."""
    made = traced()
    operation = Operation("")
    operation.facts = lambda: RequestFacts("GET", "http://[::1/", "", (("host", "["),), "", "")
    made.tracer.end(operation, made.tracer.begin(operation), LINE, None)
    (span,) = made.spans()
    assert "server.address" not in of(span)


@pytest.mark.parametrize(
    ("kind", "kind_of_span", "attribute"),
    [("task", SpanKind.CONSUMER, "messaging.system"), ("job", SpanKind.INTERNAL, "attempt")],
)
def test_tasks_and_jobs(kind: str, kind_of_span: SpanKind, attribute: str) -> None:
    """A task is a CONSUMER span with the messaging attributes, a job an INTERNAL one; both have their own name."""
    made = traced()
    operation = Operation("", kind, "billing.send")
    line = {"name": "billing.send", "outcome": "failure", "duration_ms": 3.0, "attempt": 2, "error_type": "OSError"}
    more = {"system": "celery", "queue": "mail", "task_id": "t-1"} if kind == "task" else {}
    made.tracer.end(operation, made.tracer.begin(operation), {**line, **more}, None)
    (span,) = made.spans()
    said = of(span)
    assert (span.name, span.kind, span.status.status_code) == ("billing.send", kind_of_span, StatusCode.ERROR)
    assert (said["outcome"], said["error.type"], said["attempt"]) == ("failure", "OSError", 2)
    assert attribute in said
    assert ("messaging.destination.name" in said) is (kind == "task")


def test_children() -> None:
    """A call's span lies below the operation's, or below the app's own span that is current here."""
    made = traced()
    operation = Operation("")
    begun = made.tracer.begin(operation)
    with inside(made.tracer, operation):
        child = made.tracer.child("GET", "client", {"server.address": "api"})
        assert child is not None
        assert traceparent(operation, child) == f"00-{operation.trace_id}-{child.span_id}-03"
        child.end({"http.response.status_code": 502})
        assert made.tracer.recorder is not None
        with made.tracer.recorder.provider.get_tracer("app").start_as_current_span("work"):
            made.tracer.past(operation, "SELECT", 0.5, {"db.system.name": "postgresql"}, OSError("gone"))
    made.tracer.end(operation, begun, LINE, None)
    get, select, work, server = made.spans()
    assert (get.kind, select.kind, work.kind) == (SpanKind.CLIENT, SpanKind.CLIENT, SpanKind.INTERNAL)
    assert get.parent == work.parent == server.context
    assert select.parent == work.context
    assert of(get) == {"server.address": "api", "http.response.status_code": 502, "error.type": "502"}
    assert of(select)["error.type"] == "OSError"
    assert get.status.status_code is select.status.status_code is StatusCode.ERROR
    assert select.end_time is not None
    assert select.start_time is not None
    assert 0.49e9 < select.end_time - select.start_time < 5e9


def test_children_in_a_place_without_opentelemetrys_context() -> None:
    """Where the operation is known, but not OpenTelemetry's context, calls still lie below it."""
    made = traced()
    operation = Operation("")
    begun = made.tracer.begin(operation)
    token = enter(operation)
    made.tracer.past(operation, "GET key", 0.0)
    leave(token)
    made.tracer.end(operation, begun, LINE, None)
    query, server = made.spans()
    assert query.parent == server.context


def test_children_are_bounded() -> None:
    """A loop of ten thousand queries does not cost ten thousand spans; the operation's says how many are missing."""
    made = traced()
    operation = Operation("")
    begun = made.tracer.begin(operation)
    for _ in range(1500):
        made.tracer.past(operation, "SELECT", 0.0)
    made.tracer.end(operation, begun, LINE, None)
    assert len(made.spans()) == 1001
    assert of(made.spans()[-1])["saasobs.spans_left_out"] == 500


def test_no_children_of_what_is_not_recorded() -> None:
    """Calls of an unrecorded operation, or of none, make no span."""
    made = traced(trace_sample_ratio=0.0)
    assert made.tracer.child("GET") is None
    operation = Operation("")
    made.tracer.begin(operation)
    with inside(made.tracer, operation):
        assert made.tracer.child("GET") is None
        made.tracer.past(operation, "SELECT", 0.1)
    assert made.spans() == ()


def test_the_current_span() -> None:
    """OpenTelemetry sees the operation as its current span, recorded or not, and baggage; nothing is left of it."""
    for ratio in (0.0, 1.0):
        made = traced(trace_sample_ratio=ratio)
        operation = Operation("")
        made.tracer.begin(operation, Incoming(baggage=("plan=pro",)))
        with inside(made.tracer, operation):
            context = trace.get_current_span().get_span_context()
            assert (f"{context.trace_id:032x}", f"{context.span_id:016x}") == (operation.trace_id, operation.span_id)
            assert (context.is_valid, context.is_remote, context.trace_flags.sampled) == (True, False, ratio == 1.0)
            assert baggage.get_baggage("plan") == "pro"
            assert operation.trace_id in repr(trace.get_current_span())
        assert trace.get_current_span() is trace.INVALID_SPAN


def test_what_the_api_would_complain_about(caplog: pytest.LogCaptureFixture) -> None:
    """Keys that are new in level 2, and odd baggage, go on and cause no line in the log."""
    made = traced()
    operation = Operation("")
    state = "foo@=1,0bar=2,t@v=3,ok=  4"
    bag = "a = 1;secret;p=2,b=%C3%A9,c=" + "x" * 5000
    begun = made.tracer.begin(operation, sent(tracestate=(state,), baggage=(bag,)))
    with inside(made.tracer, operation):
        assert [baggage.get_baggage(name) for name in "abd"] == ["1", "é", None]
    made.tracer.end(operation, begun, LINE, None)
    (span,) = made.spans()
    assert span.context is not None
    assert (operation.tracestate, span.context.trace_state.to_header()) == (state, "t@v=3,ok=  4")
    assert caplog.records == []


def test_left_in_another_context() -> None:
    """A framework that goes on in another context causes no error and no log line."""
    import contextvars

    made = traced()
    operation = Operation("")
    made.tracer.begin(operation)
    attached = contextvars.copy_context().run(made.tracer.attach, operation)
    with quietly() as failed:
        made.tracer.detach(attached)
    assert failed == []


def test_an_operation_inside_another() -> None:
    """An app that is called from within another, in one process, has a span of its own below the call's."""
    made = traced()
    outer = Operation("")
    begun = made.tracer.begin(outer)
    with inside(made.tracer, outer):
        inner = made.request(Incoming((traceparent(outer),)))
    made.tracer.end(outer, begun, LINE, None)
    assert len(made.spans()) == 2
    assert (inner.trace_id, inner.parent_span_id) == (outer.trace_id, outer.span_id)


def test_a_span_that_is_not_the_requests() -> None:
    """A span around a whole server or a test is not taken for the request's."""
    made = traced()
    assert made.tracer.recorder is not None
    with made.tracer.recorder.provider.get_tracer("app").start_as_current_span("main"):
        operation = made.request()
    server, main = made.spans()
    assert (server.kind, server.parent) == (SpanKind.SERVER, None)
    assert main.context is not None
    assert f"{main.context.trace_id:032x}" != operation.trace_id


@pytest.mark.parametrize(("sampler", "recorded"), [(ALWAYS_ON, True), (ParentBased(ALWAYS_OFF), False)])
def test_the_apps_provider(sampler: Any, recorded: bool) -> None:
    """Under the app's provider its sampler decides, and its IDs are ours."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    made = Traced(Tracer(InstrumentConfig()), memory)
    made.tracer.record_with(Recorder.of_the_app(provider))
    operation = made.request(method="GET", path="/orders/3")
    assert operation.correlation_id == operation.trace_id != ""
    assert operation.sampled is recorded
    assert [f"{span.context.span_id:016x}" for span in made.spans() if span.context] == [operation.span_id] * recorded
    continued = made.request(sent("03", tracestate=("foo@=1,bar=2",)))
    assert (continued.trace_id, continued.parent_span_id, continued.sampled) == (CALLER, SPAN, True)
    assert traceparent(continued).endswith("-03")


def test_a_recorder_that_fails() -> None:
    """A fault of ours or of the SDK's is counted, and the request has its IDs all the same."""
    made = traced()

    def broken(*_args: Any) -> Any:
        raise RuntimeError("broken")

    hooks = ("begin", "end", "attach", "child", "past", "flush", "close")
    recorder: Any = SimpleNamespace(is_ours=True, **dict.fromkeys(hooks, broken))
    made.tracer.record_with(recorder)
    operation = Operation("")
    operation.span = object()
    with quietly() as failed:
        assert made.tracer.begin(operation, sent()) is None
        made.tracer.end(operation, object(), {}, None)
        assert made.tracer.attach(operation) is None
        made.tracer.detach(object())
        token = enter(operation)
        assert made.tracer.child("GET") is None
        leave(token)
        made.tracer.past(operation, "GET", 0.1)
        made.tracer.flush(1)
        made.tracer.close(1)
    assert operation.trace_id == CALLER
    assert len(failed) == len(hooks) + 1
    assert all(each.startswith("trace: ") for each in failed)


def test_nobody_records() -> None:
    """Without an exporter there are IDs and no spans, the caller's flag goes on, and no SDK is loaded."""
    program = (
        "import sys\n"
        "from saasobs.instrument.config import InstrumentConfig\n"
        "from saasobs.instrument.state import Operation\n"
        "from saasobs.instrument.tracing.tracer import Incoming, Tracer, traceparent\n"
        f"sent = Incoming(('00-{CALLER}-{SPAN}-01',))\n"
        "for config in (InstrumentConfig(), InstrumentConfig(otel_sdk_disabled=True, otlp_endpoint='http://x'),\n"
        "               InstrumentConfig(trace_exporter=('none',), otlp_endpoint='http://x')):\n"
        "    tracer, operation = Tracer(config), Operation('')\n"
        "    assert tracer.begin(operation, sent) is None and tracer.attach(operation) is None\n"
        "    assert not operation.sampled and operation.span is None\n"
        "    assert traceparent(operation).endswith('-01') and operation.correlation_id == operation.trace_id\n"
        "    fresh = Operation('mine')\n"
        "    tracer.begin(fresh)\n"
        "    assert len(fresh.trace_id) == 32 and fresh.correlation_id == 'mine'\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.stdout, ended.stderr) == ("[]\n", "")


def test_troubles_are_told_now_and_then() -> None:
    """Lost spans are all counted, and told at first and then every five minutes."""
    with captured() as kept:
        troubles = ExportTroubles(kept.instrumentation.logs, kept.instrumentation.metrics)
        for now in (1000.0, 1001.0, 1299.0, 1300.0, 1301.0):
            troubles.lost(10, "refused", now)
        lines = kept.lines("traces.export_failed")
        assert [(line["spans"], line["problem"]) for line in lines] == [(10, "refused"), (30, "refused")]
        assert "saasobs_spans_lost_total 50" in kept.instrumentation.metrics.exposition()[0].decode()
