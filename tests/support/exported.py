"""Every series there can be: of the app, the daemon, recording rules, Prometheus itself, and Debian's exporters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from saasobs.rules.model import RuleSet
from saasobs.rules.recording import recording_groups
from support.boards import ROOT
from support.promql import labels_kept

SCRAPE = {"job", "instance", "service", "environment"}
"""Labels that the scrape gives every series (config/prometheus.yml)."""
FOREIGN: dict[str, set[str]] = {
    "up": set(),
    "ALERTS": {"alertname", "alertstate", "severity", "http_route", "operation", "tenant", "monitor", "channel"},
    "prometheus_notifications_errors_total": {"alertmanager"},
    "prometheus_rule_evaluation_failures_total": {"rule_group"},
    "prometheus_notifications_queue_length": set(),
    "process_start_time_seconds": set(),
    "pg_stat_activity_count": {"datname", "state"},
    "pg_stat_activity_max_tx_duration": {"datname", "state"},
    "pg_settings_max_connections": {"server"},
    "pg_stat_database_blks_hit": {"datname"},
    "pg_stat_database_blks_read": {"datname"},
    "pg_stat_database_xact_commit": {"datname"},
    "pg_stat_database_xact_rollback": {"datname"},
    "pg_locks_count": {"datname", "mode"},
    "pg_database_size_bytes": {"datname"},
    "redis_memory_used_bytes": set(),
    "redis_memory_max_bytes": set(),
    "redis_instance_info": {"maxmemory_policy"},
    "redis_keyspace_hits_total": set(),
    "redis_keyspace_misses_total": set(),
    "redis_evicted_keys_total": set(),
    "redis_commands_processed_total": set(),
    "redis_connected_clients": set(),
    "redis_key_size": {"db", "key"},
}
"""Prometheus' own, and those of Debian's exporters: test_every_expression asks the real ones."""


def _exported() -> dict[str, tuple[str, set[str]]]:
    """Type and labels of each, from the pages that are made from the code."""
    found: dict[str, tuple[str, set[str]]] = {}
    for page in ("docs/metrics.md", "docs/instrumentation-reference.md"):
        for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
            row = re.match(r"\| `([a-z_0-9]+)` \| (counter|gauge|histogram) \| (.*?) \|", line)
            if row:
                found.setdefault(row[1], (row[2], set(re.findall(r"`(\w+)`", row[3]))))
    return found


def _series(exported: dict[str, tuple[str, set[str]]]) -> Iterator[tuple[str, set[str]]]:
    for name, (kind, labels) in exported.items():
        if kind == "histogram":
            yield f"{name}_bucket", labels | {"le"}
            yield f"{name}_sum", labels
            yield f"{name}_count", labels
        else:
            yield name, labels
    for group in recording_groups(RuleSet()):
        for rule in group.rules:
            grouped = labels_kept(rule.expr) - {"le"}
            yield rule.name, grouped


EXPORTED = _exported()
SERIES = {**dict(_series(EXPORTED)), **FOREIGN}
