"""A FastAPI app that knows nothing of saasobs, with a metric of its own and a mounted app."""

from __future__ import annotations

import os

from fastapi import FastAPI, Response
from prometheus_client import Counter

ORDERS = Counter("orders_total", "Orders of the app's own.")
app = FastAPI()
sub = FastAPI()


@app.get("/work/{n}")
async def work(n: int) -> Response:
    ORDERS.inc()
    return Response("done", headers={"X-Worker": str(os.getpid())})


@sub.get("/item/{n}")
async def item(n: int) -> Response:
    return Response("item", headers={"X-Worker": str(os.getpid())})


app.mount("/sub", sub)
