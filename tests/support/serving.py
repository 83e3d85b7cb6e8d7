"""A test's server in the test's own loop, of which nothing is left: no task, and no socket that was just accepted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(
    handle: Handler, host: str = "127.0.0.1", port: int = 0, **options: Any
) -> AsyncIterator[asyncio.Server]:
    """Run `handle` for every connection, which is closed at its end.

    A client that hangs up is no fault: it is what many tests are about. `options` are those of `asyncio.start_server`.
    """
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        writers.append(writer)
        try:
            await handle(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    listener = await asyncio.start_server(run, host, port, **options)
    try:
        yield listener
    finally:
        await stop_listening(listener)
        running = list(tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for writer in writers:  # without a goodbye, over TLS too
            writer.transport.abort()
        await _rounds(2)


def port_of(listener: asyncio.Server) -> int:
    """The port that the kernel gave."""
    return int(listener.sockets[0].getsockname()[1])


async def stop_listening(listener: asyncio.Server) -> None:
    """Accept nothing more; what was accepted has its handler afterwards, or is closed while it still shakes hands."""
    loop = asyncio.get_running_loop()
    for accepting_socket in listener.sockets:
        loop.remove_reader(accepting_socket.fileno())
    await _rounds(5)  # what was accepted in this round gets its handler some rounds later: not of a closed listener,
    listener.close()  # whose connections Python 3.11 forgets half made
    accepting = [task for task in asyncio.all_tasks() if _accepts(task, listener)]
    for task in accepting:
        task.cancel()
    await asyncio.gather(*accepting, return_exceptions=True)
    await _rounds(2)


def _accepts(task: asyncio.Task[Any], listener: asyncio.Server) -> bool:
    """Whether this is asyncio's own task of a connection that `listener` took."""
    coroutine: Any = task.get_coro()
    frame = getattr(coroutine, "cr_frame", None)
    if frame is None or not coroutine.__qualname__.endswith("._accept_connection2"):
        return False
    return frame.f_locals.get("server") is listener


async def _rounds(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
