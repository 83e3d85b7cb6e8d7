"""Conditions on JSON values: what may be written under `expect.json`, and whether a value meets it. Pure.

Types are strict: ``"5"`` is not ``5``, ``true`` is not ``1``; ``1`` and ``1.0`` are the same number, as in JSON.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

import jsonpath
import orjson
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from saasobs.core.redact import MASK, redact_text, secret_name
from saasobs.options import Options, Regex

LIMIT: Final = 120
"""Characters of a value that are shown."""

_ENVIRONMENT = jsonpath.JSONPathEnvironment(strict=True)


class JsonPath:
    """A compiled RFC 9535 query that keeps its text."""

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str) -> None:
        """:raises ValueError: it is no query."""
        try:
            self._compiled = _ENVIRONMENT.compile(text)
        except (jsonpath.JSONPathError, RecursionError) as error:
            raise ValueError(f"{text!r} is not a JSONPath query (RFC 9535), as in $.status: {error}") from error
        self.text = text

    def find(self, document: Any) -> list[Any]:
        """Every value that the query selects."""
        # The library takes a text for JSON yet to be read: a document that is a text goes in as it came.
        return list(self._compiled.findall(json.dumps(document) if isinstance(document, str) else document))

    @property
    def has_patterns(self) -> bool:
        """Whether it calls RFC 9535's match() or search()."""
        return "match(" in self.text or "search(" in self.text

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"JsonPath({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonPath) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(), serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\$"}


def _equal(left: Any, right: Any) -> bool:
    """JSON equality (RFC 8259): by type, numbers by value, arrays and objects by their members."""
    if _type(left) != _type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_equal(value, right[key]) for key, value in left.items())
    return bool(left == right)


def _type(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda seen, wanted: _type(seen) == _type(wanted) in ("number", "string") and compare(seen, wanted)


def _contains(seen: Any, wanted: Any) -> bool:
    if isinstance(seen, str):
        return isinstance(wanted, str) and wanted in seen
    return isinstance(seen, list) and any(_equal(item, wanted) for item in seen)


def _matches(seen: Any, wanted: Any) -> bool:
    return isinstance(seen, str) and wanted.search(seen) is not None


OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": _equal,
    "!=": lambda seen, wanted: not _equal(seen, wanted),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "contains": _contains,
    "matches": _matches,
}
"""(value seen, value wanted) -> whether it holds. `exists` is apart: it looks at the selection, not at a value."""

EXISTS: Final = "exists"


class _Pattern(Options):
    pattern: Regex


@dataclass(frozen=True, slots=True)
class Term:
    """One operator and what it wants."""

    sign: str
    wanted: Any

    def holds(self, seen: Any) -> bool:
        return OPERATORS[self.sign](seen, self.wanted)

    def __str__(self) -> str:
        if self.sign == EXISTS:
            return "a value" if self.wanted else "no value"
        wanted = self.wanted.pattern if self.sign == "matches" else show(self.wanted)
        return wanted if self.sign == "==" else f"{self.sign} {wanted}"


class Condition:
    """What the values that a JSONPath selects must be: a bare value (equals), or operators that must all hold."""

    __slots__ = ("terms",)

    def __init__(self, terms: tuple[Term, ...]) -> None:
        self.terms = terms

    @classmethod
    def parse(cls, value: Any) -> Self:
        """:raises ValueError: with what would have been right."""
        if not isinstance(value, dict):
            return cls((Term("==", _json_value(value)),))
        known = (*OPERATORS, EXISTS)
        wrong = [key for key in value if key not in known]
        if wrong or not value:
            unknown = f"{wrong[0]!r} is no operator" if wrong else "an empty condition"
            raise ValueError(f"{unknown}: write a plain value, or operators out of {', '.join(known)}")
        return cls(tuple(_term(sign, wanted) for sign, wanted in value.items()))

    @property
    def has_patterns(self) -> bool:
        return any(term.sign == "matches" for term in self.terms)

    def written(self) -> dict[str, Any]:
        """As in the file, with operators."""
        return {term.sign: getattr(term.wanted, "pattern", term.wanted) for term in self.terms}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and other.terms == self.terms

    def __hash__(self) -> int:
        return hash(repr(self.terms))

    def __repr__(self) -> str:
        return f"Condition({self.written()!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.parse(value),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda condition: condition.written()),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        properties: dict[str, Any] = {sign: {} for sign in ("==", "!=", "contains")}
        properties |= {sign: {"type": ["number", "string"]} for sign in ("<", "<=", ">", ">=")}
        properties |= {"matches": {"type": "string", "format": "regex"}, EXISTS: {"type": "boolean"}}
        operators = {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}
        return {"anyOf": [{"type": ["string", "number", "boolean", "null", "array"]}, operators]}


def _term(sign: str, wanted: Any) -> Term:
    if sign == EXISTS and not isinstance(wanted, bool):
        raise ValueError(f"exists takes true or false, not {wanted!r}")
    if sign in ("<", "<=", ">", ">=") and _type(wanted) not in ("number", "string"):
        raise ValueError(f"{sign} takes a number or a text, not {wanted!r}")
    if sign == "matches":
        if not isinstance(wanted, str):
            raise ValueError(f"matches takes a regular expression, not {wanted!r}")
        return Term(sign, _Pattern.model_validate({"pattern": wanted}).pattern)
    return Term(sign, _json_value(wanted))


def _json_value(value: Any) -> Any:
    """:raises ValueError: YAML allows what JSON has not, such as dates."""
    try:
        json.dumps(value)
    except TypeError as error:
        raise ValueError(f"{value!r} is no JSON value (put dates in quotes)") from error
    return value


def unmet(condition: Condition, path: JsonPath, document: Any) -> tuple[str, str] | None:
    """The first term that does not hold: (what was expected, what was seen), or None when all do.

    Every selected value must meet every term; selecting nothing meets only ``exists: false``.
    """
    found = path.find(document)
    for term in condition.terms:
        if term.sign == EXISTS:
            if bool(found) != term.wanted:
                return str(term), show(found[0], path.text) if found else "missing"
        elif not found:
            return str(term), "missing"
        else:
            for value in found:
                if not term.holds(value):
                    return str(term), show(value, path.text)
    return None


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except RecursionError:
        return "a value that is nested too deeply to show"


def show(value: Any, name: str = "") -> str:
    """A JSON value as a person reads it: bounded, and masked when its name or content is secret."""
    if name and secret_name(name) and value not in (None, True, False):
        return MASK
    try:
        text = orjson.dumps(value).decode()
    except (TypeError, ValueError):
        text = _repr(value)
    text = redact_text(text[: 4 * LIMIT])
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"
