"""Values of strangers as JSON can say them: bounded, of plain types, never raising. What they hide is for `scrub`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from saasobs.core.values import Secret

REDACTED: Final = "***"
TEXT_LIMIT: Final = 16 * 1024
_REPR_LIMIT: Final = 1024
_DEPTH: Final = 6
_ITEMS: Final = 200
_COPIED: Final = 10 * _ITEMS
_ROOM: Final = 64 * 1024
"""Characters of one value, all that it holds together."""
_LEAST: Final = 16
"""Characters that each value counts for at least."""
_SPEAKING: Final = frozenset({"datetime", "decimal", "ipaddress", "pathlib", "uuid"})
"""Modules of the standard library whose types say more by str than by repr."""


def plain(
    value: Any,
    depth: int = _DEPTH,
    *,
    sensitive: Callable[[str], bool] = lambda _name: False,
    text: Callable[[str], str] = lambda text: text,
) -> Any:
    """The value as JSON can say it; deep, long, circular or foreign values become bounded text.

    :param sensitive: says of a key whether its value is masked. :param text: what every text goes through.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return text(value if len(value) <= TEXT_LIMIT else value[:TEXT_LIMIT] + "…")
    return _Plain(sensitive, text).shown(value, depth)


class _Plain:
    """One value on its way to plain types: a stranger's JSON may hold a million more, of which no line shows many."""

    __slots__ = ("_room", "_sensitive", "_text")

    def __init__(self, sensitive: Callable[[str], bool], text: Callable[[str], str]) -> None:
        self._sensitive = sensitive
        self._text = text
        self._room = _ROOM

    def shown(self, value: Any, depth: int) -> Any:
        self._room -= _LEAST
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self._of_text(value)
        if isinstance(value, Secret):
            return REDACTED
        if depth > 1 and self._room > 0:
            try:
                return self._of_container(value, depth)
            except Exception:  # noqa: BLE001 - a container of somebody else may do anything
                return f"<unprintable {type(value).__name__}>"
        return self._of_text(describe(value))

    def _of_text(self, value: str) -> str:
        cut = value if len(value) <= TEXT_LIMIT else value[:TEXT_LIMIT] + "…"
        self._room -= len(cut)
        return self._text(cut) if self._room > -TEXT_LIMIT else "…"

    def _of_container(self, value: Any, depth: int) -> Any:
        if is_dataclass(value) and not isinstance(value, type):
            value = {each.name: getattr(value, each.name, None) for each in dataclass_fields(value)}
        if isinstance(value, Mapping):
            both = list(value.items()) if len(value) <= _COPIED else value.items()  # another thread may change it
            pairs = [(self._of_text(str(key)), item) for key, item in islice(both, _ITEMS)]
            return {
                key: REDACTED if item is not None and self._sensitive(key) else self.shown(item, depth - 1)
                for key, item in pairs
            }
        if isinstance(value, list | tuple | set | frozenset):
            items = list(value) if len(value) <= _COPIED else value
            return [self.shown(item, depth - 1) for item in islice(items, _ITEMS)]
        return self._of_text(describe(value))


def describe(value: Any) -> str:
    """A bounded repr, whatever the object's own does; moments and paths by their plain text."""
    try:
        return _described(value)[:_REPR_LIMIT]
    except Exception:  # noqa: BLE001 - a __repr__ of somebody else may do anything
        return f"<unprintable {type(value).__name__}>"


def _described(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value[:_REPR_LIMIT]).decode("utf-8", "backslashreplace")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, list | tuple | set | frozenset | Mapping):
        return f"<{type(value).__name__} of {len(value)}>"  # too deep, or inside itself
    return str(value) if type(value).__module__ in _SPEAKING else repr(value)


def spoken_name(name: object) -> str:
    """The name of a field as text."""
    return name if type(name) is str else describe(name) if not isinstance(name, str | int) else str(name)


def spoken(error: BaseException) -> str:
    """What an exception says of itself, bounded, whatever its own code does."""
    try:
        return str(error)[:TEXT_LIMIT]
    except Exception:  # noqa: BLE001 - a __str__ of somebody else may do anything
        return f"<unprintable {type(error).__name__}>"


def tame(value: Any) -> Any:
    """A plain value with what orjson refuses as text: lone surrogates, integers over 64 bits."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bool | float | None):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else hex(value)[:_REPR_LIMIT]
    if isinstance(value, dict):
        return {tame(key): tame(item) for key, item in value.items()}
    return [tame(item) for item in value]
