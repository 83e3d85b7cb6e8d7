"""The standard library's records in our shape: the event is the message, the rest comes from `extra`."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from typing import Any, Final

from saasobs.instrument.logs.out import Logs
from saasobs.instrument.plain import describe
from saasobs.instrument.state import current

_RECORD_ATTRIBUTES: Final = frozenset(
    {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime", "taskName", "color_message"}
)
_LEVELS: Final = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}
_LIBRARIES: Final = ("site-packages", "dist-packages", "/lib/python3")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
"""What paints a terminal: Werkzeug's and uvicorn's texts have it whoever reads them."""
_NOISE: Final = {"django": ("request", "server_time"), "celery": ("data",)}
"""What frameworks put into `extra` for handlers of their own: objects, and what the message says already."""


class RecordHandler(logging.Handler):
    """Hands the standard library's records to `logs`."""

    def __init__(self, logs: Logs) -> None:
        super().__init__(logs.level)
        self._logs = logs

    def handle(self, record: logging.LogRecord) -> bool:
        """Without the lock of the standard library's handlers: `logs` needs none, and nobody waits for another."""
        if not self.filter(record):
            return False
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if not _is_needless(record, self._logs):
                self._say(record)
        except Exception:  # noqa: BLE001 - a guest keeps quiet: counted, never raised
            self._logs.troubles.internal_error("log")

    def _say(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {}
        if len(vars(record)) > len(_PLAIN_RECORD):
            noise = _NOISE.get(record.name.partition(".")[0], ())
            fields = {key: vars(record)[key] for key in vars(record) if key not in _RECORD_ATTRIBUTES}
            for key in noise:
                fields.pop(key, None)
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        if record.stack_info:
            fields["stack"] = record.stack_info
        self._logs.emit_in_context(
            level_of(record), _message(record), record.name, fields, when=record.created, template=record.msg
        )


_PLAIN_RECORD: Final = vars(logging.LogRecord("", 0, "", 0, "", (), None))


def level_of(record: logging.LogRecord) -> str:
    """One of our five; a level of somebody's own counts as the one below it."""
    known = _LEVELS.get(record.levelno)
    return known or _LEVELS.get(min(50, record.levelno // 10 * 10), "debug")


def _message(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
        return _COLOURS.sub("", text) if "\x1b[" in text else text
    except Exception:  # noqa: BLE001 - arguments that do not fit the text: show both
        with suppress(Exception):
            return f"{record.msg} {record.args!r}"
        return describe(record.msg)


def _is_needless(record: logging.LogRecord, logs: Logs) -> bool:
    """Whether it says again what a line of ours says: an access line, a fault that has been told."""
    if record.exc_info and record.exc_info[1] is not None:
        reporter = logs.reporter
        return reporter is not None and _from_library(record) and reporter.told(record.exc_info[1])
    if record.name == "django.server":
        return hasattr(record, "status_code")
    if record.name == "werkzeug":
        return isinstance(record.msg, str) and '"%s" %s %s' in record.msg
    return record.name == "django.request" and hasattr(record, "status_code") and current() is not None


def _from_library(record: logging.LogRecord) -> bool:
    return any(part in record.pathname for part in _LIBRARIES)
