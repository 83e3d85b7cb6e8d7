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
WORKERS: Final = "saasobs_workers"
INTERNAL_ERRORS: Final = "saasobs_internal_errors_total"
LOG_LINES_DROPPED: Final = "saasobs_log_lines_dropped_total"
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
INTERNAL_ERROR_EVENT: Final = "saasobs.internal_error"
MISCONFIGURED_EVENT: Final = "saasobs.misconfigured"
LOG_DROPPED_EVENT: Final = "log.dropped"

EVENTS: Final[dict[str, str]] = {
    REQUEST_EVENT: "One request has been served: `method`, `route`, `path`, `status`, `duration_ms`, `client`,"
    " `outcome` when it is not ok, `error_type` when it failed, `db_queries` and `db_ms` when it asked a database.",
    TASK_EVENT: "One run of a queued task or a scheduled job is over: `name`, `system`, `queue`, `task_id`, `attempt`,"
    " `outcome` (`success`, `failure`, `timeout`, `lost`, `retry`, `rejected`, `ignored`, `revoked`, `expired`,"
    " `skipped`, `missed`, `cancelled`), `duration_ms`, `wait_ms` from when it could have begun, `error_type` when it"
    " failed, `db_queries` and `db_ms` when it asked a database.",
    JOB_EVENT: "One run of a `saasobs.job` is over: `name`, `outcome` (`success`, `failure`, `cancelled`),"
    " `duration_ms`, `error_type` when it failed, `exit_code` when it asked for one, `db_queries` and `db_ms`.",
    HEARTBEAT_FAILED_EVENT: "The job `name` could not tell its heartbeat monitor; `problem` says why. The job went on.",
    INTERNAL_ERROR_EVENT: "The instrumentation itself failed in a `hook`; the app was not touched. Told once per hook.",
    MISCONFIGURED_EVENT: "A setting was not understood; `problem` says which, and the default is used.",
    LOG_DROPPED_EVENT: "`count` lines were lost because the stream would not take them.",
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
