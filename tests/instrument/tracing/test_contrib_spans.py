"""OpenTelemetry's own instrumentations of Flask, Django, WSGI and Celery beside us: one span for each unit of work."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

START = """\
import json, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

memory = InMemorySpanExporter()
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)

import saasobs

def show():
    assert not trace.get_current_span().get_span_context().is_valid, "a context is left behind"
    kinds = ("SERVER", "CONSUMER")
    spans = [span for span in memory.get_finished_spans() if span.kind.name in kinds]
    found = [[span.kind.name, span.name, (span.attributes or {}).get("correlation_id", "")] for span in spans]
    sys.stdout.write(f"spans {json.dumps(found)}\\n")  # at once: log lines go the same way
    sys.stdout.flush()
"""
FLASK = """\
import flask
from opentelemetry.instrumentation.flask import FlaskInstrumentor
def make():
    app = flask.Flask("shop")
    app.get("/orders/<int:n>")(lambda n: "order")
    return app
def ask(app):
    with app.test_client() as client:
        client.get("/orders/7", headers={"X-Request-ID": "one"}).close()
        client.get("/nowhere", headers={"X-Request-ID": "two"}).close()
"""
DJANGO = """\
import asyncio, django, httpx
from django.conf import settings
settings.configure(
    SECRET_KEY="key", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], INSTALLED_APPS=["saasobs"], MIDDLEWARE=[]
)
from opentelemetry.instrumentation.django import DjangoInstrumentor
from django.http import HttpResponse
from django.urls import path
async def later(request, n): return HttpResponse("order")
urlpatterns = [path("orders/<int:n>", lambda request, n: HttpResponse("order")), path("later/<int:n>", later)]
HEADERS = {"/orders/7": "one", "/later/7": "two"}
def ask_wsgi():
    from django.core.wsgi import get_wsgi_application
    with httpx.Client(transport=httpx.WSGITransport(app=get_wsgi_application()), base_url="http://test") as client:
        for path, known in HEADERS.items(): client.get(path, headers={"X-Request-ID": known})
def ask_asgi():
    from django.core.asgi import get_asgi_application
    app = get_asgi_application()
    async def main():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
            for path, known in HEADERS.items(): await client.get(path, headers={"X-Request-ID": known})
    asyncio.run(main())
"""
WSGI = """\
import httpx
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
def make():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"order"]
    return app
def ask(app):
    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://test") as client:
        client.get("/", headers={"X-Request-ID": "one"})
"""
CELERY = """\
from celery import Celery
from celery.contrib.testing.worker import start_worker
from opentelemetry.instrumentation.celery import CeleryInstrumentor
app = Celery("shop", broker="memory://", backend="cache+memory://")
@app.task(name="add")
def add(): return 1
def ask():
    with start_worker(app, perform_ping_check=False, pool="solo"):
        with saasobs.job("sender"):
            add.delay().get(timeout=30)
        add.delay().get(timeout=30)
    saasobs.get_logger().info("asked")
"""
FOUND = {
    "flask": [["SERVER", "GET /orders/{n}", "one"], ["SERVER", "GET", "two"]],
    "django": [["SERVER", "GET /orders/{n}", "one"], ["SERVER", "GET /later/{n}", "two"]],
}
WAYS = {
    "flask, theirs first": "flask",
    "flask, ours first": "flask",
    "flask, theirs for all apps": "flask",
    "django, theirs first": "django",
    "django, ours first": "django",
    "django under ASGI": "django",
}
PROGRAMS = {
    "flask, theirs first": (
        FLASK,
        "app = make(); FlaskInstrumentor().instrument_app(app); saasobs.instrument(app); ask(app)",
    ),
    "flask, ours first": (
        FLASK,
        "app = make(); saasobs.instrument(app); FlaskInstrumentor().instrument_app(app); ask(app)",
    ),
    "flask, theirs for all apps": (FLASK, "FlaskInstrumentor().instrument(); ask(saasobs.instrument(make()))"),
    "django, theirs first": (DJANGO, "DjangoInstrumentor().instrument(); django.setup(); ask_wsgi()"),
    "django, ours first": (DJANGO, "django.setup(); DjangoInstrumentor().instrument(); ask_wsgi()"),
    "django under ASGI": (DJANGO, "DjangoInstrumentor().instrument(); django.setup(); ask_asgi()"),
    "wsgi, theirs outside": (WSGI, "ask(OpenTelemetryMiddleware(saasobs.instrument(make())))"),
    "wsgi, theirs inside": (WSGI, "ask(saasobs.instrument(OpenTelemetryMiddleware(make())))"),
    "celery, theirs first": (CELERY, "CeleryInstrumentor().instrument(); saasobs.instrument(app); ask()"),
    "celery, ours first": (CELERY, "saasobs.instrument(app); CeleryInstrumentor().instrument(); ask()"),
}


def spans_of(way: str) -> list[list[str]]:
    """Kind, name and correlation ID of each span of a server or a consumer, in a process of its own."""
    code, then = PROGRAMS[way]
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{START}{code}{then}\nshow()"],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr + ran.stdout
    (line,) = (line for line in ran.stdout.splitlines() if line.startswith("spans "))
    found: list[list[Any]] = json.loads(line.removeprefix("spans "))
    return found


@pytest.mark.parametrize("way", WAYS)
def test_one_server_span_in_flask_and_django(way: str) -> None:
    """Each request has one SERVER span, ours, with its ID, in whatever order the two were installed."""
    assert spans_of(way) == FOUND[WAYS[way]]


@pytest.mark.parametrize("way", ["wsgi, theirs outside", "wsgi, theirs inside"])
def test_one_server_span_in_wsgi(way: str) -> None:
    """Whoever is the outer one makes the SERVER span; it has our ID."""
    ((kind, _, correlation_id),) = spans_of(way)
    assert (kind, correlation_id) == ("SERVER", "one")


@pytest.mark.parametrize("way", ["celery, theirs first", "celery, ours first"])
def test_one_consumer_span_in_celery(way: str) -> None:
    """Each run has one CONSUMER span, with our ID, and nothing is left behind in the worker's thread."""
    spans = spans_of(way)
    assert [kind for kind, _, _ in spans] == ["CONSUMER", "CONSUMER"]
    assert len({correlation_id for _, _, correlation_id in spans} - {""}) == 2
