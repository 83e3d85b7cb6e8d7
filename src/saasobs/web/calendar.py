"""Who is on call, as a feed that calendars subscribe to (RFC 5545): an event for each turn. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from saasobs.core.oncall import ScheduleView, Shift
from saasobs.core.values import to_datetime

MEDIA_TYPE: Final = "text/calendar; charset=utf-8"
_LINE: Final = 75
"""Octets of a line, without its end (RFC 5545, 3.1)."""
_ESCAPED: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})


def calendar(view: ScheduleView, now: int) -> bytes:
    """The whole feed; turns without people make no event."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//saasobs//on call//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{_text(f'On call: {view.name}')}",
        f"X-WR-CALNAME:{_text(f'On call: {view.name}')}",
        f"X-WR-TIMEZONE:{_text(view.timezone)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
    ]
    for shift in view.shifts:
        if shift.people:
            lines += _event(view, shift, now)
    lines.append("END:VCALENDAR")
    return b"".join(_folded(line) for line in lines)


def _event(view: ScheduleView, shift: Shift, now: int) -> list[str]:
    people = ", ".join(shift.people)
    reason = next((one.reason for one in view.overrides if one.id == shift.override), "")
    why = f"stands in{f': {reason}' if reason else ''}" if shift.override else "by rotation"
    return [
        "BEGIN:VEVENT",
        # The turn's end may move (an override is entered), its beginning and people make it the same event.
        f"UID:{_text(f'{view.name}-{shift.start}-{people}')}@saasobs",
        f"DTSTAMP:{_moment(now)}",
        f"DTSTART:{_moment(shift.start)}",
        f"DTEND:{_moment(shift.end)}",
        f"SUMMARY:{_text(f'{people}: on call ({view.name})')}",
        f"DESCRIPTION:{_text(why)}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _moment(micros: int) -> str:
    return to_datetime(micros).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    return value.translate(_ESCAPED)


def _folded(line: str) -> bytes:
    return b"\r\n ".join(_pieces(line)) + b"\r\n"


def _pieces(line: str) -> Iterator[bytes]:
    """At most 75 octets each (a continuation begins with a space), never in the middle of a character."""
    piece, room = b"", _LINE
    for letter in line:
        octets = letter.encode("utf-8", "replace")
        if len(piece) + len(octets) > room:
            yield piece
            piece, room = b"", _LINE - 1
        piece += octets
    yield piece
