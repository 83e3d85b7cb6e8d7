"""Tables of keys in Markdown, from a model's schema: what the generated pages are made of. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from saasobs.settings.schema import DURATION_PATTERN, Schema

_WORDS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "null": "`null`",
    "array": "a list",
    "object": "a mapping",
}
_APART: Final = ("defaults",)
_HEAD: Final = ("| key | value | default | what it says |", "|---|---|---|---|")


def section(title: str, group: Schema, also: str = "") -> str:
    """A heading, what the group is for, and one table with the keys of its groups behind dots."""
    rows = list(_rows(group, ""))
    table = [*_HEAD, *rows] if rows else ["No keys of its own."]
    words = [word for word in (line(group.get("description", "")), also) if word]
    return "\n".join([f"## {title}", "", *(f"{word}\n" for word in words), *table, ""])


def table(properties: Mapping[str, Schema], required: Iterable[str]) -> str:
    """The keys of one group, without those of the groups inside it."""
    rows = (_row(name, key, required=name in set(required)) for name, key in properties.items())
    return "\n".join([*_HEAD, *rows])


def groups(properties: Mapping[str, Schema], prefix: str = "") -> Iterator[tuple[str, Schema]]:
    """The groups within a group whose keys say what they are: (path, schema), as in ``expect`` or ``steps[].extract``.

    Those within a group come after it, at any depth.
    """
    for name, key in properties.items():
        for path, inner in _within(key, f"{prefix}{name}"):
            if any("description" in each for each in inner["properties"].values()):
                yield path, inner
                yield from groups(inner["properties"], f"{path}.")


def _within(key: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """What has keys of its own: the value itself, the items of a list, the values of a mapping, each `kind` of it."""
    if "properties" in key:
        yield path, key
    elif key.get("type") == "array":
        yield from _within(key.get("items") or {}, f"{path}[]")
    elif key.get("type") == "object":
        for values in (key.get("additionalProperties"), *key.get("patternProperties", {}).values()):
            yield from _within(values, f"{path}.*") if isinstance(values, dict) else ()
    for branch in key.get("anyOf", ()):
        yield from _within(branch, path)
    for branch in key.get("oneOf", ()):
        yield from _within(branch, f"{path}: {_chosen(branch)[1]}")


def _rows(group: Schema, prefix: str) -> Iterator[str]:
    for name, key in group["properties"].items():
        yield _row(f"{prefix}{name}", key, required=name in group.get("required", ()))
        if "properties" in key and name not in _APART:
            yield from _rows(key, f"{prefix}{name}.")


def _row(name: str, key: Schema, *, required: bool) -> str:
    default = "**required**" if required else _default(key)
    cells = (f"`{name}`", _value(key), default, line(key.get("description", "")))
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _default(key: Schema) -> str:
    default = key.get("default")
    if default in (None, "", [], {}):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _value(key: Schema) -> str:
    """What may stand there, in words."""
    if "anyOf" in key:
        return " or ".join(dict.fromkeys(_value(branch) for branch in key["anyOf"]))
    if "oneOf" in key:
        chosen = [_chosen(one) for one in key["oneOf"]]
        return f"a group of keys by its `{chosen[0][0]}`: " + codes(value for _, value in chosen)
    if "enum" in key or "const" in key:
        return codes(key.get("enum") or [key["const"]])
    if "properties" in key:
        return "a group of keys"
    kind = key.get("type", "")
    if kind in ("array", "object"):
        return _mapping(key) if kind == "object" else _list(key)
    return _scalar(key, kind)


def _chosen(branch: Schema) -> tuple[str, str]:
    """The key by which one group of several is chosen, and its value."""
    return next((name, key["const"]) for name, key in branch["properties"].items() if "const" in key)


def _list(key: Schema) -> str:
    return f"a list: {_value(key['items'])}" if key.get("items") else "a list"


def _mapping(key: Schema) -> str:
    values = (key.get("additionalProperties"), *key.get("patternProperties", {}).values())
    words = [_value(each) for each in values if isinstance(each, dict) and each]
    return f"a mapping: {' or '.join(dict.fromkeys(words))}" if words else "a mapping"


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


def codes(names: Iterable[Any]) -> str:
    """Names in back-ticks."""
    return ", ".join(f"`{name}`" for name in names)


def line(text: str) -> str:
    """A docstring as one line of Markdown."""
    return " ".join(text.replace("``", "`").split())
