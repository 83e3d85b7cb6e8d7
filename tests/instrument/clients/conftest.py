"""An operation in progress, every client library observed, and servers that tell what they got."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
import httpx
import httpx2
import pytest
import requests
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from saasobs.instrument.clients import aiohttp as aiohttp_hook
from saasobs.instrument.clients import httpx as httpx_hook
from saasobs.instrument.clients import urllib3 as urllib3_hook
from saasobs.instrument.clients.calls import observe_for
from saasobs.instrument.queries.patching import undo
from saasobs.instrument.state import Operation, enter, leave
from saasobs.instrument.tracing.recording import Recorder
from support.capture import Captured, captured
from support.echo import THIRD, Echo, echoing

LIBRARIES = (aiohttp, httpx, httpx2, requests)
"""Imported before they are observed, as the hooks look at what is there."""


@dataclass
class Observed:
    """What is observed, and for which operation."""

    out: Captured
    operation: Operation
    spans: InMemorySpanExporter

    def count(self, method: str, address: str, status: str) -> float | None:
        return self.out.value(
            "http_client_request_duration_seconds_count",
            http_request_method=method,
            server_address=address,
            http_response_status_code=status,
        )

    def record(self) -> None:
        """From here on the operation is one that is sampled."""
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.out.instrumentation.tracer.record_with(Recorder.of_the_app(provider))
        self.out.instrumentation.tracer.begin(self.operation)
        assert self.operation.sampled


@pytest.fixture(scope="package")
def echo_servers() -> Iterator[Echo]:
    with echoing() as servers:
        yield servers


@pytest.fixture
def echo(echo_servers: Echo) -> Echo:
    echo_servers.seen.clear()
    return echo_servers


@pytest.fixture
def observed() -> Iterator[Observed]:
    """Every library is observed; 127.0.0.2 is a third party."""
    with captured(propagate_to=(f"!{THIRD}",)) as out:
        for hook in (httpx_hook, urllib3_hook, aiohttp_hook):
            hook.install(out.instrumentation)
        operation = Operation("corr-1")
        out.instrumentation.tracer.begin(operation)
        token = enter(operation)
        try:
            yield Observed(out, operation, InMemorySpanExporter())
        finally:
            leave(token)
            undo()
            observe_for(None)
