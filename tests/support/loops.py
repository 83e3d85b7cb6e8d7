"""Running a coroutine on each of the event loops that the daemon may run on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")
Loop = Callable[[], asyncio.AbstractEventLoop]

LOOPS: list[Loop] = [asyncio.new_event_loop, uvloop.new_event_loop]
"""For ``pytest.mark.parametrize("loop", LOOPS, ids=NAMES)`` on a test that is no coroutine itself."""
NAMES = ["asyncio", "uvloop"]


def run_on(loop: Loop, main: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result, on a new loop of its own."""
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main)
