"""ASGI apps as uvicorn imports them: FastAPI with a sync and an async endpoint, and Starlette."""

from __future__ import annotations

import os

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import saasobs


def _everything(n: int) -> str:
    from support.everything import do_everything

    do_everything(n)
    return "never"


async def _pid(n: int) -> dict[str, int]:
    return {"pid": os.getpid()}


async def _everything_in_a_thread(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await run_in_threadpool(_everything, request.path_params["n"]))


def _fastapi() -> FastAPI:
    app = FastAPI()
    app.add_api_route("/everything/{n}", _everything)
    app.add_api_route("/pid/{n}", _pid)
    return app


fastapi = saasobs.instrument(_fastapi())
starlette = saasobs.instrument(Starlette(routes=[Route("/everything/{n}", _everything_in_a_thread)]))
