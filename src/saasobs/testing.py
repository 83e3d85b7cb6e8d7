"""For the tests of an instrumented app: what it logged, counted, traced and reported, and how much it asked.

::

    from saasobs.testing import assert_queries, capture

    def test_checkout(client):
        with capture() as seen, assert_queries(max=5):
            client.post("/checkout")
        assert seen.logs("order.placed")[0]["tenant"] == "acme"
        assert seen.metric("http_server_request_duration_seconds_count", http_route="/checkout") == 1
        assert [span.name for span in seen.spans] == ["POST /checkout"]
        assert not seen.errors

With pytest there is the fixture `saasobs_capture`; it is there when saasobs is installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from saasobs.instrument.installing import started
from saasobs.instrument.queries.counting import count_queries

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

    from saasobs.instrument.errors.report import Report
    from saasobs.instrument.process import Instrumentation

__all__ = ["Captured", "assert_queries", "capture", "count_queries"]


class Captured:
    """What has happened since `capture` began."""

    def __init__(self, process: Instrumentation) -> None:
        self._process = process
        self._records: list[dict[str, Any]] = []
        self._before = _samples(process)
        self.errors: list[Report] = []
        """One for each fault, as it would be sent."""
        self.spans: list[ReadableSpan] = []
        """Each as it ended: what is called comes before who calls. All operations are sampled meanwhile."""

    def take(self, record: Mapping[str, Any]) -> None:
        """One more log record."""
        self._records.append(dict(record))

    def logs(self, event: str = "") -> list[dict[str, Any]]:
        """The records of all events, or of one, as they were written (scrubbed, with all that was bound)."""
        return [record for record in self._records if not event or record["event"] == event]

    def metric(self, name: str, **labels: str) -> float:
        """By how much the samples of this name have grown, added up over all that have these labels.

        :param name: a sample's: `…_total` of a counter, `…_count`, `…_sum` or `…_bucket` of a histogram.
        """
        now = _samples(self._process)
        return sum(
            value - self._before.get(key, 0.0)
            for key, value in now.items()
            if key[0] == name and labels.items() <= dict(key[1]).items()
        )


@contextmanager
def capture() -> Iterator[Captured]:
    """Collect what this process logs, counts, traces and reports; what goes elsewhere goes there as well.

    The process is instrumented by it if it was not yet. Spans are made for every operation, and kept in memory only.
    """
    from saasobs.instrument.tracing.provider import recorder_into  # noqa: PLC0415 - needs OpenTelemetry's SDK

    process = started({"metrics": "off"})
    seen = Captured(process)
    everything = replace(process.config, trace_sample_ratio=1.0, trace_sampler="")
    before = process.tracer.recorder
    process.tracer.record_with(recorder_into(_collector(seen.spans), everything))
    process.logs.sinks.append(seen.take)
    process.errors.sinks.append(seen.errors.append)
    try:
        yield seen
    finally:
        process.logs.sinks.remove(seen.take)
        process.errors.sinks.remove(seen.errors.append)
        process.tracer.record_with(before)


@contextmanager
def assert_queries(max: int) -> Iterator[count_queries]:  # noqa: A002 - it is what one says
    """Fail when the block asks its databases more often than this.

    :raises AssertionError: with every statement, how often it was asked, and from where.
    """
    with count_queries() as queries:
        yield queries
    if queries.count > max:
        raise AssertionError(f"{queries.count} queries instead of at most {max}:\n{queries.describe()}")


def _collector(spans: list[ReadableSpan]) -> SpanExporter:
    """An exporter that puts spans into a list."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult  # noqa: PLC0415 - needs the SDK

    class Collector(SpanExporter):
        def export(self, batch: Sequence[ReadableSpan]) -> SpanExportResult:
            spans.extend(batch)
            return SpanExportResult.SUCCESS

    return Collector()


def _samples(process: Instrumentation) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in process.metrics.registry.collect()
        for sample in family.samples
    }
