"""What no rule may do, whatever it asks about: the checks of Cloudflare's pint that need no server, by its names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from saasobs.rules.document import alerts_of, text_of
from saasobs.rules.model import Alert, Group, RuleSet
from saasobs.rules.recording import BY_ROUTE, BY_SERVICE, recording_groups
from support.promql import ROOT, labels_kept, parsed

SETS = (RuleSet(), RuleSet(service="checkout", critical=("/pay", "/a/{id}"), slo=99.5))
ALERTS = [alert for rules in SETS for alert in alerts_of(rules)]
AHEAD = [rule for rules in SETS for group in recording_groups(rules) for rule in group.rules]
EVERY = [(one.name, one.expr) for one in (*ALERTS, *AHEAD)]
NAMES = [name for name, _ in EVERY]
LOOKBACK = 300
"""Seconds after which Prometheus takes a series for gone (`--query.lookback-delta`)."""
COMPARISONS = {"==", "!=", ">", "<", ">=", "<="}
LEVELS = {"service": labels_kept(BY_SERVICE), "route": labels_kept(BY_ROUTE)}
"""What the first word of a recorded series' name says about its labels."""
ALWAYS = {"Watchdog"}


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([smhdw])", text).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}[unit]


SCRAPE = max(
    seconds(yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8"))["global"]["scrape_interval"])
    for name in ("prometheus.yml", "prometheus-alertmanager.yml")
)


def nodes(node: Any) -> Iterator[Any]:
    """All of an expression."""
    yield node
    children = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "param", "vector_selector")]
    for child in [*children, *(getattr(node, "args", None) or [])]:
        if child is not None and not isinstance(child, str | float | int):
            yield from nodes(child)


def bare(node: Any) -> Any:
    """Without parentheses."""
    return bare(node.expr) if type(node).__name__ == "ParenExpr" else node


def conditional(node: Any) -> bool:
    """Whether it gives nothing while all is well."""
    node = bare(node)
    if type(node).__name__ == "Call":
        return str(node.func.name) == "absent"
    if type(node).__name__ != "BinaryExpr":
        return False
    operator = str(node.op)
    if operator in COMPARISONS:
        return not (node.modifier and node.modifier.return_bool)
    if operator == "or":
        return conditional(node.lhs) and conditional(node.rhs)
    return operator == "unless" or (operator == "and" and (conditional(node.lhs) or conditional(node.rhs)))


def labels(node: Any) -> set[str] | None:
    """Those of its series, so far as the expression itself says; None: it does not, or is a number."""
    node = bare(node)
    kind = type(node).__name__
    if kind == "AggregateExpr":
        return set(node.modifier.labels) if node.modifier else set()
    if kind == "VectorSelector" and ":" in (node.name or ""):
        return LEVELS[node.name.partition(":")[0]]
    if kind == "BinaryExpr":
        left = labels(node.lhs)
        return left if left is not None else labels(node.rhs)
    return None


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_compares(alert: Alert) -> None:
    """alerts/comparison: one without a condition fires for ever."""
    assert conditional(parsed(alert.expr)) != (alert.name in ALWAYS)


@pytest.mark.parametrize("rules", SETS, ids=["everybody", "checkout"])
def test_labels_of_an_alert_stay_the_same(rules: RuleSet) -> None:
    """alerts/template: with `$value` in a label each evaluation would be a new alert."""
    body = yaml.safe_load(text_of((Group("all", alerts_of(rules)),), rules))
    for rule in body["groups"][0]["rules"]:
        assert rule["labels"].keys() == {"severity"}
        assert "{{" not in rule["labels"]["severity"]


@pytest.mark.parametrize(("name", "expr"), EVERY, ids=NAMES)
def test_ranges_hold_enough_samples(name: str, expr: str) -> None:
    """promql/rate: four scrapes at least, so that a lost one does not leave a rate without its two samples."""
    for node in nodes(parsed(expr)):
        if type(node).__name__ == "MatrixSelector":
            assert node.range >= timedelta(seconds=4 * SCRAPE), node.prettify()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_absence_must_last(alert: Alert) -> None:
    """alerts/absent: a restart of Prometheus is no outage."""
    if re.search(r"\babsent(_over_time)?\(", alert.expr):
        assert seconds(alert.for_) >= 2 * SCRAPE


@pytest.mark.parametrize(("name", "expr"), EVERY, ids=NAMES)
def test_series_do_not_change_places(name: str, expr: str) -> None:
    """promql/fragile: with `topk` an alert about one series ends when another is worse."""
    operators = {str(node.op) for node in nodes(parsed(expr)) if type(node).__name__ == "AggregateExpr"}
    assert not operators & {"topk", "bottomk"}


@pytest.mark.parametrize(("name", "expr"), EVERY, ids=NAMES)
def test_both_sides_have_the_same_labels(name: str, expr: str) -> None:
    """promql/vector_matching: or the two never meet, and the alert never fires."""
    for node in nodes(parsed(expr)):
        if type(node).__name__ == "BinaryExpr" and not (node.modifier and node.modifier.matching):
            left, right = labels(node.lhs), labels(node.rhs)
            assert left is None or right is None or left == right, node.prettify()


@pytest.mark.parametrize("rules", SETS, ids=["everybody", "checkout"])
def test_nothing_is_there_twice(rules: RuleSet) -> None:
    """rule/duplicate: neither a name, nor an expression under two names."""
    every = [*alerts_of(rules), *(rule for group in recording_groups(rules) for rule in group.rules)]
    for key in ([one.name for one in every], [one.expr for one in every]):
        assert [one for one, times in Counter(key).items() if times > 1] == []


def test_what_is_worked_out_ahead_does_not_go_stale() -> None:
    """Twice within the lookback: at five minutes, alerts lose it while the next value is being worked out."""
    for group in recording_groups(RuleSet()):
        assert not group.interval or 2 * seconds(group.interval) < LOOKBACK, group.name


def _commands() -> Iterator[tuple[Path, str]]:
    for page in sorted((ROOT / "docs/runbooks").glob("*.md")):
        for words in re.findall(r"`saasobs ([a-z][^`]*)`", page.read_text(encoding="utf-8")):
            yield page, words


@pytest.mark.parametrize(("page", "words"), [*_commands()], ids=lambda one: one.stem if isinstance(one, Path) else one)
def test_commands_of_a_runbook_exist(page: Path, words: str) -> None:
    """With these arguments, as the command line itself reads them."""
    from saasobs.cli.main import parser

    assert parser().parse_args(words.split()).run
