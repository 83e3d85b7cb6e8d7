"""A real Prometheus reads what two real workers tell: the p95 of a route, and the trace behind a bucket."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from support.daemon import free_port
from support.needs import require_binary
from support.workers import Workers, serving_workers

SCRAPE = """\
global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}
scrape_configs: [{{job_name: app, static_configs: [{{targets: ["{target}"]}}]}}]
"""
UVICORN = ("uvicorn", "support.measured_app:asgi", "--port", "{port}", "--workers", "2", "--log-level", "error")


@contextmanager
def _scraping(app: Workers, folder: Path) -> Iterator[str]:
    program = require_binary("prometheus", "prometheus")
    (folder / "prometheus.yml").write_text(SCRAPE.format(target=app.url.removeprefix("http://")))
    listen = f"127.0.0.1:{free_port()}"
    command = [
        program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={listen}", "--enable-feature=exemplar-storage", "--log.level=error",
    ]  # fmt: skip
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield f"http://{listen}/api/v1"
    finally:
        process.terminate()
        process.wait(10)


def _asked(url: str, **parameters: str) -> Any:
    try:
        with urlopen(f"{url}?{urlencode(parameters)}", timeout=5) as answer:
            return json.load(answer)["data"]
    except URLError:  # not up yet
        return {}


def test_the_p95_and_the_trace_behind_it(tmp_path: Path) -> None:
    """histogram_quantile answers for a route over both workers, and the exemplar's trace ID is one of the app's."""
    with serving_workers(tmp_path, *UVICORN, SAASOBS_OTLP_ENDPOINT="http://127.0.0.1:9") as app:
        app.reach_all("/work", 2)
        with _scraping(app, tmp_path) as api:
            rates = "sum by (le, http_route) (rate(http_server_request_duration_seconds_bucket[1m]))"
            asked = {"query": f"histogram_quantile(0.95, {rates})"}

            def p95() -> bool:
                app.work("/work", 5)
                found = _asked(f"{api}/query", **asked).get("result", [])
                return bool(found) and 0 < float(found[0]["value"][1]) < 2

            app.wait_for(p95)
            window = {"query": "http_server_request_duration_seconds_bucket", "start": "0", "end": "9999999999"}
            app.wait_for(lambda: bool(_asked(f"{api}/query_exemplars", **window)))
            exemplars = _asked(f"{api}/query_exemplars", **window)
            target = _asked(f"{api}/targets")["activeTargets"][0]
        traces = {
            json.loads(line)["trace_id"]
            for line in app.process.log.read_text().splitlines()
            if line.startswith("{") and "trace_id" in line
        }
    assert {each["labels"]["trace_id"] for series in exemplars for each in series["exemplars"]} <= traces
    assert target["health"] == "up"
    assert target["lastError"] == ""


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text;version=1.0.0"])
def test_promtool_finds_nothing_wrong(tmp_path: Path, accept: str) -> None:
    """The text form of two workers' metrics is in order, names and help texts too."""
    program = require_binary("promtool", "prometheus")
    with serving_workers(tmp_path, *UVICORN) as app:
        app.work("/tenant/acme", 4)
        text, headers = app.get("/metrics", accept=accept, accept_encoding="gzip;q=0")
    if accept:
        assert headers["content-type"].startswith("application/openmetrics-text")
        assert text.endswith(b"# EOF\n")
        return
    told = subprocess.run([program, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (told.stdout, told.stderr) == (b"", b"")
