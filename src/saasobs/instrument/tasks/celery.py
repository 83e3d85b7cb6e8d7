"""Celery: the sender's ID and trace in the message's headers, one run for each execution of a task.

By Celery's own signals: `before_task_publish` and `after_task_publish` where a task is sent, `task_prerun`,
`task_failure` and `task_postrun` around its execution (in the pool's child, in its thread, or in the caller when it is
eager), `task_revoked` and the request's time-out in the worker's main process for what a child cannot tell any more.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from celery import signals
from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from wrapt import when_imported, wrap_function_wrapper

from saasobs.instrument import guard, propagation
from saasobs.instrument.tasks.run import Outcome, TaskRun, Work, begin, sent

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

SENT_AT: Final = "saasobs-sent-at"
"""The header that says when a message was sent, in seconds since the epoch."""
_PATIENCE: Final = 2.0
"""Seconds that the end of a worker may wait for what is on its way."""
_SOON: Final = 60.0
"""Seconds: what is sent for later than that has its own time, and does not wait for a worker."""
_RUN: Final = "saasobs_run"
"""Where a request keeps its run: Celery has one request for each execution, whatever the pool."""
_STATES: Final[Mapping[str, Outcome]] = {
    "SUCCESS": "success",
    "FAILURE": "failure",
    "RETRY": "retry",
    "IGNORED": "ignored",
    "REJECTED": "rejected",
}
_BEGUN: Final = frozenset({"timeout", "lost"})
"""Ends of a run that had begun in a child."""
_SUPERSEDED: Final = ("celery.app.trace", "celery.worker.strategy")
"""Their INFO records (received, succeeded with its result, retry) show arguments, and the `task.run` line is better."""


def install(process: Instrumentation) -> None:
    """Observe every Celery app of this process."""
    receivers = CelerySignals(process)
    receivers.connect()
    when_imported("celery.worker.request")(_watch_time_limits(process))
    when_imported("opentelemetry.instrumentation.celery")(receivers.stand_inside)


class CelerySignals:
    """The receivers of one Instrumentation. Celery has one set of signals for all apps of a process."""

    def __init__(self, process: Instrumentation) -> None:
        self._process = process
        self._main = 0
        self._receivers: tuple[tuple[Any, Callable[..., None]], ...] = (
            (signals.before_task_publish, self.before_publish),
            (signals.after_task_publish, self.published),
            (signals.task_prerun, self.before_run),
            (signals.task_failure, self.failed),
            (signals.task_postrun, self.after_run),
            (signals.task_revoked, self.revoked),
            (signals.setup_logging, self.set_logging_up),
            (signals.worker_init, self.worker_begins),
            (signals.worker_process_shutdown, self.child_ends),
            (signals.worker_shutdown, self.worker_ends),
        )

    def connect(self) -> None:
        """Also takes the place of whoever was connected before."""
        _tame_loggers()
        for signal, receiver in self._receivers:
            signal.disconnect(dispatch_uid="saasobs")
            signal.connect(receiver, weak=False, dispatch_uid="saasobs")

    def disconnect(self) -> None:
        for signal, _ in self._receivers:
            signal.disconnect(dispatch_uid="saasobs")

    @guard.guarded("celery")
    def stand_inside(self, module: Any) -> None:
        """OpenTelemetry's own instrumentation makes a CONSUMER span whatever is there: ours is then the same span.

        For that its receiver has to come first when a task begins, and last when it ends.
        """

        def around(wrapped: Callable[..., Any], _owner: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
            try:
                return wrapped(*args, **kwargs)
            finally:
                self._go_inside()

        wrap_function_wrapper(module, "CeleryInstrumentor._instrument", around)
        self._go_inside()

    @guard.guarded("celery")
    def _go_inside(self) -> None:
        for signal, receiver in ((signals.task_prerun, self.before_run), (signals.task_postrun, self.after_run)):
            if signal.disconnect(dispatch_uid="saasobs"):
                signal.connect(receiver, weak=False, dispatch_uid="saasobs")  # as the last one
        receivers = signals.task_postrun.receivers
        receivers.insert(0, receivers.pop())

    @guard.guarded("celery")
    def before_publish(self, headers: dict[str, Any] | None = None, **_more: Any) -> None:
        """Of the sender, a retry too. Without an operation here, what a retry had in its headers stays."""
        if headers is not None:
            headers.update(propagation.carry())
            headers[SENT_AT] = time.time()

    @guard.guarded("celery")
    def published(self, sender: str = "", headers: Mapping[str, Any] | None = None, **_more: Any) -> None:
        """Of the sender, when the broker has it."""
        if headers is not None and (_could_begin(headers) or 0.0) <= time.time() + _SOON:
            sent(self._process, "celery", sender)

    @guard.guarded("celery")
    def before_run(self, task: Any, **_more: Any) -> None:
        request = task.request
        run = begin(self._process, _work(task.name, vars(request)), _carrier(request))
        if run is not None:
            vars(request)[_RUN] = run

    @guard.guarded("celery")
    def failed(self, sender: Any, exception: BaseException, **_more: Any) -> None:
        """In the child while the exception is handled; or in the main process, about a child that has died."""
        run: TaskRun | None = vars(sender.request).get(_RUN)
        if run is not None:
            if not _is_expected(sender, exception):
                run.report(sys.exc_info()[1] or exception)
        elif isinstance(exception, WorkerLostError):
            self._tell_from_outside(sender.name, vars(sender.request), "lost", exception)

    @guard.guarded("celery")
    def after_run(self, task: Any, state: str | None = None, retval: Any = None, **_more: Any) -> None:
        run: TaskRun | None = vars(task.request).pop(_RUN, None)
        if run is None:
            return
        if state is None:  # an eager task that raises into its caller, or the end of the process
            retval = sys.exc_info()[1]
            if isinstance(retval, SystemExit) and os.getpid() != self._main and not task.request.is_eager:
                run.drop()  # the main process knows why this child has to go, and tells
                return
        error = retval if state != "SUCCESS" and isinstance(retval, BaseException) else None
        outcome = _STATES.get(state or "") or _outcome_of(error)
        if isinstance(error, SoftTimeLimitExceeded):
            outcome = "timeout"
        elif isinstance(error, Retry):
            error = error.exc if isinstance(error.exc, BaseException) else None
        run.end(outcome, error, expected=error is not None and _is_expected(task, error))

    @guard.guarded("celery")
    def revoked(self, sender: Any, request: Any, *, expired: bool = False, **_more: Any) -> None:
        outcome: Outcome = "expired" if expired else "revoked"
        self._tell_from_outside(sender.name, vars(request), outcome, None)

    def timed_out(self, request: Any, limit: float) -> None:
        """The main process is about to kill the child that runs this: only here somebody can still tell."""
        self._tell_from_outside(
            request.task.name, request.request_dict, "timeout", TimeLimitExceeded(limit), seconds=limit
        )

    def _tell_from_outside(
        self, name: str, request: Mapping[str, Any], outcome: Outcome, error: BaseException | None, seconds: float = 0.0
    ) -> None:
        work = _work(name, request)
        if outcome in _BEGUN:
            work = work._replace(sent_at=None)  # the child has told how long it waited
        run = begin(self._process, work, request)
        if run is not None:
            run.operation.started_at -= seconds
            run.end(outcome, error)

    @guard.guarded("celery")
    def set_logging_up(self, **_more: Any) -> None:
        """Being connected is enough: Celery then leaves the root logger, stdout and stderr alone."""

    @guard.guarded("celery")
    def worker_begins(self, **_more: Any) -> None:
        """In the main process of a worker."""
        self._main = os.getpid()

    @guard.guarded("celery")
    def worker_ends(self, **_more: Any) -> None:
        """The process may go on: tests run a worker in a thread."""
        self._process.flush(_PATIENCE)

    @guard.guarded("celery")
    def child_ends(self, **_more: Any) -> None:
        """A child of the pool leaves by `os._exit`, past `atexit`."""
        self._process.close()


def _work(name: str, request: Mapping[str, Any]) -> Work:
    delivery = request.get("delivery_info") or {}
    return Work(
        name=name,
        system="celery",
        task_id=str(request.get("id") or ""),
        queue=str(delivery.get("routing_key") or ""),
        attempt=int(request.get("retries") or 0) + 1,
        sent_at=_could_begin(request),
    )


def _could_begin(request: Mapping[str, Any]) -> float | None:
    """When it was sent, or the time it was sent for."""
    sent_at = request.get(SENT_AT)
    if not isinstance(sent_at, int | float):
        return None
    eta = request.get("eta")
    if not isinstance(eta, str):
        return float(sent_at)
    try:
        moment = datetime.fromisoformat(eta)
    except ValueError:
        return float(sent_at)
    return max(float(sent_at), (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _carrier(request: Any) -> Mapping[str, Any]:
    """The message's headers, which are attributes of the request; an eager task has no message but its caller."""
    return propagation.carry() if request.is_eager else vars(request)


def _is_expected(task: Any, error: BaseException) -> bool:
    throws = getattr(task, "throws", ()) or ()
    return isinstance(error, tuple(throws) if isinstance(throws, list | tuple | set) else throws)


def _outcome_of(error: BaseException | None) -> Outcome:
    if isinstance(error, Retry):
        return "retry"
    if isinstance(error, Reject | Ignore):
        return "rejected" if isinstance(error, Reject) else "ignored"
    return "failure" if isinstance(error, Exception) else "cancelled"


def _tame_loggers() -> None:
    for name in (*_SUPERSEDED, "celery.worker.request"):
        logger = logging.getLogger(name)
        if name in _SUPERSEDED and logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
        if _is_worth_a_line not in logger.filters:
            logger.addFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Celery puts the arguments of the task, as they are, into `data`; and tells again of a child that has died."""
    vars(record).pop("data", None)
    error = record.args[0] if isinstance(record.args, tuple) and record.args else None
    return not (isinstance(error, WorkerLostError | TimeLimitExceeded) and record.exc_info)


def _watch_time_limits(process: Instrumentation) -> Callable[[Any], None]:
    told = CelerySignals(process)

    def around(wrapped: Callable[..., Any], request: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        try:
            soft, limit = (*args, *(kwargs[name] for name in ("soft", "timeout")[len(args) :]))
            if not soft:
                told.timed_out(request, limit)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("celery")
        return wrapped(*args, **kwargs)

    def patch(module: Any) -> None:
        wrap_function_wrapper(module, "Request.on_timeout", around)

    return patch
