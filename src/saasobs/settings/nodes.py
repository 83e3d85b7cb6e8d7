"""YAML text to a tree of texts and lines, or to the one fault that stops it.

Built on the events of PyYAML's parser: nothing is ever constructed from a tag, and scalars stay texts until
`scalar` reads them by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema), so that ``no``,
``on`` and ``12:30`` are what they look like. Which keys a configuration has is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from saasobs.core.errors import Fault

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_DEPTH: Final = 50

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where there is one: a hundred times faster
_TEXT_TAG: Final = "tag:yaml.org,2002:str"
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBERS: Final[tuple[tuple[re.Pattern[str], Callable[[str], int | float]], ...]] = (
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)
_TOO_LARGE: Final = 2**63
_CONSTANTS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as it is written; `plain` when it stands without quotes, so that it may be a number."""

    text: str
    line: int
    plain: bool


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, its keys in order and possibly repeated: whoever reads it judges that."""

    pairs: tuple[tuple[Node, Node], ...]
    line: int


@dataclass(frozen=True, slots=True)
class Alias:
    """``*name``: the same node once more."""

    target: Solid
    line: int


Solid = Scalar | Items | Table
Node = Solid | Alias


def solid(node: Node) -> Solid:
    """The node itself, or the one that an alias stands for."""
    return node.target if isinstance(node, Alias) else node


class Unreadable(Exception):
    """The text is no YAML that we take. Never leaves this package."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message

    def fault(self, file: str) -> Fault:
        return Fault(file, self.line, "", self.message)


def scalar(text: str, *, plain: bool) -> Any:
    """The value of a scalar by the core schema of YAML 1.2.

    :raises ValueError: a whole number that does not fit into 64 bits: nothing after us could keep it.
    """
    if not plain:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    number = next((read for pattern, read in _NUMBERS if pattern.fullmatch(text)), None)
    value = number(text) if number else text
    if isinstance(value, int) and abs(value) >= _TOO_LARGE:
        raise ValueError("too large")
    return value


def decode(content: bytes) -> str:
    """The text of a file. :raises Unreadable: too large, not UTF-8, or with control characters in it."""
    if len(content) > MAX_BYTES:
        raise Unreadable(0, f"larger than {MAX_BYTES // 1024**2} MiB: this is no configuration")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(content.count(b"\n", 0, error.start) + 1, "not UTF-8: save the file as UTF-8") from error
    if found := _UNPRINTABLE.search(text):
        raise Unreadable(text.count("\n", 0, found.start()) + 1, f"a control character ({found[0]!r}) in the text")
    return text


def compose(text: str) -> Node | None:
    """The tree of the one document in a text; None when there is nothing in it. :raises Unreadable:"""
    try:
        return _Composer(yaml.parse(text, Loader=_LOADER)).document()
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text) from error
    except yaml.YAMLError as error:
        raise Unreadable(0, f"not valid YAML: {error}") from error


_SENTENCES: Final = {
    "found unexpected end of stream": "a quote is opened here and never closed",
    "mapping values are not allowed in this context": "a second `:` where none can be: indent by the same number of"
    " spaces throughout, and quote a text that holds `: `",
    "found character that cannot start any token": "this character cannot begin a value: put the text in quotes",
}


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Unreadable:
    """The fault of a syntax error: at the opening quote when one stays open, else where the parser stopped."""
    problem = error.problem or "syntax error"
    unclosed = "end of stream" in problem and error.context_mark is not None
    mark = error.context_mark if unclosed else error.problem_mark
    if mark is None:
        return Unreadable(0, f"not valid YAML: {problem}")
    lines = text.splitlines() or [""]
    number = min(mark.line, len(lines) - 1)
    line = lines[number]
    if line[mark.column : mark.column + 1] == "\t":
        return Unreadable(number + 1, "a tab: YAML is indented with spaces only")
    since = f" {error.context}" if error.context and problem not in _SENTENCES else ""
    begun = f" that begins on line {error.context_mark.line + 1}" if since and error.context_mark else ""
    hint = "; within { } or [ ], put ${…} in quotes" if "${" in line else ""
    return Unreadable(number + 1, f"not valid YAML: {_SENTENCES.get(problem, problem)}{since}{begun}{hint}")


class _Composer:
    """Events to nodes. Depth is bounded here; what aliases unfold to is bounded by whoever walks the tree."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._anchors: dict[str, Solid | None] = {}

    def document(self) -> Node | None:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), StreamEndEvent):
            return None
        root = self._node(next(self._events), 0)
        next(self._events)  # the document's end
        after = next(self._events)
        if isinstance(after, DocumentStartEvent):
            raise Unreadable(_line(after), "a second document (`---`): one file holds one")
        return root

    def _node(self, event: Event, depth: int) -> Node:
        line = _line(event)
        if depth > MAX_DEPTH:
            raise Unreadable(line, f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, AliasEvent):
            return self._alias(str(event.anchor), line)
        anchor = event.anchor  # type: ignore[attr-defined]  # every other event that begins a node has one
        if anchor is not None:
            self._anchors[anchor] = None
        node = self._fresh(event, line, depth)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _alias(self, name: str, line: int) -> Alias:
        if name not in self._anchors:
            raise Unreadable(line, f"`*{name}` stands for nothing: there is no `&{name}` before it")
        target = self._anchors[name]
        if target is None:
            raise Unreadable(line, f"`*{name}` would contain itself")
        return Alias(target, line)

    def _fresh(self, event: Event, line: int, depth: int) -> Solid:
        if isinstance(event, ScalarEvent):
            return Scalar(event.value, line, _is_plain(event, line))
        _refuse_tag(event.tag, line)  # type: ignore[attr-defined]
        if isinstance(event, SequenceStartEvent):
            return Items(tuple(self._until(SequenceEndEvent, depth)), line)
        nodes = list(self._until(MappingEndEvent, depth))
        return Table(tuple(zip(nodes[::2], nodes[1::2], strict=True)), line)

    def _until(self, end: type[Event], depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), end):
            yield self._node(event, depth + 1)


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _is_plain(event: ScalarEvent, line: int) -> bool:
    if event.tag in (_TEXT_TAG, "!"):
        return False
    _refuse_tag(event.tag, line)
    return not event.style


def _refuse_tag(tag: str | None, line: int) -> None:
    if tag is not None and tag != "!":
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        raise Unreadable(line, f"the tag {shown!r} is not allowed: write plain values")
