"""Maintenance windows over the API: what a request asks for, read and checked.

POST /maintenance takes ``{monitors: [], tags: [], all, name, reason, start, end, duration_seconds, by}``: what it
covers, and how long. Moments are RFC 3339 with an offset; without a `start` it begins now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException

from saasobs.core.maintenance import WindowRequest
from saasobs.core.values import DAY, SECOND
from saasobs.web.requests import read_moment, read_text

_KEYS: Final = frozenset({"monitors", "tags", "all", "name", "reason", "start", "end", "duration_seconds", "by"})
_MOST: Final = 1_000


def wanted(body: Mapping[str, Any]) -> WindowRequest:
    """:raises HTTPException: 400, with what would have been right."""
    if unknown := sorted(body.keys() - _KEYS):
        raise HTTPException(400, f"unknown: {unknown[0]}; known here: {', '.join(sorted(_KEYS))}")
    start, end, duration = read_moment(body, "start"), read_moment(body, "end"), _duration(body)
    if (end == 0) == (duration == 0):
        raise HTTPException(400, "say when it ends: end or duration_seconds, one of the two")
    if body.get("all", False) not in (True, False):
        raise HTTPException(400, "all must be true or false")
    return WindowRequest(
        monitors=_names(body, "monitors"),
        tags=_names(body, "tags"),
        all=bool(body.get("all")),
        name=read_text(body, "name"),
        reason=read_text(body, "reason"),
        start=start,
        end=end,
        duration=duration,
    )


def _names(body: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = body.get(key, [])
    if not isinstance(found, list) or len(found) > _MOST or not all(isinstance(name, str) for name in found):
        raise HTTPException(400, f"{key} must be a list of names")
    return tuple(dict.fromkeys(found))


def _duration(body: Mapping[str, Any]) -> int:
    found = body.get("duration_seconds")
    if found is None:
        return 0
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= 366 * DAY / SECOND:
        raise HTTPException(400, "duration_seconds must be a number of seconds")
    return round(found * SECOND)
