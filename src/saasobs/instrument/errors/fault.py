"""What is one fault, and which faults are of one kind. Pure, apart from a mark left on the exception.

One fault, one report, however many layers see it. An exception that has been reported carries a mark; what it was
raised from, and what a group holds, carries it too. Seen again:

1. in the same operation (or in one with the same correlation ID, as an eager task has), it is the same fault;
2. in another, it is a new one: an app may keep an exception object and raise it for every request;
3. where either side is outside of any operation (a pool's thread), it is the same within ten seconds;
4. `raise New() from reported` is the same fault, and a group is if all its members have been reported; a new error
   that merely came up while a reported one was being handled is a fault of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from types import CodeType, TracebackType
from typing import Final, NamedTuple

from saasobs.instrument.queries.places import is_app_file, shown

_MARK: Final = "__saasobs_fault__"
_CHAIN: Final = 10
_MEMBERS: Final = 20
_FRAMES: Final = 60
_SAME_FOR: Final = 10.0


class Told(NamedTuple):
    """What has been done about a fault."""

    correlation_id: str
    at: float
    """Seconds since the epoch."""
    error_id: str
    logged: bool
    """Whether a line with its traceback has been written."""
    fingerprint: str = ""
    code: str = ""
    undecided: bool = False
    """A queue has logged it, and has yet to say whether the task is tried again; nothing was reported."""


def told_of(error: BaseException, correlation_id: str, now: float) -> Told | None:
    """What has been done about this fault already, if it is the same; see the module's rules."""
    at: BaseException | None = error
    for _ in range(_CHAIN):
        if at is None:
            return None
        mark = _own_mark(at)
        if mark is not None and _is_same(mark, correlation_id, now):
            return mark
        if isinstance(at, BaseExceptionGroup):
            marks = [told_of(member, correlation_id, now) for member in at.exceptions[:_MEMBERS]]
            if marks and all(marks):
                return marks[0]
        at = at.__cause__
    return None


def _own_mark(error: BaseException) -> Told | None:
    aside = _aside.get(id(error))
    if aside is not None and aside[0] is type(error):
        return aside[1]
    mark = getattr(error, "__dict__", {}).get(_MARK)
    try:
        return None if mark is None else Told(*mark)
    except TypeError:  # somebody else's
        return None


def _is_same(mark: Told, correlation_id: str, now: float) -> bool:
    if mark.correlation_id and correlation_id:
        return mark.correlation_id == correlation_id
    return abs(now - mark.at) <= _SAME_FOR


def tell(error: BaseException, told: Told) -> None:
    """Mark a fault: the exception, what it came from, and what it holds.

    A plain tuple in the exception's own dictionary: it survives pickling to another process and types that refuse
    attributes (frozen dataclasses).
    """
    for each in _related(error):
        if _takes_marks(each):
            each.__dict__[_MARK] = tuple(told)
        else:
            _mark_aside(each, told)


def _takes_marks(error: BaseException) -> bool:
    """Whether what is in its dictionary does no harm where it is unpickled: some types set their state themselves."""
    kind = type(error)
    if getattr(kind, "__setstate__", None) is not _SET_STATE:
        return False
    return kind.__setattr__ is BaseException.__setattr__ or bool(error.__dict__.keys() - {_MARK})


def _mark_aside(error: BaseException, told: Told) -> None:
    """Remember it by its address: most such types have slots, and cannot be referred to weakly."""
    if len(_aside) >= _ASIDE:
        _aside.clear()
    _aside[id(error)] = (type(error), told)


_SET_STATE: Final = BaseException.__setstate__
_ASIDE: Final = 100
_aside: dict[int, tuple[type[BaseException], Told]] = {}


def _related(error: BaseException) -> Iterator[BaseException]:
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _CHAIN + _MEMBERS:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [before for before in (each.__cause__, each.__context__) if before is not None]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions[:_MEMBERS]


def fingerprint(error: BaseException) -> str:
    """16 hexadecimal digits: the types of the exception and its causes, and the app's own functions it came through.

    Messages, line numbers and values are left out, so that the same fault in two releases is one. Where no frame is
    the app's own, the last five of the libraries' count.
    """
    frames = list(_frames(error.__traceback__))
    own = [code for code, _ in frames if is_app_file(code.co_filename)] or [code for code, _ in frames[-5:]]
    parts = [f"{type(each).__module__}.{type(each).__qualname__}" for each in _causes(error)]
    functions = [f"{_short(code.co_filename)}:{code.co_qualname}" for code in own]
    parts += [name for name, before in zip(functions, ["", *functions], strict=False) if name != before]
    return blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _causes(error: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = error
    for _ in range(_CHAIN):
        if at is None:
            return
        yield at
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)


def place(error: BaseException) -> str:
    """``orders/views.py:42`` of the app's own innermost frame; of the innermost at all when none is its own."""
    frames = list(_frames(error.__traceback__))
    own = [frame for frame in frames if is_app_file(frame[0].co_filename)] or frames
    return shown(own[-1]) if own else ""


def _frames(trace: TracebackType | None) -> Iterator[tuple[CodeType, int]]:
    """The code of each frame, and the instruction in it."""
    found: list[tuple[CodeType, int]] = []
    while trace is not None:
        found.append((trace.tb_frame.f_code, trace.tb_lasti))
        trace = trace.tb_next
    return iter(found[-_FRAMES:])


def _short(filename: str) -> str:
    """The last two parts of a path: the same on every machine."""
    return "/".join(filename.replace("\\", "/").rsplit("/", 2)[-2:])
