"""RQ: the sender's ID and trace in `job.meta`, one run for each execution of a job.

`Job.create` and `Queue._enqueue_job` are where every way of enqueuing passes; `perform_job` where every kind of worker
does, in the work-horse.
A work-horse ends by `os._exit`, so what waits is sent before. RQ's worker imports the app when a job needs it: a
process that is to be observed must have been set up before, by `saasobs wrap -- rq worker` or its `-c` settings.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import rq.job
import rq.queue
import rq.worker
from wrapt import wrap_function_wrapper

from saasobs.instrument import guard, propagation
from saasobs.instrument.state import current
from saasobs.instrument.tasks.run import Outcome, TaskRun, Work, begin, sent

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

META_KEY: Final = "saasobs"
"""Where a job's `meta` keeps what its sender had it carry."""
_RUN: Final = "_saasobs_run"
_ERROR: Final = "_saasobs_error"
"""Where a job keeps its run, and what it has raised, until its end."""
_told: ContextVar[bool] = ContextVar("saasobs_rq_told", default=False)
_Arguments = tuple[Any, ...]


def install(process: Instrumentation) -> None:
    """Observe every queue and worker of this process."""
    watch = _Watch(process)
    logging.getLogger("rq.worker").addFilter(_is_worth_a_line)
    worker = getattr(rq.worker, "BaseWorker", rq.worker.Worker)
    wrap_function_wrapper(rq.job, "Job.create", watch.create)
    wrap_function_wrapper(rq.queue, "Queue._enqueue_job", watch.enqueue)
    wrap_function_wrapper(rq.queue, "Queue.run_job", watch.run_here)
    wrap_function_wrapper(rq.worker, f"{_owner(worker, 'perform_job').__name__}.perform_job", watch.perform)
    wrap_function_wrapper(rq.worker, f"{_owner(worker, 'handle_exception').__name__}.handle_exception", watch.failed)
    killed = _owner(worker, "handle_work_horse_killed").__name__
    wrap_function_wrapper(rq.worker, f"{killed}.handle_work_horse_killed", watch.lost)


def _owner(kind: type, method: str) -> type:
    """The class that defines it: older versions have it in Worker."""
    return next((each for each in kind.__mro__ if method in vars(each)), rq.worker.Worker)


class _Watch:
    """The wrappers of one Instrumentation."""

    def __init__(self, process: Instrumentation) -> None:
        self._process = process

    def create(self, wrapped: Callable[..., Any], _owner: Any, args: _Arguments, kwargs: Mapping[str, Any]) -> Any:
        job = wrapped(*args, **kwargs)
        _give_carrier(job)
        return job

    def enqueue(self, wrapped: Callable[..., Any], queue: Any, args: _Arguments, kwargs: Mapping[str, Any]) -> Any:
        """`Queue._enqueue_job(job, …)`: of a sender, and of a worker for what was deferred or for later."""
        job = wrapped(*args, **kwargs)
        self._count(queue, job)
        return job

    def perform(self, wrapped: Callable[..., Any], worker: Any, args: _Arguments, kwargs: Mapping[str, Any]) -> Any:
        """`Worker.perform_job(job, queue, …)`; it catches what the job raises."""
        job = args[0] if args else kwargs["job"]
        run = self._begin(job, _carried(job))
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:  # the worker's own: Redis is gone
            self._end(job, run, worker, error)
            raise
        self._end(job, run, worker, getattr(job, _ERROR, None))
        return result

    def run_here(self, wrapped: Callable[..., Any], _queue: Any, args: _Arguments, kwargs: Mapping[str, Any]) -> Any:
        """`Queue.run_job(job)` of a queue that is not async: in its caller's operation."""
        job = args[0] if args else kwargs["job"]
        run = self._begin(job, propagation.carry())
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            if run is not None:
                run.end("failure" if isinstance(error, Exception) else "cancelled", error)
            raise
        if run is not None:
            run.end("success")
        return result

    def failed(self, wrapped: Callable[..., Any], _worker: Any, args: _Arguments, kwargs: Mapping[str, Any]) -> Any:
        """`Worker.handle_exception(job, type, error, traceback)`."""
        token = _told.set(_note_error(*args))
        try:
            return wrapped(*args, **kwargs)
        finally:
            _told.reset(token)

    def lost(self, wrapped: Callable[..., Any], _worker: Any, args: _Arguments, kwargs: Mapping[str, Any]) -> Any:
        """`Worker.handle_work_horse_killed(job, …)`: in the main process, about a child that could tell nothing."""
        self._tell_lost(*args)
        return wrapped(*args, **kwargs)

    @guard.guarded("rq")
    def _count(self, queue: Any, job: Any) -> None:
        if queue.is_async:
            sent(self._process, "rq", _name(job))

    @guard.guarded("rq")
    def _tell_lost(self, job: Any, *_more: Any) -> None:
        run = begin(self._process, _work(job), _carried(job))
        if run is not None:
            if job.started_at is not None:
                run.operation.started_at -= max(0.0, time.time() - _moment(job.started_at))
            run.end("lost")

    @guard.guarded("rq")
    def _begin(self, job: Any, carrier: Mapping[str, Any]) -> TaskRun | None:
        run = begin(self._process, _work(job), carrier)
        setattr(job, _RUN, run)
        return run

    @guard.guarded("rq")
    def _end(self, job: Any, run: TaskRun | None, worker: Any, error: BaseException | None) -> None:
        if run is not None:
            run.end(_outcome(job, error), error)
        setattr(job, _ERROR, None)  # its traceback knows the frames that know the job
        if getattr(worker, "is_horse", False):
            self._process.close()


@guard.guarded("rq", default=False)
def _note_error(job: Any, _kind: Any = None, error: BaseException | None = None, *_more: Any) -> bool:
    """Whether a line of ours has its traceback: what will be tried again is not reported, but is in the run's line."""
    setattr(job, _ERROR, error)
    run: TaskRun | None = getattr(job, _RUN, None)
    if run is None or error is None:
        return False
    if not job.should_retry:
        run.report(error)
    return True


@guard.guarded("rq", default=True)
def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """RQ's own lines of a run say less than ours, but for the job's arguments, which are nobody's business."""
    for private in ("arguments", "kwargs"):
        vars(record).pop(private, None)
    if _told.get():
        return False  # with a traceback already
    operation = current()
    return record.levelno > logging.INFO or operation is None or operation.kind != "task"


@guard.guarded("rq")
def _give_carrier(job: Any) -> None:
    """In a dictionary of its own: the app may use the one it gave for other jobs too."""
    carrier = propagation.carry()
    if carrier:
        job.meta = {**job.meta, META_KEY: carrier}


@guard.guarded("rq", default={})
def _carried(job: Any) -> Mapping[str, Any]:
    carrier = job.meta.get(META_KEY)
    return carrier if isinstance(carrier, Mapping) else {}


def _name(job: Any) -> str:
    try:
        return str(job.func_name)
    except Exception:  # noqa: BLE001 - a job that cannot be read: RQ will say so itself
        return "unreadable"


def _work(job: Any) -> Work:
    """Of a run that begins: it counts the attempt."""
    return Work(
        name=_name(job),
        system="rq",
        task_id=str(job.id),
        queue=str(job.origin or ""),
        attempt=_count_attempt(job),
        sent_at=_moment(job.enqueued_at) if job.enqueued_at is not None else None,
    )


def _moment(when: datetime) -> float:
    """Seconds since the epoch; UTC without saying so before RQ 2."""
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()


@guard.guarded("rq", default=1)
def _count_attempt(job: Any) -> int:
    """Which attempt this is. RQ counts down, from a number that it does not keep; what is in `meta` it saves."""
    carried = _carried(job)
    before = carried.get("attempts")
    counted = before if isinstance(before, int) else int(getattr(job, "number_of_retries", 0) or 0)
    if carried:
        job.meta[META_KEY] = {**carried, "attempts": counted + 1}
    return counted + 1


def _outcome(job: Any, error: BaseException | None) -> Outcome:
    status = str(getattr(job, "_status", "") or "").rpartition(".")[2].lower()
    if status in ("queued", "scheduled"):
        return "retry"
    if status == "stopped":
        return "revoked"
    if error is None:
        return "success"
    return "timeout" if type(error).__name__ == "JobTimeoutException" else "failure"
