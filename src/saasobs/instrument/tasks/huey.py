"""Huey: the sender's ID and trace behind the pickled message, one run for each execution of a task.

A Huey message has no place for anything of ours, and an argument more would break a consumer that does not know us.
So it goes behind the pickle: `pickle.loads` ignores what follows (Python's documentation says so), and Huey's own
signing and compression enclose it. With a serializer that does not pickle nothing is carried, and the correlation ID
of a run is the task's ID.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import huey.api
import huey.consumer
import huey.serializer
from huey import signals as happened
from wrapt import wrap_function_wrapper

from saasobs.instrument import guard, propagation
from saasobs.instrument.logs.setup import tame_server_loggers
from saasobs.instrument.state import current
from saasobs.instrument.tasks.run import Outcome, TaskRun, Work, begin, sent

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

MARK: Final = b"\0saasobs1"
"""The end of a message that carries something; before it the length of the JSON in four bytes, before that the JSON."""
_MOST: Final = 16 * 1024
_SUPERSEDED: Final = ("Executing %s", "%s executed in %0.3fs")
_UNHANDLED: Final = "Unhandled exception in task %s."
_CARRIER: Final = "_saasobs_carrier"
_SEEN: Final = "_saasobs_seen"
_Arguments = tuple[Any, ...]

_outgoing: ContextVar[bytes] = ContextVar("saasobs_huey_outgoing", default=b"")
_incoming: ContextVar[list[bytes] | None] = ContextVar("saasobs_huey_incoming", default=None)

# In this order: a task that will be tried again is a retry, whatever went wrong with it.
_OUTCOMES: Final[Mapping[str, Outcome]] = {
    happened.SIGNAL_RETRYING: "retry",
    happened.SIGNAL_REVOKED: "revoked",
    happened.SIGNAL_EXPIRED: "expired",
    happened.SIGNAL_INTERRUPTED: "cancelled",
    happened.SIGNAL_CANCELED: "ignored",
    getattr(happened, "SIGNAL_TIMEOUT", "timeout"): "timeout",
    happened.SIGNAL_LOCKED: "rejected",
    getattr(happened, "SIGNAL_RATE_LIMITED", "rate_limited"): "rejected",
    happened.SIGNAL_ERROR: "failure",
}


def install(process: Instrumentation) -> None:
    """Observe every Huey of this process, those that are there already too."""
    watch = _Watch(process)
    logging.getLogger("huey").addFilter(_is_worth_a_line)
    wrap_function_wrapper(huey.consumer, "Consumer.start", _consumer_starts)
    wrap_function_wrapper(huey.api, "Huey.enqueue", watch.enqueue)
    wrap_function_wrapper(huey.api, "Huey.execute", watch.execute)
    wrap_function_wrapper(huey.api, "Huey.serialize_task", _serialize_task)
    wrap_function_wrapper(huey.api, "Huey.deserialize_task", _deserialize_task)
    wrap_function_wrapper(huey.serializer, "Serializer._serialize", _serialize)
    wrap_function_wrapper(huey.serializer, "Serializer._deserialize", _deserialize)


def _consumer_starts(wrapped: Callable[..., Any], _consumer: Any, args: _Arguments, kwargs: Mapping[str, Any]) -> Any:
    """Its command line has just given its loggers a handler of their own."""
    tame_server_loggers()
    return wrapped(*args, **kwargs)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Two of Huey's lines for each task say less than the one of ours.

    A third tells of an exception before it is known whether the task is tried again; the run's line says both.
    """
    if record.msg in _SUPERSEDED:
        return False
    operation = current()
    return not (record.msg == _UNHANDLED and operation is not None and operation.kind == "task")


class _Seen:
    """What Huey said of an execution."""

    __slots__ = ("error", "signals")

    def __init__(self) -> None:
        self.signals: set[str] = set()
        self.error: BaseException | None = None

    @property
    def outcome(self) -> Outcome:
        return next((outcome for signal, outcome in _OUTCOMES.items() if signal in self.signals), "success")


class _Watch:
    """The wrapper of one Instrumentation; listens to each Huey from the first execution on."""

    def __init__(self, process: Instrumentation) -> None:
        self._process = process
        self._heard: WeakSet[Any] = WeakSet()

    def enqueue(self, wrapped: Callable[..., Any], queue: Any, args: _Arguments, kwargs: Mapping[str, Any]) -> Any:
        """`Huey.enqueue(task)`, of a sender and of the scheduler; a group or chord comes back with each of its own."""
        result = wrapped(*args, **kwargs)
        self._count(queue, *args, **kwargs)
        return result

    def execute(self, wrapped: Callable[..., Any], queue: Any, args: _Arguments, kwargs: Mapping[str, Any]) -> Any:
        """`Huey.execute(task, timestamp=None)`; it catches what the task raises."""
        seen = _Seen()
        run = self._begin(queue, seen, *args, **kwargs)
        if run is None:
            return wrapped(*args, **kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            run.end("failure" if isinstance(error, Exception) else "cancelled", error)
            raise
        run.end(seen.outcome, seen.error)
        return result

    @guard.guarded("huey")
    def _count(self, queue: Any, task: Any) -> None:
        if isinstance(task, huey.api.Task) and not queue.immediate and queue.ready_to_run(task):
            sent(self._process, "huey", _work(queue, task).name)

    @guard.guarded("huey")
    def _begin(self, queue: Any, seen: _Seen, task: Any, timestamp: Any = None) -> TaskRun | None:
        if not queue.ready_to_run(task, timestamp):
            return None  # it is put back until its time comes
        if queue not in self._heard:
            self._heard.add(queue)
            queue.signal()(_on_signal)
            queue.post_execute("saasobs")(_on_end)
        vars(task)[_SEEN] = seen
        carrier = propagation.carry() if queue.immediate else vars(task).get(_CARRIER, {})
        return begin(self._process, _work(queue, task), carrier)


@guard.guarded("huey")
def _on_signal(signal: str, task: Any, *_more: Any) -> None:
    seen: _Seen | None = vars(task).get(_SEEN)
    if seen is not None:
        seen.signals.add(signal)


@guard.guarded("huey")
def _on_end(task: Any, _value: Any, error: BaseException | None) -> None:
    seen: _Seen | None = vars(task).get(_SEEN)
    if seen is not None:
        seen.error = error


def _work(queue: Any, task: Any) -> Work:
    kind = type(task)
    sent_at = vars(task).get(_CARRIER, {}).get("sent_at")
    return Work(
        name=f"{kind.__module__}.{kind.__name__}",
        system="huey",
        task_id=str(task.id),
        queue=str(queue.name),
        attempt=max(1, int(kind.default_retries or 0) - int(task.retries or 0) + 1),
        sent_at=float(sent_at) if isinstance(sent_at, int | float) else None,
    )


def _serialize_task(wrapped: Callable[..., Any], _queue: Any, args: _Arguments, kwargs: Mapping[str, Any]) -> Any:
    """`Huey.serialize_task(task)`: of a sender, a retry, or the scheduler, which passes on what the task has."""
    token = _outgoing.set(_trailer(*args, **kwargs))
    try:
        return wrapped(*args, **kwargs)
    finally:
        _outgoing.reset(token)


@guard.guarded("huey", default=b"")
def _trailer(task: Any) -> bytes:
    carrier = propagation.carry() or vars(task).get(_CARRIER, {})
    text = json.dumps({**carrier, "sent_at": time.time()}).encode()
    return text + len(text).to_bytes(4, "big") + MARK if len(text) <= _MOST else b""


def _serialize(wrapped: Callable[..., Any], _serializer: Any, args: _Arguments, kwargs: Mapping[str, Any]) -> Any:
    return wrapped(*args, **kwargs) + _outgoing.get()


def _deserialize_task(wrapped: Callable[..., Any], _queue: Any, args: _Arguments, kwargs: Mapping[str, Any]) -> Any:
    """`Huey.deserialize_task(data)`."""
    found: list[bytes] = []
    token = _incoming.set(found)
    try:
        task = wrapped(*args, **kwargs)
    finally:
        _incoming.reset(token)
    if found:
        _give_carrier(task, found[-1])
    return task


@guard.guarded("huey")
def _give_carrier(task: Any, text: bytes) -> None:
    carrier = json.loads(text)
    if isinstance(carrier, dict):
        vars(task)[_CARRIER] = carrier


def _deserialize(wrapped: Callable[..., Any], _serializer: Any, args: _Arguments, kwargs: Mapping[str, Any]) -> Any:
    found = _incoming.get()
    if found is not None and args:
        found.extend(_carried(args[0]))
    return wrapped(*args, **kwargs)


@guard.guarded("huey", default=())
def _carried(data: Any) -> tuple[bytes, ...]:
    """The JSON behind a pickled message, if there is any."""
    if not isinstance(data, bytes) or not data.endswith(MARK):
        return ()
    end = len(data) - len(MARK) - 4
    size = int.from_bytes(data[end : end + 4], "big")
    return (data[end - size : end],) if 0 < size <= min(_MOST, end) else ()
