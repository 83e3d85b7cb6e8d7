"""Spans arrive at a real collector, from real servers and forked processes; one that is down is nobody's trouble."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.daemon import free_port
from support.otlp import Collector, collecting
from support.process import ServerProcess

TESTS = Path(__file__).parents[2]
CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
HEADERS = {"traceparent": f"00-{CALLER}-{SPAN}-01"}
BEGIN = """
import os, sys
import saasobs
from saasobs.instrument.installing import started
from saasobs.instrument.state import Operation
process = started()

def work(name):
    operation = Operation("", "job", name)
    begun = process.tracer.begin(operation)
    process.tracer.end(operation, begun, {"name": name, "outcome": "success"}, None)
    return operation.trace_id
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


def environment(address: str, **more: str) -> Mapping[str, str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SAASOBS_"))}
    ours = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_TRACES_SAMPLER_ARG": "1", "PYTHONPATH": _path()}
    return {**known, **ours, **more}


def _path() -> str:
    return os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(TESTS))))


def run(program: str, address: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A program of its own, to its end."""
    command = [sys.executable, "-c", BEGIN + program]
    ended = subprocess.run(
        command, env=environment(address, **more), capture_output=True, text=True, check=False, timeout=50
    )
    assert ended.returncode == 0, ended.stderr
    return ended


def ask(url: str) -> str:
    """The answer, over a connection of its own: any worker may take it."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=HEADERS), timeout=10) as answer:
        text: str = answer.read().decode()
    return text


@contextmanager
def serving(command: list[str], port: int, folder: Path, address: str) -> Iterator[str]:
    """A server until it has ended by SIGTERM."""
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", port)) == 0

    variables = environment(address, OTEL_SERVICE_NAME="billing", SAASOBS_VERSION="7", SAASOBS_ENVIRONMENT="test")
    server = ServerProcess([sys.executable, "-m", *command], ready, folder / "log", variables)
    server.start()
    try:
        yield url
    finally:
        server.stop()


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_workers(collector: Collector, tmp_path: Path, server: str) -> None:
    """Each worker's spans arrive, below their callers', also those that wait when the server is told to end."""
    port = free_port()
    commands = {
        "uvicorn": ["uvicorn", "support.traced_app:asgi", "--port", str(port), "--workers", "2"],
        "gunicorn": ["gunicorn", "support.traced_app:wsgi", "-b", f"127.0.0.1:{port}", "-w", "2", "--preload"],
    }
    sent = 0
    with serving(commands[server], port, tmp_path, collector.address) as url:
        pids: set[str] = set()
        while len(pids) < 2 or sent < 10:
            pids.add(ask(f"{url}/v1/orders/{sent}"))
            sent += 1
    spans = collector.wait(sent, kind="SERVER", trace_id=CALLER)
    assert len(spans) == len({span.span_id for span in spans}) == sent
    assert {span.parent_id for span in spans} == {SPAN}
    assert {(span.resource["service.name"], span.resource["service.version"]) for span in spans} == {("billing", "7")}
    assert {span.resource["deployment.environment.name"] for span in spans} == {"test"}
    assert len({span.resource["service.instance.id"] for span in spans}) == 2
    if server == "uvicorn":
        assert {span.name for span in spans} == {"GET /v1/orders/{order}"}


def test_forks(collector: Collector) -> None:
    """Parent and children, forked after the first span, are instances of their own, and each span arrives once."""
    run(
        """
work("before")
process.tracer.flush(10)
work("waiting")
for number in range(2):
    if os.fork() == 0:
        work(f"child {number}")
        sys.exit(0)
for _ in range(2):
    os.wait()
work("after")
""",
        collector.address,
    )
    spans = collector.wait(5)
    assert sorted(span.name for span in spans) == ["after", "before", "child 0", "child 1", "waiting"]
    instances = {span.name: span.resource["service.instance.id"] for span in spans}
    assert instances["before"] == instances["waiting"] == instances["after"]
    assert len(set(instances.values())) == 3
    assert len({span.trace_id for span in spans}) == 5


def test_pool_workers(collector: Collector) -> None:
    """Workers of a multiprocessing pool leave by os._exit, and what they did arrives."""
    run(
        """
import multiprocessing
work("before")
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.starmap(work, [("in the pool",)] * 4)
    pool.close()
    pool.join()
""",
        collector.address,
    )
    assert len(collector.wait(4, name="in the pool")) == 4


def test_a_collector_that_is_down() -> None:
    """Nothing is held up, nothing floods the log, and the loss is told once with its reason."""
    ended = run(
        """
for _ in range(2):
    for _ in range(100):
        work("lost")
    process.tracer.flush(5)
""",
        f"http://127.0.0.1:{free_port()}",
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
    )
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["traces.export_failed"]
    assert lines[0]["spans"] == 100
    assert lines[0]["problem"]
    assert ended.stderr == ""


def test_a_collector_that_never_answers() -> None:
    """The end of the process does not wait for it as long as a request to it might take."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        ended = run("work('lost')", f"http://127.0.0.1:{hole.getsockname()[1]}", OTEL_EXPORTER_OTLP_TIMEOUT="300")
    assert (ended.stdout, ended.stderr) == ("", "")


def test_a_collector_that_refuses(collector: Collector) -> None:
    """A refusal is told with what the collector answered."""
    collector.status = 401
    ended = run("work('lost')", collector.address)
    (line,) = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (line["event"], line["spans"]) == ("traces.export_failed", 1)
    assert "401" in line["problem"]


def test_standard_variables(collector: Collector) -> None:
    """Headers, compression, resource attributes and a traces endpoint are taken from OpenTelemetry's own variables."""
    run(
        "work('here')",
        "http://127.0.0.1:9",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.address}/v1/traces",
        OTEL_EXPORTER_OTLP_HEADERS="x-key=secret",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_RESOURCE_ATTRIBUTES="service.name=ledger,team=money",
        OTEL_TRACES_SAMPLER="always_on",
        OTEL_TRACES_SAMPLER_ARG="0",
    )
    (span,) = collector.wait(1)
    assert (span.resource["service.name"], span.resource["team"]) == ("ledger", "money")
    assert collector.headers[0]["x-key"] == "secret"
    assert collector.headers[0]["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    "variables",
    [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_TRACES_SAMPLER": "always_off"}],
)
def test_switched_off(collector: Collector, variables: dict[str, str]) -> None:
    """Each of the standard switches means no spans."""
    run("assert work('nothing')", collector.address, **variables)
    assert collector.spans == []


def test_the_console() -> None:
    """Spans can be read where there is no collector."""
    ended = run("work('seen')", "", OTEL_TRACES_EXPORTER="console")
    assert '"name": "seen"' in ended.stdout


def test_a_provider_of_the_apps_own(collector: Collector) -> None:
    """A provider that the app sets before the first operation is used, with its exporters, and ours is not made."""
    ended = run(
        """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
work("theirs")
process.close()
work("still theirs")
print([span.name for span in memory.get_finished_spans()])
""",
        collector.address,
    )
    assert ended.stdout == "['theirs', 'still theirs']\n"
    assert collector.spans == []


def test_ours_is_the_global_one(collector: Collector) -> None:
    """What the app makes through OpenTelemetry's API goes the same way, below the operation if that is recorded."""
    run(
        """
from opentelemetry import trace
tracer = trace.get_tracer("app")
for ratio in (1.0, 0.0):
    operation = Operation("", "job", f"job at {ratio}")
    begun = process.tracer.begin(operation, own=True, unseen=ratio == 0.0)
    token = process.tracer.attach(operation)
    with tracer.start_as_current_span(f"work at {ratio}"):
        pass
    process.tracer.detach(token)
    process.tracer.end(operation, begun, {}, None)
import random
random.seed(1)
with tracer.start_as_current_span("alone"):
    pass
random.seed(1)
with tracer.start_as_current_span("alone"):
    pass
""",
        collector.address,
    )
    spans = {span.name: span for span in collector.wait(4)}
    assert set(spans) == {"job at 1.0", "work at 1.0", "alone"}
    assert spans["work at 1.0"].parent_id == spans["job at 1.0"].span_id
    assert len({span.trace_id for span in collector.found(name="alone")}) == 2
