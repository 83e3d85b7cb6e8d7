"""A Prometheus with config/prometheus.yml and alerts/*.yml, on the ports of the scene; Debian's exporters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from dashboards.scene.processes import ENVIRONMENT, ROOT, program
from support.daemon import free_port
from support.needs import require_binary

_RULES: Final = ("recording.yml", "alerts.yml")
_LONG_WINDOWS: Final = "15s"
"""How often the rules with windows of days are evaluated: nobody here has five minutes."""
KEPT: Final = "60d"
TOKEN: Final = "from-prometheus"


@dataclass(frozen=True, slots=True)
class Target:
    """One that is scraped."""

    job: str
    service: str
    port: int

    @property
    def instance(self) -> str:
        """As Prometheus calls it."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Of its service."""
        return f"http://{self.instance}"

    @property
    def page(self) -> str:
        """Its metrics."""
        return f"{self.url}/metrics"

    @property
    def labels(self) -> dict[str, str]:
        """What Prometheus puts on each of its series."""
        return {"job": self.job, "instance": self.instance, "service": self.service, "environment": ENVIRONMENT}

    @property
    def configured(self) -> dict[str, Any]:
        """Of `static_configs`."""
        return {"targets": [self.instance], "labels": {"service": self.service, "environment": ENVIRONMENT}}


def configuration(targets: Sequence[Target], interval: str, daemon_port: int | None) -> dict[str, Any]:
    """config/prometheus.yml with these targets instead of its own."""
    body: dict[str, Any] = yaml.safe_load((ROOT / "config/prometheus.yml").read_text(encoding="utf-8"))
    body["global"] = dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), interval)
    body["rule_files"] = list(_RULES)
    for job in body["scrape_configs"]:
        job["static_configs"] = [one.configured for one in targets if one.job == job["job_name"]]
    body["scrape_configs"] = [job for job in body["scrape_configs"] if job["static_configs"]]
    body.pop("alerting")
    if daemon_port:
        receiver = {
            "path_prefix": "/alertmanager/prometheus",
            "authorization": {"credentials": TOKEN},
            "static_configs": [{"targets": [f"127.0.0.1:{daemon_port}"]}],
        }
        body["alerting"] = {"alertmanagers": [receiver]}
    return body


@contextmanager
def prometheus(
    folder: Path, port: int, targets: Sequence[Target], interval: str, daemon_port: int | None
) -> Iterator[str]:
    """Its URL. Blocks in `folder`/data are its past."""
    binary = require_binary("prometheus", "prometheus")
    for name in _RULES:
        text = (ROOT / "alerts" / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace("interval: 2m", f"interval: {_LONG_WINDOWS}"), encoding="utf-8")
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(configuration(targets, interval, daemon_port)), encoding="utf-8")
    command = [
        binary, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", "--log.level=warn",
        f"--storage.tsdb.retention.time={KEPT}", f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage", "--rules.alert.resend-delay=5s",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with program(command, f"{url}/-/ready", folder / "prometheus.log"):
        yield url


@contextmanager
def exporter(name: str, words: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Iterator[Target]:
    """Of PostgreSQL or Redis. :param name: `postgres` or `redis`."""
    package = f"prometheus-{name}-exporter"
    port = free_port()
    target = Target(name, name, port)
    command = [require_binary(package, package), f"--web.listen-address=127.0.0.1:{port}", *words]
    with program(command, target.page, folder / f"{package}.log", environ):
        yield target
