"""Ways in which an app comes to be traced by more than one hand, and the spans that come of each.

Run as a program (`python -m support.server_spans`) it prints them as JSON: each way in a process of its own, since a
process has one global TracerProvider for good.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import fastapi
import httpx
import starlette.routing  # noqa: F401 - what is imported here is imported once
from fastapi import APIRouter, FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from starlette.middleware.base import BaseHTTPMiddleware

from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.installing import _install_in_starlette
from saasobs.instrument.process import Instrumentation
from saasobs.instrument.tracing.provider import recorder_into

PATHS = {"/v1/outer/orders/3": "GET /v1/outer/orders/{order}", "/sub/items/4": "GET /sub/items/{item}", "/nope": "GET"}
memory = InMemorySpanExporter()


def make_app(**options: Any) -> FastAPI:
    """Two routers and a mounted FastAPI; the endpoint makes a span of its own."""
    app, sub = FastAPI(**options), FastAPI()
    inner, outer = APIRouter(prefix="/orders"), APIRouter(prefix="/v1/outer")

    @inner.get("/{order}")
    async def read(order: int) -> dict[str, str]:
        with trace.get_tracer("app").start_as_current_span("work") as span:
            return {"trace": f"{span.get_span_context().trace_id:032x}"}

    @sub.get("/items/{item}")
    def item(item: int) -> int:
        return item

    outer.include_router(inner)
    app.include_router(outer)
    app.mount("/sub", sub)
    return app


def theirs(**options: Any) -> TracerProvider:
    """A provider that the app has set."""
    provider = TracerProvider(shutdown_on_exit=False, **options)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    trace.set_tracer_provider(provider)
    return provider


def start(*, ours: bool = False, ratio: float = 1.0) -> Instrumentation:
    """An instrumentation; `ours`: with a provider of its own, which is the global one."""
    config = InstrumentConfig(service="shop", trace_sample_ratio=ratio)
    process = Instrumentation.start(config, stream=io.StringIO())
    if ours:
        recorder = recorder_into(memory, config)
        trace.set_tracer_provider(recorder.provider)
        process.tracer.record_with(recorder)
    return process


def ours_alone() -> Any:
    return installed(start(ours=True), make_app())


def ours_unsampled() -> Any:
    return installed(start(ours=True, ratio=0.0), make_app())


def the_apps_provider() -> Any:
    theirs()
    return installed(start(), make_app())


def the_apps_provider_unsampled() -> Any:
    theirs(sampler=ParentBased(ALWAYS_OFF))
    return installed(start(), make_app())


def our_layer_outermost() -> Any:
    return start(ours=True).wrap(make_app())


def contrib_before() -> Any:
    theirs()
    app = make_app()
    FastAPIInstrumentor.instrument_app(app)
    return installed(start(), app)


def contrib_after() -> Any:
    theirs()
    app = installed(start(), make_app())
    FastAPIInstrumentor.instrument_app(app)
    return app


def contrib_as_middleware() -> Any:
    app = make_app()
    app.add_middleware(OpenTelemetryMiddleware)
    return installed(start(ours=True), app)


def contrib_around_everything() -> Any:
    theirs()
    return OpenTelemetryMiddleware(installed(start(), make_app()))


def contrib_around_everything_unsampled() -> Any:
    theirs(sampler=ParentBased(ALWAYS_OFF))
    return OpenTelemetryMiddleware(installed(start(), make_app()))


def fastapis_own_by_name() -> Any:
    provider = theirs()
    process = start()
    return installed(process, make_app(telemetry={"tracer_provider": provider}))


def middleware_that_moves_the_app() -> Any:
    async def slowly(request: Any, call_next: Any) -> Any:
        await asyncio.sleep(0)
        return await call_next(request)

    app = make_app()
    app.add_middleware(BaseHTTPMiddleware, dispatch=slowly)
    return installed(start(ours=True), app)


def sentrys_tracing() -> Any:
    import sentry_sdk
    from sentry_sdk.integrations.starlette import StarletteIntegration

    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        traces_sample_rate=1.0,
        auto_enabling_integrations=False,
        integrations=[StarletteIntegration()],
        transport=lambda envelope: None,
    )
    return installed(start(ours=True), make_app())


def installed(process: Instrumentation, app: Any) -> Any:
    _install_in_starlette(process, app)
    return app


WAYS: tuple[Callable[[], Any], ...] = (
    ours_alone,
    ours_unsampled,
    the_apps_provider,
    the_apps_provider_unsampled,
    our_layer_outermost,
    contrib_before,
    contrib_after,
    contrib_as_middleware,
    contrib_around_everything,
    contrib_around_everything_unsampled,
    fastapis_own_by_name,
    middleware_that_moves_the_app,
    sentrys_tracing,
)


async def ask(app: Any) -> dict[str, Any]:
    """Each path's answer."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return {path: (await client.get(path)).json() for path in PATHS}


def measure(way: Callable[[], Any]) -> dict[str, Any]:
    """The answers and the spans of one way."""
    answers = asyncio.run(ask(way()))
    spans = [
        {
            "name": span.name,
            "kind": span.kind.name,
            "trace": f"{span.context.trace_id:032x}",
            "id": f"{span.context.span_id:016x}",
            "parent": f"{span.parent.span_id:016x}" if span.parent else "",
            "correlated": "correlation_id" in (span.attributes or {}),
        }
        for span in memory.get_finished_spans()
        if span.context
    ]
    return {"answers": answers, "spans": spans}


def in_a_child(way: Callable[[], Any]) -> Any:
    """What `measure` gives, from a forked process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            try:
                json.dump(measure(way), pipe)
            except BaseException as error:  # noqa: BLE001 - told to the parent
                json.dump(repr(error), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        found = pipe.read()
    os.waitpid(child, 0)
    return json.loads(found)


if __name__ == "__main__":
    measured = {way.__name__: in_a_child(way) for way in WAYS}
    sys.stdout.write(json.dumps({"fastapi": fastapi.__version__, "ways": measured}))
