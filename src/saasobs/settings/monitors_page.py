"""Writes docs/monitors.md from the kinds' types: ``python -m saasobs.settings.monitors_page``.

For every kind: what it does, its example (a test runs each), its keys group by group, and what it reports. A test holds
the file against what this makes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from saasobs.core.values import format_duration
from saasobs.options import KindOptions
from saasobs.probes import KINDS, Kind
from saasobs.settings.keys import groups, line, table
from saasobs.settings.schema import Schema, keys_of

DOCUMENT: Final = Path("docs/monitors.md")

_INTRODUCTION: Final = """\
# Monitors

<!-- Made from the types by `python -m saasobs.settings.monitors_page`: edit the docstrings there, not this file. -->

What can be watched, kind by kind. Keys that every monitor has (`interval`, `timeout`, `fail_after`, `policy` …) are in
[the configuration](configuration.md#monitors). Try one out with `saasobs check NAME`: it shows what one check sees.

- **Up, degraded, down.** Every expectation is judged; one that was not met makes the target down, or degraded where it
  says so. The message names the first, with what was expected and what was seen.
- **Unknown** is what says nothing about the target: this daemon could not make the check, or could not judge it.
- **Phases** are where the time of a check went; their sum is its duration. **Observations** are facts beside the
  verdict: on the monitor's page, in the API, in `saasobs check`.
"""


def document() -> str:
    """The whole page, in Markdown."""
    summaries = (f"| [`{name}`](#{name}) | {kind.summary} |" for name, kind in KINDS.items())
    index = "\n".join(["| kind | what it does |", "|---|---|", *summaries])
    told: dict[str, str] = {}
    return "\n".join([_INTRODUCTION, index, "", *("\n".join(_kind(kind, told)) for kind in KINDS.values())])


def main() -> None:
    """Write the file where it belongs, below the working folder."""
    DOCUMENT.write_text(document(), encoding="utf-8")


def own_keys(options: type[KindOptions]) -> dict[str, Schema]:
    """The keys of a kind, those that it shares with other kinds last."""
    properties: dict[str, Schema] = keys_of(options)["properties"]
    fields = [
        options.model_fields[name].alias or name
        for base in options.__mro__
        for name in inspect.get_annotations(base)
        if name in options.model_fields
    ]
    return {name: properties[name] for name in dict.fromkeys(fields)}


def _kind(kind: Kind, told: dict[str, str]) -> Iterator[str]:
    """:param told: the groups that the page has described already: their keys, and the heading they stand under."""
    options = kind.options
    whole, own = keys_of(options), own_keys(options)
    yield from (f"## {kind.name}", "")
    yield from (line(whole.get("description", "")), "")
    yield from ("```yaml", "monitors:", *_indented(options.example), "```", "")
    if own:
        yield from (table(own, whole.get("required", ())), "")
    for path, group in groups(own):
        yield from _group(f"`{path}` of {kind.name}", group, told)
    yield from _presets(options.thresholds)
    yield from _reported("Phases", options.phases)
    yield from _reported("Observations", options.observations)


def _group(title: str, group: Schema, told: dict[str, str]) -> Iterator[str]:
    """A group of keys; one that stands on the page already is only pointed at."""
    keys = table(group["properties"], group.get("required", ()))
    if keys not in told:
        told[keys] = title
        yield from (f"### {title}", "", line(group.get("description", "")), "", keys, "")
    elif "." not in title:
        yield from (f"### {title}", "", f"The keys are those of [{told[keys]}](#{anchor(told[keys])}).", "")


def anchor(heading: str) -> str:
    """Where a heading is linked to, as GitHub does."""
    kept = (letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return "".join(kept).replace(" ", "-")


def _indented(example: str) -> list[str]:
    """A mapping as the item of a list."""
    return [f"  {'  ' if number else '- '}{text}" for number, text in enumerate(example.strip().splitlines())]


def _presets(thresholds: Mapping[str, Any]) -> Iterator[str]:
    shown = [
        f"`{key}: {format_duration(value) if key == 'retry_interval' else value}`" for key, value in thresholds.items()
    ]
    if shown:
        yield from (f"Unless the monitor says otherwise: {', '.join(shown)}.", "")


def _reported(title: str, reported: Mapping[str, str]) -> Iterator[str]:
    if reported:
        yield from (f"{title}:", "", *(f"- `{name}`: {line(meaning)}" for name, meaning in reported.items()), "")


if __name__ == "__main__":
    main()
