"""A collector that takes spans over OTLP/HTTP and keeps them, on a loopback port of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.listening import Quiet, listening

KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """One span as it came; IDs in hexadecimal digits."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]
    events: list[str]
    links: list[tuple[str, str]]
    flags: int


@dataclass
class Collector:
    """Where spans arrive."""

    address: str
    """For OTEL_EXPORTER_OTLP_ENDPOINT."""
    spans: list[ReceivedSpan] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    status: int = 200

    def wait(self, count: int, seconds: float = 20.0, **wanted: Any) -> list[ReceivedSpan]:
        """The spans whose fields are these, as soon as there are so many; fewer when they do not come."""
        until = monotonic() + seconds
        while len(found := self.found(**wanted)) < count and monotonic() < until:
            sleep(0.02)
        return found

    def found(self, **wanted: Any) -> list[ReceivedSpan]:
        """The spans so far whose fields are these."""
        return [span for span in list(self.spans) if all(getattr(span, key) == wanted[key] for key in wanted)]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector until the end of the block."""

    class Handler(Quiet):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.content()
            if self.path == "/v1/traces" and collector.status == 200:
                collector.headers.append({name.lower(): value for name, value in self.headers.items()})
                collector.spans.extend(decoded(body))
            self.answer(collector.status if self.path == "/v1/traces" else 404)

    with listening(Handler) as port:
        collector = Collector(f"http://127.0.0.1:{port}")
        yield collector


def decoded(body: bytes) -> Iterator[ReceivedSpan]:
    """Every span of one export."""
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    for group in request.resource_spans:
        resource = _plain(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                yield ReceivedSpan(
                    name=span.name,
                    kind=KINDS[span.kind],
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    failed=span.status.code == 2,
                    attributes=_plain(span.attributes),
                    resource=resource,
                    events=[event.name for event in span.events],
                    links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
                    flags=span.flags,
                )


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
