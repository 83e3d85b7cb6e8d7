"""A small shop behind a login, for journeys: sessions by cookie, orders that are paid or cancelled, and a record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from support.asgi_server import serving

SESSION = "5e5510n-0f-the-shop"
PASSWORD = "right-horse"


@dataclass
class Shop:
    """Where it is, what it was asked, and what a test broke."""

    url: str = ""
    orders: dict[int, str] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path and headers of each request."""
    clients: set[tuple[str, int]] = field(default_factory=set)
    """Address and port of every connection."""
    broken: dict[str, int] = field(default_factory=dict)
    """Statuses by ``METHOD /path``'s beginning, in place of the answer."""
    delays: dict[str, float] = field(default_factory=dict)

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.asked]

    async def _login(self, request: Request) -> Response:
        form = dict(field.split("=", 1) for field in (await request.body()).decode().split("&"))
        if form.get("password") != PASSWORD:
            return PlainTextResponse(f"no such password: {form.get('password')}", 403)
        response = RedirectResponse("/account", 303)
        response.set_cookie("session", SESSION, httponly=True)
        return response

    async def _account(self, request: Request) -> Response:
        if request.cookies.get("session") != SESSION:
            return PlainTextResponse("who are you?", 401)
        csrf = '<form><input name="csrf" value="c5rf-t0ken-in-a-page"></form>'
        return Response(csrf, media_type="text/html", headers={"X-Account": "42"})

    async def _order(self, request: Request) -> Response:
        if request.cookies.get("session") != SESSION:
            return PlainTextResponse("who are you?", 401)
        wanted: dict[str, Any] = await request.json()
        number = 1000 + len(self.orders)
        self.orders[number] = "open"
        return JSONResponse({"id": number, "sku": wanted["sku"], "open": True}, 201, {"Location": f"/orders/{number}"})

    async def _pay(self, request: Request) -> Response:
        number = request.path_params["number"]
        given: dict[str, Any] = await request.json()
        self.orders[number] = "paid"
        headers = {"X-Request-ID": request.headers.get("x-request-id", ""), "Server-Timing": "db;dur=3"}
        return JSONResponse({"order": given.get("order", number), "state": "paid"}, headers=headers)

    async def _show(self, request: Request) -> Response:
        return JSONResponse({"id": request.path_params["number"], "state": self.orders[request.path_params["number"]]})

    async def _cancel(self, request: Request) -> Response:
        self.orders[request.path_params["number"]] = "cancelled"
        return Response(status_code=204)

    async def _echo(self, request: Request) -> Response:
        body = (await request.body()).decode()
        return JSONResponse({"path": request.url.path, "query": request.url.query, "body": body,
                             "headers": dict(request.headers)})  # fmt: skip

    def app(self) -> Any:
        routes = [
            Route("/login", self._login, methods=["POST"]),
            Route("/account", self._account),
            Route("/orders", self._order, methods=["POST"]),
            Route("/orders/{number:int}", self._show, methods=["GET"]),
            Route("/orders/{number:int}", self._cancel, methods=["DELETE"]),
            Route("/orders/{number:int}/payment", self._pay, methods=["POST"]),
            Route("/{rest:path}", self._echo, methods=["GET", "POST", "PUT"]),
        ]
        inner = Starlette(routes=routes)

        async def noting(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await inner(scope, receive, send)
                return
            line = f"{scope['method']} {scope['path']}"
            headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
            self.asked.append((scope["method"], scope["path"], headers))
            self.clients.add(tuple(scope["client"]))
            await asyncio.sleep(next((seconds for path, seconds in self.delays.items() if line.startswith(path)), 0))
            status = next((status for path, status in self.broken.items() if line.startswith(path)), 0)
            if status:
                echo = headers.get("authorization", "")
                await PlainTextResponse(f"out of order; you sent {echo}", status)(scope, receive, send)
            else:
                await inner(scope, receive, send)

        return noting


@contextmanager
def shop(pem: Path | None = None) -> Iterator[Shop]:
    """A running shop, by TLS when given a certificate."""
    found = Shop()
    tls = {"ssl_certfile": str(pem), "ssl_keyfile": str(pem)} if pem else {}
    with serving(found.app(), **tls) as url:
        found.url = url.replace("http://", "https://") if pem else url
        yield found
