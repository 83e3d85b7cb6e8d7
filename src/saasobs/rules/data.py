"""Alerts about what stands behind: queries, pools, PostgreSQL, Redis, tasks and their queues."""

from __future__ import annotations

from collections.abc import Iterator

from saasobs.rules import thresholds
from saasobs.rules.model import Alert, Board, Group, RuleSet, Severity
from saasobs.rules.recording import BY_ROUTE

_SERVICE = {"service": "service", "environment": "environment"}
_ROUTE = {**_SERVICE, "route": "http_route"}
_MEANT_TO_BE_FULL = 'redis_instance_info{maxmemory_policy=~"allkeys-.*"}'
"""A cache of which anything may be thrown away."""
_WAITED = "task_queue_wait_seconds_count"
_BY_TASK = "by (service, environment, system, task)"
_ANYWHERE = "(environment, system, task)"
"""Who begins a task need not be the service that sends it."""
_BY_POOL = "by (service, environment, instance, db_client_connection_pool_name)"


def data_groups(rules: RuleSet) -> tuple[Group, ...]:
    """By what they ask about."""
    return (
        Group("saasobs-alerts-queries", tuple(_queries(rules))),
        Group("saasobs-alerts-pools", tuple(_pools(rules))),
        Group("saasobs-alerts-servers", tuple(_servers())),
        Group("saasobs-alerts-tasks", tuple(_tasks(rules))),
    )


def _queries(rules: RuleSet) -> Iterator[Alert]:
    mine = rules.only()
    within = rules.only(f'le="{float(thresholds.MAX_QUERIES)}"')
    asked = f"sum {BY_ROUTE} (increase(http_server_request_db_queries_count{mine}[15m]))"
    few = f"sum {BY_ROUTE} (increase(http_server_request_db_queries_bucket{within}[15m]))"
    yield Alert(
        "SaasobsQueriesPerRequestHigh",
        f"1 - {few} / ({asked} >= {thresholds.MIN_REQUESTS}) > {thresholds.P95_SHARE}",
        Severity.WARNING,
        Board.ROUTE,
        _ROUTE,
        for_="15m",
    )
    yield Alert(
        "SaasobsNPlusOne",
        f"sum by (service, environment, operation) (increase(db_queries_n_plus_one_total{mine}[30m]))"
        f" > {thresholds.N_PLUS_ONE}",
        Severity.INFO,
        Board.ROUTE,
        {**_SERVICE, "route": "operation"},
    )


def _pools(rules: RuleSet) -> Iterator[Alert]:
    mine, used = rules.only(), rules.only('db_client_connection_state="used"')
    yield Alert(
        "SaasobsDbPoolNearlyFull",
        f"sum {_BY_POOL} (db_client_connection_count{used}) / sum {_BY_POOL} (db_client_connection_max{mine} > 0)"
        f" > {thresholds.POOL_RATIO:g}",
        Severity.WARNING,
        Board.DATA,
        _SERVICE,
        for_="5m",
    )
    yield Alert(
        "SaasobsDbPoolExhausted",
        f"sum {_BY_POOL} (increase(db_client_connection_timeouts_total{mine}[5m])) > 0",
        Severity.CRITICAL,
        Board.DATA,
        _SERVICE,
        for_="2m",
    )


def _servers() -> Iterator[Alert]:
    """Of Debian's prometheus-postgres-exporter and prometheus-redis-exporter."""
    yield Alert(
        "SaasobsPostgresConnectionsHigh",
        "sum by (instance) (pg_stat_activity_count) / max by (instance) (pg_settings_max_connections)"
        f" > {thresholds.CONNECTIONS_RATIO:g}",
        Severity.WARNING,
        Board.DATA,
        for_="5m",
    )
    yield Alert(
        "SaasobsRedisMemoryHigh",
        f"redis_memory_used_bytes / (redis_memory_max_bytes > 0) > {thresholds.MEMORY_RATIO:g}"
        f"\nunless on (job, instance) {_MEANT_TO_BE_FULL}",
        Severity.WARNING,
        Board.DATA,
        for_="10m",
    )


def _tasks(rules: RuleSet) -> Iterator[Alert]:
    mine = rules.only()
    within = rules.only(f'le="{thresholds.QUEUE_WAIT_SECONDS}"')
    failed = rules.only('outcome=~"failure|timeout|lost"')
    waited = f"sum {_BY_TASK} (increase(task_queue_wait_seconds_count{mine}[10m]))"
    soon = f"sum {_BY_TASK} (increase(task_queue_wait_seconds_bucket{within}[10m]))"
    ended = f"sum {_BY_TASK} (increase(task_duration_seconds_count{mine}[30m]))"
    yield Alert(
        "SaasobsQueueLag",
        f"1 - {soon} / ({waited} > 1) > {thresholds.P95_SHARE}",
        Severity.CRITICAL,
        Board.DATA,
        _SERVICE,
        for_="5m",
    )
    yield Alert(
        "SaasobsQueueStalled",
        f"{waiting(f'sum {_BY_TASK} (increase(tasks_sent_total{mine}[1h]))')} >= {thresholds.TASKS_WAITING}"
        f"\nunless on {_ANYWHERE} {_grown(_WAITED, '10m')} > 0",
        Severity.CRITICAL,
        Board.DATA,
        _SERVICE,
        for_="5m",
    )
    yield Alert(
        "SaasobsTasksFailing",
        f"sum {_BY_TASK} (increase(task_duration_seconds_count{failed}[30m]))"
        f" / ({ended} >= {thresholds.MIN_BAD}) > {thresholds.TASK_FAILURE_RATIO:g}",
        Severity.WARNING,
        Board.DATA,
        _SERVICE,
        for_="10m",
    )


def waiting(sent: str, begun: str = _WAITED) -> str:
    """How many more tasks an hour has sent than anybody has begun, of those that were begun within a day.

    :param sent: an expression, by service, environment, system and task.
    :param begun: a selector of the tasks that were begun.
    """
    return (
        f"{sent} - on {_ANYWHERE} group_left ()"
        f"\n({_grown(begun, '1h')}\nor 0 * sum by {_ANYWHERE} (last_over_time({begun}[1d])))"
    )


def _grown(begun: str, window: str) -> str:
    """Also by workers that are new within the window, whose first one no increase has."""
    grown = f"increase({begun}[{window}])"
    first = f"(min_over_time({begun}[{window}]) unless {begun} offset {window})"
    return f"sum by {_ANYWHERE} ({grown} + {first} or {grown})"
