"""The page that a scraper reads: our metrics, and those of the app that are in prometheus_client's default registry.

1. Ours are written by `rendering`; any other collector's by prometheus_client, one by one: one that raises, or has a
   name that was there before, is left out and does not spoil the page.
2. `_created` series are left out: they double the page and tell nothing. prometheus_client's own switch is global and
   would change the app's own page too.
3. Loaded by the first reader only: prometheus_client is heavy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import REGISTRY, CollectorRegistry, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE_OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.samples import Exemplar, Sample

from saasobs.instrument import guard
from saasobs.instrument.metrics import library
from saasobs.instrument.metrics.gathering import Gathered, exemplar
from saasobs.instrument.metrics.rendering import lines_of

if TYPE_CHECKING:
    from saasobs.instrument.metrics.registry import Metrics

_SUFFIXES: Final = {
    "counter": ("_total", "_created"),
    "summary": ("_sum", "_count", "_created"),
    "histogram": ("_bucket", "_sum", "_count", "_created"),
    "gaugehistogram": ("_bucket", "_gsum", "_gcount"),
    "info": ("_info",),
}
_WITH_CREATED: Final = ("counter", "histogram", "summary")
_EOF: Final = b"# EOF\n"


class OurMetric(Metric):
    """One of our metrics as prometheus_client knows them; its samples are made when somebody looks at them."""

    def __init__(self, gathered: Gathered) -> None:
        definition = gathered.definition
        super().__init__(definition.name.removesuffix("_total"), definition.help, definition.kind)
        self.gathered = gathered

    def __getattribute__(self, name: str) -> Any:
        if name == "samples" and not self.__dict__["samples"] and "gathered" in self.__dict__:
            self.__dict__["samples"] = list(_samples(self.gathered))
        return super().__getattribute__(name)


class OurCollector:
    """Our metrics as a collector in a prometheus_client registry."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        definitions = [family.definition for family in self._metrics.families()]
        return [OurMetric(Gathered(definition, {}, {})) for definition in definitions]

    def collect(self) -> Iterator[Metric]:
        for gathered in self._metrics.gathered().values():
            yield OurMetric(gathered)


def page(metrics: Metrics, accept: str) -> tuple[bytes, str]:
    """Everything as text, and its content type, as the `Accept` header asks."""
    openmetrics = wants_openmetrics(accept)
    pages = _Page(openmetrics=openmetrics)
    pages.add_all(metrics.registry)
    if metrics.registry is not REGISTRY:
        pages.add_all(REGISTRY, library.collectors(among_workers=metrics.sharing.folder is not None))
    return pages.text(), CONTENT_TYPE_OPENMETRICS if openmetrics else CONTENT_TYPE_PLAIN_0_0_4


def wants_openmetrics(accept: str) -> bool:
    """Whether a scraper asks for OpenMetrics; one that asks for nothing gets the plain text."""
    return any(part.split(";")[0].strip() == "application/openmetrics-text" for part in accept.split(","))


class _Page:
    def __init__(self, *, openmetrics: bool) -> None:
        self._openmetrics = openmetrics
        self._parts: list[bytes] = []
        self._names: set[str] = set()

    def add_all(self, registry: Any, collectors: list[Any] | None = None) -> None:
        for collector in collectors if collectors is not None else _collectors(registry):
            try:
                for metric in collector.collect():
                    self._add(metric)
            except Exception:  # noqa: BLE001 - the app's collector, or ours: the others are still worth reading
                guard.failed("collect")

    def _add(self, metric: Metric) -> None:
        named = {metric.name, *(metric.name + suffix for suffix in _SUFFIXES.get(metric.type, ()))}
        if self._names & named:
            return
        text = self._text(metric)
        self._names |= named
        self._parts += text

    def _text(self, metric: Metric) -> list[bytes]:
        if isinstance(metric, OurMetric):
            return lines_of(metric.gathered, openmetrics=self._openmetrics)
        if metric.type in _WITH_CREATED:
            metric = copy(metric)  # a collector may yield the same one each time
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
        one: Any = _One(metric)
        if self._openmetrics:
            text: bytes = generate_openmetrics(one)  # type: ignore[no-untyped-call]
            return [text.removesuffix(_EOF)]
        return [generate_latest(one)]

    def text(self) -> bytes:
        return b"".join([*self._parts, _EOF] if self._openmetrics else self._parts)


class _One:
    """A registry of one metric."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        return [self._metric]


def _collectors(registry: Any) -> list[Any]:
    """What is registered, one by one where prometheus_client lets us see it: one that raises must not hide the rest."""
    known = getattr(registry, "_collector_to_names", None)
    if not isinstance(registry, CollectorRegistry) or known is None:
        return [registry]
    with registry._lock:  # noqa: SLF001 - there is no other way to leave one collector out
        collectors = list(known)
    target = registry.get_target_info()
    return [_Target(registry), *collectors] if target else collectors


class _Target:
    """The `target_info` of a registry, which belongs to no collector."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        return self._registry.restricted_registry(["target_info"]).collect()


def _samples(gathered: Gathered) -> Iterator[Sample]:
    definition = gathered.definition
    for values, cells in gathered.series.items():
        labels = dict(zip(definition.labels, values, strict=True))
        if definition.kind == "histogram":
            yield from _histogram_samples(gathered, labels, cells, gathered.exemplars.get(values))
        else:
            yield Sample(definition.name, labels, cells[0])


def _histogram_samples(
    gathered: Gathered, labels: dict[str, str], cells: list[float], exemplars: list[float] | None
) -> Iterator[Sample]:
    name, count = gathered.definition.name, 0.0
    for bucket, edge in enumerate([*map(repr, gathered.definition.edges), "+Inf"]):
        count += cells[bucket]
        found = exemplar(exemplars, bucket) if exemplars is not None else None
        shown = Exemplar({"trace_id": found.trace_id}, found.value, found.at) if found is not None else None
        yield Sample(f"{name}_bucket", {**labels, "le": edge}, count, None, shown)
    yield Sample(f"{name}_count", labels, count)
    yield Sample(f"{name}_sum", labels, cells[-1])
