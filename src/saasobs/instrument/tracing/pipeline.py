"""What stands behind a provider of ours: processors that end within bounds, in forked children and pool workers too.

Imported with the SDK only.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from opentelemetry.sdk.trace.export import BatchSpanProcessor

from saasobs.instrument import guard


class Pipeline:
    """The processors of a provider of ours, which end within bounds."""

    def __init__(self, processors: Sequence[BatchSpanProcessor], after_fork: Callable[[], None]) -> None:
        """:param after_fork: what else a child has to do."""
        self._processors = processors
        self._others_after_fork = after_fork
        self._pid = os.getpid()
        self._closed = False
        os.register_at_fork(after_in_child=self._after_fork)

    def flush(self, timeout: float) -> None:
        """Send what waits, in a thread: the SDK's own flush heeds no time-out."""
        thread = threading.Thread(target=self._flush, name="saasobs-flush", daemon=True)
        thread.start()
        thread.join(timeout)

    @guard.guarded("trace")
    def _flush(self) -> None:
        for processor in self._processors:
            processor.force_flush()

    @guard.guarded("trace")
    def close(self, timeout: float) -> None:
        """Once: send what waits, and then nothing more."""
        if self._closed:
            return
        self._closed = True
        until = monotonic() + timeout
        for processor in self._processors:
            _shut_down(processor, max(0.0, until - monotonic()))

    def _after_fork(self) -> None:
        """A child is an instance of its own; and its workers leave by os._exit, past atexit."""
        try:
            self._others_after_fork()
            flush_at_the_end_of_pool_workers(self)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("trace")


def _shut_down(processor: BatchSpanProcessor, timeout: float) -> None:
    """The processor's own shutdown takes no time-out, what it is made of does (opentelemetry-python#4555)."""
    outer: Any = processor
    inner: Any = getattr(processor, "_batch_processor", None)
    try:
        inner.shutdown(timeout_millis=timeout * 1000)
    except (AttributeError, TypeError):
        outer.shutdown()


def flush_at_the_end_of_pool_workers(pipeline: Pipeline) -> None:
    """What multiprocessing and billiard (Celery) run in a child instead of atexit; a fork empties it."""
    for module in _pools():
        module.register_after_fork(pipeline, _finalize)


def _finalize(pipeline: Pipeline) -> None:
    for module in _pools():
        module.Finalize(pipeline, pipeline.close, args=(2.0,), exitpriority=0)


def _pools() -> list[Any]:
    return [sys.modules[name] for name in ("multiprocessing.util", "billiard.util") if name in sys.modules]
