"""Real databases of series on loopback, Prometheus and VictoriaMetrics, which scrape a small page of metrics."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from support.daemon import free_port
from support.listening import page
from support.needs import require_binary

SCRAPE = """\
global: {{scrape_interval: 2s, scrape_timeout: 2s}}
scrape_configs: [{{job_name: shop, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""
"""A scrape that takes too long on a busy machine would mark every series as gone."""
EXPOSITION = "text/plain; version=0.0.4"
_PATIENCE = 60.0


@dataclass(frozen=True)
class SeriesServer:
    """One that has scraped the page."""

    url: str


@contextmanager
def prometheus(folder: Path, text: str, prefix: str = "/prometheus") -> Iterator[SeriesServer]:
    """Prometheus behind a path prefix, with what the page says."""
    program = require_binary("prometheus", "prometheus")
    with page(text, EXPOSITION) as port:
        (folder / "prometheus.yml").write_text(SCRAPE.format(port=port))
        listen = free_port()
        command = [
            program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{listen}", f"--web.route-prefix={prefix}", "--log.level=error",
        ]  # fmt: skip
        with _running(command, f"http://127.0.0.1:{listen}{prefix}") as url:
            yield SeriesServer(url)


@contextmanager
def victoria_metrics(folder: Path, text: str) -> Iterator[SeriesServer]:
    """VictoriaMetrics, with what the page says."""
    program = require_binary("victoria-metrics", "victoria-metrics")
    with page(text, EXPOSITION) as port:
        (folder / "scrape.yml").write_text(SCRAPE.format(port=port))
        listen = free_port()
        command = [
            program, f"-promscrape.config={folder / 'scrape.yml'}", f"-storageDataPath={folder / 'data'}",
            f"-httpListenAddr=127.0.0.1:{listen}", "-search.latencyOffset=0s", "-loggerLevel=ERROR",
        ]  # fmt: skip
        with _running(command, f"http://127.0.0.1:{listen}") as url:
            yield SeriesServer(url)


@contextmanager
def _running(command: list[str], url: str) -> Iterator[str]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for_samples(process, url)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _wait_for_samples(process: subprocess.Popen[bytes], url: str) -> None:
    """Until the page was scraped.

    VictoriaMetrics remembers for ten seconds that a filter selected nothing, and shows what was flushed: so each
    question is another one, and a flush is asked for (Prometheus knows no such path).
    """
    until = time.monotonic() + _PATIENCE
    for attempt in count():
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError(f"{process.args!r} did not come up")
        query = urlencode({"query": f'count(queue_length{{attempt!="{attempt}"}})'})
        try:
            with suppress(HTTPError):
                urlopen(f"{url}/internal/force_flush", timeout=2).close()
            with urlopen(f"{url}/api/v1/query?{query}", timeout=2) as answer:
                if json.load(answer)["data"]["result"]:
                    return
        except (URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.05)
