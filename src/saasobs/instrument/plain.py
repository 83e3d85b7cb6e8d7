"""Values of strangers as JSON can say them: bounded, of plain types, never raising. What they hide is for `scrub`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import datetime
from typing import Any, Final

from saasobs.core.values import Secret

REDACTED: Final = "***"
TEXT_LIMIT: Final = 16 * 1024
_REPR_LIMIT: Final = 1024
_DEPTH: Final = 6
_ITEMS: Final = 200
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
    if isinstance(value, Secret):
        return REDACTED
    if is_dataclass(value) and not isinstance(value, type):
        value = {each.name: getattr(value, each.name, None) for each in dataclass_fields(value)}
    if depth > 1 and isinstance(value, Mapping):
        pairs = [(text(str(key)), item) for key, item in list(value.items())[:_ITEMS]]
        return {
            key: REDACTED
            if item is not None and sensitive(key)
            else plain(item, depth - 1, sensitive=sensitive, text=text)
            for key, item in pairs
        }
    if depth > 1 and isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth - 1, sensitive=sensitive, text=text) for item in list(value)[:_ITEMS]]
    return text(describe(value))


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


def spoken(error: BaseException) -> str:
    """What an exception says of itself, bounded, whatever its own code does."""
    try:
        return str(error)[:TEXT_LIMIT]
    except Exception:  # noqa: BLE001 - a __str__ of somebody else may do anything
        return f"<unprintable {type(error).__name__}>"
