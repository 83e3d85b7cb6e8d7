"""The one way out for log events: rendered as one line of one shape, written by one thread.

structlog and the standard library stand in front of it (`logging_setup`); the access line takes a short cut past both.
Nothing here raises into the caller, and nothing here waits for stdout.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TextIO

from saasobs.instrument import names
from saasobs.instrument.config import LEVELS, InstrumentConfig
from saasobs.instrument.logs.access import LOGGER as ACCESS_LOGGER
from saasobs.instrument.logs.access import AccessFields, AccessLine, as_dict, whose
from saasobs.instrument.logs.limits import RateLimit
from saasobs.instrument.logs.rendering import Record, Render, console_renderer, render_json, visible
from saasobs.instrument.logs.tracebacks import traceback_text
from saasobs.instrument.logs.writer import LineWriter
from saasobs.instrument.state import Operation, add_ids, ambient_fields, bound_fields, current

_NUMBERS = {name.lower(): number for name, number in LEVELS.items()}
_ERRORS: Final = frozenset({"error", "critical"})
_KNOWN_BY: Final = 200
"""Characters of an event that the rate limit remembers: some apps put whole bodies there."""
CORRELATION_ATTRIBUTE = "__saasobs_correlation_id__"
"""Left on an exception by the request layer, so that the server's own traceback line carries the ID too."""

Sink = Callable[[Mapping[str, Any]], None]
"""Gets each record before it becomes text: timestamp, level, event, logger and fields, scrubbed and plain."""


class Reporter(Protocol):
    """Takes the exceptions that are logged as errors."""

    def logged(self, error: BaseException, level: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Report it; returns what its line says more.

        :param record: the line as far as it is known, without the exception.
        """

    def told(self, error: BaseException) -> bool:
        """Whether a line with its traceback has been written for this fault."""


class Troubles(Protocol):
    """Where our own failures are counted."""

    def internal_error(self, hook: str) -> None: ...

    def log_dropped(self, count: int) -> None: ...


class Uncounted:
    """Troubles that nobody counts."""

    def internal_error(self, hook: str) -> None: ...

    def log_dropped(self, count: int) -> None: ...


class Logs:
    """The one way out for events. `emit` is safe from any thread, never blocks and never raises.

    Tests put a function into `sinks` to get every record.
    """

    def __init__(self, config: InstrumentConfig, stream: TextIO, troubles: Troubles) -> None:
        self.level = LEVELS[config.log_level]
        written = frozenset(name for name, number in _NUMBERS.items() if number >= self.level)
        self.wants: Callable[[str], bool] = written.__contains__
        """Whether lines of this level are written."""
        self.troubles = troubles
        self.reporter: Reporter | None = None
        self.sinks: list[Sink] = []
        self._record = Record(config)
        self.scrubber = self._record.scrubber
        self._limit = RateLimit(config.log_rate) if config.log_rate else None
        self._render: Render = render_json if config.log_format == "json" else console_renderer(colour=_is_tty(stream))
        self._access = AccessLine(config) if config.log_format == "json" else None
        self.writer = LineWriter(
            stream, on_drop=troubles.log_dropped, describe_drop=self._drop_line, interlude=self._interlude
        )

    def emit(
        self,
        level: str,
        event: Any,
        logger: str,
        fields: Mapping[str, Any],
        *,
        when: float | None = None,
        important: bool = False,
    ) -> None:
        """Write one event as given: no context is added, no level is looked at.

        :param important: it may come as often as errors and access lines.
        """
        try:
            if self._allowed(logger, event, important=important or level in _ERRORS):
                self._put(self._built(level, event, logger, fields, when))
        except Exception:  # noqa: BLE001 - a guest keeps quiet: counted, never raised
            self.troubles.internal_error("log")

    def emit_in_context(
        self,
        level: str,
        event: Any,
        logger: str,
        fields: Mapping[str, Any],
        *,
        when: float | None = None,
        template: Any = None,
    ) -> None:
        """Write one event with all that is bound here; the event's own fields win.

        An exception in `exc_info` becomes text, and at level error and above a report too.

        :param template: what the rate limit knows the event by, where its text differs each time.
        """
        try:
            if not self._allowed(logger, template or event, important=level in _ERRORS):
                return
            operation = current()
            record = self._record.head(time.time() if when is None else when, level, event, logger)
            if operation is not None:
                add_ids(record, operation)
            bound = ambient_fields() if operation is None else bound_fields(operation)
            if bound:
                self._record.add(record, bound)
            if "exc_info" in fields:
                self._add_with_exception(record, level, fields)
            elif fields:
                self._record.add(record, fields)
            if operation is not None:
                operation.leave_crumb(record)
            self._put(record)
        except Exception:  # noqa: BLE001 - an exc_info that is none: the event is written as it came
            self.troubles.internal_error("log")
            self.emit(level, event, logger, fields, when=when)

    def _add_with_exception(self, record: dict[str, Any], level: str, fields: Mapping[str, Any]) -> None:
        more = dict(fields)
        error = _exception_in(more.pop("exc_info"))
        self._record.add(record, more)
        if error is None:
            return
        known = getattr(error, CORRELATION_ATTRIBUTE, None)
        if known and names.CORRELATION_ID not in record:
            record[names.CORRELATION_ID] = known
        record["error_type"] = type(error).__name__
        if self.reporter is not None and level in _ERRORS:
            record.update(self.reporter.logged(error, level, record))
        record["exception"] = traceback_text(error)

    def access(self, level: str, event: str, operation: Operation, line: AccessFields) -> None:
        """Write the line of one request; the short cut past both fronts."""
        try:
            limit = self._limit
            if limit is not None and not limit.allows((ACCESS_LOGGER, event), time.monotonic(), important=True):
                self._refused(limit)
                return
            now = time.time()
            short_cut = self._access
            if short_cut is not None and not (operation.fields or ambient_fields() or self.sinks):
                self.writer.put_unrendered(self._access_line, short_cut, now, level, event, whose(operation), line)
                return
            record = self._record.head(now, level, event, ACCESS_LOGGER)
            add_ids(record, operation)
            self._record.add(record, bound_fields(operation))
            record.update(as_dict(line))
            self._put(record)
        except Exception:  # noqa: BLE001 - a guest keeps quiet: counted, never raised
            self.troubles.internal_error("log")

    def _access_line(self, access: AccessLine, *values: Any) -> bytes:
        """In the writer's thread."""
        try:
            return visible(access.render(*values))
        except Exception:  # noqa: BLE001 - a guest keeps quiet: counted, never raised
            self.troubles.internal_error("log")
            return b""

    def _allowed(self, logger: str, event: Any, *, important: bool) -> bool:
        limit = self._limit
        if limit is None:
            return True
        known = event if type(event) is str else type(event).__name__
        if len(known) > _KNOWN_BY:
            known = known[:_KNOWN_BY]
        if limit.allows((logger, known), time.monotonic(), important=important):
            return True
        self._refused(limit)
        return False

    def _refused(self, limit: RateLimit) -> None:
        if limit.newly_pending:
            self.writer.wake()  # so that it is told even if nothing else is ever logged

    def _put(self, record: dict[str, Any]) -> None:
        for sink in self.sinks:
            sink(record)
        self.writer.put(self._render(record))

    def _built(
        self, level: str, event: Any, logger: str, fields: Mapping[str, Any], when: float | None
    ) -> dict[str, Any]:
        moment = time.time() if when is None else when
        return self._record.build(when=moment, level=level, event=event, logger=logger, fields=fields)

    def _drop_line(self, count: int) -> bytes:
        return self._own_line(names.LOG_DROPPED_EVENT, {"count": count})

    def _own_line(self, event: str, fields: Mapping[str, Any]) -> bytes:
        return self._render(self._built("warning", event, "saasobs.instrument", fields, None))

    def _interlude(self, *, at_once: bool = False) -> tuple[bytes, float | None]:
        """What the writer asks between two lines: what is to be told of suppressed ones, and when to ask again."""
        limit = self._limit
        if limit is None or not limit.pending:
            return b"", None
        wait = limit.wait(time.monotonic())
        if wait and not at_once:
            return b"", wait
        lines = (
            self._own_line(
                names.LOG_SUPPRESSED_EVENT,
                {"suppressed_event": event, "suppressed_logger": logger, "count": count},
            )
            for logger, event, count in limit.told()
        )
        return b"".join(lines), None

    @property
    def dropped(self) -> int:
        """Lines that were lost because the stream would not take them."""
        return self.writer.dropped

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until everything so far is written, at most `timeout` seconds; False when it is not."""
        self._tell_suppressed()
        return self.writer.flush(timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Flush; what comes afterwards is written at once by whoever brings it, or lost."""
        self._tell_suppressed()
        self.writer.close(timeout)

    def _tell_suppressed(self) -> None:
        text, _ = self._interlude(at_once=True)
        if text:
            self.writer.put(text)


def _is_tty(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _exception_in(info: object) -> BaseException | None:
    """Of whatever `exc_info` may be: an exception, a triple, true (the one being handled) or nothing.

    :raises TypeError: it is none of these.
    """
    if isinstance(info, BaseException):
        return info
    if not info:
        return None
    error = info[1] if isinstance(info, tuple) else sys.exc_info()[1]
    if error is not None and not isinstance(error, BaseException):
        raise TypeError("exc_info holds no exception")
    return error
