"""Begins and ends the trace of an operation; the only place that asks the OpenTelemetry SDK for a span."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.state import Operation, random_id, random_span_id


class Incoming(NamedTuple):
    """What a caller sent, each header as often as it came, nothing checked yet."""

    traceparent: tuple[str, ...] = ()
    tracestate: tuple[str, ...] = ()
    baggage: tuple[str, ...] = ()


NOTHING: Final = Incoming()


class Tracer:
    """One process's traces."""

    def __init__(self, config: InstrumentConfig) -> None:
        self._config = config

    def begin(self, operation: Operation, incoming: Incoming = NOTHING) -> Any:  # noqa: ARG002 - comes
        """Give the operation its trace; returns what `end` wants back."""
        operation.trace_id = random_id()
        operation.span_id = random_span_id()
        return None

    def end(self, operation: Operation, begun: Any, attributes: Mapping[str, Any], error: BaseException | None) -> None:
        """End the operation's span, if it has one, under the operation's name."""

    def close(self, timeout: float) -> None:
        """Send what waits, within `timeout` seconds."""
