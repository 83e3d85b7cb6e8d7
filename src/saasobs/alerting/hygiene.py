"""Texts that others wrote (names, answers of servers) made fit to stand in a message. Pure.

No control character, line break, direction override or half of a surrogate pair survives, so that nothing can break
out of its line, forge a header or turn the reading order round. Escaping for one channel's syntax is that channel's.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_DROPPED: Final = frozenset({"Cc", "Cs"})
_TURNS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_READ: Final = 4_000


def one_line(text: str, limit: int = 500) -> str:
    """One printable line of at most `limit` characters; every run of white space is one blank."""
    if text.isascii() and text.isprintable() and "  " not in text and len(text) <= _READ:
        return shorten(text.strip(), limit)  # as nearly all are
    kept = (" " if letter.isspace() else letter for letter in text[:_READ] if letter.isspace() or _is_shown(letter))
    return shorten(" ".join("".join(kept).split()), limit)


def shorten(text: str, limit: int, gap: str = "…") -> str:
    """At most `limit` characters: what is too much goes from the middle, since both ends tell most."""
    if len(text) <= limit:
        return text
    room = max(0, limit - len(gap))
    tail = room // 3
    return (text[: room - tail] + gap + (text[-tail:] if tail else ""))[:limit]


def _is_shown(letter: str) -> bool:
    return letter not in _TURNS and unicodedata.category(letter) not in _DROPPED
