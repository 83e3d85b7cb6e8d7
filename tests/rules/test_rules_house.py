"""What every rule has: words in three languages, a runbook, a dashboard; figures of the engine's; no series unknown."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from saasobs.alerting import gsm7
from saasobs.core import thresholds as engine
from saasobs.daemon.document import families
from saasobs.instrument import names
from saasobs.rules import thresholds
from saasobs.rules.document import FILES, FOLDER, LIST, alerts_of, list_page, pages
from saasobs.rules.model import Alert, RuleSet, Severity
from saasobs.rules.recording import recording_groups
from saasobs.rules.texts import TEXTS
from support.needs import require_binary

ROOT = Path(__file__).parents[2]
ALERTS = alerts_of(RuleSet())
SECTIONS = ("## What it means", "## The first five minutes", "## Queries", "## Who")
FOREIGN = {
    "up", "pg_stat_activity_count", "pg_settings_max_connections", "redis_memory_used_bytes", "redis_memory_max_bytes",
    "redis_instance_info",
    "prometheus_notifications_errors_total", "prometheus_rule_evaluation_failures_total",
}  # fmt: skip
"""Prometheus' own, and those of Debian's exporters."""


def test_what_is_committed_is_what_the_code_makes() -> None:
    """alerts/*.yml and docs/alerts.md: run `python -m saasobs.rules.document`."""
    assert (ROOT / LIST).read_text(encoding="utf-8") == list_page(RuleSet())
    assert {name: (ROOT / FOLDER / name).read_text(encoding="utf-8") for name in FILES} == pages(RuleSet())


@pytest.mark.parametrize(
    "rules", [RuleSet(), RuleSet(service="checkout", critical=("/pay", "/a.b/{id}"), slo=99.5), RuleSet(critical=())]
)
def test_prometheus_takes_them(tmp_path: Path, rules: RuleSet) -> None:
    """`promtool check rules --lint=all --lint-fatal`, in every language and of a team's own set."""
    promtool = require_binary("promtool", "prometheus")
    for language in TEXTS:
        for name, text in pages(rules, language=language).items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        ran = subprocess.run(
            [promtool, "check", "rules", "--lint=all", "--lint-fatal", *(str(tmp_path / name) for name in FILES)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_set_of_ones_own_watches_the_daemon_too() -> None:
    """It has the daemon's alerts, and none of them fires when the daemon is gone."""
    [alert] = [alert for alert in alerts_of(RuleSet(service="shop.v2")) if alert.name == "SaasobsTargetDown"]
    assert alert.expr == r'up{service=~"shop\\.v2|saasobs"} == 0'


def test_every_alert_has_words_in_every_language() -> None:
    """And no words are left of one that is gone."""
    for language, texts in TEXTS.items():
        assert texts.keys() == {alert.name for alert in ALERTS}, language


@pytest.mark.parametrize("language", list(TEXTS))
@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_a_summary_fits_one_text_message(alert: Alert, language: str) -> None:
    """One line in the GSM-7 alphabet, with room for what its templates are filled with."""
    summary = TEXTS[language][alert.name].summary
    filled = re.sub(r"\{\{.*?\}\}", "x" * 12, summary)
    assert "\n" not in filled
    assert not filled.endswith(".")
    assert gsm7.septets(gsm7.fold(filled)) <= gsm7.SEGMENT - 40
    if language == "en":
        assert gsm7.fold(filled) == filled


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_templates_name_labels_that_the_alert_has(alert: Alert) -> None:
    """A label in a text stands in its expression, in a `by` or a matcher of what it is made of."""
    made = {rule.name: rule.expr for group in recording_groups(RuleSet()) for rule in group.rules}
    whole = alert.expr + " ".join(expr for name, expr in made.items() if name in alert.expr)
    said = " ".join(text for texts in TEXTS.values() for text in texts[alert.name])
    bare = not re.search(r"\bby \(", whole)  # nothing is summed up: every label of the series is there
    for label in {*re.findall(r"\$labels\.(\w+)", said), *alert.variables.values()}:
        assert bare or re.search(rf"by \([^)]*\b{label}\b", whole), label


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_has_a_runbook(alert: Alert) -> None:
    """With what it means, the first five minutes, queries, and who."""
    text = (ROOT / "docs/runbooks" / f"{alert.name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {alert.name}\n")
    assert [line for line in text.splitlines() if line.startswith("## ")] == list(SECTIONS)


def test_no_runbook_is_left_over() -> None:
    """Of an alert that is gone."""
    assert {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")} == {alert.name for alert in ALERTS}


WORDS = {"histogram_quantile", "group_left", "min_over_time", "last_over_time"}
"""Prometheus' own."""


def test_every_series_is_exported() -> None:
    """Each metric in a rule is one of ours, worked out ahead, or known to be another's."""
    ours = {f"{family.name}{'_total' if family.type == 'counter' else ''}" for family in families()}
    ours |= {value for value in vars(names).values() if isinstance(value, str)}
    ahead = {rule.name for group in recording_groups(RuleSet()) for rule in group.rules}
    for text in pages(RuleSet()).values():
        for expr in re.findall(r"expr: (?:\|-?\n)?(.*?)(?=\n    (?:for|labels|keep)|\n  - |\Z)", text, re.DOTALL):
            bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)', " ", expr)
            for name in re.findall(r"[a-z][a-z0-9_]*[:_][a-z0-9_:]+", bare):
                stem = re.sub(r"_(bucket|count|sum)$", "", name)
                known = {name, stem, name.removesuffix("_total")} & (ours | ahead | FOREIGN)
                assert known or name in WORDS, name


def test_figures_are_the_engines() -> None:
    """An alert about 2 s, 20 queries, 14 or 3 days asks about what the engine means by it."""
    assert thresholds.MAX_QUERIES is engine.MAX_QUERIES
    assert engine.SLOW_SECONDS in names.BUCKETS
    assert float(engine.MAX_QUERIES) in names.QUERY_COUNTS
    assert thresholds.QUEUE_WAIT_SECONDS in names.TASK_BUCKETS
    text = pages(RuleSet())["alerts.yml"]
    assert f"< {engine.CERTIFICATE_DAYS} and" in text
    assert f'le="{float(engine.MAX_QUERIES)}"' in text


def test_only_what_users_feel_calls_people_or_what_makes_us_blind() -> None:
    """Whatever else is critical has a reason in its runbook."""
    critical = {alert.name for alert in ALERTS if alert.severity is Severity.CRITICAL}
    assert len(critical) <= len(ALERTS) / 2


def test_what_is_counted_in_the_docs_is_right() -> None:
    """README and CHANGELOG say how many there are."""
    ahead = sum(len(group.rules) for group in recording_groups(RuleSet()))
    assert f"{len(ALERTS)} alerts for Prometheus" in (ROOT / "README.md").read_text(encoding="utf-8")
    counted = f"{ahead} recording rules and {len(ALERTS)} alerts"
    assert counted in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
