"""One run of a task or a job under observation, whatever queue or scheduler it came from.

An integration tells what it knows of the run (`Work`) and what the sender had it carry, then how it ended. Everything
else is here: the operation with the sender's correlation ID and trace, the line, the numbers, the error report, the
verdict on its queries. It is to tasks what `servers.exchange` is to requests.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import Context, copy_context
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from saasobs.instrument import guard, names, propagation
from saasobs.instrument.state import Operation, accept_correlation_id, context_fields, enter, leave, random_id

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

Kind = Literal["task", "job"]
Outcome = Literal[
    "success", "failure", "timeout", "lost", "retry", "rejected", "ignored", "revoked", "expired", "skipped", "missed",
    "cancelled",
]  # fmt: skip
"""`timeout`: a time limit ended it. `lost`: its process died. `rejected`, `ignored`: it said so itself. `revoked`,
`expired`, `skipped`: it was not run, or stopped, on purpose. `missed`: its time passed before anybody ran it."""

_FAULTS: Final = frozenset({"failure", "timeout", "lost"})
_LEVELS: Final = {**dict.fromkeys(_FAULTS, "error"), **dict.fromkeys(("retry", "rejected", "missed"), "warning")}
_NAME_LIMIT: Final = 200


class Work(NamedTuple):
    """What is known of a run before it begins."""

    name: str
    """Of the task or job: one of a few, for it labels metrics."""
    system: str = ""
    """`celery`, `rq`, `dramatiq`, `huey`, `apscheduler`; empty for a job of its own."""
    task_id: str = ""
    """The queue's own ID of the message; the correlation ID of a run that nobody in an operation has sent."""
    queue: str = ""
    attempt: int = 1
    sent_at: float | None = None
    """When it could have begun, in seconds since the epoch: when it was sent, or the time it was meant for."""
    kind: Kind = "task"


def sent(process: Instrumentation, system: str, name: str) -> None:
    """A task may begin from now on; the numbers tell what was sent from what was begun."""
    process.metrics.tasks.sent(system, name[:_NAME_LIMIT])


class TaskRun:
    """A run that has begun: its operation is the one in progress here until `end`."""

    __slots__ = ("_attached", "_before", "_begun", "_process", "_reported", "_token", "_wait", "operation", "work")

    def __init__(self, process: Instrumentation, work: Work, carrier: Mapping[str, Any]) -> None:
        """:param carrier: what `propagation.carry` gave the message; nothing when nobody in an operation sent it."""
        name = work.name[:_NAME_LIMIT]
        self.work = work
        self._process = process
        offered, incoming = propagation.continue_from(carrier)
        correlation_id = offered or accept_correlation_id(work.task_id) or random_id()
        self.operation = operation = Operation(correlation_id, work.kind, name)
        if carrier:
            operation.tenant = propagation.carried_tenant(carrier)
        self._begun = process.tracer.begin(operation, incoming, own=True)
        self._wait = None if work.sent_at is None else max(0.0, time.time() - work.sent_at)
        process.metrics.tasks.started(work.system or work.kind, name, self._wait)
        self._reported = False
        self._before = copy_context()
        self._token = enter(operation)
        self._attached = process.tracer.attach(operation)

    def report(self, error: BaseException) -> None:
        """Report the error that the run ends with: sooner than `end` does, where it loses its frames until then."""
        if not self._reported:
            self._reported = True
            source = self.work.system or self.work.kind
            certain = not isinstance(error, _EXITS)
            self._process.errors.capture(error, handled=False, source=source, certain=certain)

    def drop(self) -> None:
        """Leave the operation and tell nothing: the process is about to die, and another one tells."""
        self._leave()

    def _leave(self) -> None:
        self._process.tracer.detach(self._attached)
        leave(self._token)

    def end(
        self,
        outcome: Outcome,
        error: BaseException | None = None,
        *,
        expected: bool = False,
        exit_code: int | None = None,
    ) -> float:
        """Take the numbers, write the line, report the error; the operation is over then. Never raises.

        :param expected: the app has declared this error to be a normal end (Celery's and Dramatiq's `throws`).
        :param exit_code: what a script exits with. :returns: how many seconds it took.
        """
        seconds = max(0.0, perf_counter() - self.operation.started_at)
        system = self.work.system or self.work.kind
        try:
            self._process.metrics.tasks.finished(system, self.operation.name, outcome, seconds)
            fault = error if outcome in _FAULTS and not expected and not isinstance(error, _EXITS) else None
            self._tell(outcome, self._line(outcome, seconds, error, exit_code), error, fault, expected=expected)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("task")
        finally:
            self._leave()
            _undo_structlog_bindings(self._before)
        return seconds

    def _tell(
        self,
        outcome: Outcome,
        line: dict[str, Any],
        error: BaseException | None,
        fault: BaseException | None,
        *,
        expected: bool,
    ) -> None:
        process, operation = self._process, self.operation
        if fault is not None:
            self.report(fault)
        process.tracer.end(operation, self._begun, line, fault)
        level = "info" if expected else _LEVELS.get(outcome, "info")
        if process.logs.wants(level):
            event = names.JOB_EVENT if operation.kind == "job" else names.TASK_EVENT
            if outcome == "retry" and error is not None:
                line = {**line, **process.errors.described(error)}
            process.logs.emit(level, event, "saasobs.tasks", {**context_fields(), **line}, important=True)

    def _line(
        self, outcome: Outcome, seconds: float, error: BaseException | None, exit_code: int | None
    ) -> dict[str, Any]:
        work = self.work
        line: dict[str, Any] = {
            "name": self.operation.name,
            "outcome": outcome,
            "duration_ms": round(seconds * 1000, 3),
        }
        if work.system:
            line["system"] = work.system
        if work.kind == "task":
            line |= {"queue": work.queue, "task_id": work.task_id, "attempt": work.attempt}
        if self._wait is not None:
            line["wait_ms"] = round(self._wait * 1000, 3)
        if error is not None:
            line["error_type"] = type(error).__name__
        if exit_code is not None:
            line["exit_code"] = exit_code
        queries = self.operation.queries
        if queries is not None and queries.count:  # else it has asked a cache only
            line["db_queries"] = queries.count
            line["db_ms"] = round(queries.seconds * 1000, 3)
        if queries is not None:
            self._process.queries.judge(self.operation)
        return line


_EXITS: Final = (SystemExit, KeyboardInterrupt, GeneratorExit)
"""How a program is ended on purpose: in the line, and never an error report."""


@guard.guarded("task")
def begin(process: Instrumentation, work: Work, carrier: Mapping[str, Any] | None = None) -> TaskRun | None:
    """Begin a run; None when that went wrong, and the task then runs as if we were not there."""
    return TaskRun(process, work, carrier or {})


def _undo_structlog_bindings(before: Context) -> None:
    """What a task put into structlog's own context variables ends with it: its thread runs the next task too."""
    from structlog import contextvars  # noqa: PLC0415 - loaded by now, and not needed by the door

    try:
        now = contextvars.get_contextvars()
        if now:
            contextvars.clear_contextvars()
            contextvars.bind_contextvars(**before.run(contextvars.get_contextvars))
    except Exception:  # noqa: BLE001 - a guest keeps quiet
        guard.failed("task")
