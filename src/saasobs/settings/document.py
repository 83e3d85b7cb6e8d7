"""Writes docs/configuration.md and config/saasobs.schema.json from the models: ``python -m saasobs.settings.document``.

A test holds both files against what this makes, so that documentation and code cannot part.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from saasobs.alerting.channels import CHANNELS
from saasobs.options import ChannelOptions, KindOptions
from saasobs.probes import KINDS
from saasobs.settings.model import Common, Defaults, PolicyOptions, Root, StepOptions
from saasobs.settings.schema import DURATION_PATTERN, Schema, keys_of, schema

DOCUMENT: Final = Path("docs/configuration.md")
SCHEMA: Final = Path("config/saasobs.schema.json")

_WORDS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "null": "`null`",
}
_APART: Final = ("defaults",)
_INTRODUCTION: Final = """\
# Configuration

<!-- Made from the models by `python -m saasobs.settings.document`: edit the docstrings there, not this file. -->

`saasobs serve --config saasobs.yaml` reads one YAML file, or every `*.yaml` and `*.yml` of a folder in the order of
their names. Of several files the lists of `monitors` are joined and the mappings (`channels`, `policies`, `defaults` …)
merged; a key or name that is there twice is a fault. `saasobs validate` reports every fault at once, each with file,
line and path; `saasobs schema` prints a JSON Schema with which editors complete. `config/saasobs.yaml` is a tour.

- **Strict.** An unknown key is a fault, never ignored. A file without `monitors` is one too, so that half a file never
  stops the watching; an empty list says that there is nothing to watch.
- **Variables.** `${NAME}` and `${NAME:-default}` in any value (not in a key) come from the environment; a variable that
  is not set and has no default is a fault, and `$${` writes a plain `${`. Values are filled in after the YAML is
  parsed, so a variable cannot bring in YAML. What came from the environment is shown by no command, log or page.
- **Plain YAML 1.2.** Only `true` and `false` are switches, `no`, `on` and `12:30` are texts. Anchors, aliases and merge
  keys work within bounds; tags are refused.
- **Durations** have a unit: `250ms`, `30s`, `5m`, `1h30m`, `7d`.
- **Relative paths** count from the folder in which the daemon is started.
- **Precedence.** What a monitor says itself, then what its kind presets, then `defaults`.
- **With nothing configured** there is one channel, `console`, and one policy, `default`, which tells every channel that
  is nobody's fallback at once. As soon as there are policies, each monitor needs one: its own `policy`, or
  `defaults.policy`, or one that is named `default`.
"""


def document() -> str:
    """The whole page, in Markdown."""
    sections = [
        _section("The file", keys_of(Root)),
        _section("`defaults`", keys_of(Defaults)),
        _section("`channels`", keys_of(ChannelOptions), f"`kind` is one of {_codes(CHANNELS)}. Every kind has:"),
        *(_kind(f"Channel `{name}`", kind.options, ChannelOptions) for name, kind in CHANNELS.items()),
        _section("`policies`", keys_of(PolicyOptions), "A bare list of steps is shorthand for `{steps: […]}`."),
        _section("A policy's steps", keys_of(StepOptions)),
        _section("`monitors`", keys_of(Common), f"`kind` is one of {_codes(KINDS)}. Every kind has:"),
        *(_kind(f"Monitor `{name}`", kind.options, KindOptions) for name, kind in KINDS.items()),
    ]
    return "\n".join([_INTRODUCTION, *sections])


def main() -> None:
    """Write both files where they belong, below the working folder."""
    DOCUMENT.write_text(document(), encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")


def schema_text() -> str:
    """The JSON Schema as it is committed."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _kind(title: str, options: type[BaseModel], base: type[BaseModel]) -> str:
    """A kind with the keys that are its own."""
    own = keys_of(options)
    shared = base.model_fields.keys()
    return _section(title, {**own, "properties": {k: v for k, v in own["properties"].items() if k not in shared}})


def _section(title: str, group: Schema, also: str = "") -> str:
    rows = list(_rows(group, ""))
    table = (
        ["| key | value | default | what it says |", "|---|---|---|---|", *rows] if rows else ["No keys of its own."]
    )
    words = [word for word in (_line(group.get("description", "")), also) if word]
    return "\n".join([f"## {title}", "", *(f"{word}\n" for word in words), *table, ""])


def _rows(group: Schema, prefix: str) -> Iterator[str]:
    for name, key in group["properties"].items():
        required = name in group.get("required", ())
        default = "**required**" if required else _default(key)
        cells = (f"`{prefix}{name}`", _value(key), default, _line(key.get("description", "")))
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
        if "properties" in key and name not in _APART:
            yield from _rows(key, f"{prefix}{name}.")


def _default(key: Schema) -> str:
    default = key.get("default")
    if default in (None, "", [], {}):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _value(key: Schema) -> str:
    """What may stand there, in words."""
    if "anyOf" in key:
        return " or ".join(dict.fromkeys(_value(branch) for branch in key["anyOf"]))
    if "enum" in key or "const" in key:
        return _codes(key.get("enum") or [key["const"]])
    if "properties" in key:
        return "a group of keys"
    kind = key.get("type", "")
    if kind == "array":
        return f"a list: {_value(key['items'])}" if key.get("items") else "a list"
    if kind == "object":
        inner = key.get("additionalProperties")
        return f"a mapping: {_value(inner)}" if isinstance(inner, dict) and inner else "a mapping"
    return _scalar(key, kind)


def _scalar(key: Schema, kind: str | list[str]) -> str:
    if key.get("pattern") == DURATION_PATTERN:
        return "duration"
    if key.get("pattern", "").startswith("^https?://"):
        return "URL"
    if key.get("writeOnly"):
        return "secret text"
    if key.get("format") == "regex":
        return "regular expression"
    if isinstance(kind, list):
        return " or ".join(_WORDS.get(each, each) for each in kind)
    low, high = key.get("minimum"), key.get("maximum")
    bounds = f" from {low} to {high}" if low is not None and high is not None else ""
    return f"{_WORDS.get(kind, 'anything')}{bounds}"


def _codes(names: Iterable[object]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


if __name__ == "__main__":
    main()
