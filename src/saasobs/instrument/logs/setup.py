"""Sets the logging of one process up: every record, whoever logs it, goes out through `logs`.

`configure_logging` puts structlog (for `get_logger`) and the standard library's root logger (for uvicorn, APScheduler,
Alembic and all the rest) in front of one renderer and one writer thread.

structlog itself is imported on first use: it imports rich where that is installed, which a light door must not.
"""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, cast

from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.logs.out import Logs, Troubles, Uncounted
from saasobs.instrument.logs.records import RecordHandler
from saasobs.instrument.logs.taming import take_over, tame_server_loggers

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = ["RecordHandler", "configure_logging", "get_logger", "tame_server_loggers"]


class _Active:
    logs: Logs | None = None


def configure_logging(
    config: InstrumentConfig, *, stream: TextIO | None = None, troubles: Troubles | None = None
) -> Logs:
    """Send all logging of this process to `stream` (stdout when None) in one shape; calling it again starts over.

    Handlers that somebody else put on a logger stay, except those that write to the terminal.
    """
    from saasobs.instrument.logs.loggers import configure_structlog  # noqa: PLC0415 - see the module's docstring

    previous, logs = _Active.logs, Logs(config, stream or _stdout(), troubles or Uncounted())
    _Active.logs = logs
    configure_structlog(logs)
    take_over(RecordHandler(logs), logs.level)
    if previous is None:
        atexit.register(_close_active)
    else:
        previous.flush()
    return logs


def _stdout() -> TextIO:
    """The real one: what a worker has put in its place to catch prints would bring every line back to us."""
    stream: Any = sys.stdout
    foreign = stream is None or type(stream).__module__.startswith(("celery.", "billiard."))
    return cast("TextIO", sys.__stdout__ if foreign else stream)


def _close_active() -> None:
    if _Active.logs is not None:
        _Active.logs.close()


def get_logger(name: str | None = None) -> FilteringBoundLogger:
    """A structlog logger whose events carry the request's correlation ID and all that is bound.

    :param name: the `logger` field; the calling module's name when None.
    """
    from saasobs.instrument.logs.loggers import LazyLogger  # noqa: PLC0415 - see the module's docstring

    caller: Callable[[int], Any] = sys._getframe  # noqa: SLF001 - the same way as logging and structlog find callers
    logger = name if name is not None else caller(1).f_globals.get("__name__", "app")
    return cast("FilteringBoundLogger", LazyLogger(logger))
