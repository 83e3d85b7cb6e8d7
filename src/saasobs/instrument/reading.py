"""How a value of the configuration is read. Each reader raises ValueError with what would have been right."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from inspect import iscoroutinefunction
from ipaddress import ip_network
from typing import Any, Final

LEVELS: Final = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
FORMATS: Final = ("json", "console")
TEXT_LIMIT: Final = 200
SAMPLERS: Final = (
    "always_on", "always_off", "traceidratio",
    "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
)  # fmt: skip
EXPORTERS: Final = ("otlp", "console", "none")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
HEARTBEAT: Final = "SAASOBS_HEARTBEAT_"
_SPOKEN: Final = {
    **dict.fromkeys(("mongo", "mongodb", "motor"), ("pymongo",)),
    **dict.fromkeys(("postgres", "postgresql"), ("asyncpg", "psycopg")),
    "concurrent.futures": ("concurrent",),
    "executors": ("concurrent",),
    "psycopg3": ("psycopg",),
    "requests": ("urllib3",),
    "sentry": ("sentry_sdk",),
    "threads": ("concurrent", "threading"),
}
"""What people call a library, and the integrations that are meant."""
_NOT_WORD = re.compile(r"[^A-Z0-9]+")
_HOST = re.compile(r"(?:\*\.|\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|[0-9A-Fa-f:.]+(?:/\d{1,3})?|\*")


def text(value: Any) -> str:
    """Printable, short, without spaces around it."""
    if not isinstance(value, str) or len(value) > TEXT_LIMIT or not value.isprintable():
        raise ValueError(f"must be a text of at most {TEXT_LIMIT} printable characters")
    return value.strip()


def name(value: Any) -> str:
    """A text that is not empty."""
    plain = text(value)
    if not plain:
        raise ValueError("must not be empty")
    return plain


def level(value: Any) -> str:
    """The name of a log level."""
    upper = str(value).strip().upper()
    upper = {"WARN": "WARNING", "FATAL": "CRITICAL"}.get(upper, upper)
    if upper not in LEVELS:
        raise ValueError(f"must be one of {', '.join(LEVELS)}")
    return upper


def log_format(value: Any) -> str:
    """`json` or `console`."""
    plain = str(value).strip().lower()
    if plain not in FORMATS:
        raise ValueError(f"must be one of {', '.join(FORMATS)}")
    return plain


def flag(value: Any) -> bool:
    """1 or 0, in any of the usual words."""
    plain = str(value).strip().lower()
    if plain not in _TRUE | _FALSE:
        raise ValueError("must be 1 or 0")
    return plain in _TRUE


def header(value: Any) -> str:
    """The name of an HTTP header."""
    plain = name(value)
    if not all(letter.isalnum() or letter in "-_" for letter in plain) or not plain.isascii():
        raise ValueError("must be the name of an HTTP header, such as X-Request-ID")
    return plain


def paths(value: Any) -> frozenset[str]:
    """Paths, from a list or from a text with commas."""
    items = words(value)
    if not all(item.startswith("/") for item in items):
        raise ValueError("must be paths that begin with a slash")
    return frozenset(items)


def path(value: Any) -> str:
    """One path."""
    plain = text(value)
    if not plain.startswith("/") or any(letter in plain for letter in "?# "):
        raise ValueError("must be a path that begins with a slash")
    return plain


def words(value: Any) -> tuple[str, ...]:
    """Texts, from a list or from a text with commas."""
    items: Iterable[Any] = value.split(",") if isinstance(value, str) else value
    if isinstance(items, Mapping):
        raise ValueError("must be a list, or a text with commas")  # noqa: TRY004 - one kind of error for the caller
    return tuple(plain for item in items if (plain := text(item)))


def libraries(value: Any) -> tuple[str, ...]:
    """Names of libraries as people write them, under which their integrations are known."""
    plain = [item.lower().replace("-", "_") for item in words(value)]
    return tuple(dict.fromkeys(known for item in plain for known in _SPOKEN.get(item, (item,))))


def nearest(given: str, known: Iterable[str], prefix: str = "") -> str:
    """A question to somebody who may have mistyped a name; empty when none is like it.

    :param prefix: what all names begin with, which would make each like the others; it is in the question.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - for what is wrong only

    found = get_close_matches(given.removeprefix(prefix), known, 1, 0.8)
    return f" (did you mean {prefix}{found[0]}?)" if found else ""


def hosts(value: Any) -> tuple[str, ...]:
    """Host names (`api.acme.example`, `*.acme.example`), addresses or networks."""
    items = words(value)
    for item in items:
        if not _HOST.fullmatch(item):
            raise ValueError("must be host names, *.domains, addresses or networks, with commas between them")
        if "/" in item:
            ip_network(item, strict=False)
    return tuple(item.lower().rstrip(".") for item in items)


def destinations(value: Any) -> tuple[str, ...]:
    """Hosts as in `hosts`; with a `!` before one, it is left out."""
    items = words(value)
    plain = hosts([item.removeprefix("!") for item in items])
    return tuple("!" * item.startswith("!") + host for item, host in zip(items, plain, strict=True))


def sampler(value: Any) -> str:
    """One of OpenTelemetry's samplers."""
    plain = str(value).strip().lower()
    if plain not in SAMPLERS:
        raise ValueError(f"must be one of {', '.join(SAMPLERS)}")
    return plain


def exporters(value: Any) -> tuple[str, ...]:
    """Some of `otlp`, `console`, or `none`."""
    found = tuple(item.lower() for item in words(value))
    if not set(found) <= set(EXPORTERS):
        raise ValueError(f"must be some of {', '.join(EXPORTERS)}")
    return found


def headers(value: Any) -> dict[str, str]:
    """Header fields: a mapping, or `x-api-key=abc,x-team=money` with percent-encoded values."""
    pairs = value.items() if isinstance(value, Mapping) else _encoded_pairs(str(value))
    found = {str(key).strip().lower(): str(text).strip() for key, text in pairs}
    if not all(key and key.isascii() and key.isprintable() and text.isprintable() for key, text in found.items()):
        raise ValueError("must be name=value, with commas between them")
    return found


def _encoded_pairs(value: str) -> list[tuple[str, str]]:
    from urllib.parse import unquote  # noqa: PLC0415 - for this only

    items = [item.partition("=") for item in value.split(",") if item.strip()]
    return [(key if equals else "", unquote(text)) for key, equals, text in items]


def timeout(value: Any) -> float:
    """Seconds, not 0; what is 1000 or more is milliseconds."""
    number = seconds(value)
    if not number:
        raise ValueError("must be a number of seconds, more than 0")
    return number / 1000 if number >= 1000 else number


def compression(value: Any) -> str:
    """How a body is packed."""
    plain = str(value).strip().lower()
    if plain not in ("none", "gzip", "deflate"):
        raise ValueError("must be none, gzip or deflate")
    return plain


def ratio(value: Any) -> float:
    """0 to 1."""
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError("must be a number from 0 to 1")
    return number


def count(value: Any) -> int:
    """A whole number from 0."""
    number = _number(value)
    if number < 0 or number != int(number):
        raise ValueError("must be a whole number, 0 or more")
    return int(number)


def seconds(value: Any) -> float:
    """A number of seconds, not negative."""
    number = _number(value)
    if number < 0:
        raise ValueError("must be a number of seconds, 0 or more")
    return number


def limits(value: Any) -> dict[str, int]:
    """A number for each of some names: a mapping, or `/reports=100,/export=500`."""
    pairs = value.items() if isinstance(value, Mapping) else (item.rpartition("=")[::2] for item in words(value))
    found = {str(key): count(number) for key, number in pairs}
    if "" in found:
        raise ValueError("must be name=number, with commas between them")
    return found


def metrics(value: Any) -> str:
    """`private`, `public`, `off`, or the number of a port of their own."""
    plain = str(value).strip().lower()
    if plain in ("private", "public", "off"):
        return plain
    if plain in _FALSE:
        return "off"
    if plain.isdecimal() and 0 < int(plain) < 65536:
        return plain
    raise ValueError("must be private, public, off or the number of a port")


def url(value: Any) -> str:
    """An http or https address."""
    plain = str(value).strip()
    if not plain.lower().startswith(("http://", "https://")) or not plain.isprintable():
        raise ValueError("must begin with http:// or https://")
    return plain


def heartbeats(value: Any) -> dict[str, str]:
    """The ping URL of each job, by the name of its variable; a mapping may name the jobs themselves."""
    return {heartbeat_variable(str(job)): str(address).strip() for job, address in dict(value).items()}


def heartbeat_variable(job: str) -> str:
    """`SAASOBS_HEARTBEAT_NIGHTLY_INVOICES` for the job `nightly-invoices`, and for itself."""
    return HEARTBEAT + _NOT_WORD.sub("_", job.upper().removeprefix(HEARTBEAT)).strip("_")


def tenant(value: Any) -> str | Callable[..., Any]:
    """A callable, or `subdomain:acme.example`, `header:X-Tenant`, `jwt:tenant_id`."""
    if callable(value):
        if iscoroutinefunction(value):
            raise ValueError("must be a plain function: it is asked on the request's own path")
        return value  # type: ignore[no-any-return]
    plain = text(value)
    kind, colon, argument = plain.partition(":")
    if plain and (kind not in ("subdomain", "header", "jwt") or not colon or not argument):
        raise ValueError("must be subdomain, header or jwt, a colon, and a name, such as subdomain:acme.example")
    return plain


def tenant_labels(value: Any) -> str:
    """`plain` or `hashed`."""
    plain = str(value).strip().lower()
    if plain not in ("plain", "hashed"):
        raise ValueError("must be plain or hashed")
    return plain


def checks(value: Any) -> tuple[Callable[[], Any], ...]:
    """Functions, sync or async, that raise or return False when the app cannot serve."""
    found = tuple(value)
    if not all(callable(each) for each in found):
        raise ValueError("must be functions")
    return found


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError("must be a number") from None
    if not math.isfinite(number):
        raise ValueError("must be a number")
    return number
