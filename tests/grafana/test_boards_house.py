"""What every dashboard has. The rules are those of Grafana's dashboard-linter, and more: it is written in Go."""

from __future__ import annotations

import itertools
import re
from urllib.parse import unquote

import pytest

from dashboards.generate.__main__ import main
from dashboards.generate.boards import PAGES
from saasobs.rules.document import alerts_of
from saasobs.rules.model import Board, RuleSet
from support.boards import EXPRESSIONS, FILES, ROOT, Json, board, panels, targets, variables
from support.promql import parsed, selectors

PANELS = [(name, panel) for name in FILES for panel in panels(name)]
TARGETS = [(name, panel, target) for name in FILES for panel, target in targets(name)]
PANEL_IDS = [f"{name}: {panel['title']}" for name, panel in PANELS]
TARGET_IDS = [f"{name}: {panel['title']} {target['refId']}" for name, panel, target in TARGETS]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {"bytes", "none", "ops", "percentunit", "reqps", "s", "short", "suffix: days"}
"""Of the 273 that Grafana has, those in use; and one of our own, since its days turn into weeks."""
SINGLE = {"slo", "correlation_id", "sentry", "loki"}
"""Variables that are no query."""
BY_ANYBODY = {("Sent and not begun, an hour", "task_queue_wait_seconds_count")}
"""What another service than the chosen one may do."""
FREE = re.compile(r"^(ALERTS|up)$|:")


def test_what_is_committed_is_what_the_code_makes(capsys: pytest.CaptureFixture[str]) -> None:
    """dashboards/*.json: run `python -m dashboards.generate`."""
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_there_are_seven() -> None:
    """One for each question, under the uid that the alerts link to."""
    assert {page.file for page in PAGES} == {f"{name}.json" for name in FILES}
    assert {board(name)["uid"] for name in FILES} == set(Board)
    assert {path.stem for path in (ROOT / "dashboards").glob("*.json")} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_the_frame(name: str) -> None:
    """Not to be edited by hand, found by its tag, a crosshair shared, in a schema that Grafana 10 to 13 take."""
    page = board(name)
    assert page["editable"] is False
    assert page["schemaVersion"] >= 39
    assert page["tags"] == ["saasobs"]
    assert page["graphTooltip"] == 1
    assert page["refresh"] == "1m"
    assert page["title"].startswith("saasobs / ")
    assert page["description"].endswith((".", "?"))
    assert "id" not in page or page["id"] is None
    assert [mark["name"] for mark in page["annotations"]["list"]] == ["Deploys", "Incidents", "Firing alerts"]
    others = page["links"][0]
    assert (others["type"], others["tags"], others["keepTime"], others["includeVars"]) == (
        "dashboards", ["saasobs"], True, True,
    )  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_variables(name: str) -> None:
    """template-datasource, template-label-promql, template-on-time-change-reload; several values or all, `.+`."""
    found = variables(name)
    assert (found[0]["name"], found[0]["type"], found[0]["query"]) == ("datasource", "datasource", "prometheus")
    assert sum(one["type"] == "datasource" for one in found) == 1
    assert len({one["name"] for one in found}) == len(found)
    for one in found[1:]:
        if one["name"] in SINGLE:
            assert one["type"] in {"custom", "textbox"}
            continue
        assert (one["type"], one["datasource"], one["refresh"]) == ("query", SOURCE, 2), one["name"]
        assert (one["multi"], one["includeAll"], one["allValue"]) == (True, True, ".+"), one["name"]
        assert one["label"]
        assert re.fullmatch(r"label_values\(.+, \w+\)", one["definition"])
        assert one["query"]["query"] == one["definition"]


@pytest.mark.parametrize("name", FILES)
def test_variables_are_used(name: str) -> None:
    """And none is used that is not there."""
    page = board(name)
    text = str(page["panels"]) + str(page["annotations"]) + str(page["links"])
    inner = " ".join(str(one.get("definition", "")) for one in variables(name))
    used = set(re.findall(r"\$\{?([a-z]\w*)", unquote(text) + inner))
    there = {one["name"] for one in variables(name)}
    assert used <= there
    assert there - used <= {"sentry", "loki"}, "asked for, and nothing depends on it"


@pytest.mark.parametrize("name", FILES)
def test_the_grid(name: str) -> None:
    """Within 24 columns, nothing over something else, every id once."""
    everything = board(name)["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    places = [panel["gridPos"] for panel in everything]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        aside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert aside or above, (one, other)


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=PANEL_IDS)
def test_every_panel(name: str, panel: Json) -> None:
    """panel-datasource, panel-title-description, panel-units, panel-no-targets, and thresholds."""
    assert panel["datasource"] == SOURCE
    assert panel["title"]
    assert panel["description"].endswith((".", "?")), panel["description"]
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"] in UNITS
    assert defaults["thresholds"]["steps"][0]["value"] is None
    assert panel["targets"]
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)


def test_titles_are_told_apart() -> None:
    """Within a dashboard."""
    for name in FILES:
        titles = [panel["title"] for panel in panels(name)]
        assert len(set(titles)) == len(titles), name


@pytest.mark.parametrize(("place", "expr"), EXPRESSIONS, ids=[place for place, _ in EXPRESSIONS])
def test_expressions_are_promql(place: str, expr: str) -> None:
    """target-promql: functions get what they can take."""
    assert parsed(expr) is not None


@pytest.mark.parametrize(("name", "panel", "target"), TARGETS, ids=TARGET_IDS)
def test_every_target(name: str, panel: Json, target: Json) -> None:
    """target-job, target-instance (here: service and environment), target-rate-interval, and a legend."""
    assert target["datasource"] == SOURCE
    expr = target["expr"]
    for one in selectors(expr):
        if not FREE.search(one.metric):
            assert one.matchers.get("environment") == "$environment", one.metric
        if one.metric.startswith(("http_", "db_", "task", "cache_")) and (panel["title"], one.metric) not in BY_ANYBODY:
            assert one.matchers.get("service") == "$service", one.metric
    for window in re.findall(r"\brate\([^\[]*\[([^\]]+)\]", expr):
        assert window == "$__rate_interval"
    if panel["type"] == "timeseries" and " by (" in expr:
        assert target.get("legendFormat"), "what is what?"


@pytest.mark.parametrize(("name", "panel", "target"), TARGETS, ids=TARGET_IDS)
def test_counters_are_never_shown_as_they_are(name: str, panel: Json, target: Json) -> None:
    """target-counter-agg: each within rate() or increase(), so that a restart is no cliff; or what it was before."""
    bare = re.sub(r"\b(?:rate|increase|\w+_over_time)\([^()]*\)|\w+\{[^}]*\} offset \w+", "", target["expr"])
    assert not re.search(r"\w+_(?:total|bucket|count|sum)\b(?=\{)", re.sub(r"pg_\w+|\w+_activity_count", "", bare)
                         .replace("db_client_connection_count", "")), bare  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_legends_name_labels_that_are_there(name: str) -> None:
    """A label in a legend stands in a `by`, or nothing is summed up."""
    for panel, target in targets(name):
        kept = set().union(*(one.grouped for one in selectors(target["expr"])))
        for label in re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")):
            summed = all(one.grouped for one in selectors(target["expr"]))
            assert label in kept or label == "le" or not summed, (panel["title"], label)


@pytest.mark.parametrize("name", FILES)
def test_links_lead_somewhere(name: str) -> None:
    """To a dashboard that there is, with variables that it has, and with the time."""
    boards = {board(other)["uid"]: {one["name"] for one in variables(other)} for other in FILES}
    seen = 0
    for panel in panels(name):
        for link in panel["fieldConfig"]["defaults"].get("links", ()):
            seen += 1
            url = link["url"]
            if not url.startswith("/d/"):
                assert url.startswith(("/explore?schemaVersion=1&", "${sentry}/"))
                continue
            uid, _, query = url.removeprefix("/d/").partition("?")
            named = set(re.findall(r"var-(\w+)=", query)) | set(re.findall(r"\$\{(\w+):queryparam\}", query))
            assert named <= boards[uid]
            assert "${__url_time_range}" in query
            labels = set(re.findall(r"\$\{__field\.labels\.(\w+)\}", query))
            for label in labels:
                assert all(label in one.grouped for one in selectors(panel["targets"][0]["expr"]) if one.grouped), url
    assert seen or name in {"data", "uptime"}


@pytest.mark.parametrize("alert", alerts_of(RuleSet()), ids=lambda alert: alert.name)
def test_alerts_link_to_variables_that_the_dashboard_has(alert: object) -> None:
    """`dashboard_url` fills in nothing that the dashboard does not know."""
    names = {board(name)["uid"]: {one["name"] for one in variables(name)} for name in FILES}
    assert set(alert.variables) <= names[alert.board]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["service", "route"])
def test_latency_has_exemplars(name: str) -> None:
    """Of histograms themselves: what is worked out ahead has none."""
    found = [target["expr"] for _, target in targets(name) if target.get("exemplar")]
    assert found
    assert all("http_server_request_duration_seconds_bucket" in expr for expr in found)
