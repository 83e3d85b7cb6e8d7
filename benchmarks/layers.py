"""What can be put around an app to see its requests: saasobs, its peers, and the usual assembly of those.

Each layer makes its app, installed as its documentation says, with spans and errors going to a receiver on loopback
and lines to stdout. `Layered.flush` sends whatever waits. The peers are in the group `bench`; one that is not installed
raises ImportError.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from benchmarks.apps import App, Framework, nothing

Asgi = Callable[[Any, Any, Any], Awaitable[None]]
_RATIO: Final = 0.1


@dataclass(frozen=True, slots=True)
class Layered:
    """An app with a layer around it."""

    app: App
    flush: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer is put."""

    name: str
    framework: Framework
    receiver: str
    """Address of what takes spans and error reports, `127.0.0.1:4318`."""

    def build(self) -> App:
        return self.framework.build(nothing)

    @property
    def asgi(self) -> bool:
        return self.name in ("fastapi", "starlette")


Layer = Callable[[Place], Layered]


def bare(place: Place) -> Layered:
    return Layered(place.build(), lambda: None)


def saasobs(place: Place) -> Layered:
    """Everything on."""
    return _saasobs(place, otlp_endpoint=f"http://{place.receiver}")


def saasobs_without_traces(place: Place) -> Layered:
    return _saasobs(place)


def _saasobs(place: Place, **more: Any) -> Layered:
    import saasobs  # noqa: PLC0415 - the others do without

    app = saasobs.instrument(
        place.framework.build(saasobs.set_tenant),
        service="shop",
        environment="production",
        version="2026.11.3",
        log_rate=1_000_000.0,  # the limit stands, far above what a benchmark writes
        sentry_dsn=f"http://key@{place.receiver}/1",
        trace_sample_ratio=_RATIO,
        **more,
    )
    from saasobs.instrument.installing import running  # noqa: PLC0415 - as above

    process: Any = running()

    def flush() -> None:
        process.logs.flush(10)
        process.tracer.flush(10)

    return Layered(app, flush)


def prometheus_instrumentator(place: Place) -> Layered:
    app = place.build()
    _add_instrumentator(app)
    return Layered(app, lambda: None)


def _add_instrumentator(app: App) -> None:
    import_module("prometheus_fastapi_instrumentator").Instrumentator().instrument(app)


def starlette_exporter(place: Place) -> Layered:
    app = place.build()
    app.add_middleware(import_module("starlette_exporter").PrometheusMiddleware, group_paths=True)
    return Layered(app, lambda: None)


def prometheus_flask_exporter(place: Place) -> Layered:
    app = place.build()
    _add_flask_exporter(app)
    return Layered(app, lambda: None)


def _add_flask_exporter(app: App) -> None:
    import_module("prometheus_flask_exporter").PrometheusMetrics(app, group_by="url_rule")


def django_prometheus(place: Place) -> Layered:
    return Layered(_django_with(place, *_DJANGO_PROMETHEUS), lambda: None)


def correlated_lines(place: Place) -> Layered:
    """A correlation ID, and one line of structlog for each request."""
    _configure_structlog()
    if place.name == "django":
        return Layered(_django_with(place, "benchmarks.layers.line_of_django"), lambda: None)
    app = place.build()
    _add_lines(place, app)
    return Layered(app, lambda: None)


def _configure_structlog() -> None:
    """As structlog's documentation has it for speed: orjson, bytes, a cached logger, a filter by level."""
    structlog, orjson = import_module("structlog"), import_module("orjson")
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(20),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(),
    )


def _add_lines(place: Place, app: App) -> None:
    if place.asgi:
        app.add_middleware(LineMiddleware)
        app.add_middleware(import_module("asgi_correlation_id").CorrelationIdMiddleware)
    else:
        _line_in_flask(app)


class LineMiddleware:
    """One line a request, in pure ASGI: the cheapest way to write one."""

    def __init__(self, app: Asgi) -> None:
        self.app = app
        self.correlation_id = import_module("asgi_correlation_id").correlation_id
        self.contextvars = import_module("structlog").contextvars
        self.log = import_module("structlog").get_logger("access")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.contextvars.clear_contextvars()
        self.contextvars.bind_contextvars(correlation_id=self.correlation_id.get())
        status = 500
        begin = time.perf_counter()

        async def watched(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            self.log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                duration_ms=round((time.perf_counter() - begin) * 1000, 3),
                client=scope["client"][0],
            )


def _line_in_flask(app: App) -> None:
    flask, structlog, uuid = import_module("flask"), import_module("structlog"), import_module("uuid")
    log = structlog.get_logger("access")

    def before() -> None:
        flask.g.begin = time.perf_counter()
        offered = flask.request.headers.get("X-Request-ID")
        flask.g.correlation_id = offered or uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation_id=flask.g.correlation_id)

    def after(response: Any) -> Any:
        response.headers["X-Request-ID"] = flask.g.correlation_id
        request = flask.request
        milliseconds = round((time.perf_counter() - flask.g.begin) * 1000, 3)
        log.info("request", method=request.method, path=request.path, status=response.status_code,
                 duration_ms=milliseconds, client=request.remote_addr)  # fmt: skip
        return response

    app.before_request(before)
    app.after_request(after)


def line_of_django(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A middleware of Django's."""
    structlog, uuid = import_module("structlog"), import_module("uuid")
    log = structlog.get_logger("access")

    def middleware(request: Any) -> Any:
        begin = time.perf_counter()
        correlation_id = request.headers.get("X-Request-ID") or uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation_id=correlation_id)
        response = get_response(request)
        response["X-Request-ID"] = correlation_id
        milliseconds = round((time.perf_counter() - begin) * 1000, 3)
        log.info("request", method=request.method, path=request.path, status=response.status_code,
                 duration_ms=milliseconds, client=request.META["REMOTE_ADDR"])  # fmt: skip
        return response

    return middleware


_DJANGO_PROMETHEUS: Final = (
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
)


def _django_with(place: Place, *middlewares: str, apps: tuple[str, ...] = ()) -> App:
    settings = import_module("django.conf").settings
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF="benchmark_urls", USE_TZ=True, INSTALLED_APPS=list(apps),
                       MIDDLEWARE=list(middlewares))  # fmt: skip
    return place.build()


def sentry_errors(place: Place) -> Layered:
    """sentry-sdk that traces nothing."""
    flush = _init_sentry(place, 0.0)
    return Layered(place.build(), flush)


def sentry_traces(place: Place) -> Layered:
    """sentry-sdk that traces one request in ten."""
    flush = _init_sentry(place, _RATIO)
    return Layered(place.build(), flush)


def _init_sentry(place: Place, ratio: float) -> Callable[[], object]:
    sentry = import_module("sentry_sdk")
    import_module(place.name)  # so that its integration is found
    sentry.init(f"http://key@{place.receiver}/1", traces_sample_rate=ratio)
    return lambda: sentry.flush(10)


def opentelemetry(place: Place) -> Layered:
    """OpenTelemetry's own instrumentation, one trace in ten."""
    provider = _provider(place)
    _prepare_opentelemetry(place)
    app = place.build()
    _add_opentelemetry(place, app)
    return Layered(app, provider.force_flush)


def _provider(place: Place) -> Any:
    trace, sampling = import_module("opentelemetry.sdk.trace"), import_module("opentelemetry.sdk.trace.sampling")
    provider = trace.TracerProvider(sampler=sampling.ParentBased(sampling.TraceIdRatioBased(_RATIO)))
    exporter = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter(
        f"http://{place.receiver}/v1/traces"
    )
    provider.add_span_processor(import_module("opentelemetry.sdk.trace.export").BatchSpanProcessor(exporter))
    import_module("opentelemetry.trace").set_tracer_provider(provider)
    return provider


def _prepare_opentelemetry(place: Place) -> None:
    if place.name == "django":
        settings = import_module("django.conf").settings
        if not settings.configured:
            settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF="benchmark_urls", USE_TZ=True, MIDDLEWARE=[])
        import_module("opentelemetry.instrumentation.django").DjangoInstrumentor().instrument()


def _add_opentelemetry(place: Place, app: App) -> None:
    module = f"opentelemetry.instrumentation.{place.name}"
    if place.name == "fastapi":
        import_module(module).FastAPIInstrumentor.instrument_app(app)
    elif place.name == "starlette":
        import_module(module).StarletteInstrumentor.instrument_app(app)
    elif place.name == "flask":
        import_module(module).FlaskInstrumentor().instrument_app(app)


def assembly(place: Place) -> Layered:
    """The usual assembly: correlation ID, structlog line, Prometheus, sentry-sdk and OpenTelemetry at 10 % each."""
    told = _init_sentry(place, _RATIO)
    provider = _provider(place)
    _configure_structlog()
    if place.name == "django":
        before, after = _DJANGO_PROMETHEUS
        import_module("django.conf").settings.configure(
            ALLOWED_HOSTS=["*"], ROOT_URLCONF="benchmark_urls", USE_TZ=True,
            MIDDLEWARE=[before, "benchmarks.layers.line_of_django", after],
        )  # fmt: skip
        _prepare_opentelemetry(place)
        app = place.build()
    else:
        app = place.build()
        _add_lines(place, app)
        (_add_instrumentator if place.asgi else _add_flask_exporter)(app)
        _add_opentelemetry(place, app)

    def flush() -> None:
        told()
        provider.force_flush()

    return Layered(app, flush)


BARE: Final = "bare"
OURS: Final = "saasobs, everything on"
_EVERYWHERE: Final[dict[str, Layer]] = {
    BARE: bare,
    OURS: saasobs,
    "saasobs, no traces": saasobs_without_traces,
}
_PEERS: Final[dict[str, Layer]] = {
    "sentry-sdk, traces 0": sentry_errors,
    "sentry-sdk, traces 10 %": sentry_traces,
    "opentelemetry contrib, 10 %": opentelemetry,
    "the usual assembly": assembly,
}
_ASGI: Final[dict[str, Layer]] = {
    **_EVERYWHERE,
    "prometheus-fastapi-instrumentator": prometheus_instrumentator,
    "starlette-exporter": starlette_exporter,
    "asgi-correlation-id + structlog line": correlated_lines,
    **_PEERS,
}
LAYERS: Final[dict[str, dict[str, Layer]]] = {
    "fastapi": _ASGI,
    "starlette": _ASGI,
    "flask": {
        **_EVERYWHERE,
        "prometheus-flask-exporter": prometheus_flask_exporter,
        "correlation ID + structlog line": correlated_lines,
        **_PEERS,
    },
    "django": {
        **_EVERYWHERE,
        "django-prometheus": django_prometheus,
        "correlation ID + structlog line": correlated_lines,
        **_PEERS,
    },
}
