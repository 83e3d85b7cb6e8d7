"""pydantic's errors at the lines and paths of the file, whatever the types behind them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from saasobs.core.errors import ConfigurationError
from saasobs.options import Options
from saasobs.settings.faults import Faults, fields_at
from saasobs.settings.source import read


class Rule(Options):
    """A branch with keys of its own."""

    least: int
    most: int | None = None


class Example(Options):
    """Types with branches."""

    value: str | Rule | list[int] = "x"
    values: dict[str, int | Rule] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()


def told(folder: Path, data: dict[str, Any]) -> list[str]:
    file = folder / "example.yaml"
    file.write_text(json.dumps(data), encoding="utf-8")
    faults = Faults(read(file, {}))
    assert faults.read(Example, (), faults.document.data) is None
    with pytest.raises(ConfigurationError) as caught:
        faults.raise_any()
    return [f"{fault.path}: {fault.message}" for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        ({"value": {"least": "x"}}, ["value.least: must be a whole number, not 'x'"]),
        ({"value": {"least": 1, "mos": 2}}, ["value.mos: unknown key; did you mean `most`?"]),
        ({"value": {}}, ["value.least: is required"]),
        ({"value": [1, "x"]}, ["value[1]: must be a whole number, not 'x'"]),
        (
            {"value": 5},
            [
                "value: must be text, not 5: put it in quotes, or must be a mapping of keys to values, not 5,"
                " or must be a list, not 5"
            ],
        ),
        ({"values": {"a": {"least": None}}}, ["values.a.least: must be a whole number, not left empty"]),
        (
            {"values": {"a": "x"}},
            ["values.a: must be a whole number, not 'x', or must be a mapping of keys to values, not 'x'"],
        ),
        (
            {"rules": [{"least": 1}, {"leest": 1}]},
            ["rules[1].least: is required", "rules[1].leest: unknown key; did you mean `least`?"],
        ),
    ],
)
def test_paths_are_those_of_the_file(tmp_path: Path, data: dict[str, Any], faults: list[str]) -> None:
    """No name of a type or a branch in a path, and nothing told of branches that nobody meant."""
    assert told(tmp_path, data) == faults


def test_known_keys_at_any_depth() -> None:
    """What may be suggested is found through mappings, lists and every branch of a union."""
    assert fields_at(Example, ()) == {"value", "values", "rules"}
    assert fields_at(Example, ("value",)) == {"least", "most"}
    assert fields_at(Example, ("values", "anything")) == {"least", "most"}
    assert fields_at(Example, ("rules", 3)) == {"least", "most"}
    assert fields_at(Example, ("nowhere", "at", "all")) == set()
