"""Blocking work for a channel, in threads that may be left behind.

The pool that the event loop shares (names are resolved there) has few threads, and Python waits for them at exit: one
write to a terminal that nobody reads would hold up both. These threads are daemonic, and so few that a provider which
never answers cannot gather them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from saasobs.core.errors import DeliveryError

T = TypeVar("T")


class Bench:
    """Runs blocking functions, at most `seats` at a time; those that hang keep their seat."""

    def __init__(self, name: str, seats: int) -> None:
        self._name = name
        self._seats = seats
        self._taken = 0
        self._lock = threading.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. Cancelling leaves it to itself: its result is dropped.

        :raises DeliveryError: all seats are taken by work that does not end.
        """
        with self._lock:
            if self._taken >= self._seats:
                raise DeliveryError(f"{self._name}: {self._taken} earlier messages are still stuck")
            self._taken += 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        thread = threading.Thread(target=self._work, args=(loop, future, work), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._leave()
            raise DeliveryError(f"{self._name}: no thread can be started now") from error
        return await future

    def _leave(self) -> None:
        with self._lock:
            self._taken -= 1

    def _work(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], work: Callable[[], T]) -> None:
        finish: Callable[[Any], None]
        outcome: Any
        try:
            outcome, finish = work(), future.set_result
        except Exception as error:  # noqa: BLE001 - carried over to whoever waits
            outcome, finish = error, future.set_exception
        self._leave()
        try:
            loop.call_soon_threadsafe(lambda: None if future.done() else finish(outcome))
        except RuntimeError:
            return  # the loop has closed: nobody waits any more
