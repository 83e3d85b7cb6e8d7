"""A web app whose requests send tasks: ``python -m support.queues.send SHOP-MODULE WHAT=CORRELATION-ID …``."""

from __future__ import annotations

import asyncio
import importlib
import sys

import httpx
from fastapi import FastAPI

import saasobs


async def main(module: str, *orders: str) -> None:
    web = FastAPI()
    saasobs.instrument(web, service="shop-web")
    shop = importlib.import_module(module)

    @web.post("/send/{what}")
    def send(what: str) -> str:
        shop.send(what)
        return what

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=web), base_url="http://shop") as http:
        for order in orders:
            what, _, correlation_id = order.partition("=")
            answer = await http.post(f"/send/{what}", headers={"X-Request-ID": correlation_id})
            assert answer.status_code == 200, answer.text


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
