"""All metrics of one process: what the other rooms count with, and the page that tells.

A guest does not touch the host's default registry: `registry` is one of our own, made when somebody asks for it.
prometheus_client itself (80 ms of import) is loaded by the first reader of the page, unless the app has loaded it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from saasobs.instrument import names
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.metrics.cells import Store
from saasobs.instrument.metrics.endpoint import Endpoints
from saasobs.instrument.metrics.families import (
    CounterSeries,
    Definition,
    Family,
    Gathering,
    GaugeSeries,
    HistogramSeries,
)
from saasobs.instrument.metrics.gathering import Everything, local
from saasobs.instrument.metrics.requests import Measured, Numbers, RequestMetrics
from saasobs.instrument.metrics.sharing import SharedClaims, Sharing
from saasobs.instrument.metrics.tenants import TenantMetrics, hashed
from saasobs.instrument.metrics.work import CacheMetrics, ClientMetrics, QueryMetrics, TaskMetrics

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from saasobs.instrument.metrics.sideport import SidePort

__all__ = ["Measured", "Metrics"]


class Metrics:
    """One process's metrics. Everything here may be called from any thread; labels are bounded throughout.

    `tasks`, `client`, `queries` and `caches` have their own methods; `counter`, `gauge` and `histogram` make further
    metrics, whose series cost a lock and an addition.
    """

    def __init__(self, config: InstrumentConfig, registry: CollectorRegistry | None = None) -> None:
        self.config = config
        self.store = Store()
        self.requests = RequestMetrics(self.store)
        self.active: Callable[[str], GaugeSeries] = self.requests.active.labels
        """The gauge of requests being served by method, with `inc` and `dec`."""
        claims = SharedClaims(config.tenant_limit)
        self.sharing = Sharing(self.store, claims)
        label = hashed if config.tenant_labels == "hashed" else str
        self.tenants = TenantMetrics(self.store, config.tenants, claims, label)
        self.tasks = TaskMetrics(self.store)
        self.client = ClientMetrics(self.store)
        self.queries = QueryMetrics(self.store)
        self.caches = CacheMetrics(self.store)
        self._more: dict[str, Family[Any]] = {}
        self._registry = registry
        self._errors = self.counter(
            names.INTERNAL_ERRORS,
            "Failures of the instrumentation itself, by hook; the app was not touched by them.",
            (names.HOOK,),
        )
        self._dropped = self.counter(names.LOG_LINES_DROPPED, "Log lines lost because the stream would not take them.")
        self.gauge(
            names.BUILD_INFO,
            "Always 1; its labels say what runs here.",
            (names.SERVICE, names.ENVIRONMENT, names.VERSION),
            gathering="livemax",
        ).labels(config.service, config.environment, config.version).set(1)
        if registry is not None:
            self._register(registry)
        self.sharing.start()
        self.endpoints = Endpoints(config, self)
        """What answers `/metrics`, `/healthz` and `/readyz`."""
        self._side_port: SidePort | None = None

    def serve(self) -> None:
        """Open the port of our own for the metrics, if one is configured."""
        if self.config.metrics.isdecimal() and self._side_port is None:
            from saasobs.instrument.metrics.sideport import SidePort  # noqa: PLC0415 - few need it

            self._side_port = SidePort(int(self.config.metrics), self.config.metrics_path, self.endpoints)
            self._side_port.start()

    def close(self) -> None:
        """Close that port."""
        if self._side_port is not None:
            self._side_port.stop()

    def problems(self) -> list[str]:
        """What stands in the way of right numbers, a sentence each, to be logged once."""
        sentences = [*self.sharing.problems, self.sharing.library_problem()]
        return [sentence for sentence in sentences if sentence]

    # What the request layer tells.

    def finished(self, request: Numbers) -> None:
        """Take the numbers of one request, a Measured or what is in one."""
        self.requests.finished(request)
        tenant = request[7]
        if tenant is not None:
            self.tenants.finished(tenant, request[2], request[3])

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count the duration of a request, and nothing else of it."""
        self.requests.observe(method, route, status, seconds)

    def exception(self, route: str, error_type: str) -> None:
        """Count an exception that a request ended with."""
        self.requests.exceptions.labels(error_type, route).inc()

    # What the instrumentation tells of itself.

    def internal_error(self, hook: str) -> None:
        """Count a failure of our own; `hook` is one of a few constants."""
        self._errors.labels(hook).inc()

    def log_dropped(self, count: int) -> None:
        """Count lost log lines."""
        self._dropped.labels().inc(count)

    # Further metrics.

    def counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Family[CounterSeries]:
        """A number that only grows; its name ends in `_total`."""
        return self._family(Definition(name, "counter", text, labels))

    def gauge(
        self, name: str, text: str, labels: tuple[str, ...] = (), *, gathering: Gathering = "livesum"
    ) -> Family[GaugeSeries]:
        """A number that goes up and down.

        :param gathering: what several workers' numbers become; `livesum`: the sum, without those of dead workers.
        """
        return self._family(Definition(name, "gauge", text, labels, gathering=gathering))

    def histogram(
        self, name: str, text: str, edges: tuple[float, ...], labels: tuple[str, ...] = ()
    ) -> Family[HistogramSeries]:
        """A distribution; `edges` are the upper bounds of its buckets, the infinite one comes by itself."""
        return self._family(Definition(name, "histogram", text, labels, edges))

    def families(self) -> Iterator[Family[Any]]:
        """Every metric of ours, used or not."""
        yield from self.requests.families
        yield from self.tenants.families
        yield from self.tasks.families
        yield from self.client.families
        yield from self.queries.families
        yield from self.caches.families
        yield from list(self._more.values())

    def _family(self, definition: Definition) -> Family[Any]:
        with self.store.lock:
            known = self._more.get(definition.name)
            if known is None:
                known = self._more[definition.name] = Family(definition, self.store)
            return known

    # The page.

    @property
    def registry(self) -> CollectorRegistry:
        """A prometheus_client registry in which all of this is; others may add collectors."""
        if self._registry is None:
            from prometheus_client import CollectorRegistry  # noqa: PLC0415 - heavy, and not every process is read

            self._registry = CollectorRegistry()
            self._register(self._registry)
        return self._registry

    def gathered(self) -> Everything:
        """What all processes of this app have counted together, by the metric's name."""
        return self.sharing.gathered(local(self.families()))

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """The metrics as text and the content type, as the `Accept` header asks: OpenMetrics or Prometheus text."""
        from saasobs.instrument.metrics.exposition import page  # noqa: PLC0415 - heavy, and not every process is read

        return page(self, accept)

    def _register(self, registry: CollectorRegistry) -> None:
        from saasobs.instrument.metrics.exposition import OurCollector  # noqa: PLC0415 - as above

        registry.register(OurCollector(self))
