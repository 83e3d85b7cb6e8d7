"""Durations in the languages that put a blank between a figure and its unit. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from saasobs.core.values import DAY, HOUR, MINUTE, SECOND, format_duration

_UNITS: Final = (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND))
_SHORT: Final = {"m": "min", "us": "µs"}
_PART: Final = re.compile(r"([\d.]+)(us|ms|s|m|h|d)")


def spaced(micros: int, decimal: Callable[[str], str]) -> str:
    """``850 ms``, ``4.2 s``, ``7 min``, ``1 h 05 min``, ``3 d 2 h``: `format_duration` with the SI's blanks."""
    parts = _PART.findall(format_duration(abs(micros)))
    return ("-" if micros < 0 else "") + " ".join(
        f"{decimal(figure)} {_SHORT.get(unit, unit)}" for figure, unit in parts
    )


def largest(micros: int) -> list[tuple[int, str]]:
    """The two largest units of it, in whole numbers, as a person would say them; nothing below a second."""
    rest = micros
    parts: list[tuple[int, str]] = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append((count, unit))
    return [(count, unit) for count, unit in parts[:2] if count]
