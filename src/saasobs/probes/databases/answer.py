"""What a server answered, ready to be judged, and what of it is not as expected. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from saasobs.core.redact import MASK
from saasobs.core.result import Failure, Reason
from saasobs.core.values import Secret
from saasobs.probes.conditions import EXISTS, Condition, JsonPath, unmet
from saasobs.probes.databases.options import AnswerExpect, RowsExpect
from saasobs.probes.excerpt import LIMIT as EXCERPT
from saasobs.probes.inquiry import Inquiry
from saasobs.probes.net.matching import bounded
from saasobs.probes.verdict import Unmet, short

MOST_ROWS: Final = 1000
_FIRST: Final = JsonPath("$[0]")
_NUMBER: Final = re.compile(r"-?(0|[1-9]\d{0,299})(\.\d{1,300})?(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_JSON_INTEGERS: Final = 2**63


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, in JSON's types."""

    document: Any
    """All of it, for JSONPath."""
    first: tuple[Any, ...] = ()
    """The first value; none when there is no value at all."""
    rows: int | None = None
    """How many rows, of what has rows; at most MOST_ROWS."""
    untyped: bool = False
    """Whether it knows texts only, so that a text is read as a number where a number is expected."""


def note(inquiry: Inquiry, answer: Answer) -> None:
    """What is told of an answer whether or not it is as expected: figures only, and the text for a failure."""
    if answer.rows is not None:
        inquiry.observations["rows"] = answer.rows
    if answer.first:
        value = as_number(answer.first[0]) if answer.untyped else answer.first[0]
        if value is None or isinstance(value, bool | int | float):
            inquiry.observations["value"] = value
    inquiry.said = shown(answer.document)


def shown(document: Any) -> str:
    """A document as text, for people, bounded."""
    if isinstance(document, str):
        return document[: 8 * EXCERPT]
    return orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS).decode()[: 8 * EXCERPT]


def judge_answer(expect: AnswerExpect, answer: Answer) -> list[Unmet]:
    """What is not as expected. :raises Trouble: a pattern of the file takes too long."""
    if expect.has_patterns:
        return bounded(lambda: list(_judge(expect, answer)))
    return list(_judge(expect, answer))


def _judge(expect: AnswerExpect, answer: Answer) -> Iterator[Unmet]:
    if isinstance(expect, RowsExpect) and expect.rows is not None:
        yield from _judge_rows(expect.rows, answer.rows or 0)
    if expect.value is not None:
        yield from _judge_value(expect.value, answer)
    for path, condition in expect.json_.items():
        if (fault := unmet(condition, path, answer.document)) is not None:
            yield _failed(f"json {path}", str(path), *fault)


def _judge_rows(condition: Condition, count: int) -> Iterator[Unmet]:
    if (fault := unmet(condition, _FIRST, [count])) is not None:
        expected, seen = fault
        failure = Failure("rows", expected, seen, Reason.VALUE_MISMATCH)
        yield Unmet(failure, f"{seen} row{'' if count == 1 else 's'}, expected {expected}")


def _judge_value(condition: Condition, answer: Answer) -> Iterator[Unmet]:
    values = list(answer.first[:1])
    if answer.untyped and _wants_numbers(condition):
        values = [as_number(one) for one in values]
    if (fault := unmet(condition, _FIRST, values)) is not None:
        yield _failed("value", "the value", *fault)


def _wants_numbers(condition: Condition) -> bool:
    wanted = [term.wanted for term in condition.terms if term.sign != EXISTS]
    return bool(wanted) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in wanted)


def _failed(expectation: str, what: str, expected: str, seen: str) -> Unmet:
    failure = Failure(expectation, expected, seen, Reason.VALUE_MISMATCH)
    return Unmet(failure, f"{what} is {seen}, expected {expected}")


def from_json(text: str) -> Any:
    """What a text of JSON says; the text itself when it is none, or is nested deeper than can be shown (254)."""
    try:
        found = orjson.loads(text)
        orjson.dumps(found)
    except (ValueError, TypeError):
        return text
    return found


def as_number(text: Any) -> Any:
    """The number that a text writes, as JSON would; anything else as it is."""
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        return text
    if text.lstrip("-").isdigit() and abs(int(text)) < _JSON_INTEGERS:
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else text


def quoted(text: str, *secrets: Secret | None) -> str:
    """A server's own words for a sentence: bounded, redacted, and without what it was told in confidence."""
    for secret in secrets:
        if secret is not None and secret.reveal():
            text = text.replace(secret.reveal(), MASK)
    return short(" ".join(text.split()))
