"""The cases in which instrumentation usually gets a route or a status wrong, served by whatever FastAPI is installed.

Run as a program (`python -m support.route_matrix`) it prints what was measured as JSON, so that a test can ask several
versions, each in an interpreter of its own.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import fastapi
import httpx
import starlette
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Host, Mount, Route, Router

from saasobs.instrument import names
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.process import Instrumentation


class Case(NamedTuple):
    """One request, and what is right for it."""

    name: str
    method: str
    path: str
    route: str
    status: int
    outcome: str = "ok"
    host: str = "test"


CASES = (
    Case("two routers with prefixes", "GET", "/v1/outer/acme/r/x/1", "/v1/outer/{tenant}/r/x/{y}", 200),
    Case("a mounted FastAPI", "GET", "/sub/items/4", "/sub/items/{id}", 200),
    Case("a router inside a mounted FastAPI", "GET", "/sub/r/x/4", "/sub/r/x/{y}", 200),
    Case("nested Starlette mounts", "GET", "/st/deep/7", "/st/deep/{z}", 200),
    Case("a mount with a parameter", "GET", "/t/acme/deep/7", "/t/{tenant}/deep/{z}", 200),
    Case("a router by host", "GET", "/hosted/9", "/hosted/{n}", 200, host="api.acme.example"),
    Case("nothing matches", "GET", "/wp-login.php", "__unmatched__", 404),
    Case("nothing matches in a mount", "GET", "/sub/nope", "__unmatched__", 404),
    Case("a redirect that adds the slash", "GET", "/slash", "__unmatched__", 307),
    Case("a method that is not allowed", "POST", "/plain", "/plain", 405),
    Case("a preflight nobody answers", "OPTIONS", "/plain", "/plain", 405),
    Case("a method that does not exist", "FOO", "/plain", "/plain", 405),
    Case("an unhandled exception", "GET", "/boom/3", "/boom/{id}", 500),
    Case("an exception in the middle of a stream", "GET", "/broken-stream", "/broken-stream", 200, "error"),
    Case("three times 100 ms of a stream", "GET", "/stream", "/stream", 200),
)


def app() -> FastAPI:
    """An app with a route for each case."""
    root = FastAPI()
    inner, outer = APIRouter(prefix="/r"), APIRouter(prefix="/outer/{tenant}")
    inner.get("/x/{y}")(_leaf)
    outer.include_router(inner)
    root.include_router(outer, prefix="/v1")
    root.get("/plain")(_ok)
    root.get("/slash/")(_ok)
    root.get("/boom/{id}")(_boom)
    root.get("/stream")(lambda: StreamingResponse(_chunks(broken=False)))
    root.get("/broken-stream")(lambda: StreamingResponse(_chunks(broken=True)))
    child = FastAPI()
    child.get("/items/{id}")(_item)
    child.include_router(inner)
    root.mount("/sub", child)
    deep = Starlette(routes=[Route("/{z}", _plain)])
    root.mount("/st", Router(routes=[Mount("/deep", deep)]))
    root.router.routes.append(Mount("/t/{tenant}", routes=[Mount("/deep", deep)]))
    root.router.routes.append(Host("api.acme.example", Router(routes=[Route("/hosted/{n}", _plain)])))
    return root


async def _leaf(y: str) -> str:
    return y


async def _item(id: str) -> str:  # noqa: A002 - as apps write it
    return id


async def _ok() -> str:
    return "ok"


async def _boom(id: str) -> str:  # noqa: A002
    raise RuntimeError(id)


async def _plain(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


async def _chunks(*, broken: bool) -> AsyncIterator[str]:
    for part in range(3):
        await asyncio.sleep(0.1)
        if broken and part == 2:
            raise RuntimeError("in the middle")
        yield "part"


async def measure(cases: tuple[Case, ...] = CASES) -> dict[str, Any]:
    """What the instrumentation says of each case: the line's words, the series that was counted, the stream's time."""
    seen: dict[str, Any] = {"fastapi": fastapi.__version__, "starlette": starlette.__version__}
    for case in cases:
        stream = io.StringIO()
        process = Instrumentation.start(InstrumentConfig(service="matrix"), stream=stream)
        transport = httpx.ASGITransport(app=process.wrap(app()), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{case.host}") as http:
            await http.request(case.method, case.path)
        process.logs.flush(5)
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        (line,) = (line for line in lines if line["event"] == names.REQUEST_EVENT)
        seen[case.name] = {
            "route": line["route"],
            "status": line["status"],
            "outcome": line.get("outcome", "ok"),
            "seconds": line["duration_ms"] / 1000,
            "counted": _counted(process),
        }
    return seen


def _counted(process: Instrumentation) -> list[list[str]]:
    return [
        [sample.labels[names.METHOD], sample.labels[names.ROUTE], sample.labels[names.STATUS]]
        for family in process.metrics.registry.collect()
        for sample in family.samples
        if sample.name == f"{names.REQUEST_DURATION}_count"
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(measure())))
