"""A batch reaches its collector, or its loss is told; nothing waits without an end."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from saasobs.instrument.config import InstrumentConfig, read_config
from saasobs.instrument.tracing import delivery
from saasobs.instrument.tracing.delivery import OtlpExporter, Target
from saasobs.instrument.tracing.provider import target_of
from saasobs.instrument.tracing.troubles import ExportTroubles
from support.listening import Quiet, listening
from support.otlp import decoded


class Losses(ExportTroubles):
    """What was told."""

    def __init__(self) -> None:
        super().__init__(None, None)
        self.told: list[tuple[int, str]] = []

    def lost(self, spans: int, problem: str, now: float | None = None) -> None:
        self.told.append((spans, problem))


@dataclass
class Scripted:
    """A collector that answers one thing after another, the last for ever."""

    address: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


@contextmanager
def scripted(*answers: tuple[int, dict[str, str]], tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    script = Scripted(answers=list(answers))

    class Handler(Quiet):
        def do_POST(self) -> None:
            script.asked.append(self.path)
            body = self.content()
            status, headers = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            if status == 200:
                script.names.extend(span.name for span in decoded(body))
            self.answer(status, headers=headers)

        do_GET = do_POST

    with listening(Handler, tls) as port:
        script.address = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        yield script


@pytest.fixture(scope="module")
def spans() -> Sequence[ReadableSpan]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    provider.get_tracer("x").start_span("x").end()
    return memory.get_finished_spans()


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries are the same, a hundred times shorter."""
    monkeypatch.setattr(delivery, "_PAUSE", 0.01)


OK: tuple[int, dict[str, str]] = (200, {})


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_tried_again(spans: Sequence[ReadableSpan], status: int) -> None:
    """A collector that is busy or restarting gets the batch later."""
    losses = Losses()
    with scripted((status, {}), (status, {}), OK) as script:
        exporter = OtlpExporter(Target(f"{script.address}/v1/traces"), losses)
        assert exporter.export(spans) is SpanExportResult.SUCCESS
    assert (script.asked, script.names, losses.told) == (["/v1/traces"] * 3, ["x"], [])


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_what_does_not_pass_is_lost_at_once(spans: Sequence[ReadableSpan], status: int) -> None:
    """A refusal is not repeated, and told with its status."""
    losses = Losses()
    with scripted((status, {})) as script:
        exporter = OtlpExporter(Target(script.address), losses)
        assert exporter.export(spans) is SpanExportResult.FAILURE
    assert len(script.asked) == 1
    ((count, problem),) = losses.told
    assert (count, f"HTTP {status}" in problem) == (1, True)


def test_it_waits_as_long_as_it_is_asked(spans: Sequence[ReadableSpan]) -> None:
    """Retry-After comes before our own pauses, and one beyond the time-out ends the matter."""
    losses = Losses()
    with scripted((503, {"Retry-After": "0"}), (429, {"Retry-After": "3600"})) as script:
        OtlpExporter(Target(script.address), losses).export(spans)
    assert len(script.asked) == 2
    assert "429" in losses.told[0][1]


@pytest.mark.usefixtures("quickly")
def test_one_try_while_it_is_down(spans: Sequence[ReadableSpan]) -> None:
    """When one batch has found nobody the next ones do not wait, until one gets through."""
    losses = Losses()
    with scripted((503, {})) as script:
        exporter = OtlpExporter(Target(script.address, timeout=0.1), losses)
        exporter.export(spans)
        first = len(script.asked)
        exporter.export(spans)
        exporter.export(spans)
        assert len(script.asked) == first + 2
        script.answers = [OK]
        assert exporter.export(spans) is SpanExportResult.SUCCESS
        script.answers = [(503, {}), OK]
        assert exporter.export(spans) is SpanExportResult.SUCCESS
    assert first > 1
    assert len(losses.told) == 3


def test_giving_up(spans: Sequence[ReadableSpan]) -> None:
    """At the end of the process a pause is cut short."""
    losses = Losses()
    with scripted((503, {"Retry-After": "60"})) as script:
        exporter = OtlpExporter(Target(script.address, timeout=100), losses)
        exporter.shutdown()
        assert exporter.export(spans) is SpanExportResult.FAILURE
    assert len(losses.told) == 1


def test_not_sent_on(spans: Sequence[ReadableSpan]) -> None:
    """A redirect is a loss with its status, not a GET somewhere else."""
    losses = Losses()
    with scripted(OK) as elsewhere, scripted((302, {"Location": elsewhere.address})) as script:
        OtlpExporter(Target(script.address), losses).export(spans)
    assert elsewhere.asked == []
    assert "302" in losses.told[0][1]


def test_nobody_there(spans: Sequence[ReadableSpan]) -> None:
    """A host that does not exist, a port that is closed: the reason is told."""
    losses = Losses()
    OtlpExporter(Target("http://127.0.0.1:9/v1/traces", timeout=0.2), losses).export(spans)
    OtlpExporter(Target("http://[::bad/", timeout=0.2), losses).export(spans)
    assert [count for count, _problem in losses.told] == [1, 1]
    assert "refused" in losses.told[0][1]


def test_tls(spans: Sequence[ReadableSpan], tmp_path: Path) -> None:
    """The collector's certificate is verified, by our own authorities if it is told, and ours is shown."""
    authority, losses = trustme.CA(), Losses()
    pem, ours = tmp_path / "ca.pem", tmp_path / "ours.pem"
    authority.cert_pem.write_to_path(str(pem))
    authority.issue_cert("app").private_key_and_cert_chain_pem.write_to_path(str(ours))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    with scripted(OK, tls=tls) as script:
        known = Target(script.address, certificate=str(pem), client_certificate=str(ours))
        assert OtlpExporter(known, losses).export(spans) is SpanExportResult.SUCCESS
        stranger = Target(script.address, timeout=0.5)
        assert OtlpExporter(stranger, losses).export(spans) is SpanExportResult.FAILURE
    assert script.names == ["x"]
    assert "CERTIFICATE_VERIFY_FAILED" in losses.told[0][1]


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({"otlp_endpoint": "http://collector:4318"}, "http://collector:4318/v1/traces"),
        ({"otlp_endpoint": "http://collector:4318/"}, "http://collector:4318/v1/traces"),
        ({"otlp_endpoint": "https://collector/otlp"}, "https://collector/otlp/v1/traces"),
        ({"otlp_endpoint": "https://collector/v1/traces"}, "https://collector/v1/traces"),
        ({"otlp_endpoint": "http://a", "otlp_traces_endpoint": "http://b/spans"}, "http://b/spans"),
        ({"trace_exporter": ("otlp",)}, "http://127.0.0.1:4318/v1/traces"),
    ],
)
def test_where_to(changes: dict[str, str], url: str) -> None:
    """A base address gets the standard path, a traces endpoint is taken as it is."""
    assert target_of(InstrumentConfig(**changes)).url == url  # type: ignore[arg-type]


def test_standard_settings() -> None:
    """The standard variables are understood, the one for traces before the one for all, bad ones told."""
    config, warnings = read_config(
        {
            "OTEL_EXPORTER_OTLP_HEADERS": "x=1",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "Authorization=Basic%20abc%3D%3D, x-team = money",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "GZIP",
            "OTEL_TRACES_EXPORTER": "otlp,console",
            "OTEL_TRACES_SAMPLER": "jaeger_remote",
        }
    )
    assert config.otlp_headers == {"authorization": "Basic abc==", "x-team": "money"}
    assert (config.otlp_timeout, config.otlp_compression, config.trace_exporter) == (2.5, "gzip", ("otlp", "console"))
    assert len(warnings) == 1
    assert "OTEL_TRACES_SAMPLER" in warnings[0]
