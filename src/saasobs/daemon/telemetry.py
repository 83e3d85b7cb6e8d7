"""The daemon watched: what it counts about itself. The monitors' own series are in board_metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from saasobs.core.errors import StorageError
from saasobs.core.result import Result
from saasobs.core.values import SECOND

WAITING_BUCKETS = (30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400)
LATENESS_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)


class Telemetry:
    """Counts what the daemon does. Implements the observers of runner, ledger and outbox; any thread may call it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.storage_problem = ""
        self.on_storage_problem: Callable[[], None] = _nothing
        self.on_storage_mended: Callable[[], None] = _nothing
        self.lateness = Histogram(
            "saasobs_check_lateness_seconds",
            "How late checks started after their slot",
            ["kind"],
            buckets=LATENESS_BUCKETS,
            registry=registry,
        )
        self.checks = self._counter("saasobs_checks", "Checks by kind and outcome", "kind", "outcome")
        self.deliveries = self._counter("saasobs_notifications", "Delivery attempts", "channel", "outcome")
        self.storage_errors = self._counter("saasobs_storage_errors", "Failed tries to use the database", "kind")
        self.dropped = self._counter("saasobs_results_dropped", "Results lost because the database was broken too long")
        self.storage_up = self._gauge("saasobs_storage_up", "1 while the database takes writes")
        self.outbox_pending = self._gauge("saasobs_outbox_pending", "Notices due and not delivered", "channel")
        self.outbox_age = self._gauge("saasobs_outbox_oldest_age_seconds", "Age of the oldest due notice", "channel")
        self.reload_ok = self._gauge("saasobs_config_last_reload_successful", "1 if the last reload was taken")
        self.reload_at = self._gauge(
            "saasobs_config_last_reload_success_timestamp_seconds", "When the running configuration was loaded"
        )
        self.presses = self._counter("saasobs_presses", "Buttons pressed under messages", "channel", "outcome")
        self.listener_connected = self._gauge("saasobs_listener_connected", "1 while answers can be heard", "channel")
        self.heartbeat_sent = self._counter("saasobs_own_heartbeats", "The daemon's own outgoing heartbeats", "outcome")
        self.network_up = self._gauge("saasobs_own_network_up", "0 while no anchor answers and results are unknown")
        self.received = self._counter("saasobs_alerts_received", "Alerts that others reported", "source", "state")
        self.firing = self._gauge("saasobs_alerts_firing", "Alerts of others that fire now", "source")
        self.answers = self._counter("saasobs_answers", "What people answered to incidents", "kind", "via")
        self.time_to_acknowledge = Histogram(
            "saasobs_time_to_acknowledge_seconds",
            "How long incidents waited until somebody was on them",
            buckets=WAITING_BUCKETS,
            registry=registry,
        )
        self.receipts = self._counter("saasobs_receipts", "What providers said of accepted messages", "channel", "fate")
        self.cap_used = self._gauge(
            "saasobs_channel_cap_used_ratio", "The used share of a month's cap", "channel", "cap"
        )
        self.network_up.set(1)
        self.storage_up.set(1)
        self._lock = threading.Lock()
        self._lateness: dict[str, Histogram] = {}

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    # Runner and pipeline
    def check_started(self, kind: str, lateness: int) -> None:
        child = self._lateness.get(kind)
        if child is None:
            child = self._lateness[kind] = self.lateness.labels(kind)
        child.observe(max(0, lateness) / SECOND)

    def check_done(self, kind: str, result: Result) -> None:
        self.checks.labels(kind, result.outcome.value).inc()

    # Outbox
    def delivery_attempted(self, channel: str, outcome: str) -> None:
        self.deliveries.labels(channel, outcome).inc()

    def outbox_seen(self, rows: Sequence[tuple[str, int, int]], channels: Sequence[str], now: int) -> None:
        pending = {channel: (count, now - oldest) for channel, count, oldest in rows}
        for channel in {*channels, *pending}:
            count, age = pending.get(channel, (0, 0))
            self.outbox_pending.labels(channel).set(count)
            self.outbox_age.labels(channel).set(max(0, age) / SECOND if count else 0)

    # Answers
    def answer_taken(self, kind: str, via: str, waited: int | None) -> None:
        self.answers.labels(kind, via).inc()
        if waited is not None:
            self.time_to_acknowledge.observe(waited / SECOND)

    # Reports of others
    def alerts_taken(self, source: str, *, firing: int, resolved: int, refused: int) -> None:
        for state, count in (("firing", firing), ("resolved", resolved), ("refused", refused)):
            self.received.labels(source, state).inc(count)

    def alerts_firing(self, counts: Mapping[str, int], sources: Sequence[str]) -> None:
        for source in {*sources, *counts}:
            self.firing.labels(source).set(counts.get(source, 0))

    # Ledger
    def storage_failed(self, error: StorageError) -> None:
        self.storage_errors.labels(error.kind).inc()
        with self._lock:
            first, self.storage_problem = not self.storage_problem, f"the database cannot be written: {error}"
        self.storage_up.set(0)
        if first:
            self.on_storage_problem()

    def storage_mended(self) -> None:
        with self._lock:
            self.storage_problem = ""
        self.storage_up.set(1)
        self.on_storage_mended()

    def results_dropped(self, count: int) -> None:
        self.dropped.inc(count)

    # Configuration
    def reloaded(self, *, ok: bool, at: int) -> None:
        self.reload_ok.set(int(ok))
        if ok:
            self.reload_at.set(at / SECOND)


def _nothing() -> None:
    return None
