"""alerts/alertmanager.yml and config/prometheus*.yml: the real tools take them; alerts go where they should."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from saasobs.rules.document import alerts_of
from saasobs.rules.model import Alert, RuleSet, Severity
from support.needs import require_binary

ROOT = Path(__file__).parents[2]
OWN_TROUBLES = {"SaasobsNotifierFailing", "SaasobsOutboxStuck", "SaasobsChecksStale", "SaasobsStorageDown"}


def amtool(*words: str) -> str:
    program = require_binary("amtool", "prometheus-alertmanager")
    ran = subprocess.run(
        [program, *words, "--config.file", ROOT / "alerts/alertmanager.yml"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.strip()


def test_alertmanager_takes_it() -> None:
    """`amtool check-config`."""
    program = require_binary("amtool", "prometheus-alertmanager")
    ran = subprocess.run(
        [program, "check-config", ROOT / "alerts/alertmanager.yml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("alert", alerts_of(RuleSet()), ids=lambda alert: alert.name)
def test_every_alert_goes_where_it_should(alert: Alert) -> None:
    """What calls people goes to the daemon; what it could not tell itself goes to Slack, too."""
    labels = [f"alertname={alert.name}", f"severity={alert.severity.value}", "service=shop", "environment=production"]
    told = amtool("config", "routes", "test", *labels).split(",")
    if alert.name in OWN_TROUBLES:
        assert told == ["slack", "saasobs"]
    elif alert.severity is Severity.INFO:
        assert told == ["slack"]
    else:
        assert told == ["saasobs"]


@pytest.mark.parametrize("name", ["SaasobsTargetDown", "SaasobsServiceVanished"])
def test_a_daemon_that_is_gone_is_told_of_in_slack(name: str) -> None:
    """It cannot tell of itself; of another service it can."""
    labels = [f"alertname={name}", "severity=critical", "environment=production"]
    assert amtool("config", "routes", "test", *labels, "service=saasobs") == "slack,saasobs"
    assert amtool("config", "routes", "test", *labels, "service=shop") == "saasobs"


def test_every_name_in_it_is_an_alerts() -> None:
    """Of routes and inhibitions: a renamed alert would be silently let through."""
    body = yaml.safe_load((ROOT / "alerts/alertmanager.yml").read_text(encoding="utf-8"))
    rules = [*body["inhibit_rules"], *body["route"]["routes"]]
    matchers = [
        one for rule in rules for key in ("source_matchers", "target_matchers", "matchers") for one in rule.get(key, ())
    ]
    names = "\n".join(alert.name for alert in alerts_of(RuleSet()))
    for matcher in matchers:
        label, _, pattern = matcher.partition("=")
        if label.strip() == "alertname":
            text = pattern.lstrip("~").strip().strip('"')
            found = subprocess.run(["grep", "-cxE", text], input=names, capture_output=True, text=True, check=False)
            wanted = text.count("|") + 1
            assert int(found.stdout) == wanted, matcher


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-alertmanager.yml"])
def test_prometheus_takes_it(tmp_path: Path, name: str) -> None:
    """`promtool check config`, with the rules that it names."""
    program = require_binary("promtool", "prometheus")
    for folder in ("config", "alerts"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "config/saasobs-token").write_text("token")
    ran = subprocess.run(
        [program, "check", "config", f"config/{name}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
