"""Writes docs/metrics.md and docs/logs.md from the code: ``python -m saasobs.daemon.document``.

A test holds both pages against what this makes, so that documentation and code cannot part.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric

from saasobs.alerting.slo import Tally, burns
from saasobs.core.incident import MonitorState
from saasobs.core.monitor import Monitor, Objective
from saasobs.core.result import Check, Outcome, Result
from saasobs.daemon.board import Board
from saasobs.daemon.board_metrics import BoardCollector
from saasobs.daemon.events import EVENTS
from saasobs.daemon.telemetry import Telemetry
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.metrics.registry import Measured, Metrics

METRICS = Path("docs/metrics.md")
LOGS = Path("docs/logs.md")

_METRICS_HEAD = """\
# Metrics

<!-- Made from the code by `python -m saasobs.daemon.document`: edit the help texts there, not this page. -->

The daemon serves these at `/metrics` of its ingest listener (the page's own port unless `ingest` is set), to loopback
and private addresses only. Scrape it with `honor_labels: true`, so that `instance` stays the monitor's target as
dashboards for blackbox_exporter expect:

```yaml
scrape_configs:
  - job_name: saasobs
    honor_labels: true
    static_configs: [{targets: ["127.0.0.1:9110"]}]
```

The `probe_…` names and the phases `resolve`, `connect`, `tls`, `processing` and `transfer` are blackbox_exporter's;
each such series tells of the last conclusive check of one monitor. prometheus_client's own `process_…` and
`python_…` are on the page too.
"""

_LOGS_HEAD = """\
# The daemon's log

<!-- Made from the code by `python -m saasobs.daemon.document`: edit daemon/events.py, not this page. -->

One JSON line for each event on stderr (`SAASOBS_LOG_FORMAT=console` for people). Every line has `timestamp`, `level`,
`event`, `logger` and `service`; lines of a request to the daemon have its `correlation_id`. No line holds a secret.
The event's name is stable; what else it carries is in the table.
"""


def metrics_page() -> str:
    """docs/metrics.md as it should be."""
    rows = [f"| `{name}` | {kind} | {labels} | {text} |" for name, kind, labels, text in sorted(set(_rows(families())))]
    return "\n".join(
        [_METRICS_HEAD, "| metric | type | labels | what it says |", "| --- | --- | --- | --- |", *rows, ""]
    )


def logs_page() -> str:
    """docs/logs.md as it should be."""
    rows = [f"| `{name}` | {meaning} |" for name, meaning in EVENTS.items()]
    return "\n".join([_LOGS_HEAD, "| event | what it means |", "| --- | --- |", *rows, ""])


def families() -> list[Metric]:
    """Every metric that a running daemon exposes, each with a sample to read its labels off."""
    registry = CollectorRegistry()
    metrics = Metrics(InstrumentConfig(service="saasobs"), registry)
    metrics.finished(Measured("GET", "/", 200, 0.1, 0.1, 1, 1, None, "", endless=False, disconnected=True))
    metrics.exception("/", "ValueError")
    metrics.active("GET")
    metrics.internal_error("hook")
    telemetry = Telemetry(registry)
    result = _sample_result()
    for metric in vars(telemetry).values():
        names = getattr(metric, "_labelnames", ())  # nothing else says which labels it has
        if names:
            metric.labels(*names)
    board = Board()
    objective = Objective(99.9, 30)
    board.set_monitors({"api": Monitor("api", "http", None, "https://api.example", slo=objective)})
    board.observe(result, MonitorState("api"))
    registry.register(BoardCollector(board, lambda: (0, 0), lambda _: burns(Tally(), objective, 0)))
    return list(registry.collect())


def _sample_result() -> Result:
    observations = {
        "status": 200,
        "http_version": "1.1",
        "redirects": 0,
        "body_bytes": 2,
        "certificate": {"not_after_us": 1},
    }
    return Result(Check("api", 0, 1), Outcome.UP, 1, phases={"dns": 1}, observations=observations)


def _rows(families: Iterable[Metric]) -> Iterable[tuple[str, str, str, str]]:
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        yield name, family.type, ", ".join(f"`{label}`" for label in sorted(labels)) or "none", family.documentation


def main() -> None:
    METRICS.write_text(metrics_page())
    LOGS.write_text(logs_page())


if __name__ == "__main__":
    main()
