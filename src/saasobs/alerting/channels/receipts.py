"""What providers' reports have in common: JSON and forms read with care, moments, signatures compared. Pure."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from saasobs.alerting.channels.faults import excerpt
from saasobs.core.errors import Refused
from saasobs.core.receipts import DeliveryReport, Fate, Posted, Price
from saasobs.core.values import from_datetime

_FIELDS = 200
_REPORTS = 1_000
_ID = 200


def json_of(posted: Posted) -> Any:
    """:raises Refused: the body is no JSON."""
    try:
        return json.loads(posted.body)
    except (ValueError, RecursionError) as error:
        raise Refused("the body is not valid JSON") from error


def form_of(posted: Posted) -> dict[str, str]:
    """:raises Refused: the body is no form, or has a field twice."""
    try:
        pairs = parse_qsl(
            posted.body.decode(), keep_blank_values=True, max_num_fields=_FIELDS, strict_parsing=bool(posted.body)
        )
    except ValueError as error:
        raise Refused("the body is no form") from error
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Refused("the form has a field twice")
    return fields


def objects(value: object) -> Iterator[dict[str, Any]]:
    """Those of a list, so far as it is one, and not too many."""
    for each in value[:_REPORTS] if isinstance(value, list) else ():
        if isinstance(each, dict):
            yield each


def part(value: object, *keys: str) -> dict[str, Any]:
    """An object inside an object; an empty one where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def report(
    provider_id: object, fate: Fate | None, *, at: int = 0, detail: str = "", price: Price | None = None
) -> tuple[DeliveryReport, ...]:
    """The one report, or none where the ID is none. :param fate: None: nothing final."""
    if not isinstance(provider_id, str) or not 0 < len(provider_id) <= _ID or not provider_id.isprintable():
        return ()
    return (DeliveryReport(provider_id, fate or Fate.UNDER_WAY, at, excerpt(detail) if detail else "", price),)


def moment(text: object) -> int:
    """µs of an ISO 8601 moment or of seconds since 1970; 0 where it is neither. Without an offset it is UTC."""
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 10:
        return int(text) * 1_000_000
    try:
        when = datetime.fromisoformat(text)  # type: ignore[arg-type]
        return from_datetime(when if when.tzinfo else when.replace(tzinfo=UTC))
    except (TypeError, ValueError, OverflowError):
        return 0


def same(given: str, expected: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
