"""Any JSON, read by the paths of the configuration: for systems that speak no protocol of their own.

A value is a path (RFC 9535) into the alert, or a fixed text. What a path finds first counts; what it does not find is
empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from saasobs.alerting.received.reports import (
    MAX_ANNOTATION,
    Parsed,
    Report,
    Unfit,
    collect,
    decode,
    epoch,
    read_annotations,
    read_labels,
    read_moment,
    read_url,
)
from saasobs.core.errors import Refused

RESOLVED: Final = ("resolved", "ok", "recovered", "normal", "closed", "up", "success", "false")
"""What a status says when it is over, unless the configuration says other words."""


class Query(Protocol):
    """A compiled path."""

    def find(self, document: Any) -> Sequence[Any]: ...


Value = Query | str


@dataclass(frozen=True, slots=True)
class Mapped:
    """Where in the JSON things stand."""

    name: Value
    """Becomes the label `alertname`."""
    each: Query | None = None
    """The alerts of one request; None: the whole body is one."""
    status: Value = ""
    resolved: frozenset[str] = frozenset(RESOLVED)
    """In lower case."""
    labels: Mapping[str, Value] = field(default_factory=dict)
    annotations: Mapping[str, Value] = field(default_factory=dict)
    starts_at: Value = ""
    ends_at: Value = ""
    url: Value = ""


def read_mapped(body: bytes, where: Mapped) -> Parsed:
    """:raises Refused:"""
    document = decode(body)
    try:
        items = list(where.each.find(document)) if where.each is not None else [document]
    except (RecursionError, ValueError, TypeError) as error:
        raise Refused("the body cannot be searched for alerts") from error
    return collect(items, lambda item: _report(item, where))


def _report(item: Mapping[str, Any], where: Mapped) -> Report:
    status = _text(item, where.status)
    resolved = status.strip().lower() in where.resolved if where.status != "" else None
    said = {"alertname": _text(item, where.name), **{name: _text(item, value) for name, value in where.labels.items()}}
    if not said["alertname"]:
        raise Unfit("it has no name where `name` looks for one")
    told = {name: _text(item, value)[:MAX_ANNOTATION] for name, value in where.annotations.items()}
    starts_at, ends_at = _moment(item, where.starts_at), _moment(item, where.ends_at)
    return Report(
        read_labels(said), read_annotations(told), starts_at, ends_at, read_url(_text(item, where.url)), resolved
    )


def _found(item: Mapping[str, Any], value: Value) -> Any:
    if isinstance(value, str):
        return value
    try:
        return next(iter(value.find(item)), None)
    except (RecursionError, ValueError, TypeError) as error:
        raise Unfit("it cannot be searched") from error


def _text(item: Mapping[str, Any], value: Value) -> str:
    found = _found(item, value)
    if isinstance(found, bool):
        return str(found).lower()
    return str(found) if isinstance(found, str | int | float) else ""


def _moment(item: Mapping[str, Any], value: Value) -> int:
    found = _found(item, value)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return epoch(found)
    return read_moment(found)
