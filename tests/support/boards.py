"""The committed dashboards, as tests read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dashboards"
FILES = ("overview", "service", "route", "slo", "tenants", "data", "uptime")

Json = dict[str, Any]


def board(name: str) -> Json:
    """One, by its file's name."""
    found: Json = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def panels(name: str) -> list[Json]:
    """Without the titles of rows."""
    return [panel for panel in board(name)["panels"] if panel["type"] != "row"]


def variables(name: str) -> list[Json]:
    """In their order."""
    found: list[Json] = board(name)["templating"]["list"]
    return found


def targets(name: str) -> Iterator[tuple[Json, Json]]:
    """Each with its panel."""
    for panel in panels(name):
        for target in panel["targets"]:
            yield panel, target


def expressions(name: str) -> Iterator[tuple[str, str]]:
    """Every one with where it stands: of panels, annotations and variables."""
    for panel, target in targets(name):
        yield f"{name}: {panel['title']} {target['refId']}", target["expr"]
    for mark in board(name)["annotations"]["list"]:
        yield f"{name}: annotation {mark['name']}", mark["expr"]
    for variable in variables(name):
        if variable["type"] == "query":
            asked = variable["definition"].removeprefix("label_values(").rpartition(",")[0]
            yield f"{name}: variable {variable['name']}", asked


EXPRESSIONS = [(place, expr) for name in FILES for place, expr in expressions(name)]
