"""Spans that could not be delivered: counted all, told now and then. Export fails for hours, or not at all."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Final

from saasobs.instrument import names

if TYPE_CHECKING:
    from saasobs.instrument.logs.out import Logs
    from saasobs.instrument.metrics.registry import Metrics

_AGAIN: Final = 300.0


class ExportTroubles:
    """Hears of every batch that was lost; safe from any thread."""

    def __init__(self, logs: Logs | None, metrics: Metrics | None) -> None:
        self._logs = logs
        self._lost = None
        if metrics is not None:
            self._lost = metrics.counter(names.SPANS_LOST, "Spans that could not be delivered.")
        self._lock = threading.Lock()
        self._untold = 0
        self._quiet_until = 0.0

    def lost(self, spans: int, problem: str, now: float | None = None) -> None:
        """So many spans are gone; one line at first, then one every five minutes with how many since.

        :param now: seconds of `time.monotonic`; by default, now.
        """
        if self._lost is not None:
            self._lost.labels().inc(spans)
        moment = monotonic() if now is None else now
        with self._lock:
            self._untold += spans
            if moment < self._quiet_until or self._logs is None:
                return
            count, self._untold = self._untold, 0
            self._quiet_until = moment + _AGAIN
        fields = {"spans": count, "problem": problem}
        self._logs.emit("warning", names.EXPORT_FAILED_EVENT, "saasobs.tracing", fields)
