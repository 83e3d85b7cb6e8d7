"""What a journey knows while it runs: its variables, and which texts must never be shown. Pure.

A value from `variables` is a secret. One that a step extracted is shown, unless the variable, or the place that it
came from, is called like a secret; so are session cookies.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from saasobs.core.redact import MASK, secret_name
from saasobs.core.result import Failure, Reason
from saasobs.probes.conditions import Condition, Term
from saasobs.probes.http.expect import Answer
from saasobs.probes.http.options import Expect
from saasobs.probes.journey.options import ExtractOptions, Step
from saasobs.probes.journey.template import Template, as_text, fill_json
from saasobs.probes.verdict import Unmet, short

MAX_VALUE: Final = 16 * 1024
"""Characters of an extracted value; a longer one is no ID or token."""
_SHORTEST: Final = 4
"""A secret shorter than this would be found in every second word."""
_ELLIPSES: Final = 10
"""Of a text that are looked at; more of them are a stranger's."""


class Veil:
    """Takes secrets out of texts: as they are, percent-encoded, within JSON, in base 64, and cut off at their end."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms: list[str] = []
        for secret in secrets:
            self.hide(secret)

    def hide(self, secret: str) -> None:
        """From now on."""
        if len(secret) < _SHORTEST:
            return
        forms = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], _base64(secret)}
        self._forms = sorted(forms.union(self._forms), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, MASK)
        for form in self._forms if "…" in text else ():
            text = _without_beginning(text, form)
        return text

    def over(self, unmet: Unmet) -> Unmet:
        """A failure in whose words no secret is left."""
        failure = unmet.failure
        failure = replace(failure, expected=self(failure.expected), seen=self(failure.seen))
        return Unmet(failure, self(unmet.sentence))


def _without_beginning(text: str, secret: str) -> str:
    """Sentences show the beginning of what is long, and then an ellipsis."""
    *parts, last = text.split("…", _ELLIPSES)
    for at, part in enumerate(parts):
        length = next((n for n in range(len(secret) - 1, _SHORTEST - 1, -1) if part.endswith(secret[:n])), 0)
        parts[at] = part[: len(part) - length] + MASK if length else part
    return "…".join((*parts, last))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@dataclass(frozen=True, slots=True)
class Found:
    """A variable that a step extracted."""

    name: str
    value: Any
    secret: bool

    @property
    def text(self) -> str:
        return as_text(self.value)


class Variables:
    """By name, with the type that they came with."""

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        self.values: dict[str, Any] = dict(secrets)
        self.extracted: set[str] = set()
        self._hidden = set(self.values)

    def keep(self, found: Found) -> None:
        """What a step extracted; it replaces what was there by that name."""
        self.values[found.name] = found.value
        self.extracted.add(found.name)
        (self._hidden.add if found.secret else self._hidden.discard)(found.name)

    def shown(self) -> dict[str, Any]:
        """As they may be shown."""
        return {name: MASK if name in self._hidden else value for name, value in self.values.items()}


def extracted(places: Mapping[str, ExtractOptions], answer: Answer) -> tuple[list[Found], list[Unmet]]:
    """The variables in an answer, and those that are not there.

    To be called within a budget: it runs the user's patterns over what a stranger answered.
    """
    found: list[Found] = []
    lacking: list[Unmet] = []
    for name, place in places.items():
        value = _value(place, answer)
        if value is None:
            lacking.append(_missing(name, place, answer))
        elif len(as_text(value)) > MAX_VALUE:
            lacking.append(_too_long(name, place, len(as_text(value))))
        else:
            found.append(Found(name, value, _is_secret(name, place)))
    return found, lacking


def _value(place: ExtractOptions, answer: Answer) -> Any:
    """None when it is not there; a JSON null is not there either."""
    if place.json_ is not None:
        try:
            selected = place.json_.find(answer.document)
        except ValueError:
            return None
        return next((value for value in selected if value is not None), None)
    text = next(iter(answer.header(place.header.lower())), None) if place.header else answer.text
    if text is None or place.regex is None:
        return text
    match = place.regex.search(text)
    return match and (match[1] if place.regex.groups else match[0])


def _is_secret(name: str, place: ExtractOptions) -> bool:
    """By what the variable and its place are called."""
    return any(secret_name(called) for called in (name, place.header or "", str(place.json_ or "")))


def _missing(name: str, place: ExtractOptions, answer: Answer) -> Unmet:
    seen = "missing" if answer.body or place.header else "the body is empty"
    failure = Failure(f"extract {name}", short(str(place)), seen, _reason(place))
    return Unmet(failure, f"nothing for the variable {name}: {short(str(place))} is not there")


def _too_long(name: str, place: ExtractOptions, size: int) -> Unmet:
    failure = Failure(f"extract {name}", f"at most {MAX_VALUE} characters", f"{size} characters", _reason(place))
    return Unmet(failure, f"the variable {name} would have {size} characters, at most {MAX_VALUE} are taken")


def _reason(place: ExtractOptions) -> Reason:
    if place.json_ is not None:
        return Reason.JSON_MISMATCH
    return Reason.HEADER_MISMATCH if place.header else Reason.BODY_MISMATCH


def expectation(step: Step, values: dict[str, Any]) -> Expect:
    """A step's expectations with its variables in place. :raises KeyError: a variable has no value."""
    expect = step.expect
    return expect.model_copy(
        update={
            "body_contains": tuple(Template.parse(text).fill(values) for text in expect.body_contains),
            "body_not_contains": tuple(Template.parse(text).fill(values) for text in expect.body_not_contains),
            "json_": {path: _condition(condition, values) for path, condition in expect.json_.items()},
        }
    )


def _condition(condition: Condition, values: dict[str, Any]) -> Condition:
    return Condition(
        tuple(
            term if term.sign == "matches" else Term(term.sign, fill_json(term.wanted, values))
            for term in condition.terms
        )
    )
