"""Times of day, spans of hours and weekdays as people write them: ``09:00``, ``22:00-07:00``, ``[monday, tue]``."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK: Final = r"(?:[01]\d|2[0-3]):[0-5]\d"


def time_of_day(value: object) -> time:
    """:raises ValueError: it is not written as ``09:00``."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"{value!r} was read as a number: put quotes around the time, as in '22:00'")  # noqa: TRY004
    if not isinstance(value, str) or not re.fullmatch(_CLOCK, value):
        raise ValueError(f"{value!r} is not a time of day: write it with two digits each, as in '09:00'")
    return time.fromisoformat(value)


def weekday(value: object) -> int:
    """0 is Monday; three letters will do. :raises ValueError:"""
    word = value.lower() if isinstance(value, str) else ""
    found = [number for number, name in enumerate(WEEKDAYS) if word in (name, name[:3])]
    if not found:
        raise ValueError(f"{value!r} is not a day of the week: write {', '.join(WEEKDAYS)}")
    return found[0]


def _span(value: object) -> tuple[time, time]:
    parts = re.fullmatch(r"\s*(\S+?)\s*(?:-|–|to)\s*(\S+?)\s*", value) if isinstance(value, str) else None
    if parts is None:
        raise ValueError(f"{value!r} is not a span of hours: write it as in '22:00-07:00'")
    begin, end = time_of_day(parts[1]), time_of_day("00:00" if parts[2] == "24:00" else parts[2])
    if begin == end:
        raise ValueError(f"{value!r} begins when it ends: leave it out for the whole day")
    return begin, end


def _days(value: object) -> object:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple | frozenset) or not listed:
        raise ValueError("must be a list of days of the week, as in [saturday, sunday]")
    return frozenset(weekday(day) for day in listed)


def _shown(value: time) -> str:
    return value.strftime("%H:%M")


TimeOfDay = Annotated[
    time,
    BeforeValidator(lambda value: value if isinstance(value, time) else time_of_day(value)),
    PlainSerializer(_shown, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK}$", "examples": ["09:00"]}),
]
"""On the clock on the wall."""

HourSpan = Annotated[
    Any,
    BeforeValidator(lambda value: value if isinstance(value, tuple) else _span(value)),
    PlainSerializer(lambda span: f"{_shown(span[0])}-{_shown(span[1])}", return_type=str),
    WithJsonSchema({"type": "string", "examples": ["22:00-07:00"]}),
]
"""(begin, end), over midnight where the end is not later."""

Weekdays = Annotated[
    Any,
    BeforeValidator(_days),
    PlainSerializer(lambda days: [WEEKDAYS[day] for day in sorted(days)], return_type=list),
    WithJsonSchema({"type": "array", "items": {"enum": list(WEEKDAYS)}, "minItems": 1}),
]
"""A frozenset of days, 0 is Monday."""
