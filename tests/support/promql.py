"""Reads expressions of PromQL: which series they ask for, by which labels. With promql-parser, as Prometheus would."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser

ROOT = Path(__file__).parents[2]
_DURATIONS = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "6h"}
_CHILDREN = ("expr", "lhs", "rhs", "param", "vector_selector")


@dataclass(frozen=True)
class Selector:
    """One selector of an expression."""

    metric: str
    matchers: dict[str, str]
    grouped: frozenset[str]
    """Labels that aggregations around it keep; empty if there are none."""
    text: str
    """Itself, as it may be asked for."""


def filled(text: str) -> str:
    """With Grafana's own variables in place, as Grafana does it; the dashboard's stand in strings, where they may."""
    text = text.replace("$__range_s", "21600").replace("$slo", "99.9")
    for name, value in _DURATIONS.items():
        text = text.replace(name, value)
    return text


def parsed(text: str) -> Any:
    """:raises ValueError: it is no PromQL, or a function is given what it cannot take."""
    return promql_parser.parse(filled(text))


def selectors(text: str) -> list[Selector]:
    """All of them."""
    return list(_selectors(parsed(text), frozenset()))


def labels_kept(text: str) -> set[str]:
    """Every label that an aggregation or a matching of vectors names."""
    found: set[str] = set()
    for words in re.findall(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)", text):
        found |= {word.strip() for word in words.split(",") if word.strip()}
    return found


def _selectors(node: Any, grouped: frozenset[str]) -> Iterator[Selector]:
    kind = type(node).__name__
    if kind == "VectorSelector":
        matchers = {one.name: one.value for one in node.matchers.matchers}
        bare = re.sub(r" offset \S+| @ \S+", "", node.prettify())
        yield Selector(node.name or matchers.pop("__name__", ""), matchers, grouped, bare)
        return
    if kind == "AggregateExpr" and node.modifier is not None:
        grouped = grouped | frozenset(node.modifier.labels)
    children = [getattr(node, name, None) for name in _CHILDREN] + list(getattr(node, "args", None) or [])
    for child in children:
        if child is not None and not isinstance(child, str | float | int):
            yield from _selectors(child, grouped)


def _documented() -> Iterator[tuple[str, str]]:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in re.findall(r"```promql\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for query in _queries(block):
                yield f"{page.name}: {query[:40]}", query


def _queries(block: str) -> list[str]:
    """One to a line, or one on several."""
    try:
        parsed(block)
    except ValueError:
        return [line for line in block.splitlines() if line and not line.startswith("#")]
    return [block]


DOCUMENTED = list(_documented())
"""Every query in the docs, with where it stands."""
