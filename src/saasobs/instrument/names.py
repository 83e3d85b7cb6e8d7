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
INTERNAL_ERRORS: Final = "saasobs_internal_errors_total"
LOG_LINES_DROPPED: Final = "saasobs_log_lines_dropped_total"
BUILD_INFO: Final = "saasobs_build_info"

# Labels
METHOD: Final = "http_request_method"
ROUTE: Final = "http_route"
STATUS: Final = "http_response_status_code"
HOOK: Final = "hook"

# Label values that stand for an unbounded rest
UNMATCHED: Final = "__unmatched__"
OTHER_METHOD: Final = "_OTHER"
KNOWN_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})

# Log events
REQUEST_EVENT: Final = "http.request"
INTERNAL_ERROR_EVENT: Final = "saasobs.internal_error"
MISCONFIGURED_EVENT: Final = "saasobs.misconfigured"
LOG_DROPPED_EVENT: Final = "log.dropped"

EVENTS: Final[dict[str, str]] = {
    REQUEST_EVENT: "One request has been served: `method`, `route`, `path`, `status`, `duration_ms`, `client`,"
    " `outcome` when it is not ok, `error_type` when it failed, `db_queries` and `db_ms` when it asked a database.",
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
