"""Logging of one process: every record, whoever logs it, as one line of the same shape.

`configure_logging` sets up structlog (for `get_logger`) and the standard library's root logger (for uvicorn,
APScheduler, Alembic and all the rest), both in front of one renderer and one writer thread. The access line takes
a short cut past both. Nothing here raises into the caller, and nothing here waits for stdout.

structlog itself is imported on first use: it imports rich where that is installed, which a light door must not.
"""

from __future__ import annotations

import atexit
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TextIO, cast

from saasobs.instrument import names
from saasobs.instrument.config import LEVELS, InstrumentConfig
from saasobs.instrument.rendering import (
    ExcInfo,
    Record,
    Render,
    console_renderer,
    exception_fields,
    render_json,
)
from saasobs.instrument.state import context_fields
from saasobs.instrument.writer import LineWriter

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

CORRELATION_ATTRIBUTE = "__saasobs_correlation_id__"
"""Left on an exception by the request layer, so that the server's own traceback line carries the ID too."""

_RECORD_ATTRIBUTES = frozenset(
    {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime", "taskName", "color_message"}
)
_SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.asgi")
_ACCESS_LOGGERS = ("uvicorn.access",)
_TALKATIVE = ("httpx", "httpx2")
"""They log whole URLs at INFO, webhook secrets and all; the root's old level kept that quiet."""


class Troubles(Protocol):
    """Where our own failures are counted."""

    def internal_error(self, hook: str) -> None: ...

    def log_dropped(self, count: int) -> None: ...


class Uncounted:
    """Troubles that nobody counts."""

    def internal_error(self, hook: str) -> None: ...

    def log_dropped(self, count: int) -> None: ...


class Logs:
    """The one way out for events. `emit` is safe from any thread, never blocks and never raises."""

    def __init__(self, config: InstrumentConfig, stream: TextIO, troubles: Troubles) -> None:
        self.level = LEVELS[config.log_level]
        self.troubles = troubles
        self._record = Record(config)
        self._render: Render = render_json if config.log_format == "json" else console_renderer(colour=_is_tty(stream))
        self.writer = LineWriter(stream, on_drop=troubles.log_dropped, describe_drop=self._drop_line)

    def emit(
        self, level: str, event: Any, logger: str, fields: Mapping[str, Any], *, when: float | None = None
    ) -> None:
        """Write one event as given: no context is added, no level is looked at."""
        try:
            self.writer.put(self._line(level, event, logger, fields, when))
        except Exception:  # noqa: BLE001 - a guest keeps quiet: counted, never raised
            self.troubles.internal_error("log")

    def emit_in_context(
        self, level: str, event: Any, logger: str, fields: Mapping[str, Any], *, when: float | None = None
    ) -> None:
        """Write one event with all that is bound here; the event's own fields win."""
        try:
            merged = {**context_fields(), **fields}
            merged.update(_exception_fields(merged.pop("exc_info", None)))
        except Exception:  # noqa: BLE001 - an exc_info that is none: the event is written as it came
            self.troubles.internal_error("log")
            self.emit(level, event, logger, fields, when=when)
        else:
            self.emit(level, event, logger, merged, when=when)

    def _line(self, level: str, event: Any, logger: str, fields: Mapping[str, Any], when: float | None) -> bytes:
        moment = time.time() if when is None else when
        return self._render(self._record.build(when=moment, level=level, event=event, logger=logger, fields=fields))

    def _drop_line(self, count: int) -> bytes:
        return self._line("warning", names.LOG_DROPPED_EVENT, "saasobs.instrument", {"count": count}, None)

    @property
    def dropped(self) -> int:
        """Lines that were lost because the stream would not take them."""
        return self.writer.dropped

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until everything so far is written, at most `timeout` seconds; False when it is not."""
        return self.writer.flush(timeout)


def _is_tty(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _exception_fields(info: object) -> dict[str, str]:
    """The fields of whatever `exc_info` may be: an exception, a triple, true (the one being handled) or nothing."""
    if not info:
        return {}
    if isinstance(info, BaseException):
        triple: Any = (type(info), info, info.__traceback__)
    else:
        triple = info if isinstance(info, tuple) else sys.exc_info()
    if triple[1] is None:
        return {}
    known = getattr(triple[1], CORRELATION_ATTRIBUTE, None)
    return {**exception_fields(cast("ExcInfo", triple)), **({names.CORRELATION_ID: known} if known else {})}


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
    from saasobs.instrument.loggers import configure_structlog  # noqa: PLC0415 - see the module's docstring

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
        if logs.level > logging.DEBUG and logger.level == logging.NOTSET:
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
