"""The JSON Schema (draft 2020-12) of the whole file, so that editors complete and check it while it is written.

Made from the same models that read the file, and then:

1. each kind of monitor becomes one object: the common keys, its own, and its name as the constant `kind`;
2. a `null` that only means "not given" is left out;
3. where a number, a duration or a choice stands, a text with a variable may stand too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from saasobs.alerting.channels import CHANNELS
from saasobs.core.values import format_duration
from saasobs.options import Duration, Options
from saasobs.probes import KINDS
from saasobs.settings.model import Common, Defaults, Root
from saasobs.settings.policies import PolicyOptions, StepOptions

Schema = dict[str, Any]

_REF: Final = "#/$defs/"
_VARIABLE: Final = "Variable"
_VARIABLE_SCHEMA: Final = {
    "type": "string",
    "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}",
    "description": "A variable of the environment: ${NAME}, or ${NAME:-default}.",
}
_GROUPS: Final = ("properties", "patternProperties")
_NOTES: Final = ("description", "default", "examples", "writeOnly")
_NARROW: Final = ("enum", "pattern", "format")
DURATION_PATTERN: Final = TypeAdapter(Duration).json_schema()["pattern"]


def schema() -> Schema:
    """The schema as data: one entry of `$defs` for each kind of monitor and channel."""
    monitors = {f"monitor-{name}": _kind(name, kind.options, keys_of(Common)) for name, kind in KINDS.items()}
    channels = {
        label: group
        for name, kind in CHANNELS.items()
        for label, group in _channel(f"channel-{name}", name, kind.options)
    }
    root = keys_of(Root)
    root["properties"]["defaults"] = keys_of(Defaults)
    root["properties"]["monitors"]["items"] = _one_of(monitors)
    root["properties"]["channels"]["additionalProperties"] = _one_of(channels)
    root["properties"]["policies"]["additionalProperties"] = _policy()
    groups = {"policy-step": keys_of(StepOptions), **channels, **monitors}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration of the saasobs daemon",
        **_open(root),
        "$defs": {_VARIABLE: _VARIABLE_SCHEMA, **{name: _open(group) for name, group in groups.items()}},
    }


def keys_of(model: type[BaseModel]) -> Schema:
    """One model's schema in full: groups inside it in place of references, defaults as they are written."""
    raw = model.model_json_schema(by_alias=True)
    settled: Schema = _settled(raw, raw.get("$defs", {}))
    return settled


def _kind(name: str, options: type[BaseModel], common: Schema) -> Schema:
    own = keys_of(options)
    named = dict(common.get("properties", {}))
    first = {"name": named.pop("name")} if "name" in named else {}
    return {
        "type": "object",
        "description": own.get("description", ""),
        "additionalProperties": False,
        "required": [*first, "kind", *own.get("required", ())],
        "properties": {**first, "kind": {"const": name}, **own["properties"], **named},
    }


def _channel(label: str, name: str, options: type[Options]) -> Iterator[tuple[str, Schema]]:
    """A kind of channel; where groups of keys can stand in place, each has an entry of its own."""
    whole = _kind(name, options, {})
    chosen, several = options.in_place_of
    if not options.in_place:
        yield label, whole
        return
    shared = {key: value for key, value in whole["properties"].items() if key not in (chosen, several, "kind")}
    apart = {**shared, several: whole["properties"][several]}
    yield label, {**whole, "required": ["kind", several], "properties": {"kind": {"const": name}, **apart}}
    for group in options.in_place:
        made = _kind(name, group, {"properties": shared})
        yield f"{label}-{made['properties'][chosen]['const']}", made


def _one_of(groups: Schema) -> Schema:
    return {"oneOf": [{"$ref": f"{_REF}{name}"} for name in groups]}


def _policy() -> Schema:
    steps = {"type": "array", "items": {"$ref": f"{_REF}policy-step"}}
    whole = keys_of(PolicyOptions)
    whole["properties"]["steps"] |= steps
    return {"oneOf": [steps, whole]}


def _settled(node: Any, groups: Schema) -> Any:
    """A schema with its references resolved, and without titles, nulls and durations in microseconds."""
    if isinstance(node, list):
        return [_settled(each, groups) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return _settled({**groups[node["$ref"].removeprefix(_REF)], **beside}, groups)
    kept = {
        key: {name: _settled(each, groups) for name, each in value.items()}
        if key in _GROUPS
        else _settled(value, groups)
        for key, value in node.items()
        if key not in ("$defs", "title", "discriminator")
    }
    return _plain_default(_without_null(kept))


def _without_null(node: Schema) -> Schema:
    if "default" not in node or node["default"] is not None:
        return node
    branches = [branch for branch in node.get("anyOf", []) if branch != {"type": "null"}]
    rest = {key: value for key, value in node.items() if key not in ("anyOf", "default")}
    return {**branches[0], **rest} if len(branches) == 1 else {**rest, **({"anyOf": branches} if branches else {})}


def _plain_default(node: Schema) -> Schema:
    if "properties" in node:
        return {key: value for key, value in node.items() if key != "default"}  # its keys have theirs
    if node.get("pattern") == DURATION_PATTERN and isinstance(node.get("default"), int):
        return {**node, "default": format_duration(node["default"])}
    return node


def _open(node: Any) -> Any:
    """A schema that takes a text with a variable wherever it would take no free text."""
    if isinstance(node, list):
        return [_open(each) for each in node]
    if not isinstance(node, dict) or "const" in node:
        return node
    if "anyOf" in node:
        return {**node, "anyOf": [*(_open(each) for each in node["anyOf"]), {"$ref": f"{_REF}{_VARIABLE}"}]}
    if node.get("type") in ("integer", "number", "boolean") or any(key in node for key in _NARROW):
        notes = {key: value for key, value in node.items() if key in _NOTES}
        core = {key: value for key, value in node.items() if key not in _NOTES}
        return {**notes, "anyOf": [core, {"$ref": f"{_REF}{_VARIABLE}"}]}
    opened = {key: _open(value) for key, value in node.items() if key in ("items", "additionalProperties", "oneOf")}
    for group in _GROUPS:
        if group in node:
            opened[group] = {name: _open(each) for name, each in node[group].items()}
    return {**node, **opened}
