"""The shop's pages, and the switch: one call makes the shop slow, failing or chatty with queries, one more mends it.

The switch lives in memory only: a restarted shop is a healthy one.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

import saasobs
from examples.shop.store import OrderBook, Tenant

log = saasobs.get_logger()
SLOW_SECONDS = 2.5


class Mode(StrEnum):
    """What is wrong with the shop."""

    OFF = "off"
    SLOW = "slow"
    FAILING = "failing"
    CHATTY = "chatty"


EFFECTS = {
    Mode.OFF: "the shop works as it should",
    Mode.SLOW: f"/checkout takes {SLOW_SECONDS} seconds",
    Mode.FAILING: "/checkout answers 500: a table is missing in its database",
    Mode.CHATTY: "/orders asks its database once for every single order",
}


class Switch:
    """The one thing that a visitor can break."""

    def __init__(self) -> None:
        self.mode = Mode.OFF


def create_app(database: Path, *, slow_seconds: float = SLOW_SECONDS) -> FastAPI:
    """The shop on an SQLite file, which is made and filled when it is not there."""
    book = OrderBook(database)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        book.close()

    app = FastAPI(title="saasobs example shop", openapi_url=None, lifespan=lifespan)
    switch = Switch()
    _add_pages(app, switch)
    _add_business(app, book, switch, slow_seconds)
    return app


def _add_pages(app: FastAPI, switch: Switch) -> None:
    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/", response_class=HTMLResponse)
    def home() -> str:
        return _home_page(switch.mode)

    @app.post("/break/{mode}")
    def set_mode(mode: Mode, request: Request) -> Response:
        switch.mode = mode
        if "text/html" in request.headers.get("accept", ""):  # a button of the page, not curl
            return RedirectResponse("/", status_code=303)
        return JSONResponse({"mode": mode, "effect": EFFECTS[mode]})


def _add_business(app: FastAPI, book: OrderBook, switch: Switch, slow_seconds: float) -> None:
    turns = itertools.cycle(Tenant)

    @app.get("/checkout")
    def checkout(tenant: Tenant | None = None) -> dict[str, Any]:
        buyer = tenant or next(turns)
        saasobs.set_tenant(buyer)
        if switch.mode is Mode.FAILING:
            return {"status": "ok", "tenant": buyer, "order": book.place_in_missing_table(buyer)}
        if switch.mode is Mode.SLOW:
            time.sleep(slow_seconds)
        order = book.place(buyer)
        log.info("order.placed", order=order)
        return {"status": "ok", "tenant": buyer, "order": order}

    @app.get("/orders")
    def orders(tenant: Tenant) -> dict[str, Any]:
        saasobs.set_tenant(tenant)
        listing = book.orders_one_by_one if switch.mode is Mode.CHATTY else book.orders
        return {"tenant": tenant, "orders": listing(tenant)}


def _home_page(mode: Mode) -> str:
    tenants = "".join(f'<li><a href="/orders?tenant={name}">Orders of {name}</a></li>' for name in Tenant)
    buttons = "".join(
        f'<form method="post" action="/break/{choice}"><button>{choice}</button> {effect}</form>'
        for choice, effect in EFFECTS.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>The example shop</title>'
        "<style>body{font:16px system-ui;max-width:40em;margin:3em auto}form{margin:.5em 0}</style>"
        f"<h1>The example shop</h1><p>Now: <b>{mode}</b>, {EFFECTS[mode]}.</p>"
        f'<ul><li><a href="/checkout">Check out</a></li>{tenants}</ul><h2>Break it, mend it</h2>{buttons}</html>'
    )
