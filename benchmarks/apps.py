"""The smallest app of each framework, and requests to it without a network: what the benchmark of requests serves.

Each app has one endpoint, `GET /orders/{number}`, which answers a small JSON and tells for whom it works (`tell`: for
saasobs `set_tenant`, for all others nothing). Requests come as uvicorn and gunicorn would hand them over: eight
headers, for ASGI a task and a context of its own for each.
"""

from __future__ import annotations

import asyncio
import io
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, MutableMapping
from importlib import import_module
from types import ModuleType
from typing import Any, Final

Tell = Callable[[str], None]
App = Any

HEADERS: Final = (
    ("host", "shop.acme.example"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    ("accept", "text/html,application/json;q=0.9,*/*;q=0.8"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "es-ES,es;q=0.8,en;q=0.5"),
    ("connection", "keep-alive"),
    ("cookie", "session=3f9a2c71d5; theme=dark"),
    ("x-forwarded-for", "203.0.113.7"),
)
TENANT: Final = "globex"


def nothing(_tenant: str) -> None:
    """Nobody is told."""


class Framework(ABC):
    """How to make an app of a framework, and how to send it requests."""

    @abstractmethod
    def build(self, tell: Tell) -> App:
        """A new app."""

    @abstractmethod
    def serve(self, app: App, requests: int) -> float:
        """Send it so many; returns the seconds of CPU that this thread took."""


class AsgiFramework(Framework):
    """Those that speak ASGI."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def serve(self, app: App, requests: int) -> float:
        return self._loop.run_until_complete(_serve(app, requests))


async def _serve(app: App, requests: int) -> float:
    loop = asyncio.get_running_loop()
    scopes = [_scope(number) for number in range(requests)]
    begin = time.thread_time()
    for scope in scopes:
        await loop.create_task(app(scope, _receive, _send))
    return time.thread_time() - begin


def _scope(number: int) -> dict[str, Any]:
    path = f"/orders/{number}"
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in HEADERS],
        "client": ("127.0.0.1", 50_000 + number),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: MutableMapping[str, Any]) -> None:
    if message["type"] == "http.response.start" and message["status"] != 200:
        raise AssertionError(message)


class FastApi(AsgiFramework):
    """FastAPI, an async endpoint."""

    def build(self, tell: Tell) -> App:
        app = import_module("fastapi").FastAPI()

        async def order(number: int) -> dict[str, Any]:
            tell(TENANT)
            return {"number": number, "paid": True}

        app.get("/orders/{number}")(order)
        return app


class Starlette(AsgiFramework):
    """Starlette, an async endpoint."""

    def build(self, tell: Tell) -> App:
        answer = import_module("starlette.responses").JSONResponse

        async def order(request: Any) -> Any:
            tell(TENANT)
            return answer({"number": request.path_params["number"], "paid": True})

        route = import_module("starlette.routing").Route("/orders/{number:int}", order)
        return import_module("starlette.applications").Starlette(routes=[route])


class WsgiFramework(Framework):
    """Those that speak WSGI."""

    def serve(self, app: App, requests: int) -> float:
        environs = [_environ(number) for number in range(requests)]
        begin = time.thread_time()
        for environ in environs:
            body = app(environ, _start_response)
            for _ in body:
                pass
            if hasattr(body, "close"):
                body.close()
        return time.thread_time() - begin


def _environ(number: int) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": f"/orders/{number}",
        "RAW_URI": f"/orders/{number}",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": str(50_000 + number),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS},
    }


def _start_response(status: str, _headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
    if exc_info or not status.startswith("200"):
        raise AssertionError(status)
    return lambda _: None


class Flask(WsgiFramework):
    """Flask."""

    def build(self, tell: Tell) -> App:
        app = import_module("flask").Flask("benchmark")

        def order(number: int) -> dict[str, Any]:
            tell(TENANT)
            return {"number": number, "paid": True}

        app.get("/orders/<int:number>")(order)
        return app


class Django(WsgiFramework):
    """Django's WSGI handler, and two middlewares that every project has. One app a process: settings are global."""

    def build(self, tell: Tell) -> App:
        settings = import_module("django.conf").settings
        urls: Any = ModuleType("benchmark_urls")
        urls.urlpatterns = []
        sys.modules[urls.__name__] = urls
        if not settings.configured:
            settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=urls.__name__, USE_TZ=True, MIDDLEWARE=[])
        common = ("django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware")
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, *common]
        import_module("django").setup(set_prefix=False)
        answer = import_module("django.http").JsonResponse

        def order(_request: Any, number: int) -> Any:
            tell(TENANT)
            return answer({"number": number, "paid": True})

        urls.urlpatterns.append(import_module("django.urls").path("orders/<int:number>", order))
        return import_module("django.core.wsgi").get_wsgi_application()


FRAMEWORKS: Final[dict[str, Callable[[], Framework]]] = {
    "fastapi": FastApi,
    "starlette": Starlette,
    "flask": Flask,
    "django": Django,
}
