"""A TracerProvider of ours, for who has none: OTLP over HTTP, in batches, from a thread of its own.

The SDK reads what is not in our table: OTEL_BSP_* (batches), OTEL_RESOURCE_ATTRIBUTES, OTEL_SPAN_* (limits). Imported
with the SDK only.
"""

from __future__ import annotations

import os
import random
import threading
import uuid
import weakref
from collections.abc import Callable
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from saasobs._version import __version__
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.scrub import Scrubber
from saasobs.instrument.tracing.delivery import OtlpExporter, Target
from saasobs.instrument.tracing.pipeline import Pipeline
from saasobs.instrument.tracing.recording import SCHEMA, Recorder
from saasobs.instrument.tracing.sampling import Sampling
from saasobs.instrument.tracing.scrubbing import ScrubbingExporter
from saasobs.instrument.tracing.spans import OperationSpans
from saasobs.instrument.tracing.troubles import ExportTroubles

_INSTANCE: Final = "service.instance.id"
_PATH: Final = "/v1/traces"
_DEFAULT: Final = "http://127.0.0.1:4318"


def start(config: InstrumentConfig, sampling: Sampling, troubles: ExportTroubles) -> Recorder:
    """Make the provider and set it for the whole process; if somebody was faster, theirs is used."""
    provider = OurProvider(sampling, config)
    if not isinstance(trace.get_tracer_provider(), OurProvider):  # one is there when we are started a second time
        trace.set_tracer_provider(provider)
        chosen = trace.get_tracer_provider()
        if chosen is not provider:
            return Recorder.of_the_app(chosen)
    processors = [BatchSpanProcessor(exporter) for exporter in _exporters(config, troubles)]
    provider.add_ours(*processors)
    pipeline = Pipeline(processors, provider.after_fork)
    return Recorder(provider, sampling, provider.ids, pipeline, _spans_of(provider))


def recorder_into(exporter: SpanExporter, config: InstrumentConfig) -> Recorder:
    """A recorder that hands every span to an exporter as it ends, and is not set for the process: for tests."""
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415 - for tests

    sampling = Sampling.named(config.trace_sampler, config.trace_sample_ratio)
    provider = OurProvider(sampling, config)
    provider.add_ours(SimpleSpanProcessor(ScrubbingExporter(exporter, Scrubber(config.scrub))))
    return Recorder(provider, sampling, provider.ids, make=_spans_of(provider))


def _spans_of(provider: OurProvider) -> OperationSpans:
    return OperationSpans(provider, InstrumentationScope("saasobs", __version__, SCHEMA))


class OurProvider(TracerProvider):
    """Tells ours from an app's; and a forked child is another instance."""

    def __init__(self, sampling: Sampling, config: InstrumentConfig) -> None:
        self.ids = Ids()
        self._given: weakref.WeakSet[Any] = weakref.WeakSet()
        super().__init__(_sampler(sampling), resource_of(config), shutdown_on_exit=False, id_generator=self.ids)
        self._born_as = self.resource.attributes[_INSTANCE]
        self.has_guests = False
        """Whether the app has added processors of its own."""
        self._ours: tuple[Callable[[ReadableSpan], None], ...] = ()

    def add_ours(self, *processors: SpanProcessor) -> None:
        """Add what sends spans for us."""
        for processor in processors:
            super().add_span_processor(processor)
            self._ours += (_taking(processor),)

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """As the SDK's, and remembered."""
        self.has_guests = True
        super().add_span_processor(span_processor)

    def ended(self, span: ReadableSpan) -> None:
        """Hand a span that is none of the SDK's to our processors."""
        for take in self._ours:
            take(span)

    def get_tracer(self, *args: Any, **more: Any) -> trace.Tracer:
        """As the SDK's, and remembered."""
        tracer = super().get_tracer(*args, **more)
        self._given.add(tracer)
        return tracer

    def after_fork(self) -> None:
        """What newer SDKs have done already by now."""
        if self.resource.attributes[_INSTANCE] != self._born_as:
            return
        self._resource = self.resource.merge(Resource({_INSTANCE: str(uuid.uuid4())}))
        for tracer in self._given:
            tracer.resource = self._resource


def _taking(processor: SpanProcessor) -> Callable[[ReadableSpan], None]:
    """How to give a processor a span that is sampled for certain.

    The SDK's batches would ask it: then its context would be made in the app's thread, and not in that of the exporter.
    """
    taken = getattr(getattr(processor, "_batch_processor", None), "emit", None)
    return processor.on_end if taken is None else taken


class Ids(RandomIdGenerator):
    """IDs that have been drawn already, when there are such, else new ones.

    From a generator of our own: the SDK's is the one that an app's random.seed() makes repeat itself.
    """

    def __init__(self) -> None:
        self._drawn = threading.local()
        self._random = random.Random()  # noqa: S311 - not a secret
        os.register_at_fork(after_in_child=self._random.seed)

    def next(self, trace_id: int, span_id: int) -> None:
        """Give these to the span that is made next in this thread."""
        self._drawn.trace_id = trace_id
        self._drawn.span_id = span_id

    def generate_trace_id(self) -> int:
        drawn = self._drawn.__dict__.pop("trace_id", 0)
        return drawn or self._random.getrandbits(128) or 1

    def generate_span_id(self) -> int:
        here = self._drawn.__dict__
        here.pop("trace_id", None)  # it has a parent, and takes the parent's
        return here.pop("span_id", 0) or self._random.getrandbits(64) or 1


def resource_of(config: InstrumentConfig) -> Resource:
    """Who sends: service, version, environment, and this process as an instance of its own."""
    ours = {
        "service.name": config.service,
        "service.version": config.version,
        "deployment.environment.name": config.environment,
    }
    unnamed = config.service == InstrumentConfig().service
    if unnamed and "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        del ours["service.name"]
    given = Resource.create({name: value for name, value in ours.items() if value})
    return given if given.attributes.get(_INSTANCE) else given.merge(Resource({_INSTANCE: str(uuid.uuid4())}))


def _sampler(sampling: Sampling) -> Sampler:
    """What decides for spans that the app makes itself: below an operation as the operation, else as if it were one."""
    ratio = TraceIdRatioBased(sampling.ratio)
    return ParentBased(ratio) if sampling.follows_parent else ratio


def _exporters(config: InstrumentConfig, troubles: ExportTroubles) -> list[SpanExporter]:
    wanted = config.trace_exporter or ("otlp",)
    known: dict[str, Callable[[], SpanExporter]] = {
        "otlp": lambda: OtlpExporter(target_of(config), troubles),
        "console": ConsoleSpanExporter,
    }
    scrubber = Scrubber(config.scrub)
    return [ScrubbingExporter(make(), scrubber) for name, make in known.items() if name in wanted]


def target_of(config: InstrumentConfig) -> Target:
    """The collector of a configuration; the one on this machine when it names none."""
    base = (config.otlp_endpoint or _DEFAULT).rstrip("/")
    url = config.otlp_traces_endpoint or (base if base.endswith(_PATH) else base + _PATH)
    return Target(
        url,
        config.otlp_headers,
        config.otlp_timeout,
        config.otlp_compression,
        config.otlp_certificate,
        config.otlp_client_certificate,
        config.otlp_client_key,
    )
