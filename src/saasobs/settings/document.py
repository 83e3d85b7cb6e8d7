"""Writes docs/configuration.md and config/saasobs.schema.json from the models: ``python -m saasobs.settings.document``.

A test holds both files against what this makes, so that documentation and code cannot part. The kinds of monitors have
a page of their own (`monitors_page`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from saasobs.alerting.channels import CHANNELS
from saasobs.options import ChannelOptions
from saasobs.probes import KINDS
from saasobs.settings.alerts import SourceOptions, WatchdogOptions
from saasobs.settings.keys import codes, section
from saasobs.settings.model import Common, Defaults, Root
from saasobs.settings.policies import PolicyOptions, StepOptions
from saasobs.settings.schema import Schema, keys_of, schema

DOCUMENT: Final = Path("docs/configuration.md")
SCHEMA: Final = Path("config/saasobs.schema.json")

_OWN_KEYS: Final = "the keys of each, with an example, are in [the monitors](monitors.md)."
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
        section("The file", keys_of(Root)),
        section("`defaults`", keys_of(Defaults)),
        section("`channels`", keys_of(ChannelOptions), f"`kind` is one of {codes(CHANNELS)}. Every kind has:"),
        *(_channel(name, kind.options) for name, kind in CHANNELS.items()),
        section("`policies`", keys_of(PolicyOptions), "A bare list of steps is shorthand for `{steps: […]}`."),
        section("A policy's steps", keys_of(StepOptions)),
        section("A source of alerts", keys_of(SourceOptions), "One entry of `alerts.sources`:"),
        section("`alerts.watchdog`", keys_of(WatchdogOptions)),
        section("`monitors`", keys_of(Common), f"`kind` is one of {codes(KINDS)}; {_OWN_KEYS} Every kind has:"),
    ]
    return "\n".join([_INTRODUCTION, *sections])


def main() -> None:
    """Write both files where they belong, below the working folder."""
    DOCUMENT.write_text(document(), encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")


def schema_text() -> str:
    """The JSON Schema as it is committed."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _channel(name: str, options: type[ChannelOptions]) -> str:
    """A kind of channel with the keys that are its own."""
    whole = keys_of(options)
    own = {key: value for key, value in whole["properties"].items() if key not in ChannelOptions.model_fields}
    chosen, _ = options.in_place_of
    return "\n".join(
        [
            section(f"Channel `{name}`", {**whole, "properties": own}),
            *(_in_place(name, chosen, keys_of(group)) for group in options.in_place),
        ]
    )


def _in_place(name: str, chosen: str, group: Schema) -> str:
    """A group of keys that may stand beside the channel's own."""
    return section(f"Channel `{name}`, `{chosen}: {group['properties'][chosen]['const']}`", group)


if __name__ == "__main__":
    main()
