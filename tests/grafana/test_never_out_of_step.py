"""Each metric and label that dashboards, rules and docs name is exported; each exported one is shown somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dashboards.generate.exploration import EXPLORATION
from support.boards import EXPRESSIONS, FILES, ROOT, board
from support.exported import EXPORTED, FOREIGN, SCRAPE, SERIES
from support.promql import DOCUMENTED, labels_kept, selectors


def _rules() -> Iterator[tuple[str, str]]:
    for file in ("recording.yml", "alerts.yml"):
        for group in yaml.safe_load((ROOT / "alerts" / file).read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                yield f"{file}: {rule.get('alert') or rule['record']}", rule["expr"]


NAMED = [*EXPRESSIONS, *_rules(), *DOCUMENTED]


@pytest.mark.parametrize(("place", "expr"), NAMED, ids=[place for place, _ in NAMED])
def test_every_metric_and_label_is_exported(place: str, expr: str) -> None:
    """Under this name and with these labels, by the app, the daemon, a rule, Prometheus or an exporter of Debian's."""
    labels: set[str] = set(SCRAPE)
    for one in selectors(expr):
        assert one.metric in SERIES, one.metric
        labels |= SERIES[one.metric]
        unknown = one.matchers.keys() - SERIES[one.metric] - SCRAPE
        assert not unknown, f"{one.metric} has no label {unknown}"
    assert labels_kept(expr) <= labels


@pytest.mark.parametrize("name", FILES)
def test_variables_ask_for_labels_that_are_exported(name: str) -> None:
    """`label_values(metric, label)`."""
    for one in board(name)["templating"]["list"]:
        if one["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", one["definition"]).groups()  # type: ignore[union-attr]
            assert label in SERIES[selectors(metric)[0].metric] | SCRAPE


def test_edges_are_there() -> None:
    """A `le` in an expression is an edge that the histogram really has."""
    from saasobs.daemon import telemetry
    from saasobs.instrument import names

    edges = {float(edge) for kind in (names, telemetry) for value in vars(kind).values()
             if isinstance(value, tuple) for edge in value if isinstance(edge, int | float)}  # fmt: skip
    asked = {one.matchers["le"] for _, expr in NAMED for one in selectors(expr) if "le" in one.matchers}
    assert asked
    assert {float(edge) for edge in asked} <= edges
    assert all("." in edge for edge in asked), "prometheus-client writes 2.0"


def test_every_exported_metric_is_shown_or_for_exploration() -> None:
    """And nothing is called for exploration that is shown, or gone."""
    used = {one.metric for _, expr in [*EXPRESSIONS, *_rules()] for one in selectors(expr)}
    shown = {name for name in EXPORTED if {name, f"{name}_bucket", f"{name}_count", f"{name}_sum"} & used}
    assert EXPORTED.keys() - shown == EXPLORATION.keys()


def test_foreign_ones_are_used() -> None:
    """The list of what others export has nothing left over."""
    assert FOREIGN.keys() <= {one.metric for _, expr in NAMED for one in selectors(expr)}


def test_docs_name_no_metric_that_is_gone() -> None:
    """In prose too: `saasobs_…`, `http_server_…` and the like, within backticks."""
    prefixes = r"(?:saasobs|http_server|http_client|db_client|db_queries|task|cache|probe)_"
    known = set(SERIES) | set(EXPORTED) | set().union(*SERIES.values())
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for word in re.findall(rf"`({prefixes}\w+)[`{{]", page.read_text(encoding="utf-8")):
            assert word in known or _other(word, page), f"{page.name}: {word}"


def _other(word: str, page: Path) -> bool:
    """What is named like a metric and is none."""
    return word in {"task_id", "probe_source", "saasobs_incident"} or word.endswith("_")
