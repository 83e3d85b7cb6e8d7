"""Where in the app a query comes from: the innermost frame that is the app's own, as `file:line`.

A walk along the frames, no traceback and no source text: 1 to 3 µs, and only for statements that repeat or are slow.
Three ways of hiding the app's frame are followed:

1. Libraries: site-packages, the standard library, generated code and this package are passed over.
2. Async SQLAlchemy runs the driver in a greenlet, whose stack ends there: the parent's goes on.
3. Django's async ORM runs the query in a thread (asgiref): the coroutine that waits for it is looked up in its loop.
"""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
from types import CodeType, FrameType
from typing import Any, Final

Site = tuple[CodeType | None, int]
"""The code, and where in it: an instruction. The line is only worked out for what is told; asking a frame for it costs
more than the whole walk."""

NOWHERE: Final[Site] = (None, 0)
_OURS: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep  # noqa: PTH100, PTH120
_INSTALLED: Final = tuple(
    {sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_LIBRARIES: Final = ("site-packages", "dist-packages")
_KNOWN_FILES: Final = 10_000
_FRAMES: Final = 400
_TASKS: Final = 1_000

_own: dict[str, bool] = {}


def calling_site(depth: int = 0) -> Site:
    """The app's own frame that led here, NOWHERE when there is none (a serializer, a scheduler).

    :param depth: how many frames are passed over unseen, this one included.
    """
    site = _along(sys._getframe(depth))  # noqa: SLF001 - documented, and the point
    if site is None and "greenlet" in sys.modules:
        site = _above_greenlets()
    if site is None and "asgiref.sync" in sys.modules:
        site = _awaiting(sys._getframe(depth))  # noqa: SLF001
    return site or NOWHERE


def is_app_file(name: str) -> bool:
    """Whether a file is the app's own. Pure."""
    if name.startswith(("<", _OURS)):
        return False
    return not name.startswith(_INSTALLED) and not any(part in name for part in _LIBRARIES)


def shown(site: Site) -> str:
    """`shop/orders.py:42`: relative to where the app runs, else to where it is imported from; empty for NOWHERE."""
    code, instruction = site
    if code is None:
        return ""
    file, line = code.co_filename, _line(code, instruction)
    imported = sorted(filter(os.path.isabs, sys.path), key=len, reverse=True)
    for root in (_working_folder(), *imported):
        inside = root.rstrip(os.sep) + os.sep
        if root and file.startswith(inside):
            return f"{file[len(inside) :]}:{line}"
    return f"{file}:{line}"


def _line(code: CodeType, instruction: int) -> int:
    found = (line for start, end, line in code.co_lines() if start <= instruction < end and line is not None)
    return next(found, code.co_firstlineno)


def _working_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - its text is compared
    except OSError:  # it has been removed
        return ""


def _along(frame: FrameType | None) -> Site | None:
    own = _own
    for _ in range(_FRAMES):
        if frame is None:
            return None
        code = frame.f_code
        mine = own.get(code.co_filename)
        if mine is None:
            mine = _learn(code.co_filename)
        if mine:
            return code, frame.f_lasti
        frame = frame.f_back
    return None


def _learn(file: str) -> bool:
    if len(_own) >= _KNOWN_FILES:
        _own.clear()
    mine = _own[file] = is_app_file(file)
    return mine


def _above_greenlets() -> Site | None:
    parent = sys.modules["greenlet"].getcurrent().parent
    while parent is not None:
        site = _along(parent.gr_frame)
        if site is not None:
            return site
        parent = parent.parent
    return None


def _awaiting(frame: FrameType | None) -> Site | None:
    """The app's frame among the coroutines that wait for this thread's `sync_to_async`."""
    while frame is not None and frame.f_code.co_name != "thread_handler":
        frame = frame.f_back
    if frame is None:
        return None
    theirs = frame.f_locals
    loop, mark = theirs.get("loop"), theirs.get("task_context")
    if not isinstance(loop, asyncio.AbstractEventLoop) or mark is None:
        return None
    tasks = asyncio.all_tasks(loop)
    for task in tasks if len(tasks) <= _TASKS else ():
        frames = _awaited(task.get_coro())
        if frames and frames[-1].f_code.co_name == "__call__" and frames[-1].f_locals.get("task_context") is mark:
            own = (each for each in reversed(frames) if is_app_file(each.f_code.co_filename))
            return next(((each.f_code, each.f_lasti) for each in own), None)
    return None


def _awaited(coroutine: Any) -> list[FrameType]:
    """The frames of a suspended coroutine and of those it waits for, the innermost last."""
    frames: list[FrameType] = []
    while coroutine is not None and len(frames) < _FRAMES:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None:
            break
        frames.append(frame)
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return frames
