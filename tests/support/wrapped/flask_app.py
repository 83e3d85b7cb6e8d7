"""A Flask app that knows nothing of saasobs, with a metric of its own."""

from __future__ import annotations

import os

from flask import Flask, Response
from prometheus_client import Counter

ORDERS = Counter("orders_total", "Orders of the app's own.")
app = Flask("shop")


@app.get("/work/<int:n>")
def work(n: int) -> Response:
    ORDERS.inc()
    return Response("done", headers={"X-Worker": str(os.getpid())})
