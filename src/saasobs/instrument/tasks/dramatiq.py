"""Dramatiq: the sender's ID and trace in the message's options, one run for each processing of a message.

By a middleware, in front of all others: it sees first what comes in, and last what the others made of a failure, so
that what Dramatiq will try again is a retry and no failure.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import dramatiq.broker
from dramatiq.middleware import Interrupt, Middleware, TimeLimitExceeded
from wrapt import wrap_function_wrapper

from saasobs.instrument import guard, propagation
from saasobs.instrument.state import current
from saasobs.instrument.tasks.run import Outcome, TaskRun, Work, begin, sent

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

OPTION: Final = "saasobs"
"""The message option with what its sender had it carry, and under `sent_at` when that was, in seconds."""
_RUN: Final = "_saasobs_run"


def install(process: Instrumentation) -> None:
    """Observe every broker of this process: the global one, if there is one already, and all that are made."""

    def made(wrapped: Callable[..., Any], broker: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        wrapped(*args, **kwargs)
        observe(process, broker)

    logging.getLogger("dramatiq.worker.WorkerThread").addFilter(_is_worth_a_line)
    wrap_function_wrapper(dramatiq.broker, "Broker.__init__", made)
    if dramatiq.broker.global_broker is not None:
        observe(process, dramatiq.broker.global_broker)


@guard.guarded("dramatiq")
def observe(process: Instrumentation, broker: Any) -> None:
    """Put our middleware in front; harmless when it is there."""
    if not any(isinstance(each, SaasobsMiddleware) for each in broker.middleware):
        broker.middleware.insert(0, SaasobsMiddleware(process))


class SaasobsMiddleware(Middleware):
    """Safe for any number of worker threads: a run is kept on its message."""

    def __init__(self, process: Instrumentation) -> None:
        self._process = process

    @guard.guarded("dramatiq")
    def before_enqueue(self, _broker: Any, message: Any, _delay: Any) -> None:
        """Of a sender, of a retry, and of a delayed message whose time has come, which keeps what it has."""
        carrier = propagation.carry() or dict(_carried(message))
        message.options[OPTION] = {**carrier, "sent_at": time.time()}

    @guard.guarded("dramatiq")
    def after_enqueue(self, _broker: Any, message: Any, delay: Any) -> None:
        """A delayed message comes once more, from a worker, when its time has come."""
        if delay is None:
            sent(self._process, "dramatiq", str(message.actor_name))

    @guard.guarded("dramatiq")
    def before_process_message(self, _broker: Any, message: Any) -> None:
        vars(message)[_RUN] = begin(self._process, _work(message), _carried(message))

    @guard.guarded("dramatiq")
    def after_process_message(
        self, broker: Any, message: Any, *, exception: BaseException | None = None, **_more: Any
    ) -> None:
        run: TaskRun | None = vars(message).pop(_RUN, None)
        if run is not None:
            run.end(_outcome(message, exception, run), exception, expected=_is_expected(broker, message, exception))

    @guard.guarded("dramatiq")
    def after_skip_message(self, _broker: Any, message: Any) -> None:
        run: TaskRun | None = vars(message).pop(_RUN, None)
        if run is not None:
            run.end("skipped")


@guard.guarded("dramatiq", default=True)
def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """It tells of an exception before it is known whether the message is tried again; the run's line says both."""
    operation = current()
    return not record.exc_info or operation is None or operation.kind != "task"


def _carried(message: Any) -> Mapping[str, Any]:
    carrier = message.options.get(OPTION)
    return carrier if isinstance(carrier, Mapping) else {}


def _work(message: Any) -> Work:
    sent_at = _carried(message).get("sent_at")
    return Work(
        name=str(message.actor_name),
        system="dramatiq",
        task_id=str(message.message_id),
        queue=str(message.queue_name),
        attempt=_retries(message) + 1,
        sent_at=float(sent_at) if isinstance(sent_at, int | float) else message.message_timestamp / 1000,
    )


def _retries(message: Any) -> int:
    retries = message.options.get("retries", 0)
    return retries if isinstance(retries, int) else 0


def _outcome(message: Any, exception: BaseException | None, run: TaskRun) -> Outcome:
    """What the other middleware made of it: given up, or put back into the queue."""
    if exception is None:
        return "success"
    if not message.failed and _retries(message) >= run.work.attempt:
        return "retry"
    if isinstance(exception, TimeLimitExceeded):
        return "timeout"
    return "cancelled" if isinstance(exception, Interrupt) else "failure"  # its worker is shutting down


def _is_expected(broker: Any, message: Any, exception: BaseException | None) -> bool:
    throws = message.options.get("throws") or broker.get_actor(message.actor_name).options.get("throws")
    return bool(throws) and isinstance(exception, throws)
