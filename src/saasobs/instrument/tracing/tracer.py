"""Begins and ends the trace of an operation, and makes the spans of what it calls.

What the other rooms use:

    begun = tracer.begin(operation, incoming)     # a server, a worker: fills the operation's IDs
    token = tracer.attach(operation)              # beside state.enter: OpenTelemetry's idea of the current span
    tracer.detach(token)                          # beside state.leave
    tracer.end(operation, begun, line, error)     # the operation's name is known by now

    child = tracer.child("GET", "client", attributes)    # None, at no cost, when the operation is not sampled
    headers["traceparent"] = traceparent(operation, child)
    ...
    if child is not None:
        child.end({"http.response.status_code": 200}, error)

    if operation.span is not None:                       # a call that is over already, such as a query
        tracer.past(operation, "SELECT orders", seconds, attributes, error)

No attribute may carry a secret: give statements without parameters and URLs that are scrubbed.

How it decides: a caller's decision comes first (`trust_incoming`), else the ratio on the trace ID. A public edge
(`trust_incoming=0`) begins a trace of its own and, when that is recorded, links it to the caller's. Spans go to the
TracerProvider that the app has set, under the app's own sampler, or else to one of ours if there is an exporter for
it; ours is made at the first operation, when the app has had its chance, and set globally. With neither, nobody
records: there are IDs, the flags still say what the caller or the ratio decided, for those behind us who do record.
A correlation ID that nobody has offered is the trace ID.
"""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from saasobs.instrument import guard
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.forks import prepare_connections
from saasobs.instrument.state import Operation, RequestFacts, current
from saasobs.instrument.tracing.baggage import parse_baggage
from saasobs.instrument.tracing.identity import identify
from saasobs.instrument.tracing.sampling import Sampling
from saasobs.instrument.tracing.trace_context import RANDOM, format_traceparent, parse_parent
from saasobs.instrument.tracing.troubles import ExportTroubles

if TYPE_CHECKING:
    from saasobs.instrument.logs.out import Logs
    from saasobs.instrument.metrics.registry import Metrics
    from saasobs.instrument.tracing.recording import Child, Recorder

__all__ = ["NOTHING", "Incoming", "Kind", "Tracer", "traceparent"]

Kind = Literal["client", "producer", "internal"]


class Incoming(NamedTuple):
    """What a caller sent, each header as often as it came, nothing checked yet."""

    traceparent: tuple[str, ...] = ()
    tracestate: tuple[str, ...] = ()
    baggage: tuple[str, ...] = ()


NOTHING: Final = Incoming()
_OUR_PROVIDERS: Final = "saasobs.instrument.tracing.provider"
_AT_EXIT: Final = 2.0
"""Seconds that the end of a process may wait for the collector."""
_UNSEEN: Final = Sampling.named("parentbased_always_off", 0.0)


def traceparent(operation: Operation, child: Child | None = None) -> str:
    """The header for somebody that the operation calls.

    :param child: the span of this very call, if there is one: it becomes the parent of what happens there.
    """
    span_id = operation.span_id if child is None else child.span_id
    return format_traceparent(operation.trace_id, span_id, operation.trace_flags)


class Tracer:
    """One process's traces. No method raises."""

    def __init__(self, config: InstrumentConfig, logs: Logs | None = None, metrics: Metrics | None = None) -> None:
        """:param logs, metrics: where it is told when spans cannot be delivered."""
        self._config = config
        self._trusted = config.trust_incoming
        self._sampling = Sampling.named(config.trace_sampler, config.trace_sample_ratio)
        # Who does not record passes on what the caller decided, whatever sampler it would have used.
        self._passing = self._sampling._replace(follows_parent=True)
        self._troubles = ExportTroubles(logs, metrics)
        self.recorder: Recorder | None = None
        """Who makes the spans; None while nobody does."""
        self._off = config.otel_sdk_disabled
        self._exports = not self._off and exports(config)
        if self._exports:
            self._import()

    def record_with(self, recorder: Recorder | None) -> None:
        """Make spans with this one, whatever is configured: for tests, and for who knows better."""
        self.recorder = recorder

    def begin(
        self,
        operation: Operation,
        incoming: Incoming = NOTHING,
        method: str = "",
        path: str = "",
        *,
        own: bool = False,
        unseen: bool = False,
    ) -> Any:
        """Give the operation its trace; returns what `end` wants back.

        :param method, path: of a request, for an app's own sampler to look at.
        :param own: it came through a queue of the app's own, which a public edge trusts as well.
        :param unseen: never recorded, whoever asks for it: a health check.
        """
        parent = link = None
        try:
            if incoming is not NOTHING:
                parent = parse_parent(incoming.traceparent, incoming.tracestate)
                if not (self._trusted or own):
                    parent, link = None, parent
                elif incoming.baggage:
                    operation.baggage = parse_baggage(incoming.baggage)
            recorder = self.recorder or self._find()
            if unseen:
                parent = None if parent is None else parent._replace(flags=parent.flags & RANDOM)
                identify(operation, parent, _UNSEEN)
                return None
            if recorder is not None:
                return recorder.begin(operation, parent, link, method, path)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("trace")
        identify(operation, parent, self._passing)
        return None

    def end(
        self,
        operation: Operation,
        begun: Any,
        attributes: Mapping[str, Any],
        error: BaseException | None,
        facts: Callable[[], RequestFacts] | None = None,
    ) -> None:
        """End the operation's span, if it has one, under the operation's name.

        :param attributes: what the line of the operation says. :param error: the fault it ended with.
        :param facts: of its request; called when somebody reads the span.
        """
        if begun is None or self.recorder is None:
            return
        try:
            self.recorder.end(operation, begun, attributes, error, facts)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("trace")

    def attach(self, operation: Operation) -> Any:
        """Make OpenTelemetry know the operation's span as the current one here, recorded or not.

        Costs nothing when OpenTelemetry is not in use. Returns what `detach` wants back.
        """
        if self.recorder is None:
            return None
        try:
            return self.recorder.attach(operation)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("trace")
            return None

    def detach(self, token: Any) -> None:
        """Undo `attach`; harmless when a framework calls it in another context."""
        if token is None:
            return
        try:
            token.var.reset(token)
        except ValueError:  # another context; OpenTelemetry's own `detach` would log a traceback
            return
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("trace")

    def child(self, name: str, kind: Kind = "client", attributes: Mapping[str, Any] | None = None) -> Child | None:
        """Begin the span of something that the operation in progress calls; None when it is not recorded.

        :param name: low in cardinality: `GET`, `SELECT orders`.
        :param attributes: under OpenTelemetry's names; no secrets.
        """
        operation = current()
        if operation is None or operation.span is None or self.recorder is None:
            return None
        try:
            return self.recorder.child(operation, name, kind, attributes)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("trace")
            return None

    def past(
        self,
        operation: Operation,
        name: str,
        seconds: float,
        attributes: Mapping[str, Any] | None = None,
        error: BaseException | None = None,
        kind: Kind = "client",
    ) -> None:
        """Make the span of a call that has ended just now, after as many seconds."""
        if operation.span is None or self.recorder is None:
            return
        try:
            self.recorder.past(operation, name, seconds, attributes, error, kind)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("trace")

    def flush(self, timeout: float) -> None:
        """Send what waits; returns after `timeout` seconds at the latest, and goes on sending behind the scenes."""
        if self.recorder is not None:
            try:
                self.recorder.flush(timeout)
            except Exception:  # noqa: BLE001 - a guest keeps quiet
                guard.failed("trace")

    def close(self, timeout: float) -> None:
        """Send what waits, within `timeout` seconds, and record nothing more. An app's own provider is left alone."""
        recorder = self.recorder
        if recorder is None or not recorder.is_ours:
            return
        self.recorder, self._off = None, True
        try:
            recorder.close(timeout)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("trace")

    def _import(self) -> None:
        """Load the SDK now, while the app starts, and not in its first request."""
        try:
            from saasobs.instrument.tracing import provider  # noqa: F401, PLC0415 - 40 ms, for who exports only

            prepare_connections()
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            self._exports = False
            guard.failed("trace")

    def _find(self) -> Recorder | None:
        """The recorder, as soon as there is reason for one."""
        if self._off:
            return None
        theirs = _provider_of_the_app()
        if theirs is None and not self._exports:
            return None
        self._off = True  # until it has worked: a fault here is not repeated with every request
        if theirs is not None:
            from saasobs.instrument.tracing.recording import Recorder  # noqa: PLC0415 - needs OpenTelemetry's API

            self.recorder = Recorder.of_the_app(theirs)
        else:
            from saasobs.instrument.tracing.provider import start  # noqa: PLC0415 - needs OpenTelemetry's SDK

            self.recorder = start(self._config, self._sampling, self._troubles)
            atexit.register(self.close, _AT_EXIT)
        self._off = self.recorder is None
        return self.recorder


def exports(config: InstrumentConfig) -> bool:
    """Whether the configuration asks for an exporter of ours."""
    if config.trace_exporter:
        return "none" not in config.trace_exporter
    return bool(config.otlp_endpoint or config.otlp_traces_endpoint)


def _provider_of_the_app() -> Any:
    """The global TracerProvider, if somebody has set one. Asked with every operation until there is one: 0.1 µs.

    The API's own `get_tracer_provider` would make one when OTEL_PYTHON_TRACER_PROVIDER is set, and is slow.
    """
    api = sys.modules.get("opentelemetry.trace")
    found = getattr(api, "_TRACER_PROVIDER", None)
    if found is None:
        return None
    kind = type(found)
    return None if kind.__name__ == "NoOpTracerProvider" or kind.__module__ == _OUR_PROVIDERS else found
