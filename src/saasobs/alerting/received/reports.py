"""What one request says of alerts, read from JSON and bounded: the same whichever way a source speaks.

What identifies an alert (its labels) is taken whole or refused; what describes it (annotations) is cut to its bounds.
Nothing that a stranger wrote raises anything but `Refused`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from saasobs.core.errors import Refused
from saasobs.core.values import SECOND, from_datetime

MAX_ALERTS: Final = 20_000
"""In one request."""
MAX_LABELS: Final = 100
MAX_NAME: Final = 200
MAX_VALUE: Final = 2_000
"""Characters of a label's value."""
MAX_ANNOTATIONS: Final = 50
MAX_ANNOTATION: Final = 4_000
MAX_URL: Final = 2_000
_TOLD: Final = 20
"""Refused alerts that are told one by one."""
_FAR: Final = from_datetime(datetime(9999, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Report:
    """One alert as its source said it. Moments are µs; 0: it did not say."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_at: int = 0
    ends_at: int = 0
    generator_url: str = ""
    resolved: bool | None = None
    """None: its `ends_at` says so, by being over or not."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a request holds."""

    reports: tuple[Report, ...]
    refused: tuple[str, ...] = ()


class Unfit(ValueError):
    """One alert cannot be taken; the others can."""


def decode(body: bytes) -> Any:
    """The JSON of a body; what is no UTF-8 in it is replaced, as Alertmanager does. :raises Refused: it is no JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise Refused("the body is not valid JSON") from error


def collect(items: object, read: Callable[[Mapping[str, Any]], Report]) -> Parsed:
    """Read each of a list; one that is unfit is left out and told. :raises Refused: it is no list, or too long."""
    if not isinstance(items, list):
        raise Refused("the alerts must be a list")
    if len(items) > MAX_ALERTS:
        raise Refused(f"{len(items)} alerts in one request: at most {MAX_ALERTS} are taken")
    reports: list[Report] = []
    refused: list[str] = []
    for number, item in enumerate(items):
        try:
            reports.append(read(item if isinstance(item, Mapping) else _unfit("must be an object")))
        except Unfit as error:
            refused.append(f"alert {number}: {error}")
    return Parsed(tuple(reports), tuple(_first(refused)))


def _unfit(why: str) -> Mapping[str, Any]:
    raise Unfit(why)


def _first(refused: list[str]) -> Iterable[str]:
    if len(refused) <= _TOLD:
        return refused
    return [*refused[:_TOLD], f"and {len(refused) - _TOLD} more"]


def read_labels(value: object) -> dict[str, str]:
    """Names to values, without the empty ones. :raises Unfit:"""
    if not isinstance(value, Mapping):
        raise Unfit("labels must be an object of texts")
    found = {_clean(name): _value(name, text) for name, text in value.items() if text != ""}
    if not found:
        raise Unfit("at least one label pair required")
    if len(found) > MAX_LABELS:
        raise Unfit(f"{len(found)} labels: at most {MAX_LABELS} are taken")
    for name in found:
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise Unfit(f"invalid label name {name[:40]!r}")
    return found


def _value(name: str, text: object) -> str:
    if not isinstance(text, str):
        raise Unfit(f"the value of the label {name[:40]!r} must be a text")
    if len(text) > MAX_VALUE:
        raise Unfit(f"the value of the label {name[:40]!r} is longer than {MAX_VALUE} characters")
    return _clean(text)


def read_annotations(value: object) -> dict[str, str]:
    """Names to texts, cut to what is kept; what is no text is left out."""
    if not isinstance(value, Mapping):
        return {}
    texts = ((name, text) for name, text in value.items() if isinstance(text, str) and text)
    kept = {_clean(name[:MAX_NAME]): _clean(text[:MAX_ANNOTATION]) for name, text in texts}
    return dict(list(kept.items())[:MAX_ANNOTATIONS])


def read_url(value: object) -> str:
    """An address that a person may open; empty for anything else."""
    text = value.strip() if isinstance(value, str) else ""
    fits = len(text) <= MAX_URL and text.isprintable() and not any(letter.isspace() for letter in text)
    return _clean(text) if fits and text.lower().startswith(("http://", "https://")) else ""


def read_moment(value: object) -> int:
    """µs of an RFC 3339 text; 0 for one that is not given, or Go's zero time. :raises Unfit:"""
    if value is None or value == "":
        return 0
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
        found = from_datetime(when) if when is not None and when.tzinfo is not None else None
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise Unfit(f"{str(value)[:40]!r} is not a moment: write 2026-11-22T14:03:07Z")
    return min(max(0, found), _FAR)


def epoch(value: float) -> int:
    """µs of seconds or milliseconds since the epoch, whichever it must be."""
    seconds = value / 1000 if value > 1e11 else value
    return min(max(0, round(seconds * SECOND)), _FAR) if seconds == seconds else 0  # noqa: PLR0124 - NaN


def _clean(text: str) -> str:
    """Halves of surrogate pairs are no text: they become U+FFFD, as in Go."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
