"""Sets the logging of one process up: every record, whoever logs it, goes out through `logs`.

`configure_logging` puts structlog (for `get_logger`) and the standard library's root logger (for uvicorn, APScheduler,
Alembic and all the rest) in front of one renderer and one writer thread.

structlog itself is imported on first use: it imports rich where that is installed, which a light door must not.
"""

from __future__ import annotations

import atexit
import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, cast

from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.logs.out import Logs, Troubles, Uncounted

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_RECORD_ATTRIBUTES = frozenset(
    {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime", "taskName", "color_message"}
)
_SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.asgi")
_ACCESS_LOGGERS = ("uvicorn.access",)
_TALKATIVE = ("httpx", "httpx2")
"""They log whole URLs at INFO, webhook secrets and all; the root's old level kept that quiet."""


class RecordHandler(logging.Handler):
    """The standard library's records in our shape: the event is the message, the rest comes from `extra`."""

    def __init__(self, logs: Logs) -> None:
        super().__init__(logs.level)
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        fields = {key: value for key, value in vars(record).items() if key not in _RECORD_ATTRIBUTES}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        if record.stack_info:
            fields["stack"] = record.stack_info
        self._logs.emit_in_context(record.levelname.lower(), _message(record), record.name, fields, when=record.created)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit the text: show both
        return f"{record.msg} {record.args!r}"


class _Active:
    logs: Logs | None = None


def configure_logging(
    config: InstrumentConfig, *, stream: TextIO | None = None, troubles: Troubles | None = None
) -> Logs:
    """Send all logging of this process to `stream` (stdout when None) in one shape; calling it again starts over.

    Handlers that somebody else put on the root logger stay, except those that write to the terminal.
    """
    from saasobs.instrument.logs.loggers import configure_structlog  # noqa: PLC0415 - see the module's docstring

    previous, logs = _Active.logs, Logs(config, stream or sys.stdout, troubles or Uncounted())
    _Active.logs = logs
    configure_structlog(logs)
    _configure_standard_library(logs)
    tame_server_loggers()
    if previous is None:
        atexit.register(_flush_active)
    else:
        previous.flush()
    return logs


def _flush_active() -> None:
    if _Active.logs is not None:
        _Active.logs.flush()


def _configure_standard_library(logs: Logs) -> None:
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, RecordHandler) or _writes_to_terminal(handler):
            root.removeHandler(handler)
    root.addHandler(RecordHandler(logs))
    root.setLevel(logs.level)
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(max(logs.level, logging.WARNING))


def _writes_to_terminal(handler: logging.Handler) -> bool:
    return type(handler) is logging.StreamHandler and handler.stream in (sys.stdout, sys.stderr)


def tame_server_loggers() -> None:
    """Let uvicorn's records reach the root, and drop its access log: the request layer writes a better line.

    Called again when the server has started, because `uvicorn.run` installs its own handlers after us.
    """
    for name in _SERVER_LOGGERS + _ACCESS_LOGGERS:
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
        logger.propagate = name not in _ACCESS_LOGGERS


def get_logger(name: str | None = None) -> FilteringBoundLogger:
    """A structlog logger whose events carry the request's correlation ID and all that is bound.

    :param name: the `logger` field; the calling module's name when None.
    """
    import structlog  # noqa: PLC0415 - see the module's docstring

    caller: Callable[[int], Any] = sys._getframe  # noqa: SLF001 - the same way as logging and structlog find callers
    logger = name if name is not None else caller(1).f_globals.get("__name__", "app")
    return cast("FilteringBoundLogger", structlog.get_logger(logger))
