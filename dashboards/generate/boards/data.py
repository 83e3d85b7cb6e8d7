"""Data and jobs: pools, PostgreSQL, Redis, queues and their workers: is it what stands behind?

The panels of PostgreSQL and Redis need Debian's prometheus-postgres-exporter and prometheus-redis-exporter; the length
of a queue needs the latter's `-check-single-keys db0=celery`.
"""

from __future__ import annotations

from typing import Final

from dashboards.generate.frame import Page, Row
from dashboards.generate.panels import BAD, GOOD, NOTICE, bars, figure, lines, stacked
from dashboards.generate.queries import SERVICE, WATCHED, growth, now, only, quantile, rate, ratio, series, total
from dashboards.generate.variables import Name
from saasobs.rules import thresholds
from saasobs.rules.data import waiting
from saasobs.rules.model import Board

_POOL: Final = "service, environment, instance, db_client_connection_pool_name"
_POOL_LEGEND: Final = "{{service}} {{db_client_connection_pool_name}} {{instance}}"
_TASK: Final = "service, environment, system, task"
_TASK_LEGEND: Final = "{{service}} {{task}}"
_USED: Final = 'db_client_connection_state="used"'
_WAIT: Final = f'le="{thresholds.QUEUE_WAIT_SECONDS}"'
_DATABASES: Final = (*WATCHED, 'datname!~"template.*|"')
"""Without PostgreSQL's own, and without what belongs to none."""
_WAITING: Final = waiting(
    total(_TASK, growth("tasks_sent_total", SERVICE, window="1h")), only("task_queue_wait_seconds_count", WATCHED)
)
_RUN: Final = "task_duration_seconds"

_POOLS: Final = Row(
    "Pools and queries",
    8,
    (
        (6, bars("Pools in use", "Connections in use of those that a pool may open: at the end of the bar, requests "
                 "wait.", "percentunit", [(thresholds.POOL_RATIO, BAD)])
            .max(1)
            .with_target(now("A", f"{total(_POOL, only('db_client_connection_count', SERVICE, _USED))} / "
                                  f"({total(_POOL, only('db_client_connection_max', SERVICE))} > 0)", _POOL_LEGEND))),
        (6, lines("Waiting for a connection", "Seconds that requests wait for a connection of a pool, in each second: 1 is one "
                  "request that always waits. Timeouts are SaasobsDbPoolExhausted: those requests fail.", "s").axis_soft_max(1)
            .with_target(series("A", total("service, db_client_connection_pool_name",
                                           rate("db_client_connection_wait_time_seconds_sum", SERVICE)),
                                "{{service}} {{db_client_connection_pool_name}}"))
            .with_target(series("B", total("service, db_client_connection_pool_name",
                                           rate("db_client_connection_timeouts_total", SERVICE)),
                                "timeouts a second, {{service}} {{db_client_connection_pool_name}}"))),
        (6, lines("Queries, p95", "Of all queries of a service, by the kind of database.", "s")
            .with_target(series("A", quantile(0.95, "db_client_operation_duration_seconds", SERVICE,
                                              "service, db_system_name"), "{{service}} {{db_system_name}}",
                                exemplar=True))),
        (6, lines("Queries", "A second. If they grow faster than the requests, something repeats them.", "ops")
            .with_target(series("A", total("service, db_system_name",
                                           rate("db_client_operation_duration_seconds_count", SERVICE)),
                                "{{service}} {{db_system_name}}"))),
    ),
)  # fmt: skip

_REPEATED: Final = Row(
    "Which operations",
    7,
    (
        (8, lines("N+1, half an hour", "The ten operations that repeat most: the log event queries.n_plus_one names "
                  "the line of code.", "short", thresholds.N_PLUS_ONE)
            .with_target(series("A", f"topk(10, {total('operation', growth('db_queries_n_plus_one_total', SERVICE, window='30m'))} > 0)",
                                "{{operation}}"))),
        (8, lines("Slow queries, half an hour", "Over the limit of SAASOBS_SLOW_QUERY; the log has each statement, "
                  "without its values.", "short")
            .with_target(series("A", f"topk(10, {total('operation', growth('db_queries_slow_total', SERVICE, window='30m'))} > 0)",
                                "{{operation}}"))),
        (8, lines("Caches, hits", "The share of lookups that were answered from a cache.", "percentunit").max(1)
            .with_target(series("A", ratio(total("service, cache", rate("cache_requests_total", SERVICE, 'result="hit"')),
                                           total("service, cache", rate("cache_requests_total", SERVICE))),
                                "{{service}} {{cache}}"))),
    ),
)  # fmt: skip

_POSTGRES: Final = Row(
    "PostgreSQL",
    7,
    (
        (6, bars("Connections taken", "Of max_connections. At its end nobody comes in, you included.", "percentunit",
                 [(thresholds.CONNECTIONS_RATIO, BAD)]).max(1)
            .with_target(now("A", f"{total('instance', only('pg_stat_activity_count', WATCHED))} / "
                                  f"max by (instance) ({only('pg_settings_max_connections', WATCHED)})", "{{instance}}"))),
        (6, stacked(lines("Connections by state", "Many that are idle in transaction hold locks, and nothing else.", "none"))
            .with_target(series("A", f"{total('state', only('pg_stat_activity_count', WATCHED))} > 0", "{{state}}"))),
        (6, lines("Read from memory", "The share of blocks that PostgreSQL found in its cache; below 0.99 it reads the "
                  "disk for what it needs often.", "percentunit").max(1)
            .with_target(series("A", f"{total('datname', rate('pg_stat_database_blks_hit', _DATABASES))} / "
                                     f"({total('datname', rate('pg_stat_database_blks_hit', _DATABASES))} + "
                                     f"{total('datname', rate('pg_stat_database_blks_read', _DATABASES))} > 0)", "{{datname}}"))),
        (6, lines("Transactions", "A second, and those that were taken back.", "ops")
            .with_target(series("A", total("datname", rate("pg_stat_database_xact_commit", _DATABASES)), "{{datname}}"))
            .with_target(series("B", total("datname", rate("pg_stat_database_xact_rollback", _DATABASES)),
                                "{{datname}} taken back"))),
    ),
)  # fmt: skip

_LOCKS: Final = Row(
    "PostgreSQL, waiting and size",
    7,
    (
        (8, lines("Longest transaction", "Seconds that one has been open: it holds its locks, and keeps VACUUM from "
                  "what was deleted since.", "s")
            .with_target(series("A", f"max by (instance, datname) ({only('pg_stat_activity_max_tx_duration', WATCHED)}) > 0 "
                                     f"or 0 * max by (instance, datname) ({only('pg_stat_activity_max_tx_duration', WATCHED)})",
                                "{{datname}}"))),
        (8, lines("Locks held", "By mode. ExclusiveLocks for long: somebody changes a table that others wait for.", "none")
            .with_target(series("A", f"{total('mode', only('pg_locks_count', WATCHED))} > 0", "{{mode}}"))),
        (8, lines("Size of databases", "On disk.", "bytes")
            .with_target(series("A", f"max by (datname) ({only('pg_database_size_bytes', WATCHED)})", "{{datname}}"))),
    ),
)  # fmt: skip

_REDIS: Final = Row(
    "Redis",
    7,
    (
        (6, lines("Memory", "Of maxmemory, where one is set. From there on Redis throws keys away, or refuses to write.",
                  "percentunit", thresholds.MEMORY_RATIO).max(1)
            .with_target(series("A", f"{only('redis_memory_used_bytes', WATCHED)} / "
                                     f"({only('redis_memory_max_bytes', WATCHED)} > 0)", "{{instance}}"))),
        (6, lines("Hits", "The share of reads that found their key.", "percentunit").max(1)
            .with_target(series("A", f"{total('instance', rate('redis_keyspace_hits_total', WATCHED))} / "
                                     f"({total('instance', rate('redis_keyspace_hits_total', WATCHED))} + "
                                     f"{total('instance', rate('redis_keyspace_misses_total', WATCHED))} > 0)", "{{instance}}"))),
        (6, lines("Keys thrown away", "A second, for want of memory. A queue in the same Redis may be among them.", "ops")
            .axis_soft_max(1)
            .with_target(series("A", total("instance", rate("redis_evicted_keys_total", WATCHED)), "{{instance}}"))),
        (6, lines("Commands and clients", "Commands a second; clients that are connected.", "short")
            .with_target(series("A", total("instance", rate("redis_commands_processed_total", WATCHED)),
                                "commands {{instance}}"))
            .with_target(series("B", only("redis_connected_clients", WATCHED), "clients {{instance}}"))),
    ),
)  # fmt: skip

_TASKS: Final = Row(
    "Tasks and their queues",
    8,
    (
        (6, bars("Waited over 5 minutes", "The share of the tasks begun in 10 minutes: the work that nobody sees is "
                 "late. The limit is SaasobsQueueLag.", "percentunit", [(thresholds.P95_SHARE, BAD)]).max(1)
            .with_target(now("A", f"1 - {total(_TASK, growth('task_queue_wait_seconds_bucket', SERVICE, _WAIT, window='10m'))}"
                                  f" / ({total(_TASK, growth('task_queue_wait_seconds_count', SERVICE, window='10m'))} > 0)",
                             _TASK_LEGEND))),
        (6, lines("Waiting in the queue, p95", "From being sent to being begun.", "s", thresholds.QUEUE_WAIT_SECONDS)
            .with_target(series("A", quantile(0.95, "task_queue_wait_seconds", SERVICE, "service, task"), _TASK_LEGEND))),
        (6, lines("Length of queues", "Tasks that wait in Redis, by the exporter's -check-single-keys. A length that "
                  "only grows needs more workers.", "none")
            .with_target(series("A", f"max by (instance, key) ({only('redis_key_size', WATCHED)})", "{{key}}"))),
        (6, lines("Sent and not begun, an hour", "Whichever service begins them. The line is the limit of "
                  "SaasobsQueueStalled, which fires when none has begun for ten minutes.", "none", thresholds.TASKS_WAITING)
            .with_target(series("A", f"clamp_min({_WAITING}, 0)", _TASK_LEGEND))),
    ),
)  # fmt: skip

_RUNS: Final = Row(
    "Their runs",
    8,
    (
        (6, lines("Running now", "Tasks under way, by name.", "none")
            .with_target(series("A", total("service, task", only("tasks_active", SERVICE)), _TASK_LEGEND))),
        (6, stacked(lines("Runs by outcome", "A second. A retry is no failure; the last attempt is.", "ops"))
            .with_target(series("A", total("task, outcome", rate(f"{_RUN}_count", SERVICE)), "{{task}} {{outcome}}"))),
        (6, lines("Failed runs", "The share of the runs of half an hour; the line is the limit of SaasobsTasksFailing.",
                  "percentunit", thresholds.TASK_FAILURE_RATIO).max(1)
            .with_target(series("A", ratio(total(_TASK, growth(f"{_RUN}_count", SERVICE, 'outcome=~"failure|timeout|lost"', window="30m")),
                                           total(_TASK, growth(f"{_RUN}_count", SERVICE, window="30m"))), _TASK_LEGEND))),
        (6, lines("Duration, p95", "Of runs, by task.", "s")
            .with_target(series("A", quantile(0.95, _RUN, SERVICE, "service, task"), _TASK_LEGEND))),
    ),
)  # fmt: skip

_LOSSES: Final = Row(
    "What the instrumentation itself lost",
    5,
    (
        (8, figure("Log lines lost", "Today: the stream would not take them.", "short", [(1, NOTICE)], first=GOOD)
            .decimals(0)
            .with_target(now("A", f"sum({growth('saasobs_log_lines_dropped_total', SERVICE, window='1d')}) or vector(0)"))),
        (8, figure("Spans lost", "Today: the collector did not take them.", "short", [(1, NOTICE)])
            .decimals(0)
            .with_target(now("A", f"sum({growth('saasobs_spans_lost_total', SERVICE, window='1d')}) or vector(0)"))),
        (8, figure("Internal errors", "Today: the instrumentation failed in a hook; the app was not touched.", "short",
                   [(1, NOTICE)])
            .decimals(0)
            .with_target(now("A", f"sum({growth('saasobs_internal_errors_total', SERVICE, window='1d')}) or vector(0)"))),
    ),
)  # fmt: skip

DATA: Final = Page(
    Board.DATA,
    "saasobs / Data and jobs",
    "Is it what stands behind: pools, PostgreSQL, Redis, queues and their workers?",
    (Name.SERVICE, Name.ENVIRONMENT),
    (_POOLS, _REPEATED, _POSTGRES, _LOCKS, _REDIS, _TASKS, _RUNS, _LOSSES),
)
