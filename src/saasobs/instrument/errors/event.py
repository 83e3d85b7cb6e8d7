"""A report as Sentry's event payload (https://develop.sentry.dev/sdk/data-model/event-payloads/). Pure."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from saasobs.instrument import names
from saasobs.instrument.errors.report import Report
from saasobs.instrument.scrub import scrub_text

_TAG_LIMIT: Final = 200
_LEVELS: Final = {"critical": "fatal", "warning": "warning"}
_OPERATIONS: Final = {"request": "http.server", "websocket": "websocket.server", "task": "queue.process"}
_CRUMB_FIELDS: Final = frozenset({names.TIMESTAMP, names.LEVEL, names.EVENT, names.LOGGER, "service", "environment"})
_REPEATED: Final = frozenset({"version", "correlation_id", "trace_id", "span_id", "tenant", "user_id"})
"""What is on every line is on the event already."""


def event_of(report: Report) -> dict[str, Any]:
    """All but the exception's frames, which need the SDK."""
    event: dict[str, Any] = {
        "event_id": report.error_id,
        "timestamp": datetime.fromtimestamp(report.when, UTC),
        "level": _LEVELS.get(report.level, "error"),
        "tags": tags_of(report),
        "contexts": _contexts(report),
        "breadcrumbs": {"values": [_breadcrumb(crumb) for crumb in report.crumbs]},
        "extra": dict(report.fields),
    }
    if report.logger:
        event["logger"] = report.logger
        event["extra"]["log_event"] = report.event
    if report.route:
        event["transaction"] = report.route
        event["transaction_info"] = {"source": "route" if report.request else "task"}
    if report.user:
        event["user"] = dict(report.user)
    if report.request:
        event["request"] = _request(report.request)
    return event


def tags_of(report: Report) -> dict[str, str]:
    """What one searches by."""
    tags = {
        "route": report.route,
        "method": str(report.request.get("method", "")),
        "tenant": report.tenant,
        "correlation_id": report.correlation_id,
        "trace_id": report.trace.get("trace_id", ""),
        "source": report.source,
        "fingerprint": report.fingerprint,
    }
    return {name: " ".join(value.split())[:_TAG_LIMIT] for name, value in tags.items() if value}


def _contexts(report: Report) -> dict[str, Any]:
    contexts: dict[str, Any] = {
        "runtime": {"name": platform.python_implementation(), "version": platform.python_version()},
    }
    if "trace_id" in report.trace and "span_id" in report.trace:
        contexts["trace"] = {**report.trace, "op": _OPERATIONS.get(report.kind, "function")}
    return contexts


def _breadcrumb(record: Mapping[str, Any]) -> dict[str, Any]:
    hidden = _CRUMB_FIELDS | _REPEATED
    return {
        "type": "default",
        "category": record[names.LOGGER],
        "level": _LEVELS.get(record[names.LEVEL], record[names.LEVEL]),
        "message": str(record[names.EVENT])[:1024],
        "timestamp": record[names.TIMESTAMP],
        "data": {name: value for name, value in record.items() if name not in hidden},
    }


def _request(request: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: request[name] for name in ("method", "url", "query_string", "headers") if request.get(name)}
    return {**shown, "env": {"REMOTE_ADDR": request["client"]}} if request.get("client") else shown


def scrub_messages(event: dict[str, Any]) -> None:
    """What the exceptions of an event say, scrubbed in place."""
    for exception in (event.get("exception") or {}).get("values") or ():
        if isinstance(exception.get("value"), str):
            exception["value"] = scrub_text(exception["value"])
