"""One event as one line: JSON for machines, or a coloured line for a person. Pure; it never raises.

In order: field names (ours are reserved), redaction by key, plain values (what JSON cannot say is shown by its
bounded repr), one line however hostile the text, and at most LINE_LIMIT bytes.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from types import TracebackType
from typing import Any, Final

import orjson

from saasobs.core.values import Secret
from saasobs.instrument import names
from saasobs.instrument.config import InstrumentConfig

LINE_LIMIT: Final = 32 * 1024
REDACTED: Final = "***"
_TEXT_CUT: Final = 2048
_REPR_LIMIT: Final = 1024
_TRACEBACK_LIMIT: Final = 16 * 1024
_DEPTH: Final = 6
_ITEMS: Final = 200
_SECRET_WORDS: Final = frozenset(
    {"password", "passwd", "passphrase", "token", "authorization", "cookie", "secret", "apikey", "credential"}
)
_SECRET_PAIRS: Final = frozenset({("api", "key"), ("private", "key"), ("access", "key"), ("signing", "key")})
_SPEAKING: Final = frozenset({"datetime", "decimal", "ipaddress", "pathlib", "uuid"})
"""Modules of the standard library whose types say more by str than by repr."""
_SCALARS: Final = frozenset({str, int, float})
_OURS: Final = names.RESERVED_FIELDS | {names.LOGGER}
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")

Render = Callable[[dict[str, Any]], bytes]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


@lru_cache(maxsize=4096)
def is_sensitive(key: str) -> bool:
    """Whether a field of this name holds a secret: ``db_password``, ``X-Api-Key``, ``setCookie``; not ``tokens``."""
    words = [word.lower() for word in _WORD.findall(key[:200])]
    return any(word in _SECRET_WORDS for word in words) or any(pair in _SECRET_PAIRS for pair in pairwise(words))


class Record:
    """Builds the dictionary of an event: our fields first, always in the same order, then the caller's."""

    def __init__(self, config: InstrumentConfig) -> None:
        known = {
            names.SERVICE: config.service,
            names.ENVIRONMENT: config.environment,
            names.VERSION: config.version,
        }
        self._static = {name: value for name, value in known.items() if value}

    def head(self, when: float, level: str, event: str, logger: str) -> dict[str, Any]:
        """The fields that every record begins with, of an event of our own."""
        return {
            names.TIMESTAMP: timestamp(when),
            names.LEVEL: level,
            names.EVENT: event,
            names.LOGGER: logger,
            **self._static,
        }

    def build(self, *, when: float, level: str, event: Any, logger: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
        """:param when: seconds since the epoch."""
        record: dict[str, Any] = {
            names.TIMESTAMP: timestamp(when),
            names.LEVEL: level,
            names.EVENT: event if isinstance(event, str) else plain(event),
            names.LOGGER: str(logger),
            **self._static,
        }
        self.add(record, fields)
        return record

    def add(self, record: dict[str, Any], fields: Mapping[str, Any]) -> None:
        """Put a caller's fields into a record, under other names where ours are taken."""
        for key, value in fields.items():
            name = f"{key}_" if key in _OURS else str(key)
            record[name] = value if type(value) in _SCALARS and not is_sensitive(name) else _field(name, value)


def timestamp(when: float) -> str:
    """RFC 3339, UTC, microseconds: ``2026-11-22T14:03:07.120345Z``."""
    second, micros = divmod(round(when * 1_000_000), 1_000_000)
    return f"{_second(second)}.{micros:06d}Z"


@lru_cache(maxsize=8)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()[:-6]


def _field(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value  # a secret is neither, and "password=None" is worth knowing
    return REDACTED if is_sensitive(key) else plain(value)


def plain(value: Any, depth: int = _DEPTH) -> Any:
    """The value as JSON can say it, secrets masked; deep, long, circular or foreign values become bounded text."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Secret):
        return REDACTED
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value[:_REPR_LIMIT]).decode("utf-8", "backslashreplace")
    return _plain_container(value, depth - 1) if depth > 0 else describe(value)


def _plain_container(value: Any, depth: int) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = {each.name: getattr(value, each.name, None) for each in dataclass_fields(value)}
    if isinstance(value, Mapping):
        pairs = [(str(key), item) for key, item in list(value.items())[:_ITEMS]]
        return {key: REDACTED if item is not None and is_sensitive(key) else plain(item, depth) for key, item in pairs}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth) for item in list(value)[:_ITEMS]]
    return describe(value)


def describe(value: Any) -> str:
    """A bounded repr, whatever the object's own does; moments and paths by their plain text."""
    try:
        if isinstance(value, datetime):
            return value.isoformat()
        if type(value).__module__ in _SPEAKING:
            return str(value)[:_REPR_LIMIT]
        if isinstance(value, BaseException):
            return f"{type(value).__name__}: {value}"[:_REPR_LIMIT]
        if isinstance(value, list | tuple | set | frozenset | Mapping):
            return f"<{type(value).__name__} of {len(value)}>"  # too deep, or inside itself
        return repr(value)[:_REPR_LIMIT]
    except Exception:  # noqa: BLE001 - a __repr__ of somebody else may do anything
        return f"<unprintable {type(value).__name__}>"


def exception_fields(info: ExcInfo) -> dict[str, str]:
    """`error_type` and the traceback as text, its last part when it is long: that is where it happened."""
    try:
        text = "".join(traceback.format_exception(*info, limit=-50)).rstrip()
    except Exception:  # noqa: BLE001 - formatting calls the exception's own code
        text = f"<unprintable {info[0].__name__}>"
    if len(text) > _TRACEBACK_LIMIT:
        text = "…" + text[-_TRACEBACK_LIMIT:]
    return {"error_type": info[0].__name__, "exception": text}


def render_json(record: dict[str, Any]) -> bytes:
    """One line of JSON, newline included. NaN and infinities become null."""
    try:
        line = orjson.dumps(record, default=describe)
    except TypeError:  # lone surrogates, integers over 64 bits
        line = orjson.dumps(_tame(record), default=describe)
    if len(line) > LINE_LIMIT:
        line = orjson.dumps(_tame(shorten(record)))
    return line + b"\n"


def _tame(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bool | float | None):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else hex(value)[:_REPR_LIMIT]
    if isinstance(value, dict):
        return {_tame(key): _tame(item) for key, item in value.items()}
    return [_tame(item) for item in value]


def shorten(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record within the limit: long values are cut, late fields dropped, and it says so."""
    short: dict[str, Any] = {}
    room = LINE_LIMIT - _TEXT_CUT
    dropped = 0
    for key, value in record.items():
        cut = _cut(value)
        size = len(orjson.dumps(_tame([key[:_TEXT_CUT], cut])))
        if size > room:
            dropped += 1
            continue
        room -= size
        short[key[:_TEXT_CUT]] = cut
    return {**short, names.TRUNCATED: True, **({"dropped_fields": dropped} if dropped else {})}


def _cut(value: Any) -> Any:
    if isinstance(value, bool | float | None):
        return value
    if isinstance(value, int):
        return _tame(value)
    text = value if isinstance(value, str) else orjson.dumps(_tame(value)).decode()
    return text if len(text) <= _TEXT_CUT else text[:_TEXT_CUT] + "…"


_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_BLOCK_ESCAPES = {code: text for code, text in _ESCAPES.items() if code not in (9, 10)}
_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}
_QUIET_FIELDS = frozenset(
    {names.TIMESTAMP, names.LEVEL, names.EVENT, names.LOGGER, names.SERVICE, names.VERSION, "exception", "stack"}
)


def console_renderer(*, colour: bool) -> Render:
    """A renderer for people: ``14:03:07.120 info     invoice.sent  invoice=42``, then the traceback, if any."""

    def paint(code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour else text

    def render(record: dict[str, Any]) -> bytes:
        level = record[names.LEVEL]
        when = paint("2", record[names.TIMESTAMP][11:23])
        label = paint(_COLOURS.get(level, "0"), f"{level:<8}")
        pairs = (f"{_visible(key)}={_visible(value)}" for key, value in record.items() if key not in _QUIET_FIELDS)
        line = " ".join([when, label, paint("1", _visible(record[names.EVENT])), *pairs])
        blocks = [_block(record[key]) for key in ("stack", "exception") if record.get(key)]
        return ("\n".join([line[:LINE_LIMIT], *blocks]) + "\n").encode("utf-8", "backslashreplace")

    return render


def _block(text: Any) -> str:
    """Several lines, indented, so that none of them can pass for an event of its own."""
    return "\n".join(f"  {line}" for line in str(text).translate(_BLOCK_ESCAPES).split("\n"))


def _visible(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(_tame(value)).decode()
    return text.translate(_ESCAPES)
