"""`@saasobs.job("nightly-invoices")`: a cron script or a command as an operation of its own.

Light until a job runs: the door imports it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, overload

from saasobs.instrument import guard, names
from saasobs.instrument.reading import heartbeat_variable
from saasobs.instrument.state import Operation, context_fields, current

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation
    from saasobs.instrument.tasks.heartbeat import Heartbeat
    from saasobs.instrument.tasks.run import Outcome, TaskRun

P = ParamSpec("P")
T = TypeVar("T")


@overload
def job(name: str, *, heartbeat: str = "") -> Job: ...
@overload
def job(name: Callable[P, T]) -> Callable[P, T]: ...
def job(name: Any, *, heartbeat: str = "") -> Any:
    """Each run of a function, sync or async, or of a `with` block, is an operation: ID, duration, outcome, error.

    ::

        @saasobs.job("nightly-invoices")
        def main() -> None: ...

        with saasobs.job("import-prices", heartbeat="https://obs.acme.example/ping/6b0c…"):
            ...

    What it raises is reported once and raised on as it is; `sys.exit(0)` is a success, any other code a failure. A run
    inside another operation carries on its correlation ID. The process is instrumented by it if it was not yet.

    :param name: of the job: one of a few, for it labels metrics. The function's own name when it is left out.
    :param heartbeat: the ping URL of its monitor, else `SAASOBS_HEARTBEAT_<NAME>`: told of the start and of the end.
    """
    return Job(getattr(name, "__name__", "job"))(name) if callable(name) else Job(name, heartbeat)


class Job:
    """A name that runs are made under: a decorator and a context manager. Runs may overlap."""

    def __init__(self, name: str, heartbeat: str = "") -> None:
        self._name = str(name)
        self._heartbeat = heartbeat
        self._runs: dict[Operation | None, _JobRun] = {}

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        if inspect.iscoroutinefunction(function):
            return self._around_coroutine(function)

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            begun = _begin(self._name, self._heartbeat)
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                _end(begun, error)
                raise
            _end(begun, None)
            return result

        return run

    def _around_coroutine(self, function: Callable[P, Any]) -> Callable[P, Any]:
        @functools.wraps(function)
        async def run(*args: P.args, **kwargs: P.kwargs) -> Any:
            begun = _begin(self._name, self._heartbeat)
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                _end(begun, error)
                raise
            _end(begun, None)
            return result

        return run

    def __enter__(self) -> Self:
        begun = _begin(self._name, self._heartbeat)
        if begun is not None:
            self._runs[begun.operation] = begun
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end(self._runs.pop(current(), None), error)


class _JobRun:
    """One run, and the pings that go with it."""

    __slots__ = ("_heartbeat", "_run", "operation")

    def __init__(self, process: Instrumentation, name: str, heartbeat: str) -> None:
        from saasobs.instrument.propagation import carry  # noqa: PLC0415 - the door is light until a job runs
        from saasobs.instrument.tasks.run import TaskRun, Work  # noqa: PLC0415 - as above

        self._run: TaskRun = TaskRun(process, Work(name, kind="job"), carry())
        self.operation = self._run.operation
        self._heartbeat = _heartbeat(process, self._run, heartbeat)

    def end(self, error: BaseException | None) -> None:
        outcome, exit_code = ended_by(error)
        seconds = self._run.end(outcome, error, exit_code=exit_code)
        if self._heartbeat is not None:
            action = "" if outcome == "success" else str(exit_code or "fail")
            self._heartbeat.ping(action, _report(outcome, seconds, error, self.operation.correlation_id))


@guard.guarded("job")
def _begin(name: str, heartbeat: str) -> _JobRun | None:
    from saasobs.instrument.installing import started  # noqa: PLC0415 - the door is light until a job runs

    return _JobRun(started(), name, heartbeat)


@guard.guarded("job")
def _end(begun: _JobRun | None, error: BaseException | None) -> None:
    if begun is not None:
        begun.end(error)


def ended_by(error: BaseException | None) -> tuple[Outcome, int | None]:
    """The outcome, and the exit code where the run has asked for one, as the operating system gets it (0–255)."""
    if error is None:
        return "success", None
    if isinstance(error, SystemExit):
        code = error.code if error.code is not None else 0
        exit_code = code & 0xFF if isinstance(code, int) else 1  # Python prints anything else and exits with 1
        return ("failure" if exit_code else "success"), exit_code
    return ("failure" if isinstance(error, Exception) else "cancelled"), None  # KeyboardInterrupt, CancelledError …


def _heartbeat(process: Instrumentation, run: TaskRun, given: str) -> Heartbeat | None:
    """The pings of a run that has a usable URL, the first of them on its way."""
    name = run.operation.name
    if not given and not process.config.heartbeats:
        return None
    from saasobs.instrument.tasks import heartbeat  # noqa: PLC0415 - most jobs have none

    url = given or process.config.heartbeats.get(heartbeat_variable(name), "")
    if not url:
        return None
    if not heartbeat.is_usable(url):
        problem = f"the heartbeat of job {name!r} must be an http or https address: nobody is told of its runs"
        process.logs.emit_in_context("warning", names.MISCONFIGURED_EVENT, "saasobs.tasks", {"problem": problem})
        return None
    pings = heartbeat.Heartbeat(
        url,
        {process.config.correlation_header: run.operation.correlation_id},
        functools.partial(_unheard, process, context_fields(), name),
    )
    pings.ping("start", attempts=1)
    return pings


def _unheard(process: Instrumentation, context: dict[str, Any], name: str, error: Exception) -> None:
    """One line of the run that could not tell its monitor."""
    fields = {**context, "name": name, "problem": f"{type(error).__name__}: {error}"[:200]}
    process.logs.emit("warning", names.HEARTBEAT_FAILED_EVENT, "saasobs.tasks", fields)


def _report(outcome: str, seconds: float, error: BaseException | None, correlation_id: str) -> str:
    """What the monitor shows of a run, and of its error the type only: a message may say anything."""
    how = "done in" if outcome == "success" else f"{outcome} after"
    kind = f" ({type(error).__name__[:200]})" if error is not None else ""
    return f"{how} {seconds:.3f} s{kind}\ncorrelation ID: {correlation_id}"
