"""The types of single values that a person writes for a request: URLs, header names and values, sizes, query values."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from saasobs.core.redact import redact_url
from saasobs.core.values import Secret
from saasobs.options import HttpUrl, Regex, SecretText
from saasobs.probes.http.target import parse

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SIZES: Final = {"": 1, "b": 1, "kb": 1000, "kib": 1024, "mb": 1000**2, "mib": 1024**2}
MAX_BODY: Final = 64 * 1024**2


def _header_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is not a header name (RFC 9110): letters, digits and - only")
    return name


def printable(value: Secret) -> Secret:
    """:raises ValueError: it holds what would end a header's line."""
    text = value.reveal()
    if any(letter < " " and letter != "\t" for letter in text) or "\x7f" in text:
        raise ValueError("it cannot hold line breaks or other control characters")
    return value


def _header_value(value: Secret) -> Secret:
    text = value.reveal()
    if any(letter < " " and letter != "\t" for letter in text) or "\x7f" in text:
        raise ValueError("a header value cannot hold line breaks or other control characters")
    if text != text.strip(" \t"):
        raise ValueError("a header value cannot begin or end with a space")
    return value


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"(\d{1,12})\s*([a-z]*)", value.strip().lower())
    if found is None or found[2] not in _SIZES:
        raise ValueError(f"{value!r} is not a size: write a number and a unit, as in 512 KiB or 1 MiB")
    return int(found[1]) * _SIZES[found[2]]


def listed(value: object) -> object:
    """A single text or pattern needs no list."""
    return [value] if isinstance(value, str | re.Pattern) else value


def _resolvable(url: str) -> str:
    parse(url)
    return url


def show_size(size: int) -> str:
    """Bytes as a person writes them."""
    if size % 1024**2 == 0:
        return f"{size // 1024**2} MiB"
    return f"{size // 1024} KiB" if size % 1024 == 0 else f"{size} B"


Url = Annotated[HttpUrl, AfterValidator(_resolvable), PlainSerializer(redact_url, return_type=str)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[SecretText, AfterValidator(_header_value)]
Method = Annotated[str, Field(pattern=r"^[A-Z][A-Z-]{0,31}$", examples=["GET", "HEAD", "POST"])]
Size = Annotated[
    int,
    BeforeValidator(_size),
    Field(gt=0, le=MAX_BODY),
    PlainSerializer(show_size, return_type=str),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["512 KiB", "1 MiB"]}),
]
"""Bytes, written as ``1 MiB`` or ``64 KiB``."""
Text = Annotated[str, Field(min_length=1)]


def one_or_more(inner: Any) -> Any:
    """The schema of a value or a list of such."""
    return {"anyOf": [inner, {"type": "array", "items": inner}]}


Texts = Annotated[
    tuple[Text, ...], BeforeValidator(listed), WithJsonSchema(one_or_more({"type": "string", "minLength": 1}))
]
Patterns = Annotated[
    tuple[Regex, ...], BeforeValidator(listed), WithJsonSchema(one_or_more({"type": "string", "format": "regex"}))
]


def texts(value: object) -> tuple[str | Secret, ...]:
    """YAML's plain values, or a list of them, as a query or a form writes them. :raises ValueError:"""
    return tuple(_text(one) for one in (value if isinstance(value, list | tuple) else (value,)))


def _text(value: object) -> str | Secret:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Secret):
        return value
    raise ValueError("must be a text, a number, true, false, or a list of these (put dates in quotes)")


QueryValue = Annotated[
    tuple[str, ...], BeforeValidator(texts), WithJsonSchema(one_or_more({"type": ["string", "number", "boolean"]}))
]
