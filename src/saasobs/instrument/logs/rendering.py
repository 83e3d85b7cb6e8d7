"""One event as one line: JSON for machines, or a coloured line for a person. Pure; it never raises.

In order: field names (ours are reserved), redaction by name and by what a text looks like, plain values (what JSON
cannot say is shown by its bounded repr), one line however hostile the text, and at most LINE_LIMIT bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import orjson

from saasobs.instrument import names
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.plain import REDACTED, describe, plain, spoken_name, tame
from saasobs.instrument.scrub import Scrubber, is_sensitive, scrub_text

__all__ = ["REDACTED", "Record", "Render", "console_renderer", "describe", "is_sensitive", "plain", "render_json"]

LINE_LIMIT: Final = 32 * 1024
_TEXT_CUT: Final = 2048
_REPR_LIMIT: Final = 1024
_KEYS: Final = 4096
_KEY_LENGTH: Final = 64
_FIELDS: Final = 500
"""Of one event: some apps pass a stranger's JSON on as fields."""
_OURS: Final = names.RESERVED_FIELDS | {names.LOGGER}

Render = Callable[[dict[str, Any]], bytes]


class Record:
    """Builds the dictionary of an event: our fields first, always in the same order, then the caller's."""

    def __init__(self, config: InstrumentConfig) -> None:
        known = {
            names.SERVICE: config.service,
            names.ENVIRONMENT: config.environment,
            names.VERSION: config.version,
        }
        self._static = {name: value for name, value in known.items() if value}
        self.scrubber = Scrubber(config.scrub)
        self._keys: dict[Any, tuple[str, bool]] = {}

    def head(self, when: float, level: str, event: Any, logger: Any) -> dict[str, Any]:
        """The fields that every record begins with. :param when: seconds since the epoch."""
        return {
            names.TIMESTAMP: timestamp(when),
            names.LEVEL: level,
            names.EVENT: scrub_text(event) if type(event) is str else self.scrubber.value("", event),
            names.LOGGER: logger if type(logger) is str else str(logger),
            **self._static,
        }

    def build(self, *, when: float, level: str, event: Any, logger: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
        """:param when: seconds since the epoch."""
        record = self.head(when, level, event, logger)
        self.add(record, fields)
        return record

    def add(self, record: dict[str, Any], fields: Mapping[str, Any]) -> None:
        """Put a caller's fields into a record, plain and scrubbed, under other names where ours are taken."""
        keys = self._keys
        if len(fields) > _FIELDS:
            fields = dict(islice(fields.items(), _FIELDS))
            record[names.TRUNCATED] = True
        for key, value in fields.items():
            name, masked = keys.get(key) or self._key(key)
            kind = type(value)
            if masked:
                record[name] = value if value is None or kind is bool else REDACTED
            elif kind is str:
                record[name] = scrub_text(value)
            elif kind is int or kind is float or kind is bool or value is None:
                record[name] = value
            else:
                record[name] = self.scrubber.value(name, value)

    def _key(self, key: Any) -> tuple[str, bool]:
        """Under what name a field is written, and whether its value is masked."""
        name = f"{key}_" if key in _OURS else scrub_text(spoken_name(key))
        found = (name, self.scrubber.sensitive(name))
        if len(self._keys) < _KEYS and len(name) <= _KEY_LENGTH and type(key) is str:
            self._keys[key] = found  # longer ones are a stranger's
        return found


def timestamp(when: float) -> str:
    """RFC 3339, UTC, microseconds: ``2026-11-22T14:03:07.120345Z``."""
    second, micros = divmod(round(when * 1_000_000), 1_000_000)
    return f"{_second(second)}.{micros:06d}Z"


@lru_cache(maxsize=8)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()[:-6]


def render_json(record: dict[str, Any]) -> bytes:
    """One line of JSON, newline included. NaN and infinities become null."""
    try:
        line = orjson.dumps(record, default=describe)
    except TypeError:  # lone surrogates, integers over 64 bits
        line = orjson.dumps(tame(record), default=describe)
    if len(line) > LINE_LIMIT:
        line = orjson.dumps(tame(shorten(record)))
    return visible(line) + b"\n"


# What JSON allows as it is and a terminal or a viewer acts upon: DEL, C1 controls (U+009B begins an ANSI sequence),
# line and paragraph separators, and the marks that turn the direction of text.
_ACTIVE = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")


def visible(line: bytes) -> bytes:
    """A line of JSON whose texts are escaped where they would act on whoever looks at them."""
    if line.isascii() and b"\x7f" not in line:
        return line
    return _ACTIVE.sub(lambda found: b"\\u%04x" % ord(found[0].decode()), line)


def shorten(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record within the limit: long values are cut, late fields dropped, and it says so."""
    short: dict[str, Any] = {}
    room = LINE_LIMIT - _TEXT_CUT
    dropped = 0
    for key, value in record.items():
        cut = _cut(value)
        size = len(orjson.dumps(tame([key[:_TEXT_CUT], cut])))
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
        return tame(value)
    text = value if isinstance(value, str) else orjson.dumps(tame(value)).decode()
    return text if len(text) <= _TEXT_CUT else text[:_TEXT_CUT] + "…"


_ESCAPES = {
    **{code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))},
    **{code: f"\\u{code:04x}" for code in (*range(0x2028, 0x202F), *range(0x2066, 0x206A))},
}
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
    text = value if isinstance(value, str) else orjson.dumps(tame(value)).decode()
    return text.translate(_ESCAPES)
