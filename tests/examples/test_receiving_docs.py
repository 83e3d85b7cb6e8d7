"""What the page about received alerts shows is what promtool, amtool and the daemon take."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from saasobs.alerting.received.following import identified
from saasobs.alerting.received.naming import name
from saasobs.alerting.received.source import Source, read
from saasobs.core.alert import Alert
from saasobs.settings import load
from saasobs.web.alerts import PREFIXES
from support.needs import require_binary

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/receiving-alerts.md").read_text()
ENVIRONMENT = dict.fromkeys(
    ("PROMETHEUS_TOKEN", "ALERTMANAGER_TOKEN", "GRAFANA_TOKEN", "GRAFANA_SECRET", "BACKUPS_TOKEN"), "x"
) | {f"{kind}_TOKEN": kind for kind in ("PROMETHEUS", "ALERTMANAGER", "GRAFANA", "BACKUPS")}


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Source]:
    """Those of the page's configuration."""
    file = tmp_path / "saasobs.yaml"
    file.write_text(block("yaml"))
    settings = load(file, ENVIRONMENT)
    assert [(one.alertname, one.source) for one in settings.watchdogs] == [("Watchdog", "prometheus")]
    return dict(settings.sources)


def _check(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_prometheus_takes_its_part(tmp_path: Path) -> None:
    """promtool finds nothing wrong with prometheus.yml and the watchdog's rule."""
    (tmp_path / "prometheus.yml").write_text(block("prometheus"))
    (tmp_path / "rules.yml").write_text(block("rules"))
    _check(require_binary("promtool", "prometheus"), "check", "config", str(tmp_path / "prometheus.yml"))


def test_alertmanager_takes_its_part(tmp_path: Path) -> None:
    """amtool finds nothing wrong with alertmanager.yml."""
    (tmp_path / "alertmanager.yml").write_text(block("alertmanager"))
    _check(require_binary("amtool", "prometheus-alertmanager"), "check-config", str(tmp_path / "alertmanager.yml"))


def test_addresses_are_those_that_are_served(sources: dict[str, Source]) -> None:
    """Each names a source of the page's configuration, below a path that is served."""
    [alertmanagers] = yaml.safe_load(block("prometheus"))["alerting"]["alertmanagers"]
    [receiver] = yaml.safe_load(block("alertmanager"))["receivers"]
    [point] = yaml.safe_load(block("grafana"))["contactPoints"]
    paths = [
        alertmanagers["path_prefix"],
        receiver["webhook_configs"][0]["url"].partition(":9110")[2],
        point["receivers"][0]["settings"]["url"].partition(":9110")[2],
    ]
    for path in paths:
        assert path.startswith(PREFIXES)
        assert path.rpartition("/")[2] in sources


def test_the_json_of_the_page_is_read_as_it_says(sources: dict[str, Source]) -> None:
    """Its name, and that `resolved` ends it."""
    [body] = re.findall(r"-d '(\{.*?\})'\n", PAGE)
    source = sources["backups"]
    [(identity, report)] = identified(read(source, body.encode()).reports, source).items()
    assert name(Alert(identity, source.name, report.labels).labels, source) == "Backup failed db"
    assert (report.resolved, report.annotations) == (False, {"summary": "no space left"})
    [over] = read(source, json.dumps(json.loads(body.replace("error", "resolved"))).encode()).reports
    assert over.resolved
