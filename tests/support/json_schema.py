"""As much of JSON Schema (draft 2020-12) as our own schema uses, so that tests need no further package.

A keyword that is not known here is an error, never ignored: a schema that says more than this checks would pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}
NOTES = {"$schema", "title", "description", "default", "examples", "writeOnly", "$defs", "format", "uniqueItems"}


def problems(value: Any, schema: Any, root: dict[str, Any], at: str = "") -> Iterator[str]:
    """Everything that a schema has against a value."""
    for keyword, said in schema.items():
        if keyword not in NOTES:
            yield from _KEYWORDS[keyword](value, said, schema, root, at)


def _type(value: Any, said: Any, _schema: Any, _root: Any, at: str) -> Iterator[str]:
    names = said if isinstance(said, list) else [said]
    fits = (isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names)
    if not any(fits):
        yield f"{at}: {value!r} is no {said}"


def _properties(value: Any, said: Any, _schema: Any, root: Any, at: str) -> Iterator[str]:
    for name, each in value.items() if isinstance(value, dict) else ():
        if name in said:
            yield from problems(each, said[name], root, f"{at}.{name}")


def _pattern_properties(value: Any, said: Any, _schema: Any, root: Any, at: str) -> Iterator[str]:
    for name, each in value.items() if isinstance(value, dict) else ():
        for pattern, inner in said.items():
            if re.search(pattern, name):
                yield from problems(each, inner, root, f"{at}.{name}")


def _additional(value: Any, said: Any, schema: Any, root: Any, at: str) -> Iterator[str]:
    patterns = schema.get("patternProperties", {})
    for name, each in value.items() if isinstance(value, dict) else ():
        if name in schema.get("properties", {}) or any(re.search(pattern, name) for pattern in patterns):
            continue
        if said is False:
            yield f"{at}.{name} is unknown"
        elif said is not True:
            yield from problems(each, said, root, f"{at}.{name}")


def _property_names(value: Any, said: Any, _schema: Any, root: Any, at: str) -> Iterator[str]:
    for name in value if isinstance(value, dict) else ():
        yield from problems(name, said, root, f"{at}.{name}")


def _required(value: Any, said: Any, _schema: Any, _root: Any, at: str) -> Iterator[str]:
    yield from (f"{at}.{name} is missing" for name in said if isinstance(value, dict) and name not in value)


def _items(value: Any, said: Any, _schema: Any, root: Any, at: str) -> Iterator[str]:
    for index, each in enumerate(value if isinstance(value, list) else ()):
        yield from problems(each, said, root, f"{at}[{index}]")


def _ref(value: Any, said: Any, _schema: Any, root: Any, at: str) -> Iterator[str]:
    yield from problems(value, root["$defs"][said.removeprefix("#/$defs/")], root, at)


def _any_of(value: Any, said: Any, _schema: Any, root: Any, at: str) -> Iterator[str]:
    found = [list(problems(value, each, root, at)) for each in said]
    if all(found):
        yield f"{at}: none of {found}"


def _one_of(value: Any, said: Any, _schema: Any, root: Any, at: str) -> Iterator[str]:
    found = [list(problems(value, each, root, at)) for each in said]
    if sum(not each for each in found) != 1:
        yield f"{at}: not exactly one of {found}"


def _measured(kind: Any, holds: Callable[[Any, Any], bool]) -> Any:
    """A keyword that is about one kind of value only."""

    def check(value: Any, said: Any, _schema: Any, _root: Any, at: str) -> Iterator[str]:
        if isinstance(value, kind) and not holds(value, said):
            yield f"{at}: {value!r} is outside {said}"

    return check


NUMBER = (int, float)
_KEYWORDS: dict[str, Any] = {
    "type": _type,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "required": _required,
    "items": _items,
    "$ref": _ref,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "const": _measured(object, lambda value, said: value == said),
    "enum": _measured(object, lambda value, said: value in said),
    "pattern": _measured(str, lambda value, said: re.search(said, value) is not None),
    "minLength": _measured(str, lambda value, said: len(value) >= said),
    "maxLength": _measured(str, lambda value, said: len(value) <= said),
    "minItems": _measured(list, lambda value, said: len(value) >= said),
    "maxItems": _measured(list, lambda value, said: len(value) <= said),
    "minProperties": _measured(dict, lambda value, said: len(value) >= said),
    "minimum": _measured(NUMBER, lambda value, said: value >= said),
    "maximum": _measured(NUMBER, lambda value, said: value <= said),
    "exclusiveMinimum": _measured(NUMBER, lambda value, said: value > said),
    "exclusiveMaximum": _measured(NUMBER, lambda value, said: value < said),
}
