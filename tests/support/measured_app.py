"""A small instrumented app for real servers with several workers; its workers say who they are.

`asgi` and `wsgi` are the same app. LIBRARY=early imports prometheus_client before `instrument` is called.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Any

if os.environ.get("LIBRARY") == "early":
    import prometheus_client

    EARLY = prometheus_client.Counter("carts_total", "Carts, counted before anything was instrumented.")

from saasobs.instrument.installing import instrument, started
from saasobs.instrument.metrics.endpoint import Response


def _orders() -> Any:
    """The app's own metrics, made as apps do: when their module is imported."""
    from prometheus_client import Counter, Gauge

    load = Gauge("orders_open", "Orders being worked on.", multiprocess_mode="livesum")
    load.set(1)
    return Counter("orders_total", "Orders of the app's own.")


async def _asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    path = scope["path"]
    if path == "/slow":
        await asyncio.sleep(30)
    if path.startswith("/tenant/"):
        _tenant(path)
    ORDERS.inc()
    headers = [(b"content-type", b"text/plain"), (b"x-worker", str(os.getpid()).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"done\n"})


async def _lifespan(receive: Any, send: Any) -> None:
    for answer in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{answer}.complete"})


def _wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"].startswith("/tenant/"):
        _tenant(environ["PATH_INFO"])
    ORDERS.inc()
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Worker", str(os.getpid()))])
    return [b"done\n"]


def _tenant(path: str) -> None:
    from saasobs.instrument.state import set_tenant

    set_tenant(path.removeprefix("/tenant/"))


class _Serving:
    """The app's pages and ours, whatever the layer around them does about ours."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        response = None
        if scope["type"] == "http":
            headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            peer = scope["client"][0] if scope["client"] else ""
            endpoints = started().metrics.endpoints
            response = await endpoints.respond_async(scope["method"], scope["path"], peer, headers)
        if response is None:
            await self._app(scope, receive, send)
        else:
            await _send(send, response)


async def _send(send: Any, response: Response) -> None:
    headers = [(name.encode(), value.encode()) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


asgi = _Serving(instrument(_asgi, service="measured", health=True, trace_sample_ratio=1.0))
wsgi = instrument(_wsgi)
ORDERS = _orders()
