"""Tracebacks as text: what Python would print, bounded, scrubbed, and for a fifth of the price.

Python's own formatter computes columns for each frame and tokenizes lines (0.25 ms for twelve frames); an error storm
pays that for every line. Here are the frames, the source lines, causes, contexts, groups and notes; no carets.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final

from saasobs.instrument.plain import spoken
from saasobs.instrument.scrub import scrub_code, scrub_text

_FRAMES: Final = 50
_CHAIN: Final = 8
_MEMBERS: Final = 10
_MESSAGE: Final = 4096
_TOTAL: Final = 16 * 1024
_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"

Message = Callable[[str], str]


def traceback_text(error: BaseException) -> str:
    """As `traceback.format_exception`; its last part when it is long: that is where it happened."""
    text = "".join(_chain(error, _CHAIN, set())).rstrip()
    return text if len(text) <= _TOTAL else "…" + text[-_TOTAL:]


def _chain(error: BaseException, depth: int, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before, words = _before(error)
    if before is not None and id(before) not in seen and depth > 1:
        yield from _chain(before, depth - 1, seen)
        yield words
    yield from _one(error, depth, seen)


def _before(error: BaseException) -> tuple[BaseException | None, str]:
    if error.__cause__ is not None:
        return error.__cause__, _CAUSE
    return (None if error.__suppress_context__ else error.__context__), _CONTEXT


def _one(error: BaseException, depth: int, seen: set[int]) -> Iterator[str]:
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from _frames(error.__traceback__)
    yield f"{_type_name(type(error))}{_message(error)}\n"
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        yield from (f"{scrub_text(str(note)[:_MESSAGE])}\n" for note in notes[:_MEMBERS])
    if isinstance(error, BaseExceptionGroup) and depth > 1:
        yield from _members(error, depth, seen)


def _members(group: BaseExceptionGroup[BaseException], depth: int, seen: set[int]) -> Iterator[str]:
    members = group.exceptions
    for number, member in enumerate(members[:_MEMBERS], 1):
        if id(member) in seen:
            continue
        yield f"  +---------------- {number} ----------------\n"
        text = "".join(_chain(member, depth - 1, seen)).rstrip()
        yield "".join(f"  | {line}\n" for line in text.split("\n"))
    if len(members) > _MEMBERS:
        yield f"  +---------------- and {len(members) - _MEMBERS} more\n"


def _message(error: BaseException) -> str:
    text = scrub_text(spoken(error)[:_MESSAGE])
    return f": {text}" if text else ""


def _type_name(kind: type[BaseException]) -> str:
    name, module = kind.__qualname__, kind.__module__
    return name if module in ("builtins", "__main__") else f"{module}.{name}"


def _frames(trace: TracebackType) -> Iterator[str]:
    """The last frames; a line that calls itself again and again is shown three times and then counted."""
    places = list(_walk(trace))
    if len(places) > _FRAMES:
        yield f"  [{len(places) - _FRAMES} more frames before]\n"
    last, again = "", 0
    for place in places[-_FRAMES:]:
        again = again + 1 if place == last else 0
        last = place
        if again < 3:
            yield place
    if again >= 3:
        yield f"  [Previous line repeated {again - 2} more times]\n"


def _walk(trace: TracebackType) -> Iterator[str]:
    at: TracebackType | None = trace
    lines: dict[tuple[str, int], str] = {}
    while at is not None:
        code, number = at.tb_frame.f_code, at.tb_lineno
        key = (code.co_filename, number)
        if key not in lines:
            source = linecache.getline(code.co_filename, number, at.tb_frame.f_globals).strip()
            shown = f"    {scrub_code(source[:500])}\n" if source else ""
            lines[key] = f'  File "{code.co_filename}", line {number}, in {code.co_name}\n{shown}'
        yield lines[key]
        at = at.tb_next
