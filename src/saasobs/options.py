"""The field types of everything that a person configures: durations, secrets, patterns, URLs, status sets.

Shared by the kinds of monitors (probes/), the channels (alerting/channels/) and the file as a whole (settings/), so
that a kind or channel keeps its own options in its own file. Each type says in its error what would have been right.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from saasobs.core.values import Secret, format_duration, parse_duration


class Options(BaseModel):
    """A strict, frozen group of settings: an unknown key is an error, never ignored."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True, defer_build=True
    )
    in_place: ClassVar[tuple[type[Options], ...]] = ()
    """Groups of which one may stand beside this group's own keys: their keys are known here, too."""
    in_place_of: ClassVar[tuple[str, str]] = ("", "")
    """The key that says which one does, and the key below which several of them can stand instead."""


class KindOptions(Options, ABC):
    """What one kind of monitor adds to the keys that every monitor has."""

    example: ClassVar[str] = ""
    """A monitor of this kind as it may stand in the file (the mapping's YAML, `name` and `kind` first): the
    documentation shows it, and a test runs it."""
    thresholds: ClassVar[dict[str, Any]] = {}
    """The kind's own defaults for `fail_after`, `recover_after`, `retry_interval`, where the file's do not fit."""
    phases: ClassVar[Mapping[str, str]] = {}
    """What a check's time is made of, in order: phase and meaning. For the documentation."""
    observations: ClassVar[Mapping[str, str]] = {}
    """What a check notes beside its verdict: key and meaning. For the documentation."""
    asks: ClassVar[bool] = True
    """Whether each check asks somebody else anew, so that a good answer proves that our network carries."""

    @abstractmethod
    def target(self) -> str:
        """What a person reads as the target; never a secret."""

    def host(self) -> str:
        """The host whose concurrent checks are limited together; empty for none."""
        return ""

    def unfit(self, interval: int) -> tuple[str, str] | None:  # noqa: ARG002 - for kinds whose options depend on it
        """Which key does not go with the monitor's interval (µs), and what it must be; None when all is well."""
        return None


def require_driver(module: str, extra: str) -> None:
    """:raises ValueError: a library of an optional extra is not installed; says how to get it."""
    if find_spec(module) is None:
        raise ValueError(f"this kind needs more than is installed: pip install 'saasobs[{extra}]'")


def _duration(value: object) -> object:
    if isinstance(value, bool | float) or (isinstance(value, int) and value != 0):
        raise ValueError(f"{value!r} has no unit: write {value}s, {value}m or {value}h")
    if not isinstance(value, str | int):
        raise ValueError("must be a duration, as in 30s, 5m or 1h30m")  # noqa: TRY004 - pydantic catches this one
    return parse_duration(value) if isinstance(value, str) else value


def _positive(value: int) -> int:
    if value <= 0:
        raise ValueError("must be longer than zero")
    return value


_DURATION_SCHEMA = {
    "type": "string",
    "pattern": r"^(\d+(\.\d+)?(us|ms|s|m|h|d|w)\s*)+$",
    "examples": ["30s", "5m", "1h30m"],
}

Duration = Annotated[
    int,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(_DURATION_SCHEMA),
]
"""Microseconds, written as ``30s``, ``5m``, ``1h30m``. Zero is allowed."""

PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
"""A Duration longer than zero."""


class _SecretType:
    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda value: value if isinstance(value, Secret) else Secret(value),
            core_schema.union_schema([core_schema.is_instance_schema(Secret), core_schema.str_schema(min_length=1)]),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda _value: "***"),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "writeOnly": True}


SecretText = Annotated[Secret, _SecretType]
"""A text that no command, log or page shows."""


def _pattern(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}") from error


Regex = Annotated[
    re.Pattern[str],
    BeforeValidator(_pattern),
    PlainSerializer(lambda pattern: pattern.pattern, return_type=str),
    WithJsonSchema({"type": "string", "format": "regex"}),
]
"""A Python regular expression, compiled when the file is read; it is searched for, not anchored."""


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{value!r} is not a URL: {error}") from error
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{value!r} must begin with http:// or https://")
    if not parts.hostname or any(letter.isspace() for letter in value):
        raise ValueError(f"{value!r} is not a URL: it needs a host, as in https://api.example.com/health")
    if port == 0:
        raise ValueError(f"{value!r}: port 0 cannot be connected to")
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url), WithJsonSchema({"type": "string", "pattern": "^https?://.+"})]
"""An absolute http or https URL, kept exactly as written."""


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{value!r} is not a time zone: use an IANA name such as America/Lima") from error
    return value


TimeZone = Annotated[str, AfterValidator(_zone)]
"""An IANA time zone name."""


class StatusSet:
    """A set of HTTP status codes: ``200``, ``200-299``, ``2xx``, ``200, 204, 300-399`` or a list of these."""

    __slots__ = ("_ranges", "text")

    def __init__(self, text: str, ranges: tuple[tuple[int, int], ...]) -> None:
        self.text = text
        self._ranges = ranges

    @classmethod
    def parse(cls, value: object) -> Self:
        """:raises ValueError: with what would have been right."""
        items = value if isinstance(value, list) else str(value).split(",")
        if isinstance(value, bool | float) or not items:
            raise ValueError(_STATUS_HINT.format(value))
        ranges = tuple(_status_range(str(item).strip()) for item in items)
        return cls(", ".join(str(item).strip() for item in items), ranges)

    def __contains__(self, code: int) -> bool:
        return any(low <= code <= high for low, high in self._ranges)

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StatusSet) and other._ranges == self._ranges

    def __hash__(self) -> int:
        return hash(self._ranges)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.parse(value),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        one = {"type": ["integer", "string"]}
        return {"anyOf": [one, {"type": "array", "items": one}], "examples": ["200-299", 204, ["2xx", 301]]}


_STATUS_HINT = "{!r} is not a status code: write 200, 200-299, 2xx, or a list of these"


def _status_range(item: str) -> tuple[int, int]:
    if re.fullmatch(r"[1-5]xx", item):
        return int(item[0]) * 100, int(item[0]) * 100 + 99
    if found := re.fullmatch(r"(\d{3})(?:-(\d{3}))?", item):
        low, high = int(found[1]), int(found[2] or found[1])
        if 100 <= low <= high <= 599:
            return low, high
    raise ValueError(_STATUS_HINT.format(item))


def _whole(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"must be a whole number, not {str(value).lower()}")  # noqa: TRY004 - pydantic catches this
    return value


def _window(value: int) -> int:
    if not 1_000_000 <= value <= 600 * 1_000_000:
        raise ValueError("must be at least 1s and at most 10m")
    return value


class ChannelOptions(Options):
    """What every channel has; a channel's own file adds the rest."""

    fallback: str | None = None
    """The channel that takes over at once when this one fails for good."""
    max_age: Duration = 24 * 3600 * 1_000_000
    """A notice that could not be delivered for this long is given up, and handed to the fallback."""
    language: Literal["en", "es", "pt"] = "en"
    """The language of the messages to whoever reads this channel: `en`, `es` or `pt` (Brazilian Portuguese). People
    have a language of their own."""
    timezone: TimeZone = "UTC"
    """Times in those messages are by the clock on the wall there. People have a time zone of their own."""
    quiet_hours: bool = True
    """Whether warnings wait here in quiet hours. `false` for what machines read."""
    group_over: Annotated[int, BeforeValidator(_whole), Field(ge=0, le=100)] = 5
    """So many incidents within `group_window` get a message of their own; the ones after that share one message, which
    tells of all of them. 0: each has its own, however many there are."""
    group_window: Annotated[PositiveDuration, AfterValidator(_window)] = 30 * 1_000_000
    """The time to which `group_over` applies; where messages cannot be edited it is also the shortest time between two
    messages of a group."""
