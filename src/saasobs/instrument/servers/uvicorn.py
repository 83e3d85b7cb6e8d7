"""The end of uvicorn: after its shutdown it raises the signal that ended it again, and dies past `atexit`.

So what waits is sent before: log lines, error reports, spans. An app without a lifespan (Django's) has no other moment
for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from wrapt import wrap_function_wrapper

from saasobs.instrument import guard

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

_PATIENCE: Final = 2.0
"""Seconds that the end of the server waits for each of those that take what is sent."""


def install(process: Instrumentation) -> None:
    """Watch every server of this process."""

    async def shutdown(
        wrapped: Callable[..., Any], server: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        try:
            return await wrapped(*args, **kwargs)
        finally:
            await _send(process, dies=bool(getattr(server, "_captured_signals", ())))

    wrap_function_wrapper("uvicorn.server", "Server.shutdown", shutdown)


async def _send(process: Instrumentation, *, dies: bool) -> None:
    """:param dies: a signal ended it: lines that are still to come are written at once by whoever brings them."""
    try:
        await asyncio.to_thread(process.flush, _PATIENCE)
        if dies:
            process.logs.close(_PATIENCE)
    except Exception:  # noqa: BLE001 - a guest keeps quiet
        guard.failed("shutdown")
