"""Every name this room puts on the wire: metrics, labels, log events and log fields.

Names are an interface: dashboards, alert rules and documentation are held against this page by tests.
Requests are measured under OpenTelemetry's HTTP semantic conventions in their Prometheus form
(https://opentelemetry.io/docs/specs/semconv/http/http-metrics/).
"""

from __future__ import annotations

from typing import Final

# Metrics
REQUEST_DURATION: Final = "http_server_request_duration_seconds"
ACTIVE_REQUESTS: Final = "http_server_active_requests"
TIME_TO_FIRST_BYTE: Final = "http_server_time_to_first_byte_seconds"
RESPONSE_SIZE: Final = "http_server_response_body_size_bytes"
CLIENT_DISCONNECTS: Final = "http_server_client_disconnects_total"
EXCEPTIONS: Final = "http_server_exceptions_total"
REQUEST_QUERIES: Final = "http_server_request_db_queries"
REQUEST_QUERY_SECONDS: Final = "http_server_request_db_seconds_total"
TENANT_REQUESTS: Final = "http_server_tenant_requests_total"
TENANT_SECONDS: Final = "http_server_tenant_request_seconds_total"
TENANT_SLOW_REQUESTS: Final = "http_server_tenant_slow_requests_total"
TENANT_OVERFLOW: Final = "saasobs_tenant_overflow_total"
CLIENT_DURATION: Final = "http_client_request_duration_seconds"
QUERY_DURATION: Final = "db_client_operation_duration_seconds"
TOO_MANY_QUERIES: Final = "db_queries_too_many_total"
N_PLUS_ONE: Final = "db_queries_n_plus_one_total"
SLOW_QUERIES: Final = "db_queries_slow_total"
POOL_CONNECTIONS: Final = "db_client_connection_count"
POOL_MAX: Final = "db_client_connection_max"
POOL_WAIT: Final = "db_client_connection_wait_time_seconds"
POOL_TIMEOUTS: Final = "db_client_connection_timeouts_total"
CACHE_REQUESTS: Final = "cache_requests_total"
TASK_DURATION: Final = "task_duration_seconds"
TASK_QUEUE_WAIT: Final = "task_queue_wait_seconds"
TASKS_ACTIVE: Final = "tasks_active"
TASKS_SENT: Final = "tasks_sent_total"
WORKERS: Final = "saasobs_workers"
INTERNAL_ERRORS: Final = "saasobs_internal_errors_total"
LOG_LINES_DROPPED: Final = "saasobs_log_lines_dropped_total"
SPANS_LOST: Final = "saasobs_spans_lost_total"
BUILD_INFO: Final = "saasobs_build_info"

# Labels
METHOD: Final = "http_request_method"
ROUTE: Final = "http_route"
STATUS: Final = "http_response_status_code"
HOOK: Final = "hook"
STATUS_CLASS: Final = "http_response_status_class"
EXCEPTION_TYPE: Final = "exception_type"
TENANT: Final = "tenant"
SERVER_ADDRESS: Final = "server_address"
DB_SYSTEM: Final = "db_system_name"
OPERATION: Final = "operation"
"""A route template, or the name of a task or job."""
POOL: Final = "db_client_connection_pool_name"
POOL_STATE: Final = "db_client_connection_state"
CACHE: Final = "cache"
CACHE_RESULT: Final = "result"
TASK_SYSTEM: Final = "system"
TASK: Final = "task"
OUTCOME: Final = "outcome"

# Label values that stand for an unbounded rest
UNMATCHED: Final = "__unmatched__"
OTHER: Final = "__other__"
"""Beyond the number of values that a label may have."""
OTHER_METHOD: Final = "_OTHER"
KNOWN_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})

# Log events
REQUEST_EVENT: Final = "http.request"
TASK_EVENT: Final = "task.run"
JOB_EVENT: Final = "job.run"
HEARTBEAT_FAILED_EVENT: Final = "job.heartbeat_failed"
WEBSOCKET_EVENT: Final = "http.websocket"
TOO_MANY_EVENT: Final = "queries.too_many"
N_PLUS_ONE_EVENT: Final = "queries.n_plus_one"
SLOW_QUERY_EVENT: Final = "queries.slow"
EXPORT_FAILED_EVENT: Final = "traces.export_failed"
INTERNAL_ERROR_EVENT: Final = "saasobs.internal_error"
MISCONFIGURED_EVENT: Final = "saasobs.misconfigured"
LOG_DROPPED_EVENT: Final = "log.dropped"
LOG_SUPPRESSED_EVENT: Final = "log.suppressed"
EXCEPTION_EVENT: Final = "exception"
ERRORS_SUPPRESSED_EVENT: Final = "exception.suppressed"

EVENTS: Final[dict[str, str]] = {
    REQUEST_EVENT: "One request has been served: `method`, `route`, `path`, `status`, `duration_ms`, `client`,"
    " `outcome` when it is not ok, `error_type` when it failed, `db_queries` and `db_ms` when it asked a database.",
    TASK_EVENT: "One run of a queued task is over: `name`, `system`, `queue`, `task_id`, `attempt`,"
    " `outcome` (`success`, `failure`, `timeout`, `lost`, `retry`, `rejected`, `ignored`, `revoked`, `expired`,"
    " `skipped`, `missed`, `cancelled`), `duration_ms`, `wait_ms` from when it could have begun, `error_type` when it"
    " failed, `db_queries` and `db_ms` when it asked a database. A `retry` has the `error`, its `exception` and"
    " `fingerprint` too: it is no error report, the last attempt is.",
    JOB_EVENT: "One run of a `saasobs.job` or of a scheduler's job (then with `system`, and `wait_ms` from when it was"
    " due) is over: `name`, `outcome` (`success`, `failure`, `cancelled`, `missed`), `duration_ms`, `error_type` when"
    " it failed, `exit_code` when it asked for one, `db_queries` and `db_ms`.",
    HEARTBEAT_FAILED_EVENT: "The job `name` could not tell its heartbeat monitor; `problem` says why. The job went on.",
    WEBSOCKET_EVENT: "A websocket has been closed, or refused: `route`, `path`, `status` (101 when it was accepted),"
    " `duration_ms` from the first byte to the close, `close_code`, `outcome` and `error_type` as in a request.",
    TOO_MANY_EVENT: "An `operation` (a route, a task) of this `kind` asked its databases more than its `limit` allows:"
    " `count` queries, `distinct` statements, `total_ms`; `top` has those that came most often. At most once a minute"
    " for each operation; `times` says how often it happened since the last line.",
    N_PLUS_ONE_EVENT: "An `operation` asked the same `statement` (without its values) `count` times from one place,"
    " `location` (file:line of the app; empty when no code of its own led there): `total_ms`, `system`, and `advice` on"
    " what to do. At most once a minute for each operation and statement; `times` as above.",
    SLOW_QUERY_EVENT: "One query took as long as `SAASOBS_SLOW_QUERY` or longer: `statement` without its values,"
    " `duration_ms`, `location`, `system`. At most once in ten seconds for each statement; `times` as above.",
    EXPORT_FAILED_EVENT: "The collector did not take `spans` spans; `problem` says why. They are lost; the app was not"
    " held up. At most once in five minutes, with how many since the last line.",
    INTERNAL_ERROR_EVENT: "The instrumentation itself failed in a `hook`; the app was not touched. Told once per hook;"
    " of the hook `install` once per `integration`, which is then left out.",
    MISCONFIGURED_EVENT: "A setting was not understood; `problem` says which, and the default is used.",
    LOG_DROPPED_EVENT: "`count` lines were lost because the stream would not take them.",
    LOG_SUPPRESSED_EVENT: "`count` lines of one event (`suppressed_event`, `suppressed_logger`) were over its rate and"
    " have not been written; told once for each event and ten seconds.",
    EXCEPTION_EVENT: "A fault that the app has not logged itself: `error_type`, `error`, the traceback in `exception`,"
    " `fingerprint` (the same for faults of the same kind from the same functions), `code` (file:line of the app's own"
    " frame), `handled`, `source` (the hook that saw it), `route`, `error_id` when a report has been sent.",
    ERRORS_SUPPRESSED_EVENT: "`count` faults of one `fingerprint` came faster than they are reported: counted only.",
}
"""What each log event means, and its fields; the documentation is made from it."""

# Log fields that are ours: a caller's own field of the same name gets an underscore at its end
TIMESTAMP: Final = "timestamp"
LEVEL: Final = "level"
EVENT: Final = "event"
LOGGER: Final = "logger"
SERVICE: Final = "service"
ENVIRONMENT: Final = "environment"
VERSION: Final = "version"
TRUNCATED: Final = "truncated"
RESERVED_FIELDS: Final = frozenset({TIMESTAMP, LEVEL, EVENT, SERVICE, ENVIRONMENT, VERSION, TRUNCATED})
CORRELATION_ID: Final = "correlation_id"
"""Set from the request; `trace_id` and `tenant` keep their names as well, once something sets them."""

FIELDS: Final[dict[str, str]] = {
    TIMESTAMP: "When, in UTC (RFC 3339), to the microsecond.",
    LEVEL: "`debug`, `info`, `warning`, `error` or `critical`.",
    EVENT: "What happened: of our own events a stable name, of other libraries' records their text.",
    SERVICE: "The setting `service`.",
    ENVIRONMENT: "The setting `environment`, if it is set.",
    VERSION: "The setting `version`, if it is set.",
    TRUNCATED: "True when the line would have been too long: values are cut, and `dropped_fields` counts the rest.",
    LOGGER: "Who logged it: the name of the logger, a module's as a rule.",
    CORRELATION_ID: "Of the request, task or job in which it was logged, the same in every part of the system.",
    "trace_id": "Of its trace, recorded or not: 32 hexadecimal digits.",
    "span_id": "Of our span in it: 16 hexadecimal digits.",
    "tenant": "For whom it works: of the tenant rule, or of `set_tenant`.",
    "user_id": "Who asked: the ID that `set_user` was given.",
    "error_type": "The class of the exception, if there is one.",
    "exception": "Its traceback.",
    "stack": "Where it was logged, when the caller asked for that.",
}
"""What each field of a line is; the documentation is made from it."""

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds. OpenTelemetry's advice, plus edges at 1.5 and 2.0 because the alert rules ask about exactly 2 s."""
QUERY_COUNTS: Final = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
"""Database queries of one request; an edge at exactly 20, the limit that is asked about."""
FIRST_BYTE_BUCKETS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds; fewer than of the duration, since for most routes the two are nearly the same."""
BODY_SIZES: Final = (100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0)
"""Bytes."""
TASK_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Seconds that a task runs, or waits in its queue: from milliseconds to an hour."""
QUERY_BUCKETS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""Seconds of one query, or of waiting for a connection."""
