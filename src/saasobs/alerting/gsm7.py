"""The alphabet of a text message (3GPP TS 23.038, 6.2.1, "GSM 7 bit"): what is in it, what a text costs, how to fold.

One character outside of it turns the whole message into UCS-2: 70 characters instead of 160, and refused by some
carriers in Latin America. So only what the alphabet lacks is replaced: `é à ñ Ç ¿` stay, `ã ç ô í` lose their marks.
"""

from __future__ import annotations

import unicodedata
from itertools import accumulate
from typing import Final

SEGMENT: Final = 160
"""Septets of one message that is not split."""

BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED: Final = frozenset("\f^{}\\[~]|€")
"""Each takes an escape and so two septets."""

_UNKNOWN: Final = "?"
_PLAIN: Final = {
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "`": "'", "´": "'", "“": '"', "”": '"', "„": '"', "″": '"',
    "«": '"', "»": '"', "‹": "'", "›": "'", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-",
    "…": "...", "•": "*", "·": ".", "×": "x", "÷": "/", "→": "->", "←": "<-", "≥": ">=", "≤": "<=", "≠": "!=",
    "©": "(c)", "®": "(r)", "¢": "c", "±": "+-", "µ": "u", "μ": "u", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d",
    "Ð": "D", "þ": "th", "Þ": "Th", "œ": "oe", "Œ": "OE", "ı": "i", "¬": "-", "⁄": "/", "¦": "|",
}  # fmt: skip
_SILENT: Final = frozenset({"Mn", "Me", "Cf", "Cc", "Cs"})


def septets(text: str) -> int:
    """What a text costs. :raises ValueError: for a character that the alphabet lacks."""
    return sum(_cost(letter) for letter in text)


def fold(text: str) -> str:
    """The text in one line of the alphabet: near letters for those that it lacks, ``?`` for what has none."""
    folded = "".join(_fold(letter) for letter in unicodedata.normalize("NFC", text))
    return " ".join(folded.split())


def cut(text: str, budget: int) -> str:
    """A folded text within a budget of septets, its middle left out when it is too long."""
    if septets(text) <= budget:
        return text
    gap = ".." if budget > 2 else ""
    room = budget - len(gap)
    tail = _within(text[::-1], room // 3)[::-1]
    return _within(text, room - septets(tail)) + gap + tail


def _within(text: str, budget: int) -> str:
    """As much of the beginning as fits."""
    return text[: sum(cost <= budget for cost in accumulate(map(_cost, text)))]


def _cost(letter: str) -> int:
    if letter in BASIC:
        return 1
    if letter in EXTENDED:
        return 2
    raise ValueError(f"{letter!r} is not in the GSM 7 bit alphabet")


def _fold(letter: str) -> str:
    if letter.isspace():
        return " "
    if letter in BASIC or letter in EXTENDED:
        return letter
    if letter in _PLAIN:
        return _PLAIN[letter]
    if unicodedata.category(letter) in _SILENT:
        return ""
    apart = unicodedata.normalize("NFKD", letter)
    if apart == letter:
        return _UNKNOWN
    near = "".join(_fold(part) for part in apart if not unicodedata.combining(part))
    return near if near.strip(_UNKNOWN) else _UNKNOWN
