"""What the span of an operation says, under OpenTelemetry's semantic conventions. Pure.

The stable HTTP conventions (https://opentelemetry.io/docs/specs/semconv/http/http-spans/), of the messaging ones what
is known of a task. The query string is left out: it is where secrets are. The correlation ID, the tenant and what else
the operation's line says have the names they have there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from saasobs.instrument import names
from saasobs.instrument.scrub import scrub_text
from saasobs.instrument.state import Operation, RequestFacts

_TEXT: Final = 1024
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_FAULTY: Final = frozenset({"failure", "timeout", "lost", "error"})
"""Outcomes that are errors even when no exception was seen."""
_UNUSED: Final = frozenset({"duration_ms", "name", "error_type", "method", "route", "path", "status", "client"})
"""The line's fields that have a name of their own in the conventions, and the span's own duration."""
_MESSAGING: Final = {
    "system": "messaging.system",
    "queue": "messaging.destination.name",
    "task_id": "messaging.message.id",
}


class Description(NamedTuple):
    """A span as it ends."""

    name: str
    attributes: dict[str, Any]
    failed: bool


class Ended(NamedTuple):
    """What its span needs of an operation that is over. It may wait long to be read, and the operation holds much."""

    kind: str
    name: str
    correlation_id: str
    tenant: str | None
    children: int
    facts: Callable[[], RequestFacts] | None


def ended(operation: Operation, facts: Callable[[], RequestFacts] | None) -> Ended:
    """:param facts: in place of the operation's own."""
    tenant, children = operation.tenant, operation.children
    return Ended(operation.kind, operation.name, operation.correlation_id, tenant, children, facts or operation.facts)


def is_failure(operation: Ended, line: Mapping[str, Any]) -> bool:
    """Whether the operation failed although no exception was seen."""
    status = line.get("status", 0) if operation.kind in ("request", "websocket") else 0
    return status >= 500 or line.get("outcome") in _FAULTY


def describe(operation: Ended, line: Mapping[str, Any], fault: type[BaseException] | None) -> Description:
    """:param line: what the operation's line says. :param fault: the exception that it ended with."""
    said: dict[str, Any] = {names.CORRELATION_ID: operation.correlation_id}
    if operation.tenant is not None:
        said["tenant"] = operation.tenant
    if operation.kind in ("request", "websocket"):
        name = _http(said, operation, line)
    else:
        name = operation.name or operation.kind
        if operation.kind == "task":
            said["messaging.operation.type"] = "process"
            said |= {_MESSAGING[key]: line[key] for key in _MESSAGING if line.get(key)}
    for key, value in line.items():
        if key not in _UNUSED and key not in _MESSAGING and isinstance(value, str | int | float):
            said[key] = value
    failed = fault is not None or is_failure(operation, line)
    if failed:
        said["error.type"] = _error_type(said, line, fault)
    return Description(name, said, failed)


def _http(said: dict[str, Any], operation: Ended, line: Mapping[str, Any]) -> str:
    sent = str(line.get("method") or "GET")
    method = sent if sent in names.KNOWN_METHODS else names.OTHER_METHOD
    said["http.request.method"] = method
    if method != sent:
        said["http.request.method_original"] = sent
    route = line.get("route", "")
    if route and route != names.UNMATCHED:
        said["http.route"] = route
    said["url.path"] = scrub_text(str(line.get("path", "")))
    if line.get("status"):
        said["http.response.status_code"] = line["status"]
    if line.get("client"):
        said["client.address"] = line["client"]
    if operation.facts is not None:
        _server(said, operation.facts())
    shown = "HTTP" if method == names.OTHER_METHOD else method
    return f"{shown} {said['http.route']}" if "http.route" in said else shown


def _server(said: dict[str, Any], facts: RequestFacts) -> None:
    """What the request says of who was asked: nothing, when it is not fit to be read."""
    try:
        url = urlsplit(facts.url[:_TEXT])
        port = url.port
    except ValueError:
        return
    said["url.scheme"] = url.scheme
    if url.hostname:
        said["server.address"] = url.hostname
        if port is None:
            port = _PORTS.get(url.scheme)
        if port is not None:
            said["server.port"] = port
    for name, value in facts.headers:
        if name.lower() == "user-agent":
            said["user_agent.original"] = scrub_text(value[:_TEXT])


def _error_type(said: Mapping[str, Any], line: Mapping[str, Any], fault: type[BaseException] | None) -> str:
    """The exception's type, else the status, else the outcome: always one of a few."""
    if fault is not None:
        return type_name(fault)
    status = said.get("http.response.status_code", 0)
    return str(line.get("error_type") or (status if status >= 500 else line.get("outcome") or names.OTHER_METHOD))


def type_name(kind: type[BaseException]) -> str:
    """The type with its module, but for the builtin ones."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def exception_attributes(error: BaseException) -> dict[str, str]:
    """The span event of an exception (https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/)."""
    from saasobs.instrument.logs.tracebacks import traceback_text  # noqa: PLC0415 - at a fault only
    from saasobs.instrument.plain import spoken  # noqa: PLC0415 - the same

    return {
        "exception.type": type_name(type(error)),
        "exception.message": scrub_text(spoken(error)[: 4 * _TEXT]),
        "exception.stacktrace": traceback_text(error),
    }
