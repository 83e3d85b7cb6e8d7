"""The one way out for log events: rendered as one line of one shape, written by one thread.

structlog and the standard library stand in front of it (`logging_setup`); the access line takes a short cut past both.
Nothing here raises into the caller, and nothing here waits for stdout.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol, TextIO, cast

from saasobs.instrument import names
from saasobs.instrument.config import LEVELS, InstrumentConfig
from saasobs.instrument.logs.rendering import (
    ExcInfo,
    Record,
    Render,
    console_renderer,
    exception_fields,
    render_json,
)
from saasobs.instrument.logs.writer import LineWriter
from saasobs.instrument.state import context_fields

CORRELATION_ATTRIBUTE = "__saasobs_correlation_id__"
"""Left on an exception by the request layer, so that the server's own traceback line carries the ID too."""


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

    def wants(self, level: str) -> bool:
        """Whether lines of this level are written."""
        return LEVELS[level.upper()] >= self.level

    def head(self, when: float, level: str, event: str, logger: str) -> dict[str, Any]:
        """The beginning of a record of our own, to be filled with plain values and given to `write`."""
        return self._record.head(when, level, event, logger)

    def add(self, record: dict[str, Any], fields: Mapping[str, Any]) -> None:
        """Put a caller's fields into a record of our own, made plain and scrubbed."""
        self._record.add(record, fields)

    def write(self, record: dict[str, Any]) -> None:
        """Write a record whose values are plain."""
        try:
            self.writer.put(self._render(record))
        except Exception:  # noqa: BLE001 - a guest keeps quiet: counted, never raised
            self.troubles.internal_error("log")

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
