"""A fault in a real app under a real server is stored by a real error tracker: once, with all that belongs to it."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from support.bugsink import Bugsink
from support.daemon import free_port
from support.process import ServerProcess

_APP = """
import logging
from fastapi import FastAPI
import saasobs
app = FastAPI()
saasobs.instrument(app, service="shop", version="2026.11.3", environment="test")

def charge(order):
    raise RuntimeError(f"card 4111 1111 1111 1111 of order {order} refused")

@app.get("/health")
async def health():
    return "ok"

@app.get("/tenants/{tenant}/orders/{order}")
def order(tenant: str, order: int):
    saasobs.set_tenant(tenant)
    log = saasobs.get_logger("shop.orders")
    log.info("order.loaded", order=order, api_key="hunter2")
    try:
        charge(order)
    except RuntimeError:
        log.exception("order.failed", order=order)
        logging.getLogger("shop").error("again", exc_info=True)
        raise
"""


def ask(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_one_fault_is_one_event_in_the_tracker(bugsink: Bugsink, tmp_path: Path) -> None:
    """Logged by the app twice, seen by the layer, logged by uvicorn: one stored event a request, and one issue."""
    (tmp_path / "faulty_shop.py").write_text(_APP)
    dsn = bugsink.project("one fault")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", "--port", str(port), "faulty_shop:app"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "SENTRY_DSN": dsn}
    server = ServerProcess(command, lambda: ask(f"{base}/health") == 200, tmp_path / "log", environment)
    server.start()
    try:
        for number in (7, 8):
            url = f"{base}/tenants/acme/orders/{number}?token=hunter2"
            assert ask(url, **{"X-Request-ID": f"request-{number}"}) == 500
        events = bugsink.events(dsn, 2)
    finally:
        server.stop()
    assert len(events) == 2
    assert len(bugsink.issues(dsn)) == 1
    _check_event(next(event for event in events if event["tags"]["correlation_id"] == "request-7"))
    _check_log((tmp_path / "log").read_text())


def _check_event(event: dict[str, Any]) -> None:
    (exception,) = event["exception"]["values"]
    assert (exception["type"], exception["value"]) == ("RuntimeError", "card *** of order 7 refused")
    assert exception["stacktrace"]["frames"][-1]["function"] == "charge"
    tags = {"route": "/tenants/{tenant}/orders/{order}", "tenant": "acme", "method": "GET"}
    assert tags.items() <= event["tags"].items()
    assert (event["release"], event["environment"]) == ("2026.11.3", "test")
    assert event["request"]["query_string"] == "token=***"
    (crumb,) = event["breadcrumbs"]["values"]
    assert (crumb["message"], crumb["category"]) == ("order.loaded", "shop.orders")
    assert crumb["data"]["order"] == 7
    assert crumb["data"]["api_key"] in ("***", "[Filtered]")
    assert len(event["contexts"]["trace"]["trace_id"]) == 32
    assert "hunter2" not in json.dumps(event["request"]) + json.dumps(event["breadcrumbs"])


def _check_log(text: str) -> None:
    """The app's own two lines have the traceback; neither we nor uvicorn say it again."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    mine = [line for line in lines if line.get("correlation_id") == "request-7"]
    assert [line["event"] for line in mine] == ["order.loaded", "order.failed", "again", "http.request"]
    assert mine[-1]["error_type"] == "RuntimeError"
    assert len({line["fingerprint"] for line in mine if "fingerprint" in line}) == 1
    assert "Exception in ASGI application" not in text
