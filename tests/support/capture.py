"""Instrumentation that writes to memory, for tests that read back what an app's logs and metrics say."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import structlog

from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.logs.taming import release
from saasobs.instrument.process import Instrumentation


@dataclass(frozen=True, slots=True)
class Captured:
    """A running Instrumentation and the stream that it writes to."""

    instrumentation: Instrumentation
    stream: io.StringIO

    def text(self) -> str:
        assert self.instrumentation.logs.flush(5)
        return self.stream.getvalue()

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """Every JSON line so far, or those of one event."""
        parsed = [json.loads(line) for line in self.text().splitlines()]
        return [line for line in parsed if not event or line["event"] == event]

    def value(self, name: str, **labels: str) -> float | None:
        """One sample of the metrics."""
        return self.instrumentation.metrics.registry.get_sample_value(name, labels)


@contextmanager
def captured(**changes: Any) -> Iterator[Captured]:
    """Start an Instrumentation on a stream of its own, and put the process's logging back afterwards."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    root.handlers[:] = [each for each in before if not type(each).__module__.startswith("_pytest")]  # they raise
    stream = io.StringIO()
    config = replace(InstrumentConfig(service="shop"), **changes)
    try:
        yield Captured(Instrumentation.start(config, stream=stream), stream)
    finally:
        release()
        structlog.reset_defaults()
        root.handlers[:] = before
        root.setLevel(level)
