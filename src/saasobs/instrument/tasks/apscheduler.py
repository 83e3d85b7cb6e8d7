"""APScheduler 3: one run for each time that a job is due, a missed one too.

Its listeners hear of a run when it is over, too late for the job's own log lines. So the functions that executors run
jobs with are replaced, in the executors' modules, by ours, which call them once for each due time. Ours are plain
functions of this module: the process pool's executor sends them to its children by name.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard
from saasobs.instrument.installing import running
from saasobs.instrument.tasks.run import Outcome, TaskRun, Work, begin

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

_BASE: Final = "apscheduler.executors.base"
"""Not imported by name: a guest may not need a dependency of the daemon's."""
_EXECUTORS: Final = tuple(
    f"apscheduler.executors.{name}" for name in ("pool", "asyncio", "debug", "gevent", "tornado", "twisted")
)
_FUNCTIONS: Final = ("run_job", "run_coroutine_job")
_MISSED: Final = 2**14  # apscheduler.events.EVENT_JOB_MISSED; the package is not imported here for it
_ERROR: Final = 2**13

RunJob = Callable[..., list[Any]]


class _Installed:
    process: Instrumentation | None = None


def install(process: Instrumentation) -> None:
    """Observe every scheduler of this process; called for each executor's module that the app imports."""
    _Installed.process = process
    ours = {"run_job": run_job, "run_coroutine_job": run_coroutine_job}
    for module in filter(None, map(sys.modules.get, _EXECUTORS)):
        for name in _FUNCTIONS:
            if hasattr(module, name):
                setattr(module, name, ours[name])


def run_job(job: Any, jobstore_alias: str, run_times: Sequence[datetime], logger_name: str) -> list[Any]:
    """What APScheduler's own does, with each due time in a run of its own."""
    theirs: RunJob = import_module(_BASE).run_job
    events: list[Any] = []
    for due in run_times:
        run = _begin(job, due)
        try:
            found = theirs(job, jobstore_alias, [due], logger_name)
        except BaseException as error:
            _abort(run, error)
            raise
        _end(run, found)
        events += found
    return events


async def run_coroutine_job(
    job: Any, jobstore_alias: str, run_times: Sequence[datetime], logger_name: str
) -> list[Any]:
    """As `run_job`, for coroutine functions."""
    theirs: Callable[..., Awaitable[list[Any]]] = import_module(_BASE).run_coroutine_job
    events: list[Any] = []
    for due in run_times:
        run = _begin(job, due)
        try:
            found = await theirs(job, jobstore_alias, [due], logger_name)
        except BaseException as error:
            _abort(run, error)
            raise
        _end(run, found)
        events += found
    return events


@guard.guarded("apscheduler")
def _begin(job: Any, due: datetime) -> TaskRun | None:
    """Without a carrier: the scheduler's thread may live in the context of whoever started it."""
    process = _Installed.process or running()
    if process is None:  # a child of the process pool that has not set anything up
        return None
    return begin(process, Work(str(job.name), "apscheduler", sent_at=due.timestamp(), kind="job"))


@guard.guarded("apscheduler")
def _end(run: TaskRun | None, events: Sequence[Any]) -> None:
    if run is None:
        return
    event = events[-1] if events else None
    code = getattr(event, "code", 0)
    if code == _MISSED:
        run.end("missed")
    elif code == _ERROR:
        error = getattr(event, "exception", None)
        run.end("failure" if error is None or isinstance(error, Exception) else "cancelled", error)
    else:
        run.end("success")


def _abort(run: TaskRun | None, error: BaseException) -> None:
    if run is not None:
        outcome: Outcome = "failure" if isinstance(error, Exception) else "cancelled"
        run.end(outcome, error)
