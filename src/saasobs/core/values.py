"""Small value types: moments and durations (integer microseconds), secrets, deterministic IDs."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Final

MICROSECOND: Final = 1
MILLISECOND: Final = 1_000
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_UNITS: Final = {"us": 1, "ms": MILLISECOND, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_LONGEST: Final = 36_525 * DAY
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:us|ms|s|m|h|d|w))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d|w)")
_BASE32: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u to misread aloud


def parse_duration(text: str) -> int:
    """Microseconds of ``"250ms"``, ``"30s"``, ``"1m30s"``, ``"12h"`` or ``"7d"``.

    :raises ValueError: with a sentence that says what is accepted.
    """
    compact = text.strip().replace(" ", "")
    if not _DURATION.fullmatch(compact):
        raise ValueError(f"{text!r} is not a duration: write a number and a unit, as in 250ms, 30s, 5m, 1h30m or 7d")
    micros = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(compact))
    if micros > _LONGEST:
        raise ValueError(f"{text[:40]!r} is longer than a century")
    return round(micros)


def format_duration(micros: int) -> str:
    """The shortest exact-enough text a person reads: ``850ms``, ``4.2s``, ``7m``, ``1h05m``, ``3d2h``."""
    if micros < 0:
        return "-" + format_duration(-micros)
    if micros < MINUTE:
        return _format_short(micros)
    large, small, width = next(
        (large, small, width)
        for large, small, width in (("d", "h", 1), ("h", "m", 2), ("m", "s", 2))
        if micros >= _UNITS[large]
    )
    count, rest = divmod(micros, _UNITS[large])
    return f"{count}{large}" if rest < _UNITS[small] else f"{count}{large}{rest // _UNITS[small]:0{width}d}{small}"


def _format_short(micros: int) -> str:
    if micros >= SECOND:
        return f"{micros / SECOND:.3g}s"
    if micros >= 10 * MILLISECOND:
        return f"{round(micros / MILLISECOND)}ms"
    return f"{micros / MILLISECOND:.3g}ms" if micros >= MILLISECOND or not micros else f"{micros}us"


def to_datetime(moment: int) -> datetime:
    """The aware UTC datetime of a moment in microseconds."""
    return datetime.fromtimestamp(moment // SECOND, UTC).replace(microsecond=moment % SECOND)


def from_datetime(when: datetime) -> int:
    """Microseconds since the epoch of an aware datetime, exact (no float on the way)."""
    delta = when - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def isoformat(moment: int) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-11-22T14:03:07.120Z``."""
    return to_datetime(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Secret:
    """A text that must not be shown: ``str``, ``repr``, logs and pages give ``***``.

    Reveal it only where it goes over the wire, by ``reveal()``, so that a search for that word finds
    every such place. It is no ``str``, so that no join or serialiser lets it slip.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret('***')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def digest_id(*parts: object, length: int = 10) -> str:
    """An ID that is a pure function of its parts: Crockford base 32, 5 bits a character, lower case."""
    raw = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    number = int.from_bytes(raw, "big") >> (256 - 5 * length)
    return base32_text(number, length)


def base32_text(number: int, length: int) -> str:
    """The lowest `5 * length` bits of a number, as in `digest_id`."""
    return "".join(_BASE32[(number >> (5 * i)) & 31] for i in reversed(range(length)))


def base32_number(text: str) -> int | None:
    """The inverse; None where a letter is not one of the 32."""
    number = 0
    for letter in text:
        if (value := _BASE32.find(letter)) < 0:
            return None
        number = number << 5 | value
    return number


def slot_offset(name: str, interval: int) -> int:
    """Where in its interval a monitor is checked: spread evenly by name, the same after every restart (µs)."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % interval
