"""Sends spans without ever being heard of by the app: no lines of the SDK's own, no wait that has no end.

Imported with the SDK only.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from saasobs.instrument import guard
from saasobs.instrument.plain import spoken
from saasobs.instrument.tracing.troubles import ExportTroubles

_TALKATIVE: Final = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.http",
    "opentelemetry.exporter.otlp.proto.http.exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk.trace.export",
    "urllib3.connectionpool",
)
"""Loggers that would tell of every try of every batch."""


class _Muffler(logging.Filter):
    """Keeps back what the SDK logs while one of our own exports is under way in this thread, and remembers the last.

    An exporter of the app's own is not touched.
    """

    def __init__(self) -> None:
        super().__init__()
        self._here = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        if not getattr(self._here, "exporting", False):
            return True
        if record.levelno >= logging.WARNING:
            self._here.said = record.getMessage()
        return False

    def begin(self) -> None:
        self._here.exporting, self._here.said = True, ""

    def end(self) -> str:
        """What has been said since `begin`, the last of it."""
        self._here.exporting = False
        return str(getattr(self._here, "said", ""))


_muffler = _Muffler()


class QuietExporter(SpanExporter):
    """Wraps an exporter. It is made when there is something to send, and again after a fork.

    A connection must not be shared with a parent process.
    """

    def __init__(self, make: Callable[[], SpanExporter], troubles: ExportTroubles) -> None:
        self._make = make
        self._troubles = troubles
        self._exporter: SpanExporter | None = None
        self._pid = 0
        self._closed = False
        for name in _TALKATIVE:
            logging.getLogger(name).addFilter(_muffler)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; the processor has told OpenTelemetry's way that nobody shall watch the request."""
        result, problem = SpanExportResult.FAILURE, "the process ends"
        if not self._closed:
            _muffler.begin()
            try:
                result = self._ready().export(spans)
            except Exception as error:  # noqa: BLE001 - a guest keeps quiet
                problem = f"{type(error).__name__}: {spoken(error)}"
            finally:
                problem = _muffler.end() or problem
        if result is not SpanExportResult.SUCCESS:
            self._troubles.lost(len(spans), problem[:500])
        return result

    def _ready(self) -> SpanExporter:
        if self._exporter is None or self._pid != os.getpid():
            self._exporter, self._pid = self._make(), os.getpid()
        return self._exporter

    def shutdown(self) -> None:
        """Give up: a try that waits for its next is not made any more."""
        self._closed = True
        if self._exporter is not None and self._pid == os.getpid():
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """Nothing waits here."""
        return True


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
