"""Field types that several channels share; each says in its error what would have been right."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from saasobs.core.values import MINUTE, SECOND, Secret
from saasobs.options import PositiveDuration, SecretText

LONGEST_TIMEOUT = MINUTE
DEFAULT_TIMEOUT = 15 * SECOND


def _timeout(value: int) -> int:
    if not SECOND <= value < LONGEST_TIMEOUT:
        raise ValueError("must be at least 1s and less than 1m")
    return value


Timeout = Annotated[PositiveDuration, AfterValidator(_timeout)]
"""For one message, all in all. Less than the outbox's own guard."""


def _secret_url(value: Secret) -> Secret:
    text = value.reveal()
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not text.isprintable() or " " in text:
        raise ValueError("must be a URL that begins with http:// or https:// (it is not shown: it counts as a secret)")
    return value


SecretUrl = Annotated[SecretText, AfterValidator(_secret_url)]
"""A URL that whoever knows it can use: it is shown nowhere."""


def host_of(url: Secret) -> str:
    """The only part of a secret URL that is shown."""
    return urlsplit(url.reveal()).hostname or ""


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _once(value: tuple[str, ...]) -> tuple[str, ...]:
    # pydantic's own min_length would complain of every faulty item a second time
    if not value:
        raise ValueError("must not be empty")
    return tuple(dict.fromkeys(value))


def one_or_more(kind: Any, item: dict[str, Any]) -> Any:
    """A field of one text or a list of texts of a kind, each kept once.

    :param item: the JSON Schema of one text.
    """
    schema = {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}
    return Annotated[tuple[kind, ...], AfterValidator(_once), BeforeValidator(_listed), WithJsonSchema(schema)]
