"""Maintenance windows over the API: what a request asks for, read and checked.

POST /maintenance takes ``{monitors: [], tags: [], all, name, reason, start, end, duration_seconds, by}``: what it
covers, and how long. Moments are RFC 3339 with an offset; without a `start` it begins now.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from starlette.exceptions import HTTPException

from saasobs.core.maintenance import WindowRequest
from saasobs.core.values import DAY, SECOND, from_datetime

_KEYS: Final = frozenset({"monitors", "tags", "all", "name", "reason", "start", "end", "duration_seconds", "by"})
_LONGEST: Final = 200
_MOST: Final = 1_000


def wanted(body: Mapping[str, Any]) -> WindowRequest:
    """:raises HTTPException: 400, with what would have been right."""
    if unknown := sorted(body.keys() - _KEYS):
        raise HTTPException(400, f"unknown: {unknown[0]}; known here: {', '.join(sorted(_KEYS))}")
    start, end, duration = _moment(body, "start"), _moment(body, "end"), _duration(body)
    if (end == 0) == (duration == 0):
        raise HTTPException(400, "say when it ends: end or duration_seconds, one of the two")
    if body.get("all", False) not in (True, False):
        raise HTTPException(400, "all must be true or false")
    return WindowRequest(
        monitors=_names(body, "monitors"),
        tags=_names(body, "tags"),
        all=bool(body.get("all")),
        name=_text(body, "name"),
        reason=_text(body, "reason"),
        start=start,
        end=end,
        duration=duration,
    )


def _names(body: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = body.get(key, [])
    if not isinstance(found, list) or len(found) > _MOST or not all(isinstance(name, str) for name in found):
        raise HTTPException(400, f"{key} must be a list of names")
    return tuple(dict.fromkeys(found))


def _text(body: Mapping[str, Any], key: str) -> str:
    found = body.get(key, "")
    if not isinstance(found, str) or len(found) > _LONGEST or not found.isprintable():
        raise HTTPException(400, f"{key} must be a text of at most {_LONGEST} printable characters")
    return found.strip()


def _moment(body: Mapping[str, Any], key: str) -> int:
    """µs; 0 when it is not given."""
    found = body.get(key)
    if found is None:
        return 0
    try:
        when = datetime.fromisoformat(found)
        if when.tzinfo is not None:
            return from_datetime(when)
    except (TypeError, ValueError, OverflowError):
        pass
    raise HTTPException(400, f"{key} must be a moment with its offset, as in 2026-11-22T22:00:00-05:00")


def _duration(body: Mapping[str, Any]) -> int:
    found = body.get("duration_seconds")
    if found is None:
        return 0
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= 366 * DAY / SECOND:
        raise HTTPException(400, "duration_seconds must be a number of seconds")
    return round(found * SECOND)
