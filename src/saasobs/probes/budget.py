"""A bound on the CPU time that judging one answer may take, so that a regular expression cannot stop the daemon.

Python's `re` cannot be told to stop, and holds the interpreter while it runs, so that a thread would not help. It
does look for signals as it backtracks: a timer of the process's own CPU time raises out of it. That works where
signals arrive, in the main thread, which is where the daemon runs its loop; elsewhere the bound is not kept.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final, ParamSpec, TypeVar

SECONDS: Final = 0.25
"""CPU seconds; an honest expectation on a whole 1 MiB takes a few milliseconds."""

_AGAIN: Final = 0.05
"""The signal comes again, in case the first was raised inside something that swallows exceptions."""

P = ParamSpec("P")
T = TypeVar("T")


class TookTooLong(Exception):
    """Judging used up its CPU time."""


def within_budget(judge: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a pure function within SECONDS of CPU time. Not reentrant. :raises TookTooLong:"""
    if threading.current_thread() is not threading.main_thread():
        return judge(*args, **kwargs)
    running = True

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if running:
            raise TookTooLong

    before = signal.signal(signal.SIGVTALRM, stop)
    try:
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS, _AGAIN)
            return judge(*args, **kwargs)
        finally:
            running = False  # should the signal come just now, the outer block still puts all in order
    finally:
        running = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
