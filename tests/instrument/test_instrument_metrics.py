"""The registry: right names, right buckets, both text forms, nothing of the host's."""

from __future__ import annotations

import prometheus_client
from prometheus_client import Counter, Gauge
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from saasobs.instrument import names
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.metrics.registry import Metrics

CONFIG = InstrumentConfig(service="shop", environment="prod", version="1.2")


def test_both_forms_parse() -> None:
    """The exposition is OpenMetrics for those who ask for it and Prometheus text for the rest, and both are valid."""
    metrics = Metrics(CONFIG)
    metrics.observe("GET", "/a/{b}", 200, 0.3)
    text, text_type = metrics.exposition("")
    openmetrics, openmetrics_type = metrics.exposition("application/openmetrics-text;version=1.0.0")
    assert text_type.startswith("text/plain; version=0.0.4")
    assert openmetrics_type.startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name for family in parse_text(text.decode())}
    assert families == {family.name for family in parse_openmetrics(openmetrics.decode())}  # type: ignore[no-untyped-call]
    assert names.REQUEST_DURATION in families


def test_two_seconds_is_an_edge() -> None:
    """The alert rules ask for le="2.0" to the letter; edges run from 5 ms to 10 s."""
    metrics = Metrics(CONFIG)
    metrics.observe("GET", "/a", 200, 2.0)
    lines = metrics.exposition()[0].decode()
    assert (
        'http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",'
        'http_route="/a",le="2.0"} 1.0' in lines
    )
    assert (names.BUCKETS[0], names.BUCKETS[-1]) == (0.005, 10.0)


def test_no_created_series_and_no_global_switch() -> None:
    """Our exposition has no _created series, and the host's own registry keeps its own."""
    metrics = Metrics(CONFIG)
    metrics.observe("GET", "/a", 200, 0.1)
    Gauge("orders_created", "A gauge of the host's.", registry=metrics.registry).set(3)
    assert b"_bytes_created" not in metrics.exposition()[0]
    assert b"seconds_created" not in metrics.exposition()[0]
    assert b"orders_created 3.0" in metrics.exposition()[0]
    theirs = prometheus_client.CollectorRegistry()
    Counter("theirs", "x", registry=theirs).inc()
    assert b"theirs_created" in prometheus_client.generate_latest(theirs)


def test_build_info() -> None:
    """Service, environment and version stand once, not on every series."""
    sample = Metrics(CONFIG).registry.get_sample_value(
        names.BUILD_INFO, {"service": "shop", "environment": "prod", "version": "1.2"}
    )
    assert sample == 1


def test_a_clock_that_went_backwards_counts_as_zero() -> None:
    """A negative duration never makes a sum go down."""
    metrics = Metrics(CONFIG)
    metrics.observe("GET", "/a", 200, -1.0)
    labels = {names.METHOD: "GET", names.ROUTE: "/a", names.STATUS: "200"}
    assert metrics.registry.get_sample_value(f"{names.REQUEST_DURATION}_sum", labels) == 0


def test_the_host_registry_is_untouched() -> None:
    """Nothing of ours is in prometheus_client's default registry."""
    Metrics(CONFIG)
    assert b"saasobs" not in prometheus_client.generate_latest()
