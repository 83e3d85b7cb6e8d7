"""Taking a test's server down so that nothing of it is left: neither a task, nor a socket that was just accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


async def take_down(
    listener: asyncio.Server, tasks: Iterable[asyncio.Task[None]], writers: Iterable[asyncio.StreamWriter] = ()
) -> None:
    """Stop listening, end what runs, and break off every connection, by TLS ones too, without a goodbye."""
    listener.close()
    for _ in range(5):  # a connection that was accepted in this round gets its handler some rounds later
        await asyncio.sleep(0)
    waiting = list(tasks)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for writer in list(writers):
        writer.transport.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
