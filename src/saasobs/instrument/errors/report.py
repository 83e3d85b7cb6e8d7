"""One fault as it is reported: what the operation knew at that moment, scrubbed, before anybody's format."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from saasobs.instrument.errors.fault import Told
from saasobs.instrument.plain import REDACTED, spoken
from saasobs.instrument.scrub import Scrubber
from saasobs.instrument.state import Operation


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about a fault that depends on the moment; the traceback is still in `error`."""

    error: BaseException
    error_id: str
    """32 hexadecimal digits: what Sentry knows the event by."""
    error_type: str
    message: str
    fingerprint: str
    code: str
    """file:line of the app's own frame."""
    handled: bool
    source: str
    level: str
    when: float
    """Seconds since the epoch."""
    kind: str
    """`request`, `task` … of the operation; empty outside of one."""
    route: str
    correlation_id: str
    trace: Mapping[str, str]
    """`trace_id`, `span_id`, `parent_span_id` as far as they are known."""
    tenant: str
    user: Mapping[str, Any]
    request: Mapping[str, Any]
    """`method`, `url`, `query_string`, `headers`, `client`."""
    fields: Mapping[str, Any]
    """What was bound, and the fields of the log line that brought it."""
    crumbs: tuple[Mapping[str, Any], ...]
    """The last log records, the oldest first."""
    logger: str
    event: str
    """The log line's, where one brought it."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Who has seen a fault, and how."""

    handled: bool
    source: str
    level: str = "error"
    record: Mapping[str, Any] | None = None
    """The log line that brought it, as far as it was known."""


_RECORD_FIELDS = frozenset(
    {
        *("timestamp", "level", "event", "logger", "service", "environment", "version", "error_type"),
        *("correlation_id", "trace_id", "span_id", "tenant", "user_id"),
    }
)


def report_of(
    error: BaseException, seen: Sighting, told: Told, operation: Operation | None, scrubber: Scrubber
) -> Report:
    """Take the moment down."""
    record = seen.record or {}
    facts = operation.facts() if operation is not None and operation.facts is not None else None
    fields = dict(scrubber.fields(operation.fields)) if operation is not None else {}
    fields.update({name: value for name, value in record.items() if name not in _RECORD_FIELDS})
    request: dict[str, Any] = {}
    if facts is not None:
        request = {
            "method": facts.method,
            "url": scrubber.text(hidden_parameters(facts.url, facts.route, scrubber.sensitive)),
            "query_string": scrubber.query(facts.query),
            "headers": scrubber.headers(facts.headers),
            "client": facts.client,
        }
    route = "" if operation is None else operation.name or (facts.route if facts is not None else "")
    return Report(
        error=error,
        error_id=uuid4().hex,
        error_type=type(error).__name__,
        message=scrubber.text(spoken(error)),
        fingerprint=told.fingerprint,
        code=told.code,
        handled=seen.handled,
        source=seen.source,
        level=seen.level,
        when=time.time(),
        kind="" if operation is None else operation.kind,
        route=route,
        correlation_id="" if operation is None else operation.correlation_id,
        trace=_trace(operation),
        tenant="" if operation is None else operation.tenant or "",
        user=dict(operation.user) if operation is not None and operation.user else {},
        request=request,
        fields=fields,
        crumbs=tuple(operation.crumbs or ()) if operation is not None else (),
        logger=str(record.get("logger", "")),
        event=str(record.get("event", "")),
    )


def route_of(operation: Operation) -> str:
    """Its name, or as long as it has none the route that is serving it."""
    return operation.name or (operation.facts().route if operation.facts is not None else "")


def _trace(operation: Operation | None) -> dict[str, str]:
    if operation is None or not operation.trace_id:
        return {}
    ids = {
        "trace_id": operation.trace_id,
        "span_id": operation.span_id,
        "parent_span_id": operation.parent_span_id,
    }
    return {name: value for name, value in ids.items() if value}


def hidden_parameters(url: str, route: str, sensitive: Callable[[str], bool]) -> str:
    """The URL without what stands in its path for a parameter such as `{token}`. Pure.

    The template is held against the path's end: a mount's or a proxy's prefix may stand in front. Where they do not
    fit (a parameter that holds slashes), nothing of the path is shown.
    """
    template = route.strip("/").split("/")
    secret = [any(sensitive(name.partition(":")[0]) for name in _PARAMETER.findall(part)) for part in template]
    if not any(secret):
        return url
    scheme, slashes, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    segments = path.strip("/").split("/")
    tail = segments[-len(template) :]
    fits = len(tail) == len(template) and all(
        "{" in part or part == segment for part, segment in zip(template, tail, strict=True)
    )
    if not fits:
        return f"{scheme}{slashes}{host}/{REDACTED}"
    tail = [REDACTED if hidden else segment for hidden, segment in zip(secret, tail, strict=True)]
    ending = "/" if path.endswith("/") else ""
    return f"{scheme}{slashes}{host}{slash}{'/'.join([*segments[: -len(template)], *tail])}{ending}"


_PARAMETER = re.compile(r"\{([^{}]+)\}")
