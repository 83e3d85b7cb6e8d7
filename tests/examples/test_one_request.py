"""One request to the example shop, found again in its log, its metrics, its trace and its error report."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.daemon import free_port
from support.envelopes import Envelopes, taking_envelopes
from support.otlp import Collector, collecting

ROOT = Path(__file__).parents[2]


@dataclass
class Shop:
    """A running shop, and what it says where."""

    http: httpx.Client
    spans: Collector
    errors: Envelopes
    log: Path
    headers: dict[str, str] = field(default_factory=dict)

    def lines(self, correlation_id: str) -> list[dict[str, Any]]:
        """All of one request, as soon as its access line, the last one, is there."""
        until = time.monotonic() + 20
        while True:
            found = [json.loads(line) for line in self.log.read_text().splitlines()]
            ours = [line for line in found if line.get("correlation_id") == correlation_id]
            if any(line["event"] == "http.request" for line in ours) or time.monotonic() > until:
                return ours
            time.sleep(0.02)


@contextmanager
def running(folder: Path) -> Iterator[Shop]:
    """The shop as `make run` starts it, with a collector and an error tracker to send to."""
    port, log = free_port(), folder / "log"
    with collecting() as spans, taking_envelopes() as errors, log.open("wb") as out:
        environment = {
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": spans.address,
            "SENTRY_DSN": errors.dsn,
            "SAASOBS_TRACE_SAMPLE_RATIO": "1",
            "SAASOBS_ENVIRONMENT": "production",
            "SAASOBS_VERSION": "2026.11.3",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        command = [
            sys.executable,
            "-m",
            "examples.shop",
            "serve",
            "--port",
            str(port),
            "--database",
            str(folder / "db"),
        ]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            limits = httpx.Limits(max_keepalive_connections=0)  # uvicorn hangs up after an exception
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", limits=limits) as http:
                _wait_for(http)
                yield Shop(http, spans, errors, log)
        finally:
            process.terminate()
            process.wait(20)


def _wait_for(http: httpx.Client) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            http.get("/health")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the shop does not come up")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running(tmp_path_factory.mktemp("shop")) as started:
        yield started


def test_a_failure_is_found_everywhere(shop: Shop) -> None:
    """The correlation ID of a failed checkout stands in the answer, the lines, the span and the report."""
    shop.http.post("/break/failing")
    answer = shop.http.get("/checkout?tenant=globex", headers={"X-Request-ID": "req-failing"})
    shop.http.post("/break/off")
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "req-failing")
    (report,) = shop.errors.wait(1)
    assert report["tags"]["correlation_id"] == "req-failing"
    assert (report["tags"]["tenant"], report["tags"]["route"]) == ("globex", "/checkout")
    assert report["exception"]["values"][-1]["type"] == "OperationalError"
    (span,) = shop.spans.wait(1, name="GET /checkout", failed=True)
    by_event = {line["event"]: line for line in shop.lines("req-failing")}
    assert by_event["http.request"]["status"] == 500
    assert by_event["exception"]["code"].startswith("examples/shop/store.py:")
    assert (
        {line["trace_id"] for line in by_event.values()} == {span.trace_id} == {report["contexts"]["trace"]["trace_id"]}
    )


def test_a_chatty_page_names_its_place(shop: Shop) -> None:
    """The N+1 mistake is told with its statement, how often, where, and what to do."""
    shop.http.post("/break/chatty")
    shop.http.get("/orders?tenant=acme", headers={"X-Request-ID": "req-chatty"})
    shop.http.post("/break/off")
    by_event = {line["event"]: line for line in shop.lines("req-chatty")}
    repeated = by_event["queries.n_plus_one"]
    assert repeated["count"] == 30
    assert repeated["location"].startswith("examples/shop/store.py:")
    assert "selectinload" in json.dumps(repeated)
    assert by_event["queries.too_many"]["count"] == 31
    assert by_event["http.request"]["db_queries"] == 31


def test_the_metrics_have_it_by_route_and_tenant(shop: Shop) -> None:
    """Durations by route with the bucket at 2 s, and a counter for the tenant."""
    shop.http.get("/orders?tenant=initech")
    page = shop.http.get("/metrics").text
    bucket = 'http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200"'
    assert re.search(re.escape(bucket) + r',http_route="/orders",le="2.0"} [1-9]', page)
    assert re.search(r'http_server_tenant_requests_total\{.*tenant="initech".*\} [1-9]', page)


def test_strangers_see_no_metrics(shop: Shop) -> None:
    """What came through a proxy gets the app's own 404."""
    assert shop.http.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 404
