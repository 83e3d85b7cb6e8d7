"""Apps that real servers import in tests of what arrives at a collector; configured by the environment alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI

import saasobs

router = APIRouter(prefix="/v1")


@router.get("/orders/{order}")
async def read(order: int) -> int:
    return os.getpid()


asgi = FastAPI()
asgi.include_router(router)
saasobs.instrument(asgi)


def _wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("content-type", "text/plain")])
    return [str(os.getpid()).encode()]


wsgi = saasobs.instrument(_wsgi)
