"""A bounded, redacted, printable piece of what a target answered or a job said: for people, after a failure only."""

from __future__ import annotations

import codecs
from typing import Final

from saasobs.core.redact import redact_text

LIMIT: Final = 500
"""Characters of an excerpt."""

_WINDOW: Final = 4 * LIMIT
"""Redacted before it is cut, so that the cut cannot leave half a secret that no pattern knows any more."""

_CHARSETS: Final = frozenset(
    {"ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "koi8-r", "koi8-u", "big5", "gbk"}
    | {"gb2312", "gb18030", "shift_jis", "euc_jp", "euc_kr", "iso2022_jp"}
    | {f"iso8859-{part}" for part in range(1, 17)}
    | {f"cp{page}" for page in (437, 850, 874, 932, *range(1250, 1259))}
)
"""Python's names of the character sets of the web; other codecs can be slow, or are no character sets at all."""


def excerpt(text: str) -> str:
    """At most LIMIT characters, secrets masked, control characters written out."""
    window = text[:_WINDOW]
    if len(text) > len(window):
        window = _without_last_word(window)
    shown = visible(redact_text(window)).strip()
    return shown if len(shown) <= LIMIT else shown[: LIMIT - 1] + "…"


def _without_last_word(window: str) -> str:
    """Drop the word that the window's edge cut in two: half a token looks like no token."""
    edge = max(window.rfind(letter) for letter in " \n\t,;&<>\"'")
    return window[:edge] if edge > LIMIT else window[:LIMIT]


def visible(text: str) -> str:
    """The text with control characters, bidirectional marks and lone surrogates escaped; line breaks stay."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else letter.encode("unicode_escape").decode("ascii")
        for letter in text.replace("\r\n", "\n")
    )


def decode(body: bytes, content_type: str) -> str:
    """The text of a body by the charset of its Content-Type, UTF-8 without one; never fails."""
    return body.decode(_charset(content_type), "replace")


def _charset(content_type: str) -> str:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return _known(value.strip().strip("\"'"))
    return "utf-8"


def _known(charset: str) -> str:
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError, UnicodeError):
        return "utf-8"
    return name if name in _CHARSETS else "utf-8"
