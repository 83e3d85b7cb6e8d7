"""What the instrumentation may be told: arguments and `SAASOBS_*`. It knows nothing of the daemon's YAML.

Pure: the environment comes in as a mapping. A bad value never stops the host; it becomes one sentence in the
returned warnings, and the default is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
FORMATS = ("json", "console")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_TEXT_LIMIT = 200


@dataclass(frozen=True, slots=True)
class InstrumentConfig:
    """The whole configuration of the instrumentation in one process."""

    service: str = "app"
    environment: str = ""
    version: str = ""
    log_level: str = "INFO"
    log_format: str = "json"
    """`json`: one line per event; `console`: coloured, for a person."""
    trust_incoming: bool = True
    """Continue the valid correlation IDs of callers; a public edge sets it to 0 and always makes its own."""
    correlation_header: str = "X-Request-ID"
    exclude: frozenset[str] = frozenset({"/metrics", "/healthz", "/readyz"})
    """Paths left out of the numbers and of the access log."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: the field, its variable (empty: argument only) and how a value is read.

    `read` raises ValueError with what would have been right.
    """

    field: str
    variable: str
    read: Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _TEXT_LIMIT or not value.isprintable():
        raise ValueError(f"must be a text of at most {_TEXT_LIMIT} printable characters")
    return value.strip()


def _name(value: Any) -> str:
    text = _text(value)
    if not text:
        raise ValueError("must not be empty")
    return text


def _level(value: Any) -> str:
    level = str(value).strip().upper()
    level = {"WARN": "WARNING", "FATAL": "CRITICAL"}.get(level, level)
    if level not in LEVELS:
        raise ValueError(f"must be one of {', '.join(LEVELS)}")
    return level


def _format(value: Any) -> str:
    text = str(value).strip().lower()
    if text not in FORMATS:
        raise ValueError(f"must be one of {', '.join(FORMATS)}")
    return text


def _flag(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError("must be 1 or 0")
    return text in _TRUE


def _header(value: Any) -> str:
    text = _name(value)
    if not all(letter.isalnum() or letter in "-_" for letter in text) or not text.isascii():
        raise ValueError("must be the name of an HTTP header, such as X-Request-ID")
    return text


def _paths(value: Any) -> frozenset[str]:
    items = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(item, str) and item.startswith("/") for item in items):
        raise ValueError("must be paths that begin with a slash")
    return frozenset(items)


SETTINGS = (
    Setting("service", "SAASOBS_SERVICE", _name),
    Setting("environment", "SAASOBS_ENVIRONMENT", _text),
    Setting("version", "SAASOBS_VERSION", _text),
    Setting("log_level", "SAASOBS_LOG_LEVEL", _level),
    Setting("log_format", "SAASOBS_LOG_FORMAT", _format),
    Setting("trust_incoming", "SAASOBS_TRUST_INCOMING", _flag),
    Setting("correlation_header", "SAASOBS_CORRELATION_HEADER", _header),
    Setting("exclude", "", _paths),
)


def read_config(
    environ: Mapping[str, str], arguments: Mapping[str, Any] | None = None, *, terminal: bool = False
) -> tuple[InstrumentConfig, tuple[str, ...]]:
    """The configuration, and a sentence for each value that was not understood.

    Precedence: argument (None counts as not given), then `SAASOBS_*` (empty counts as not set), then the default.

    :param terminal: whether a person reads the logs as they come: then the default format is `console`.
    """
    given = arguments or {}
    found: dict[str, Any] = {"log_format": "console"} if terminal else {}
    warnings: list[str] = []
    for setting in SETTINGS:
        for source, value in _candidates(setting, given, environ):
            try:
                found[setting.field] = setting.read(value)
            except (ValueError, TypeError) as error:
                warnings.append(f"{source} is {str(value)[:_TEXT_LIMIT]!r} but {error}; the default is used")
            break
    return InstrumentConfig(**found), tuple(warnings)


def _candidates(setting: Setting, given: Mapping[str, Any], environ: Mapping[str, str]) -> list[tuple[str, Any]]:
    argument = given.get(setting.field)
    variable = environ.get(setting.variable, "")
    return [
        (name, value)
        for name, value in ((f"argument {setting.field}", argument), (setting.variable, variable or None))
        if value is not None
    ]
