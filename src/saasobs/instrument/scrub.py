"""The one scrubber of all that leaves this process: log fields and events, spans' attributes, error reports.

Two rules. By name: a field whose name says that it is a secret is masked whole (`db_password`, `X-Api-Key`,
`setCookie`; not `tokens`); configuration adds names. By what it looks like: every text goes through
`saasobs.core.redact`. The texts of a busy process repeat (events, names, states), so short ones are remembered:
70 ns for one that has been seen, about 1 µs for a new one of thirty letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote, unquote_plus

from saasobs.core.redact import redact_shapes, redact_text, secret_name
from saasobs.instrument.plain import REDACTED, TEXT_LIMIT, plain

_REMEMBERED: Final = 64
"""Longer texts seldom repeat, and would make the memory large."""
_NAME_LIMIT: Final = 200
_SECRET_WORDS: Final = frozenset(
    {
        *("password", "passwd", "passphrase", "pwd", "token", "authorization", "cookie", "secret", "apikey"),
        *("credential", "credentials", "jwt", "otp", "cvv", "cvc", "csrftoken", "sessionid"),
        *("cpf", "cnpj", "curp", "ssn"),
    }
)
_SECRET_PAIRS: Final = frozenset(
    {
        *(("api", "key"), ("private", "key"), ("access", "key"), ("signing", "key"), ("secret", "key")),
        *(("encryption", "key"), ("session", "id"), ("session", "key"), ("card", "number"), ("security", "code")),
    }
)
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_LETTERS = re.compile(r"[^A-Za-z0-9]")


def is_sensitive(name: str) -> bool:
    """Whether a field of this name holds a secret, by whole words: ``X-Api-Key``, ``setCookie``; not ``tokens``."""
    return _has_secret_word(name if len(name) <= _NAME_LIMIT else name[:_NAME_LIMIT])


@lru_cache(maxsize=4096)
def _has_secret_word(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    return any(word in _SECRET_WORDS for word in words) or any(pair in _SECRET_PAIRS for pair in pairwise(words))


_short = lru_cache(maxsize=4096)(redact_text)


def scrub_text(text: str) -> str:
    """The text with what looks secret or personal replaced by ``***``."""
    if len(text) <= _REMEMBERED:
        return _short(text)
    return redact_text(text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "…")


def scrub_code(text: str) -> str:
    """A line of source code without credentials written into it; names that only stand beside a value stay."""
    return redact_shapes(text)


class Scrubber:
    """The rules with the names that a configuration has added."""

    __slots__ = ("_more", "text")

    def __init__(self, more_names: Iterable[str] = ()) -> None:
        self._more = frozenset(map(_letters, more_names))
        self.text = scrub_text

    def sensitive(self, name: str) -> bool:
        """Whether a field of this name is masked."""
        return is_sensitive(name) or (bool(self._more) and _letters(name[:_NAME_LIMIT]) in self._more)

    def value(self, name: str, value: Any) -> Any:
        """A field's value as it may be shown, of plain types."""
        if value is None or isinstance(value, bool):
            return value  # a secret is neither, and "password=None" is worth knowing
        if self.sensitive(name):
            return REDACTED
        return plain(value, sensitive=self.sensitive, text=scrub_text)

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A mapping as it may be shown, under the same names."""
        return {str(name): self.value(str(name), value) for name, value in fields.items()}

    def headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Headers as they may be shown; of one that comes twice the values are joined."""
        shown: dict[str, str] = {}
        for name, value in headers:
            text = REDACTED if secret_name(name) or self.sensitive(name) else scrub_text(value)
            shown[name] = f"{shown[name]}, {text}" if name in shown else text
        return shown

    def query(self, query: str) -> str:
        """A query string as it may be shown, still one."""
        return "&".join(map(self._parameter, query[:TEXT_LIMIT].split("&"))) if query else ""

    def _parameter(self, pair: str) -> str:
        name, equals, value = pair.partition("=")
        if not value:
            return quote(scrub_text(unquote_plus(name)), safe="*@._-[]") + equals
        plain_name, plain_value = unquote_plus(name), unquote_plus(value)
        masked = secret_name(plain_name) or self.sensitive(plain_name) or plain_name in _SECRET_PARAMETERS
        shown = REDACTED if masked else scrub_text(plain_value)
        return f"{name}={value if shown == plain_value else quote(shown, safe='*@._-')}"


_SECRET_PARAMETERS: Final = frozenset({"key", "sig", "code", "state", "hash", "hmac"})


def _letters(name: str) -> str:
    return _LETTERS.sub("", name).lower()
