"""Takes an exception once and sends it where errors go: a line in the log, a report, whoever listens.

1. What is no fault (an exit, a cancellation) is passed over.
2. A fault that has been reported already is not reported again (see `fault`).
3. Faults of one fingerprint are reported at most 30 at once and one every two seconds: a storm costs little.
4. A report is made from the operation, and given to Sentry and to the sinks.
5. If the app has not logged it itself, an `exception` line is written, with the traceback.
"""

from __future__ import annotations

import atexit
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from saasobs.instrument import guard, names
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.errors.fault import Told, fingerprint, place, tell, told_of
from saasobs.instrument.errors.report import Report, Sighting, report_of, route_of
from saasobs.instrument.errors.sentry import Sentry, dsn_problem
from saasobs.instrument.logs.limits import RateLimit
from saasobs.instrument.logs.out import CORRELATION_ATTRIBUTE, Logs
from saasobs.instrument.logs.tracebacks import traceback_text
from saasobs.instrument.plain import spoken
from saasobs.instrument.state import current

LOGGER: Final = "saasobs.errors"
_RATE: Final = 0.5
_BURST: Final = 60.0
_OWN_LOGGERS: Final = ("saasobs.", "sentry_sdk.", "opentelemetry.")
_FRAMEWORKS: Final = (
    *("django.request", "uvicorn.", "gunicorn.", "hypercorn.", "daphne.", "asyncio", "celery.", "rq.", "huey"),
    *("dramatiq.", "apscheduler.", "concurrent.futures"),
)
"""Loggers through which a framework says that nobody has handled an exception."""

_QUEUES: Final = ("dramatiq.", "huey")
"""Loggers that tell of a task's exception before their queue has decided whether to try again."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

Sink = Callable[[Report], None]
"""Gets each report, once for each fault, in the thread and at the moment of the error."""


class Errors:
    """One process's error reports. Tests put a function into `sinks`."""

    def __init__(self, config: InstrumentConfig, logs: Logs) -> None:
        self.sinks: list[Sink] = []
        self._logs = logs
        self._limit = RateLimit(_RATE, _BURST)
        if problem := dsn_problem(config.sentry_dsn) if config.sentry_dsn else "":
            config = replace(config, sentry_dsn="")
            logs.emit("warning", names.MISCONFIGURED_EVENT, "saasobs.instrument", {"problem": problem})
        self._sentry = Sentry(config)
        logs.reporter = self
        _running.add(self)

    @guard.guarded("capture", default="")
    def capture(
        self, error: BaseException, *, handled: bool, source: str, level: str = "error", certain: bool = False
    ) -> str:
        """Report an exception of the operation in progress, unless it has been already; returns the event's ID.

        The ID is "" when nothing was sent: there is no DSN, or too many of the kind. Costs about 60 µs with its line.

        :param handled: whether the app goes on as if nothing had happened.
        :param source: which hook saw it: `server`, `django`, `celery`, `log`, `app` …
        :param certain: it is a fault, though its type says otherwise (Dramatiq's time limit is no `Exception`).
        """
        if not certain and not _is_fault(error):
            return ""
        told = self._take(error, Sighting(handled, source, level))
        if not told.logged:
            tell(error, told._replace(logged=True))
            self._write_line(error, Sighting(handled, source, level), told)
        return told.error_id

    @guard.guarded("capture", default=_NOTHING)
    def logged(self, error: BaseException, level: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Report an exception that is being logged; returns what its line says more."""
        logger = str(record.get(names.LOGGER, ""))
        if logger.startswith(_QUEUES) and (operation := current()) is not None and operation.kind == "task":
            return self._leave_open(error)
        if logger.startswith(_OWN_LOGGERS) or not _is_fault(error):
            return _NOTHING
        seen = Sighting(not logger.startswith(_FRAMEWORKS), "log", level, record)
        told = self._take(error, seen)
        tell(error, told._replace(logged=True))
        return _identity(told)

    @guard.guarded("capture", default=_NOTHING)
    def described(self, error: BaseException) -> Mapping[str, Any]:
        """What the line of something that is tried again says of its error, which is no report."""
        known = {"fingerprint": fingerprint(error), "code": place(error)}
        found = {name: value for name, value in known.items() if value}
        return {"error": spoken(error), **found, "exception": traceback_text(error)}

    @guard.guarded("capture", default=False)
    def told(self, error: BaseException) -> bool:
        """Whether a line with its traceback has been written for this fault."""
        told = told_of(error, _here(error), time.time())
        return told is not None and told.logged

    @guard.guarded("capture", default=False)
    def reported(self, error: BaseException) -> bool:
        """Whether this fault has been taken, by us or by an integration of Sentry's."""
        told = told_of(error, _here(error), time.time())
        return told is not None and not told.undecided

    @guard.guarded("capture")
    def note(self, error: BaseException, error_id: str) -> None:
        """Somebody else has reported it."""
        told = Told(_here(error), time.time(), error_id, False, fingerprint(error), place(error))  # noqa: FBT003
        tell(error, told)

    def _take(self, error: BaseException, seen: Sighting) -> Told:
        now, here = time.time(), _here(error)
        known = told_of(error, here, now)
        if known is not None and not known.undecided:
            return known
        logged = known is not None and known.logged
        told = Told(here, now, "", logged, fingerprint=fingerprint(error), code=place(error))
        if not self._limit.allows((type(error).__name__, told.fingerprint), time.monotonic()):
            told = told._replace(logged=True)  # counted: not even a line
            tell(error, told)
            return told
        tell(error, told)  # before it is sent: Sentry's own integrations are to see it
        report = report_of(error, seen, told, current(), self._logs.scrubber)
        for sink in self.sinks:
            sink(report)
        if self._sentry.send(report):
            told = told._replace(error_id=report.error_id)
            tell(error, told)
        self._tell_suppressed()
        return told

    def _leave_open(self, error: BaseException) -> Mapping[str, Any]:
        """The end of the task's run says whether it is a fault, or is tried again; its traceback is written by then."""
        kind, code = fingerprint(error), place(error)
        told = Told(_here(error), time.time(), "", logged=True, fingerprint=kind, code=code, undecided=True)
        if not self.reported(error):
            tell(error, told)
        return _identity(told)

    def _write_line(self, error: BaseException, seen: Sighting, told: Told) -> None:
        operation = current()
        fields: dict[str, Any] = {"handled": seen.handled, "source": seen.source, "error": spoken(error)}
        if operation is not None:
            fields["route"] = route_of(operation)
        fields.update(_identity(told))
        self._logs.emit_in_context(seen.level, names.EXCEPTION_EVENT, LOGGER, {**fields, "exc_info": error})

    def _tell_suppressed(self, *, at_once: bool = False) -> None:
        if self._limit.pending and (at_once or not self._limit.wait(time.monotonic())):
            for error_type, kind, count in self._limit.told():
                fields = {"error_type": error_type, "fingerprint": kind, "count": count}
                self._logs.emit("warning", names.ERRORS_SUPPRESSED_EVENT, LOGGER, fields)

    @guard.guarded("capture")
    def flush(self, timeout: float) -> None:
        """Send what waits, within `timeout` seconds."""
        self._tell_suppressed(at_once=True)
        self._sentry.flush(timeout)


def _identity(told: Told) -> dict[str, Any]:
    """By what a line and a report are found from each other."""
    known = {"fingerprint": told.fingerprint, "code": told.code, "error_id": told.error_id}
    return {name: value for name, value in known.items() if value}


def _here(error: BaseException) -> str:
    """The correlation ID that an error belongs to; a server logs it when its operation is over."""
    operation = current()
    known = getattr(error, CORRELATION_ATTRIBUTE, "") if operation is None else operation.correlation_id
    return str(known)


def _is_fault(error: BaseException) -> bool:
    """Exits, interrupts and cancellations end things; they are no faults."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(Exception) is not None
    return isinstance(error, Exception)


_running: weakref.WeakSet[Errors] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for errors in list(_running):
        errors.flush(2.0)
