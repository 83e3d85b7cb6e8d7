"""config/grafana: what Grafana reads at its start. Its schema is in no package: what is used here is spelled out."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
import yaml

from dashboards.generate import variables as shown
from saasobs.grafana.shipped import NAMES, dashboards
from saasobs.instrument import names
from support.boards import ROOT
from support.promql import selectors

FOLDER = ROOT / "config/grafana/provisioning"
UID = {"type": "string", "pattern": "^saasobs-[a-z]+$"}
SHIFT = {"type": "string", "pattern": r"^-?\d+[smh]$"}


def _closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


TEXT, YES = {"type": "string", "minLength": 1}, {"type": "boolean"}
SOURCE = _closed(
    {
        "name": TEXT, "uid": UID, "type": {"enum": ["prometheus", "loki", "tempo"]}, "access": {"const": "proxy"},
        "url": {"type": "string", "pattern": r"^\$[A-Z]+_URL$"}, "editable": {"const": False},
        "jsonData": _closed({}, {
            "httpMethod": {"enum": ["GET", "POST"]}, "timeInterval": SHIFT, "prometheusType": TEXT,
            "exemplarTraceIdDestinations": {"type": "array", "items": _closed({"name": TEXT, "datasourceUid": UID})},
            "derivedFields": {"type": "array", "items": _closed(
                {"name": TEXT, "matcherRegex": TEXT, "datasourceUid": UID, "url": TEXT})},
            "tracesToLogsV2": _closed({"datasourceUid": UID}, {
                "spanStartTimeShift": SHIFT, "spanEndTimeShift": SHIFT, "filterByTraceID": YES, "customQuery": YES,
                "query": TEXT}),
            "tracesToMetrics": _closed({"datasourceUid": UID}, {
                "spanStartTimeShift": SHIFT, "spanEndTimeShift": SHIFT,
                "tags": {"type": "array", "items": _closed({"key": TEXT, "value": TEXT})},
                "queries": {"type": "array", "items": _closed({"name": TEXT, "query": TEXT})}}),
        }),
    },
    {"isDefault": YES},
)  # fmt: skip
SOURCES = _closed({"apiVersion": {"const": 1}, "datasources": {"type": "array", "items": SOURCE}})
PROVIDER = _closed(
    {
        "name": TEXT, "folder": TEXT, "folderUid": TEXT, "type": {"const": "file"}, "disableDeletion": YES,
        "allowUiUpdates": {"const": False}, "updateIntervalSeconds": {"type": "integer", "minimum": 10},
        "options": _closed({"path": TEXT, "foldersFromFilesStructure": YES}),
    }
)  # fmt: skip
PROVIDERS = _closed({"apiVersion": {"const": 1}, "providers": {"type": "array", "items": PROVIDER}})


def _read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "schema"), [("datasources/saasobs.yaml", SOURCES), ("dashboards/saasobs.yaml", PROVIDERS)]
)
def test_nothing_is_misspelt(name: str, schema: dict[str, Any]) -> None:
    """Grafana ignores keys that it does not know."""
    jsonschema.Draft202012Validator(schema).validate(_read(name))


def test_data_sources_know_each_other() -> None:
    """And the dashboards know them: by the uids that they were made with."""
    sources = {one["uid"]: one["type"] for one in _read("datasources/saasobs.yaml")["datasources"]}
    assert sources == {"saasobs-prometheus": "prometheus", "saasobs-loki": "loki", "saasobs-tempo": "tempo"}
    text = (FOLDER / "datasources/saasobs.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"datasourceUid: (\S+)", text)) <= sources.keys()
    assert sources[shown.LOKI] == "loki"
    for dashboard in dashboards(NAMES):
        [chosen] = [one for one in dashboard["templating"]["list"] if one["type"] == "datasource"]
        assert sources[chosen["current"]["value"]] == chosen["query"]


def test_the_interval_is_that_of_the_scrape() -> None:
    """`$__rate_interval` is made of it: with another one, charts have holes."""
    scraped = yaml.safe_load((ROOT / "config/prometheus.yml").read_text(encoding="utf-8"))["global"]["scrape_interval"]
    assert _read("datasources/saasobs.yaml")["datasources"][0]["jsonData"]["timeInterval"] == scraped


def test_fields_are_those_of_our_lines() -> None:
    """What a line of ours looks like leads to its trace and to its whole operation."""
    line = '{"event": "http.request", "correlation_id": "7f3a91c2", "trace_id": "c2d3d0e6a1b2c3d4e5f60718293a4b5c"}'
    compact = line.replace(": ", ":")
    found = []
    for one in _read("datasources/saasobs.yaml")["datasources"][1]["jsonData"]["derivedFields"]:
        matched = [re.search(one["matcherRegex"], text) for text in (line, compact)]
        assert all(matched), one["name"]
        found.append(matched[0][1])  # type: ignore[index]
        assert "$$" in one["url"], "a single $ would be taken for a variable of the environment"
    assert found == ["c2d3d0e6a1b2c3d4e5f60718293a4b5c", "7f3a91c2"]
    assert {"trace_id", "correlation_id"} <= names.FIELDS.keys()


def test_queries_are_promql() -> None:
    """The one behind a span."""
    for query in _read("datasources/saasobs.yaml")["datasources"][2]["jsonData"]["tracesToMetrics"]["queries"]:
        filled = query["query"].replace("$$__tags", 'service="shop"')
        assert selectors(filled)[0].metric == "http_server_request_duration_seconds_bucket"


def test_no_secrets() -> None:
    """Not in these files."""
    for file in FOLDER.rglob("*.yaml"):
        assert not re.search(r"(?i)password|secret|token|glsa_", file.read_text(encoding="utf-8"))
