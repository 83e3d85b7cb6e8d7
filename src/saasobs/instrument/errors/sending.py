"""A thread that works a bounded queue off: what is put there is done soon, and nobody waits for it."""

from __future__ import annotations

import os
import queue
import threading
import weakref
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final

from saasobs.instrument import guard

_CAPACITY: Final = 100


class Sender:
    """Calls `work` for each item, in order, in a daemon thread that is started by the first."""

    def __init__(self, work: Callable[[Any], None], capacity: int = _CAPACITY) -> None:
        self._work = work
        self._capacity = capacity
        self._reset()
        _senders.add(self)

    def _reset(self) -> None:
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def put(self, item: Any) -> bool:
        """Hand an item over; False when too many are waiting, or the interpreter is ending."""
        if self._items.qsize() >= self._capacity or not self._started():
            return False
        self._items.put(item)
        return True

    def _started(self) -> bool:
        if self._thread is not None:
            return True
        if not self._starting.acquire(blocking=False):
            return True  # somebody else is at it, perhaps this very thread: a finalizer, a signal's handler
        try:
            if self._thread is None:
                thread = threading.Thread(target=self._run, args=(self._items,), name="saasobs-errors", daemon=True)
                Context().run(thread.start)  # it works for no request, also where threads inherit their context
                self._thread = thread
        except RuntimeError:
            return False
        finally:
            self._starting.release()
        return True

    def _run(self, items: queue.SimpleQueue[Any]) -> None:
        work = guard.guarded("capture")(self._work)
        while True:
            item = items.get()
            if isinstance(item, threading.Event):
                item.set()
            else:
                work(item)
            del item  # an exception that waits here for the next one would keep its frames alive

    def flush(self, timeout: float) -> bool:
        """Wait until all that was put before is done; False when it takes longer."""
        if self._thread is None:
            return True
        done = threading.Event()
        self._items.put(done)
        return done.wait(timeout)


_senders: weakref.WeakSet[Sender] = weakref.WeakSet()


def _after_fork() -> None:
    """A child has no thread, and what was waiting is its parent's to do."""
    for sender in list(_senders):
        sender._reset()  # noqa: SLF001 - the same module


os.register_at_fork(after_in_child=_after_fork)
