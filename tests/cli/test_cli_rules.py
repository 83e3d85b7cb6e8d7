"""`saasobs rules`: a set of one's own, that Prometheus takes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from saasobs import __version__
from saasobs.cli.main import main
from support.needs import require_binary


def test_a_set_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One service, its critical routes and its objective; as files, and printed as one."""
    words = ["rules", "--service", "checkout", "--critical", "/pay, /login", "--slo", "99.5", "--language", "es"]
    assert main([*words, "--out", str(tmp_path / "set")]) == 0
    alerts = yaml.safe_load((tmp_path / "set/alerts.yml").read_text(encoding="utf-8"))
    rules = {rule["alert"]: rule for group in alerts["groups"] for rule in group["rules"]}
    assert 'service="checkout"' in rules["SaasobsCriticalRouteP95High"]["expr"]
    assert 'http_route=~"/pay|/login"' in rules["SaasobsCriticalRouteP95High"]["expr"]
    assert "(14.4 * 0.005)" in rules["SaasobsErrorBudgetBurnFast"]["expr"]
    assert "consume su presupuesto" in rules["SaasobsErrorBudgetBurnFast"]["annotations"]["summary"]
    capsys.readouterr()
    assert main(words) == 0
    printed = tmp_path / "one.yml"
    again = "saasobs rules --service checkout --critical /pay,/login --slo 99.5 --language es"
    head = f"# Made by saasobs {__version__}: {again}\n"
    assert (tmp_path / "set/recording.yml").read_text(encoding="utf-8").startswith(head)
    printed.write_text(capsys.readouterr().out, encoding="utf-8")
    promtool = require_binary("promtool", "prometheus")
    ran = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", printed], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_language_may_name_its_country(capsys: pytest.CaptureFixture[str]) -> None:
    """pt-BR is pt, as an operating system writes it too."""
    said = []
    for language in ("pt", "pt-BR", "pt_BR"):
        assert main(["rules", "--language", language]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] == said[2]
    assert "consome o orçamento" in said[0]


def test_the_lowest_objective_can_be_missed(capsys: pytest.CaptureFixture[str]) -> None:
    """Every burn rate of it is one that a service which fails every request reaches."""
    assert main(["rules", "--slo", "94"]) == 0
    rules = yaml.safe_load(capsys.readouterr().out)
    found = [rule["expr"] for group in rules["groups"] for rule in group["rules"] if "Burn" in rule.get("alert", "")]
    limits = [
        float(rate) * float(budget) for expr in found for rate, budget in re.findall(r"> \((\S+) \* (\S+)\)", expr)
    ]
    assert limits
    assert max(limits) < 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--slo", "100"], "--slo is a percentage"),
        (["--slo", "93.9"], "at least 94 (below, the fastest alert could never fire)"),
        (["--slo", "99.99999999999"], "--slo is a percentage"),
        (["--slo", "nan"], "--slo is a percentage"),
        (["--grafana", "https://g.example.com/{{x}}"], "--grafana is an address"),
        (["--grafana", "https://g.example.com/?orgId=2"], "--grafana is an address"),
        (["--grafana", "g.example.com"], "--grafana is an address"),
        (["--runbooks", "https://[x"], "--runbooks is an address"),
        (["--runbooks", "https://wiki.example.com/{{ $labels.alertname }}"], "--runbooks is an address"),
        (["--service", 'a"b'], "no quotes"),
        (["--critical", "/pay,login"], "--critical login: a route begins with /"),
        (["--language", "fr"], "--language is one of en, es, pt"),
        (["--out", "/proc/nowhere"], "/proc/nowhere: "),
    ],
)
def test_what_makes_no_sense(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence, and exit code 2."""
    assert main(["rules", *words]) == 2
    assert said in capsys.readouterr().err
