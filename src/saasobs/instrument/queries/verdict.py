"""What the queries of an operation amount to, told once at its end."""

from __future__ import annotations

from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.logs.out import Logs
from saasobs.instrument.metrics.registry import Metrics
from saasobs.instrument.state import Operation


class QueryWatch:
    """Judges operations by the configured limits, and tells."""

    def __init__(self, config: InstrumentConfig, metrics: Metrics, logs: Logs) -> None:
        self._config = config
        self._metrics = metrics
        self._logs = logs

    def judge(self, operation: Operation) -> None:
        """Tell what stands out: too many queries, the same one repeated from one place."""
