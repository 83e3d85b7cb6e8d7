"""Whoever is shown a 500 has the correlation ID with it: in the header, and in what the app says of it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import httpx
import pytest

import saasobs
from saasobs.instrument.state import Operation, enter, leave
from support.daemon import free_port
from support.process import ServerProcess

SHOP = """
import sys
import django, fastapi, flask
from django.conf import settings
from django.http import HttpResponseServerError
from django.urls import path
from fastapi.responses import JSONResponse
from starlette.applications import Starlette
from starlette.routing import Route
import saasobs

def fails(*_args):
    raise ValueError("printer is off")

async def fails_later(*_args):
    fails()

def page():
    return f"Sorry. Please tell us {saasobs.correlation_id()}."

starlette = saasobs.instrument(Starlette(routes=[Route("/fails", fails_later)]))

fastapi = fastapi.FastAPI()
fastapi.get("/fails")(lambda: fails())
@fastapi.exception_handler(Exception)
async def say(request, error):
    return JSONResponse({"error": "internal", "correlation_id": saasobs.correlation_id()}, 500)
saasobs.instrument(fastapi)

flask_app = flask.Flask("shop")
flask_app.get("/fails")(fails)
flask_app.errorhandler(500)(lambda error: (page(), 500))
saasobs.instrument(flask_app)

async def asgi(scope, receive, send):
    assert scope["type"] == "http"
    fails()
asgi = saasobs.instrument(asgi)

def wsgi(environ, start_response):
    if environ["PATH_INFO"] == "/begun":
        start_response("200 OK", [("Content-Type", "text/plain")])
    fails()
wsgi = saasobs.instrument(wsgi)

settings.configure(SECRET_KEY="key", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], INSTALLED_APPS=["saasobs"])
django.setup()
handler500 = lambda request: HttpResponseServerError(page())
async def asynchronous(request): fails()
urlpatterns = [path("fails", fails), path("later", asynchronous)]
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
django_asgi, django_wsgi = get_asgi_application(), get_wsgi_application()

if __name__ == "__main__":
    from wsgiref.simple_server import make_server
    make_server("127.0.0.1", int(sys.argv[1]), wsgi).serve_forever()
"""
UVICORN = ("-m", "uvicorn", "--port", "{port}")
GUNICORN = ("-m", "gunicorn", "--bind", "127.0.0.1:{port}")
SERVERS = {
    "starlette": ((*UVICORN, "failing_shop:starlette"), ["/fails"], "Internal Server Error"),
    "fastapi": ((*UVICORN, "failing_shop:fastapi"), ["/fails"], '"correlation_id":"{}"'),
    "asgi": ((*UVICORN, "failing_shop:asgi"), ["/fails"], "Internal Server Error"),
    "asgi-h11": ((*UVICORN, "--http", "h11", "failing_shop:asgi"), ["/fails"], "Internal Server Error"),
    "django-asgi": ((*UVICORN, "failing_shop:django_asgi"), ["/fails", "/later"], "tell us {}."),
    "django-wsgi": ((*GUNICORN, "failing_shop:django_wsgi"), ["/fails", "/later"], "tell us {}."),
    "flask": ((*GUNICORN, "failing_shop:flask_app"), ["/fails"], "tell us {}."),
    "wsgi": ((*GUNICORN, "failing_shop:wsgi"), ["/fails", "/begun"], "Internal Server Error"),
    "wsgi-threads": ((*GUNICORN, "--threads", "2", "failing_shop:wsgi"), ["/fails"], "Internal Server Error"),
    "wsgiref": (("-m", "failing_shop", "{port}"), ["/fails", "/begun"], "A server error occurred."),
}


@pytest.mark.parametrize("name", SERVERS)
def test_the_id_is_on_every_500(tmp_path: Path, name: str) -> None:
    """Once in the header, also of the page that the server makes itself, and in the app's own page; told once."""
    words, paths, said = SERVERS[name]
    (tmp_path / "failing_shop.py").write_text(SHOP)
    port, log = free_port(), tmp_path / "server.log"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONWARNINGS": "ignore", "SAASOBS_HEALTH": "1"}
    command = [sys.executable, *(word.format(port=port) for word in words)]
    server = ServerProcess(command, lambda: answers(port), log, environment)
    server.start()
    try:
        url = f"http://127.0.0.1:{port}"
        asked = {path: {"X-Request-ID": f"id{path[1:]}"} for path in paths}
        responses = {path: httpx.get(url + path, headers=headers, timeout=30) for path, headers in asked.items()}
        assert answers(port)
    finally:
        server.stop()
    for path, response in responses.items():
        known = f"id{path[1:]}"
        assert response.status_code == 500
        assert response.headers.get_list("x-request-id") == [known]
        assert said.format(known) in response.text
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    for path in paths:
        about = [line for line in lines if line.get("correlation_id") == f"id{path[1:]}"]
        assert [line["event"] for line in about if "exception" in line] == ["exception"]
        assert [line["status"] for line in about if line["event"] == "http.request"] == [500]


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_correlation_id() -> None:
    """The ID of the operation in progress, and nothing outside of one."""
    assert saasobs.correlation_id() == ""
    token = enter(Operation("the-one"))
    assert saasobs.correlation_id() == "the-one"
    leave(token)
