"""A request's body from a text, JSON, a form or a file, and the query beside the URL's own. Pure, but for the file."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, unquote_plus, urlencode, urlsplit, urlunsplit

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from saasobs.core.redact import MASK, secret_name
from saasobs.core.values import Secret
from saasobs.options import SecretText
from saasobs.probes.http.fields import one_or_more, texts

MAX_FILE: Final = 16 * 1024**2
"""Bytes of a file that is sent."""

JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "application/x-www-form-urlencoded"


def _json(value: Any) -> Any:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError("it holds what JSON has not (put dates in quotes)") from error
    return value


Json = Annotated[
    Any, BeforeValidator(_json), PlainSerializer(lambda value: None if value is None else MASK), WithJsonSchema({})
]
"""Any JSON value; it may hold secrets, so that it is not shown."""


def _fields(value: object) -> tuple[Secret, ...]:
    return tuple(one if isinstance(one, Secret) else Secret(one) for one in texts(value))


FormValue = Annotated[
    tuple[SecretText, ...],
    BeforeValidator(_fields),
    PlainSerializer(lambda _: MASK),
    WithJsonSchema(one_or_more({"type": ["string", "number", "boolean"], "writeOnly": True})),
]


def _masked(query: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    return {name: MASK if secret_name(name) else list(values) for name, values in query.items()}


MASKED_QUERY: Final = PlainSerializer(_masked)
"""A query as it may be shown."""


def of_json(value: Any) -> bytes:
    """RFC 8259, in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def of_form(form: Mapping[str, tuple[Secret, ...]]) -> bytes:
    """As browsers send it (application/x-www-form-urlencoded)."""
    return urlencode([(name, value.reveal()) for name, values in form.items() for value in values]).encode()


def type_of(path: Path) -> str:
    """The media type by the file's name."""
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def read(path: Path) -> bytes:
    """:raises OSError: it cannot be read. :raises ValueError: it is too large."""
    with path.open("rb") as file:
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise ValueError(f"it is larger than {MAX_FILE // 1024**2} MiB")
    return content


def merged(url: str, query: Mapping[str, tuple[str, ...]]) -> str:
    """The URL with these parameters; they replace those of the same name in it."""
    if not query:
        return url
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and unquote_plus(pair.partition("=")[0]) not in query]
    added = urlencode([(name, value) for name, values in query.items() for value in values], quote_via=quote)
    whole = "&".join((*kept, *((added,) if added else ())))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, whole, parts.fragment))
