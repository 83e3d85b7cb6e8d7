"""The end of a server: what it knew of its last moments has left the process before it dies."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from support.daemon import free_port
from support.envelopes import taking_envelopes
from support.otlp import collecting
from support.process import ServerProcess

APPS = """
import contextlib
import saasobs

log = saasobs.get_logger("shop")

@contextlib.asynccontextmanager
async def lifespan(app):
    yield
    log.info("pool.closed")

async def boom(request):
    raise ValueError("the last one")

from starlette.applications import Starlette
from starlette.routing import Route
starlette = Starlette(lifespan=lifespan, routes=[Route("/boom", boom)])
saasobs.instrument(starlette, service="shop")

async def _without_lifespan(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/boom":
        raise ValueError("the last one")

plain = saasobs.instrument(_without_lifespan)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("app", ["starlette", "plain"])
def test_uvicorn_loses_nothing(tmp_path: Path, app: str, how: signal.Signals) -> None:
    """The last error report, the last span and all lines are there, although a signal ends the process past atexit."""
    (tmp_path / "ending_shop.py").write_text(APPS)
    port, log = free_port(), tmp_path / "server.log"
    with taking_envelopes() as errors, collecting() as collector:
        known = {
            "PYTHONPATH": str(tmp_path),
            "SAASOBS_HEALTH": "1",
            "SENTRY_DSN": errors.dsn,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.address,
            "OTEL_BSP_SCHEDULE_DELAY": "600000",
            "SAASOBS_TRACE_SAMPLE_RATIO": "1",
        }
        command = [sys.executable, "-m", "uvicorn", f"ending_shop:{app}", "--port", str(port)]
        server = ServerProcess(command, lambda: answers(port), log, {**os.environ, **known})
        server.start()
        answer = httpx.get(f"http://127.0.0.1:{port}/boom", headers={"X-Request-ID": "the-last"})
        running = server.running
        server.stop(how)
        assert running is not None
        assert running.returncode in (0, -how)
        (event,) = errors.events
        (span,) = collector.found(kind="SERVER")
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "the-last")
    assert event["tags"]["correlation_id"] == span.attributes["correlation_id"] == "the-last"
    said = [json.loads(line)["event"] for line in log.read_text().splitlines() if line.startswith("{")]
    assert said[-1].startswith("Finished server process")
    assert ("pool.closed" in said) == (app == "starlette")


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
