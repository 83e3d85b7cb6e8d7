"""The operation in progress goes along into threads and executors that the app uses: `threading.Thread` (and `Timer`),
`ThreadPoolExecutor.submit` and `map`, `loop.run_in_executor`, `ProcessPoolExecutor`. `SAASOBS_DISABLE=threads`: not.

Outside of an operation nothing is changed. Inside of one:

1. Ours goes along: the operation, what is bound to log lines, OpenTelemetry's current span. The app's own context
   variables do not: code that finds no database session there and makes one would then share the request's among
   threads. (`asyncio.to_thread` and anyio take all of them along themselves.)
2. A pool's thread has it for one task, and goes back to what it had. A thread of the app's keeps it, and with it the
   operation object, as long as it runs, be it longer than the request.
3. Threads that a library keeps for itself (a connection pool's, an exporter's, a worker's) must not work for the one
   request that happened to start them: they start with nothing. They are told by where their function comes from:
   some packages by name, and any installed package when the thread is a daemon.
4. Another process gets a small copy: correlation ID, trace, tenant. What it binds does not come back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar, Token, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from saasobs.instrument import guard
from saasobs.instrument.queries.patching import replace
from saasobs.instrument.queries.places import is_app_file
from saasobs.instrument.state import Operation, current, enter, leave

if TYPE_CHECKING:
    import threading

    from saasobs.instrument.process import Instrumentation

Bound = tuple[ContextVar[Any], Any]
Before = tuple[ContextVar[Any], Token[Any]]

_OURS: Final = ("saasobs_", "structlog_")
_MARK: Final = "__saasobs_takes_along__"
_OPENTELEMETRY: Final = "opentelemetry.context.context"
KEEPING: Final = frozenset(
    {
        "aiokafka", "aiosqlite", "anyio", "apscheduler", "asgiref", "cassandra", "celery", "concurrent",
        "confluent_kafka", "datadog", "ddtrace", "dramatiq", "elasticapm", "eventlet", "gevent", "google", "grpc",
        "gunicorn", "huey", "kafka", "kazoo", "kombu", "ldclient", "logfire", "multiprocessing", "nats",
        "neo4j", "newrelic", "opentelemetry", "pika", "posthog", "prometheus_client", "psycopg_pool", "pymongo",
        "redis", "rq", "saasobs", "schedule", "sentry_sdk", "socketserver", "sqlalchemy", "statsd", "structlog",
        "urllib3", "uvicorn", "waitress", "watchdog", "werkzeug",
    }
)  # fmt: skip
"""Packages whose threads outlive the request that starts them."""
_ENDLESS: Final = frozenset({"run_forever", "serve_forever", "_monitor"})
"""Functions of the standard library: an event loop, a server, logging's QueueListener."""


def install(process: Instrumentation) -> None:
    """Take the operation along into whatever is there by now of threads and executors."""
    disabled = process.config.disable
    if "threading" not in disabled and not getattr(sys.flags, "thread_inherit_context", 0):  # 3.14 can do it itself
        replace(sys.modules["threading"].Thread, "start", _starting)
    if "concurrent" in disabled:
        return
    pools = sys.modules.get("concurrent.futures.thread")
    if pools is not None:
        replace(pools.ThreadPoolExecutor, "submit", _submitting)
    pools = sys.modules.get("concurrent.futures.process")
    if pools is not None:
        replace(pools.ProcessPoolExecutor, "submit", _submitting_to_process)


def _starting(original: Callable[..., None]) -> Callable[..., None]:
    def start(thread: threading.Thread) -> None:
        if current() is not None:
            _take_along(thread)
        try:
            original(thread)
        except RuntimeError:  # there can be no more threads, or it was started before: it takes nothing along
            _leave_behind(thread)
            raise

    return start


@guard.guarded("threads")
def _leave_behind(thread: threading.Thread) -> None:
    if getattr(vars(thread).get("run"), _MARK, False):
        del vars(thread)["run"]


@guard.guarded("threads")
def _take_along(thread: threading.Thread) -> None:
    if not works_for_the_app(thread):
        return
    along = Along(thread.run)

    def run() -> None:
        vars(thread).pop("run", None)  # the app may keep the thread, which is not to keep the operation
        along()

    setattr(run, _MARK, True)
    thread.run = run  # type: ignore[method-assign]


def _submitting(original: Callable[..., Any]) -> Callable[..., Any]:
    def submit(pool: Any, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if current() is not None and not _is_isolated(pool):
            function = _along(function) or function
        return original(pool, function, *args, **kwargs)

    return submit


@guard.guarded("threads")
def _along(function: Callable[..., Any]) -> Along | None:
    return Along(function)


def _submitting_to_process(original: Callable[..., Any]) -> Callable[..., Any]:
    def submit(pool: Any, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        operation = current()
        if operation is None:
            return original(pool, function, *args, **kwargs)
        carried = _in_process(function, operation) or function
        before = _put_aside() or []
        try:
            return original(pool, carried, *args, **kwargs)
        finally:
            _reset(before)

    return submit


@guard.guarded("threads")
def _in_process(function: Callable[..., Any], operation: Operation) -> InProcess | None:
    return InProcess(function, Carried.of(operation))


@guard.guarded("threads")
def _put_aside() -> list[Before]:
    """Work for nothing for a moment: the process that a pool may fork now has a copy of this context for good."""
    return [(variable, variable.set(value)) for variable, value in _nothing()]


class Along:
    """A function that is called with what was in progress here when it was handed over."""

    __slots__ = ("_bound", "_function")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._bound = _ours()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        before = [(variable, variable.set(value)) for variable, value in self._bound]
        try:
            return self._function(*args, **kwargs)
        finally:
            _reset(before)


def _ours() -> list[Bound]:
    """The context variables that go along, with their values."""
    return [(each, value) for each, value in copy_context().items() if _goes_along(each, value)]


def _nothing() -> Iterator[Bound]:
    """What they are where nothing is in progress: nothing bound, no span."""
    for variable, value in _ours():
        if isinstance(value, Operation):
            yield variable, None
        elif type(value).__module__ == _OPENTELEMETRY:
            yield variable, type(value)()


def _reset(before: list[Before]) -> None:
    for variable, token in reversed(before):
        variable.reset(token)


def _goes_along(variable: ContextVar[Any], value: Any) -> bool:
    return variable.name.startswith(_OURS) or type(value).__module__ == _OPENTELEMETRY


class Carried(NamedTuple):
    """What another process is told of an operation: picklable, and small."""

    correlation_id: str
    kind: str
    name: str
    trace: tuple[str, str, bool, int]
    """Trace ID, span ID, whether it is sampled, the flags."""
    onward: tuple[str, str]
    """Tracestate and baggage."""
    tenant: str | None

    @classmethod
    def of(cls, operation: Operation) -> Carried:
        """The operation, without what cannot travel."""
        trace = (operation.trace_id, operation.span_id, operation.sampled, operation.trace_flags)
        onward = (operation.tracestate, operation.baggage)
        return cls(operation.correlation_id, operation.kind, operation.name, trace, onward, operation.tenant)

    def operation(self) -> Operation:
        """Its copy."""
        operation = Operation(self.correlation_id, self.kind, self.name)
        operation.trace_id, operation.span_id, operation.sampled, operation.trace_flags = self.trace
        operation.tracestate, operation.baggage = self.onward
        operation.tenant = self.tenant
        return operation


class InProcess:
    """A function that another process calls inside a copy of the operation. Errors are the function's own."""

    __slots__ = ("_carried", "_function")

    def __init__(self, function: Callable[..., Any], carried: Carried) -> None:
        self._function = function
        self._carried = carried

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        token = enter(self._carried.operation())
        try:
            return self._function(*args, **kwargs)
        finally:
            leave(token)


def works_for_the_app(thread: threading.Thread) -> bool:
    """Whether a thread that is started in an operation belongs to it, not to a library's own business."""
    function = _function(thread)
    package = str(getattr(function, "__module__", "") or "").partition(".")[0]
    if package in KEEPING or getattr(function, "__name__", "") in _ENDLESS:
        return False
    code = getattr(function, "__code__", None)
    return not thread.daemon or code is None or package == "asyncio" or is_app_file(code.co_filename)


def _function(thread: threading.Thread) -> Any:
    """What the thread will do: its target, a timer's function, or its class's own `run`."""
    run: Any = type(thread).run
    if run.__module__ == "threading":
        run = getattr(thread, "_target", None) or getattr(thread, "function", None)
    while isinstance(run, partial):
        run = run.func
    return getattr(run, "__func__", run)


def _is_isolated(pool: Any) -> bool:
    """Whether tasks of this pool go to another interpreter, and so through pickle (Python 3.14)."""
    module = sys.modules.get("concurrent.futures.interpreter")
    return module is not None and isinstance(pool, module.InterpreterPoolExecutor)
