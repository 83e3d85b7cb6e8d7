"""Our own sentences in another language, known again by their form. Pure.

What a check found is written down as one English sentence: it stands in the log, in the API, in the incident and its
timeline, and it may be older than the daemon that reads it. So a translation begins with that text, as gettext's would,
only that what was seen is in it already. A form is a sentence with fields, ``status {seen}, expected {expected}``; what
a field holds is of a kind:

====================  ================================================================================================
``{x}``               anything at all, kept as it is: what a server said, what the configuration says
``{x:one}``           the same without a blank: a name, an address
``{x:rest}``          the same, or nothing
``{x:n}``             a number, in the reader's notation
``{x:span}``          a duration, in the reader's units
``{x:moment}``        a moment (RFC 3339), on the reader's wall; ``{x:day}`` always with its date
``{x:stamp}``         the same of ``2026-11-22 14:03 UTC``
``{x:word}``          a word of ours (`Words.small`) or a duration, else kept
``{x:members}``       a list of ``name is state``
``{x:say}``           a sentence of ours, or the form does not fit; ``{x:any}``: a sentence of ours, else kept
====================  ================================================================================================

A sentence that no form fits stays English: it is better read in the wrong language than not at all. A test renders
every form that the probes can make.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from saasobs.core.result import REASONS
from saasobs.core.values import from_datetime, parse_duration

LONGEST: Final = 1_000
"""A longer sentence is left as it is."""
_DEEPEST: Final = 4
_FIELD: Final = re.compile(r"\{(\w+)(?::(\w+))?\}")
_KINDS: Final = {
    "one": r"[^\s]+?",
    "rest": r".*?",
    "n": r"-?\d[\d,]*(?:\.\d+)?",
    "span": r"(?:\d+(?:\.\d+)?(?:us|ms|s|m|h|d))+",
    "moment": r"\d{4}-\d\d-\d\dT[\d:.]+Z",
    "day": r"\d{4}-\d\d-\d\dT[\d:.]+Z",
    "stamp": r"\d{4}-\d\d-\d\d \d\d:\d\d UTC",
}
_SPAN: Final = re.compile(_KINDS["span"])
_SUFFIX: Final = "{sentence:say}"
_MANY: Final = 2_000
_REASONS: Final = sorted(REASONS.items(), key=lambda item: -len(item[1]))


@dataclass(frozen=True, slots=True)
class Figures:
    """How a reader writes what stands in fields."""

    number: Callable[[str], str]
    span: Callable[[int], str]
    moment: Callable[[int, bool], str]
    """(µs, always with its date)"""


@dataclass(frozen=True, slots=True)
class Phrases:
    """One language's side of it: its phrases by their English forms, and its reasons."""

    forms: Mapping[str, str]
    details: Mapping[str, str]
    small: Mapping[str, str]
    reasons: Mapping[str, str]
    """By the English sentence."""


@dataclass(frozen=True, slots=True)
class _Form:
    source: str
    pattern: re.Pattern[str]
    kinds: Mapping[str, str]
    begin: str
    end: str

    def match(self, text: str) -> dict[str, str] | None:
        if not (text.startswith(self.begin) and text.endswith(self.end)):
            return None
        found = self.pattern.fullmatch(text)
        return found.groupdict() if found else None


def translate(text: str, phrases: Phrases, figures: Figures) -> str:
    """The sentence in the reader's language, or as it is."""
    return _say(text, phrases, figures, 0) or text


def _say(text: str, phrases: Phrases, figures: Figures, depth: int) -> str | None:
    """None: it is not known."""
    if not phrases.forms or not text or len(text) > LONGEST or depth > _DEEPEST:
        return None
    desk = _Desk(phrases, figures, depth)
    forms = _forms(tuple(phrases.forms))
    return (
        desk.by_forms(text, forms.suffixes)
        or desk.by_forms(text, forms.plain)
        or desk.by_reason(text)
        or desk.by_forms(text, forms.open)
    )


@dataclass(frozen=True, slots=True)
class _Desk:
    phrases: Phrases
    figures: Figures
    depth: int

    def by_forms(self, text: str, forms: Iterable[_Form]) -> str | None:
        for form in forms:
            if (fields := form.match(text)) is not None:
                filled = self.fill(self.phrases.forms[form.source], form, fields)
                if filled is not None:
                    return filled
        return None

    def by_reason(self, text: str) -> str | None:
        """A reason's sentence, with or without what was seen: ``the connection was refused …: x``, ``… (x)``."""
        for _, sentence in _REASONS:
            if not text.startswith(sentence):
                continue
            rest = text[len(sentence) :]
            said = self.phrases.reasons[sentence]
            if not rest:
                return said
            if rest.startswith(" (") and rest.endswith(")"):
                return f"{said} ({self.detail(rest[2:-1])})"
            if rest.startswith(": "):
                return f"{said}: {self.detail(rest[2:])}"
            if rest.startswith((", ", " (")):
                return f"{said}{rest}"
        return None

    def detail(self, text: str) -> str:
        for form in _forms(tuple(self.phrases.details)).all:
            if (fields := form.match(text)) is not None:
                return self.fill(self.phrases.details[form.source], form, fields) or text
        return text

    def fill(self, target: str, form: _Form, fields: Mapping[str, str]) -> str | None:
        """The target with its fields; None when a sentence within it is not known."""
        shown: dict[str, str] = {}
        for name, value in fields.items():
            field = self.field(form.kinds[name], value)
            if field is None:
                return None
            shown[name] = field
        return _FIELD.sub(lambda found: shown[found[1]], target)

    def field(self, kind: str, value: str) -> str | None:
        if kind in ("say", "any"):
            said = _say(value, self.phrases, self.figures, self.depth + 1)
            return said if said is not None or kind == "say" else value
        if kind == "word":
            return self.word(value)
        if kind == "members":
            return ", ".join(self.word(part) for part in value.split(", ")) if len(value) < _MANY else value
        return self.figure(kind, value)

    def figure(self, kind: str, value: str) -> str:
        try:
            if kind == "n":
                return self.figures.number(value)
            if kind == "span":
                return self.figures.span(parse_duration(value))
            if kind in ("moment", "day", "stamp"):
                when = datetime.fromisoformat(value.replace(" UTC", "Z"))
                return self.figures.moment(from_datetime(when), kind == "day")
        except (ValueError, OverflowError):
            return value
        return value

    def word(self, value: str) -> str:
        if (known := self.phrases.small.get(value)) is not None:
            return known
        if _SPAN.fullmatch(value):
            return self.figure("span", value)
        for form in _forms(tuple(self.phrases.small)).fielded:
            if (fields := form.match(value)) is not None:
                return self.fill(self.phrases.small[form.source], form, fields) or value
        return value


@dataclass(frozen=True, slots=True)
class _Forms:
    """All forms of a table, apart by how they begin: the more of it is fixed, the earlier it is tried."""

    suffixes: tuple[_Form, ...]
    plain: tuple[_Form, ...]
    """They begin with words of ours."""
    open: tuple[_Form, ...]
    """They begin with a field."""

    @property
    def all(self) -> tuple[_Form, ...]:
        return (*self.suffixes, *self.plain, *self.open)

    @property
    def fielded(self) -> tuple[_Form, ...]:
        return tuple(form for form in self.all if form.kinds)


@cache
def _forms(sources: tuple[str, ...]) -> _Forms:
    made = [_form(source) for source in sources]
    return _Forms(
        tuple(form for form in made if form.source.startswith(_SUFFIX)),
        tuple(form for form in made if form.begin),
        tuple(form for form in made if not form.begin and not form.source.startswith(_SUFFIX)),
    )


def _form(source: str) -> _Form:
    kinds: dict[str, str] = {}
    pattern, at = "", 0
    for found in _FIELD.finditer(source):
        kinds[found[1]] = kind = found[2] or ""
        pattern += re.escape(source[at : found.start()]) + f"(?P<{found[1]}>{_KINDS.get(kind, '.+?')})"
        at = found.end()
    pattern += re.escape(source[at:])
    begin, end = source.partition("{")[0], source.rpartition("}")[2] if kinds else source
    return _Form(source, re.compile(pattern, re.DOTALL), kinds, begin, end)
