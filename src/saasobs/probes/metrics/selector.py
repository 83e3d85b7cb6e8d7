"""Which series are meant: label matchers as PromQL writes them. Pure.

Equality is decided where the page is read; regular expressions of users run over strangers' text, and so go through
`Memberships`, which decides each label value once and leaves the when and where (a CPU budget) to its caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from saasobs.probes.metrics.exposition import Labels

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_MATCHER = re.compile(
    r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"
    r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)\s*(,|\Z)""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
_HINT: Final = 'write it as in PromQL: {http_route="/checkout", http_request_method!~"HEAD|OPTIONS"}'


@dataclass(frozen=True)
class Matcher:
    """One label and what it must (or must not) be. A label that is missing counts as empty, as in PromQL."""

    label: str
    sign: str
    value: str
    pattern: re.Pattern[str] | None = field(default=None, compare=False)

    def holds(self, value: str) -> bool:
        """Whether a label's value is meant; a pattern must match all of it."""
        if self.pattern is not None:
            return (self.pattern.fullmatch(value) is not None) == (self.sign == "=~")
        return (value == self.value) == (self.sign == "=")

    def __str__(self) -> str:
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.sign}"{quoted}"'


@dataclass(frozen=True)
class Selector:
    """A metric's name, or none, and its matchers."""

    name: str
    matchers: tuple[Matcher, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """``name``, ``name{a="b"}``, ``{a="b"}`` or ``a="b"``. :raises ValueError: with what would have been right."""
        stripped = text.strip()
        name = found[0] if (found := _NAME.match(stripped)) else ""
        rest = stripped[len(name) :].strip()
        if name and rest and not rest.startswith("{"):
            name, rest = "", stripped
        if rest.startswith("{"):
            if not rest.endswith("}"):
                raise ValueError(f"{text!r} has no closing brace: {_HINT}")
            rest = rest[1:-1]
        if not name and not rest.strip():
            raise ValueError(f"{text!r} selects nothing: {_HINT}")
        return cls(name, tuple(_matchers(rest.strip(), text)))

    def exactly(self, labels: Mapping[str, str]) -> bool:
        """Whether everything but the regular expressions holds."""
        return all(one.holds(labels.get(one.label, "")) for one in self.matchers if one.pattern is None)

    @property
    def patterns(self) -> tuple[Matcher, ...]:
        return tuple(one for one in self.matchers if one.pattern is not None)

    def __str__(self) -> str:
        inner = ",".join(map(str, self.matchers))
        return f"{self.name}{{{inner}}}" if inner else self.name

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.parse(_text(value)),
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text: {_HINT}")  # noqa: TRY004 - pydantic catches this one
    return value


def _matchers(text: str, whole: str) -> Iterable[Matcher]:
    at = 0
    while at < len(text):
        found = _MATCHER.match(text, at)
        if found is None:
            raise ValueError(f"{whole!r}: {text[at : at + 40]!r} is no label matcher; {_HINT}")
        yield _matcher(found[1], found[2], _unquoted(found[3], whole))
        at = found.end()


def _matcher(label: str, sign: str, value: str) -> Matcher:
    if "~" not in sign:
        return Matcher(label, sign, value)
    try:
        return Matcher(label, sign, value, re.compile(value))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from error


def _unquoted(text: str, whole: str) -> str:
    if text[0] == "`":
        return text[1:-1]

    def unescape(found: re.Match[str]) -> str:
        if found[1] not in _ESCAPES:
            raise ValueError(
                f"{whole!r}: \\{found[1]} is no escape; write \\\\ for a backslash, or `…` around the text"
            )
        return _ESCAPES[found[1]]

    return _ESCAPE.sub(unescape, text[1:-1])


class Memberships:
    """Which label values the regular expressions of some selectors mean: decided once, then known."""

    LIMIT: Final = 20_000

    def __init__(self, selectors: Iterable[Selector]) -> None:
        self.matchers = tuple(dict.fromkeys(one for selector in selectors for one in selector.patterns))
        self._known: dict[tuple[Matcher, str], bool] = {}

    def open_questions(self, series: Iterable[Labels]) -> list[tuple[Matcher, str]]:
        """What is not decided yet of these series."""
        if not self.matchers:
            return []
        if len(self._known) > self.LIMIT:
            self._known.clear()
        asked = {
            (matcher, value)
            for labels in map(dict, series)
            for matcher in self.matchers
            if (matcher, value := labels.get(matcher.label, "")) not in self._known
        }
        return list(asked)

    def decide(self, questions: Iterable[tuple[Matcher, str]]) -> None:
        """Run the regular expressions; whoever calls bounds the time."""
        for matcher, value in questions:
            self._known[matcher, value] = matcher.holds(value)

    def accept(self, selector: Selector, labels: Mapping[str, str]) -> bool:
        """Whether the regular expressions of a selector hold; what was never decided does not."""
        return all(self._known.get((one, labels.get(one.label, "")), False) for one in selector.patterns)
