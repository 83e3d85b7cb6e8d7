"""Everything of one process put together: what `instrument` and the daemon hold.

It is the composition root of this room: the parts know each other's types, and are made here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from saasobs.instrument import guard, names
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.errors.capture import Errors
from saasobs.instrument.logs.out import Logs
from saasobs.instrument.logs.setup import configure_logging
from saasobs.instrument.metrics.registry import Metrics
from saasobs.instrument.queries.log import report_to as report_queries_to
from saasobs.instrument.queries.verdict import QueryWatch
from saasobs.instrument.servers.asgi import ASGIApp, RequestLayer
from saasobs.instrument.servers.tenants import TenantRule, tenant_rule
from saasobs.instrument.tracing.tracer import Tracer

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry  # 80 ms of import, which only a reader of the metrics needs


@dataclass(frozen=True, slots=True)
class Instrumentation:
    """One process's signals, and the layers that feed them."""

    config: InstrumentConfig
    metrics: Metrics
    logs: Logs
    tracer: Tracer
    errors: Errors
    queries: QueryWatch
    tenant_of: TenantRule | None = None

    @classmethod
    def start(
        cls,
        config: InstrumentConfig,
        *,
        warnings: Iterable[str] = (),
        stream: TextIO | None = None,
        registry: CollectorRegistry | None = None,
    ) -> Instrumentation:
        """Set the process's logging up and make its metrics.

        :param warnings: what `read_config` had to say; each becomes one line.
        """
        metrics = Metrics(config, registry)
        logs = configure_logging(config, stream=stream, troubles=metrics)
        guard.report_to(_Reporter(metrics, logs))
        for sentence in (*warnings, *metrics.problems()):
            logs.emit("warning", names.MISCONFIGURED_EVENT, "saasobs.instrument", {"problem": sentence})
        metrics.serve()
        tracer = Tracer(config, logs, metrics)
        queries = QueryWatch(config, metrics, logs, tracer)
        report_queries_to(queries)
        return cls(config, metrics, logs, tracer, Errors(config, logs), queries, tenant_rule(config))

    def wrap(self, app: ASGIApp) -> RequestLayer:
        """The app inside the request layer; an app that is wrapped already comes back as it is."""
        return app if isinstance(app, RequestLayer) else RequestLayer(app, self)

    def flush(self, timeout: float = 2.0) -> None:
        """Send and write out what is waiting now, each part within `timeout` seconds; everything goes on."""
        self.errors.flush(timeout)
        self.tracer.flush(timeout)
        self.logs.flush(timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Send and write out what is still waiting, each part within `timeout` seconds."""
        self.metrics.close()
        self.errors.flush(timeout)
        self.tracer.close(timeout)
        self.logs.flush(timeout)


class _Reporter:
    """Counts our own failures, and describes the first of each hook in the log."""

    def __init__(self, metrics: Metrics, logs: Logs) -> None:
        self._metrics = metrics
        self._logs = logs
        self._told: set[str] = set()

    def __call__(self, hook: str, error: BaseException) -> None:
        self._metrics.internal_error(hook)
        if hook not in self._told:
            self._told.add(hook)
            fields = {"hook": hook, "exc_info": error}
            self._logs.emit_in_context("warning", names.INTERNAL_ERROR_EVENT, "saasobs.instrument", fields)
