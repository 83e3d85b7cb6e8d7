"""What is read from a request to the operator's API, checked: a number, a flag, a small JSON object."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from saasobs.core.values import from_datetime

BODY_LIMIT = 64 * 1024
BODY_SECONDS = 10.0
_LONGEST: Final = 200
_TRUE = frozenset({"1", "true", "yes"})
_FALSE = frozenset({"", "0", "false", "no"})


def number(request: Request, name: str, *, default: int, top: int) -> int:
    """A query parameter from 1 to `top`. :raises HTTPException: 400."""
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or not 1 <= int(text) <= top:
        raise HTTPException(400, f"{name} must be a number from 1 to {top}")
    return int(text)


def flag(request: Request, name: str) -> bool:
    """A query parameter that is true or false. :raises HTTPException: 400."""
    text = request.query_params.get(name, "").lower()
    if text not in _TRUE | _FALSE:
        raise HTTPException(400, f"{name} must be true or false")
    return text in _TRUE


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; no body is an empty one.

    :raises HTTPException: 400 for anything else, 408 when it does not come, 413 when it is too long.
    """
    raw = await _read(request)
    if not raw.strip():
        return {}
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not valid JSON") from error
    if not isinstance(value, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return value


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, each once. :raises HTTPException: 400, 408, 413, as for JSON."""
    raw = await _read(request)
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError as error:
        raise HTTPException(400, "the body is no form") from error
    return dict(pairs)


async def _read(request: Request) -> bytes:
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                raw += piece
                if len(raw) > BODY_LIMIT:
                    raise HTTPException(413, f"the body is longer than {BODY_LIMIT} bytes", {"Connection": "close"})
    except TimeoutError as error:
        raise HTTPException(408, "the body did not come in time", {"Connection": "close"}) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the body broke off") from error
    return bytes(raw)


def person(values: dict[str, Any]) -> str:
    """Who does it, as `by` says; "operator" when it does not. :raises HTTPException: 400."""
    by = values.get("by", "operator")
    if not isinstance(by, str) or not by.strip() or len(by) > 100 or not by.isprintable():
        raise HTTPException(400, "by must be a name of at most 100 printable characters")
    return by.strip()


def read_text(body: Mapping[str, Any], key: str, *, longest: int = _LONGEST) -> str:
    """A short text, empty when it is not given. :raises HTTPException: 400."""
    found = body.get(key, "")
    if not isinstance(found, str) or len(found) > longest or not found.isprintable():
        raise HTTPException(400, f"{key} must be a text of at most {longest} printable characters")
    return found.strip()


def read_seconds(body: Mapping[str, Any], key: str, *, top: int) -> int:
    """Whole seconds; 0 when it is not given. :raises HTTPException: 400."""
    found = body.get(key, 0)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= top:
        raise HTTPException(400, f"{key} must be a number of seconds, at most {top}")
    return round(found)


def read_moment(body: Mapping[str, Any], key: str) -> int:
    """µs; 0 when it is not given. :raises HTTPException: 400."""
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
