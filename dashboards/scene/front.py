"""`python -m dashboards.scene.front PORT DATABASE`: the example shop with a login, a till and reports, as `shop`."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException

import saasobs
from examples.shop.app import create_app

BILLING: str = os.environ.get("BILLING_URL", "")


class CardRefused(Exception):
    """By the bank, in words that the till does not know."""


class BankSilent(TimeoutError):
    """No answer from the bank."""


def front(database: Path) -> FastAPI:
    """The example's pages and a few that fail and dawdle by themselves."""
    app = create_app(database)

    @app.post("/login")
    def login(tenant: str) -> dict[str, str]:
        saasobs.set_tenant(tenant)
        time.sleep(random.uniform(0.02, 0.12))
        if random.random() < 0.1:
            raise HTTPException(401)
        return {"status": "ok"}

    @app.post("/pay")
    def pay(tenant: str, cents: int = 100) -> dict[str, str]:
        saasobs.set_tenant(tenant)
        fate = random.random()
        if fate < 0.04:
            raise BankSilent("no answer from the bank")
        if fate < 0.1:
            raise CardRefused("code 51")
        if BILLING:
            httpx.post(f"{BILLING}/charges", params={"tenant": tenant, "cents": cents}, timeout=20)
        return {"status": "ok"}

    @app.get("/reports/{month}")
    def report(month: str, tenant: str) -> dict[str, str]:
        saasobs.set_tenant(tenant)
        time.sleep(random.uniform(2.1, 2.8) if random.random() < 0.06 else random.uniform(0.2, 0.9))
        return {"month": month}

    return app


def main(port: str, database: str) -> None:
    """Until SIGTERM."""
    app = saasobs.instrument(front(Path(database)), service="shop")
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_config=None, access_log=False, timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
