"""``{{ name }}`` in what a step sends: where a journey's variables are put in. Pure.

``${NAME}`` is the environment's, and filled in when the file is read; these are filled in while the journey runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from saasobs.core.redact import redact_url

_PLACEHOLDER = re.compile(r"\{\{(?:(?P<escaped>\{\{)|[ \t]*(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*\}\}|)")
_PLAIN: Final = "`{{` must be followed by a variable's name and `}}`; for the text itself write `{{{{`"


@dataclass(frozen=True, slots=True)
class Variable:
    """One placeholder."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders."""

    text: str
    pieces: tuple[str | Variable, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """:raises ValueError: with a sentence that does not show the text, which may be a secret."""
        return cls(text, tuple(piece for piece in _pieces(text) if piece != ""))

    def __repr__(self) -> str:
        return f"Template({redact_url(self.text)!r})"

    @property
    def names(self) -> frozenset[str]:
        """The variables that it needs."""
        return frozenset(piece.name for piece in self.pieces if isinstance(piece, Variable))

    @property
    def leading(self) -> str:
        """The variable that it begins with; empty when it begins with a text."""
        first = self.pieces[0] if self.pieces else ""
        return first.name if isinstance(first, Variable) else ""

    @property
    def alone(self) -> str:
        """The variable that is all there is; empty otherwise."""
        return self.leading if len(self.pieces) == 1 else ""

    def fill(self, values: Mapping[str, Any], encode: Callable[[str], str] = str) -> str:
        """The text with every variable in place, each passed through `encode`. :raises KeyError: one has no value."""
        return "".join(
            encode(as_text(values[piece.name])) if isinstance(piece, Variable) else piece for piece in self.pieces
        )

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls.parse,
            core_schema.str_schema(min_length=1),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda one: redact_url(one.text)),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


def _pieces(text: str) -> Iterator[str | Variable]:
    at = 0
    for found in _PLACEHOLDER.finditer(text):
        yield text[at : found.start()]
        if found["escaped"]:
            yield "{{"
        elif found["name"]:
            yield Variable(found["name"])
        else:
            raise ValueError(_PLAIN)
        at = found.end()
    yield text[at:]


def has_placeholder(text: str) -> bool:
    """Whether a variable's name stands in it, for texts that take none."""
    return any(found["name"] for found in _PLACEHOLDER.finditer(text))


def as_text(value: Any) -> str:
    """A variable within a text: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def names_in(value: Any) -> frozenset[str]:
    """The variables within the texts of a JSON value. :raises ValueError: a placeholder is none."""
    if isinstance(value, str):
        return Template.parse(value).names
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return frozenset[str]().union(*(names_in(each) for each in inner))


def fill_json(value: Any, values: Mapping[str, Any]) -> Any:
    """A JSON value with its variables in place; one that is alone in its text keeps its type.

    :raises KeyError: a variable has no value.
    """
    if isinstance(value, str):
        template = Template.parse(value)
        return values[template.alone] if template.alone else template.fill(values)
    if isinstance(value, dict):
        return {key: fill_json(each, values) for key, each in value.items()}
    return [fill_json(each, values) for each in value] if isinstance(value, list) else value
