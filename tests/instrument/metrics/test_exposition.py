"""The page: whatever the labels say it parses, and says what prometheus_client would; nobody's collector spoils it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from saasobs.instrument import names
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.metrics.registry import Measured, Metrics

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
TRACE = "0af7651916cd43dd8448eb211c80319c"


def measured(**changes: Any) -> Measured:
    usual = Measured("GET", "/a/{b}", 200, 0.03, 0.02, 1234, 3, "acme", "", endless=False, disconnected=False)
    return usual._replace(**changes)


def _samples(text: str) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
    return {
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in parse_text(text)
        for sample in family.samples
    }


def _used(**changes: Any) -> Metrics:
    metrics = Metrics(InstrumentConfig())
    metrics.finished(measured(**changes))
    metrics.active("GET").inc()
    metrics.exception("/a/{b}", "ValueError")
    metrics.tasks.sent("celery", "mail.send")
    metrics.tasks.started("celery", "mail.send", 0.5)
    metrics.tasks.finished("celery", "mail.send", "success", 1.5)
    metrics.client.finished("GET", "api.example", 200, 0.1)
    metrics.client.finished("GET", "api.example", 0, 0.1, "ConnectTimeout")
    metrics.queries.too_many("/a/{b}")
    metrics.queries.n_plus_one("/a/{b}")
    metrics.queries.slow("/a/{b}")
    metrics.queries.duration("postgresql").observe(0.001)
    metrics.queries.pool("main").used.inc()
    metrics.caches.hit("default")
    metrics.caches.miss("default", 2)
    return metrics


def test_it_says_what_prometheus_client_would() -> None:
    """Our own writer and the library's tell the same of the same registry."""
    metrics = _used(trace_id=TRACE)
    ours = metrics.exposition()[0].decode()
    assert _samples(generate_latest(metrics.registry).decode()) <= _samples(ours)
    assert 'le="20.0"' in ours


def test_every_name_of_ours_is_on_the_page() -> None:
    """What the rooms count comes out under the names that are promised."""
    text = _used(disconnected=True).exposition()[0].decode()
    promised = [
        name for key, name in vars(names).items()
        if isinstance(name, str) and key.isupper() and name.startswith(("http_", "db_", "task", "cache_"))
        and "." not in name and f"# TYPE {name} " not in text
    ]  # fmt: skip
    labels = {label for sample in parse_text(text) for each in sample.samples for label in each.labels}
    assert [name for name in promised if name not in labels and name != names.POOL_TIMEOUTS] == []


@given(st.lists(st.text(st.characters(), max_size=300), min_size=1, max_size=5))
def test_any_label_value_comes_back_as_it_was(values: list[str]) -> None:
    """Quotes, newlines, backslashes and lone surrogates: both forms parse, and what UTF-8 can say comes back."""
    metrics = Metrics(InstrumentConfig())
    for value in values:
        metrics.tasks.finished("celery", value, "success", 1)
    expected = {value[:200].encode("utf-8", "replace").decode() for value in values}
    for accept, parse in (("", parse_text), (OPENMETRICS, parse_openmetrics)):
        families = list(parse(metrics.exposition(accept)[0].decode()))
        found = {each.labels["task"] for family in families for each in family.samples if "task" in each.labels}
        assert found == expected


@given(st.lists(st.tuples(st.floats(), st.floats(), st.integers(-5, 2**70), st.integers(-5, 1000)), max_size=5))
def test_no_number_spoils_a_sum(requests: list[tuple[float, float, int, int]]) -> None:
    """Not a number, infinite, negative, enormous: sums stay finite and never fall."""
    metrics = Metrics(InstrumentConfig())
    before = 0.0
    for seconds, first_byte, size, status in requests:
        metrics.finished(measured(seconds=seconds, first_byte=first_byte, size=size, status=status))
        histograms = [each for each in metrics.gathered().values() if each.definition.kind == "histogram"]
        total = sum(cells[-1] for each in histograms for cells in each.series.values())
        assert before <= total < 1e17
        before = total


def test_exemplars_are_for_those_who_ask_for_openmetrics() -> None:
    """The trace stands at the bucket that the request fell into, and not in the plain text."""
    metrics = _used(trace_id=TRACE)
    (found,) = [
        sample
        for family in parse_openmetrics(metrics.exposition(OPENMETRICS)[0].decode())  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.exemplar is not None
    ]
    assert found.labels["le"] == "0.05"
    assert found.exemplar.labels == {"trace_id": TRACE}
    assert found.exemplar.value == 0.03
    assert TRACE not in metrics.exposition()[0].decode()


class _Broken:
    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        raise RuntimeError("the app's own fault")


class _Clashing:
    """Says something of its own under a name of ours."""

    def collect(self) -> Iterator[Metric]:
        metric = Metric(names.REQUEST_DURATION, "Another.", "gauge")
        metric.samples = [Sample(names.REQUEST_DURATION, {"a": "b"}, 1.0)]
        yield metric


@pytest.fixture
def default_registry() -> Iterator[CollectorRegistry]:
    """The default registry, without what a test puts into it."""
    before = set(REGISTRY._collector_to_names)
    yield REGISTRY
    for collector in set(REGISTRY._collector_to_names) - before:
        REGISTRY.unregister(collector)


def test_the_apps_own_metrics_are_on_the_page(default_registry: CollectorRegistry) -> None:
    """What the app counts with prometheus_client, and what that knows of the process, without `_created`."""
    Counter("orders_total", "Orders.").inc(7)
    Histogram("basket_size", "Baskets.").observe(3)
    text = _used().exposition()[0].decode()
    assert "orders_total 7.0" in text
    assert "basket_size_count 1.0" in text
    assert "process_cpu_seconds_total" in text
    assert "_created" not in text
    assert "orders_created" in generate_latest(REGISTRY).decode()


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_a_bad_collector_does_not_spoil_the_page(default_registry: CollectorRegistry, accept: str) -> None:
    """One that raises and one with a name of ours are left out, those after them are not."""
    default_registry.register(_Broken())
    default_registry.register(_Clashing())
    Gauge("queue_length", "Waiting.").set(3)
    text = _used().exposition(accept)[0].decode()
    assert "queue_length 3.0" in text
    assert text.count(f"# TYPE {names.REQUEST_DURATION} ") == 1
    assert list((parse_openmetrics if accept else parse_text)(text))


def test_routes_are_bounded() -> None:
    """However many routes are told, the metrics stop growing; the rest is told as one and nothing is lost."""
    metrics = Metrics(InstrumentConfig())
    for number in range(2_500):
        metrics.finished(measured(route=f"/{number}", tenant=None, status=200 + number % 2))
    found = metrics.gathered()
    assert len(found[names.RESPONSE_SIZE].series) == 2_001
    assert ("GET", names.UNMATCHED, "200") in found[names.REQUEST_DURATION].series
    assert sum(sum(cells[:-1]) for cells in found[names.REQUEST_DURATION].series.values()) == 2_500


def test_hashed_tenants() -> None:
    """With hashed labels no tenant's name is in the metrics, and its label can be worked out from the name."""
    metrics = Metrics(InstrumentConfig(tenant_labels="hashed", tenants=("globex",)))
    metrics.finished(measured(tenant="acme", seconds=2.5))
    text = metrics.exposition()[0].decode()
    assert "acme" not in text
    assert (
        'http_server_tenant_slow_requests_total{tenant="caa1fa28eec4"}'.replace("caa1fa28eec4", _digest("acme")) in text
    )


def _digest(tenant: str) -> str:
    import hashlib

    return hashlib.sha256(tenant.encode()).hexdigest()[:12]


def test_named_tenants_always_have_a_label() -> None:
    """Tenants of the configuration do not compete for the limit; a tenant cannot take the label of the rest."""
    metrics = Metrics(InstrumentConfig(tenant_limit=1, tenants=("globex",)))
    for tenant in ("__other__", "a", "b", "globex"):
        metrics.finished(measured(tenant=tenant))
    samples = _samples(metrics.exposition()[0].decode())
    counts = {
        dict(labels)["tenant"]: value for name, labels, value in samples if name == names.TENANT_REQUESTS and value
    }
    assert counts == {"a": 1, "globex": 1, "__other__": 2}


def test_queries_count_from_the_first_request_that_asked() -> None:
    """A route that never asks a database has no histogram of queries; one that does counts its zeros too."""
    metrics = Metrics(InstrumentConfig())
    metrics.finished(measured(route="/static", queries=0))
    for count in (20, 21, 0):
        metrics.finished(measured(route="/orders", queries=count, query_seconds=0.5))
    labels = {names.METHOD: "GET", names.ROUTE: "/orders"}
    value = metrics.registry.get_sample_value
    assert value("http_server_request_db_queries_count", labels) == 3
    assert value("http_server_request_db_queries_bucket", {**labels, "le": "20.0"}) == 2
    assert value("http_server_request_db_queries_sum", labels) == 41
    assert value("http_server_request_db_seconds_total", labels) == 1.5
    assert value("http_server_request_db_queries_count", {**labels, names.ROUTE: "/static"}) is None
