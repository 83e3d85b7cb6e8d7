"""That a check leaves nothing behind: no task, no thread, no open socket of ours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path


def _sockets() -> set[str]:
    """The sockets of this process, by the numbers of their inodes."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(str(entry.readlink()))
    return {one for one in found if one.startswith("socket:")}


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """What is begun within must have ended at its end. A server of the test's own, on this loop, may take a moment."""
    tasks, threads, sockets = asyncio.all_tasks(), set(threading.enumerate()), _sockets()
    yield
    for _ in range(100):
        left = (asyncio.all_tasks() - tasks, set(threading.enumerate()) - threads, _sockets() - sockets)
        if not any(left):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"left behind: {left}")
