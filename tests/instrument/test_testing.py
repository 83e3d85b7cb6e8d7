"""What `saasobs.testing` gives to the tests of an app; each runs as a program of its own, as an app's tests do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

APP = """
import sqlite3

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text

import saasobs
from saasobs.testing import assert_queries, capture

app = FastAPI()
saasobs.instrument(app, service="shop")
log = saasobs.get_logger("shop")
engine = create_engine("sqlite://")


@app.get("/orders/{number}")
def order(number: int, asks: int = 1):
    saasobs.set_tenant("acme")
    with engine.connect() as database:
        for _ in range(asks):
            database.execute(text("SELECT 1 + 1"))
    log.info("order.shown", number=number, password="hunter2")
    return {"number": number}


@app.get("/boom")
def boom():
    raise RuntimeError("no table")


client = TestClient(app, raise_server_exceptions=False)
"""

TESTS = """

def test_everything_is_seen(saasobs_capture):
    seen = saasobs_capture
    with assert_queries(max=1):
        assert client.get("/orders/7").status_code == 200
    (shown,) = seen.logs("order.shown")
    assert (shown["number"], shown["tenant"], shown["password"]) == (7, "acme", "***")
    (line,) = seen.logs("http.request")
    assert line["correlation_id"] == shown["correlation_id"]
    assert seen.metric("http_server_request_duration_seconds_count", http_route="/orders/{number}") == 1
    assert seen.metric("http_server_tenant_requests_total", tenant="acme") == 1
    assert [span.name for span in seen.spans][-1] == "GET /orders/{number}"
    assert format(seen.spans[-1].context.trace_id, "032x") == line["trace_id"]
    assert not seen.errors


def test_errors_are_seen(saasobs_capture):
    assert client.get("/boom").status_code == 500
    (report,) = saasobs_capture.errors
    assert (report.error_type, report.route, report.handled) == ("RuntimeError", "/boom", False)


def test_only_what_happens_inside():
    client.get("/orders/1")
    with capture() as seen:
        pass
    client.get("/orders/2")
    assert not seen.logs() and not seen.spans
    assert seen.metric("http_server_request_duration_seconds_count") == 1


def test_too_many_queries():
    with pytest.raises(AssertionError, match=r"7 queries instead of at most 5:\\n.*7 × .*\\n.*from .*test_app.py:"):
        with assert_queries(max=5):
            client.get("/orders/7?asks=7")
"""


def test_an_apps_own_tests(tmp_path: Path) -> None:
    """Logs, metrics, spans, errors and queries are seen, and a test with too many queries says which and from where."""
    file = tmp_path / "test_app.py"
    file.write_text(APP + TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:asyncio", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [*command, str(file)], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=100
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 passed" in ended.stdout
