"""The words of a fault."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from saasobs.options import Options
from saasobs.settings.sentences import sentence, suggest, tidy


class Example(Options):
    """One field for each kind of mistake."""

    number: int = Field(default=1, ge=1, le=5)
    share: float = Field(default=0.5, gt=0, lt=1)
    switch: bool = False
    word: str = Field(default="ab", min_length=2, max_length=3)
    some: tuple[str, ...] = Field(default=("a",), min_length=1, max_length=2)
    table: dict[str, str] = Field(default_factory=dict)
    choice: Literal["a", "b"] = "a"
    method: str = Field(default="A", pattern="^[A-Z]$")


def error(**values: object) -> ErrorDetails:
    with pytest.raises(ValidationError) as caught:
        Example.model_validate(values)
    return caught.value.errors()[0]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("number", 0, "must be at least 1, not 0"),
        ("number", 6, "must be at most 5, not 6"),
        ("number", "x", "must be a whole number, not 'x'"),
        ("number", 1.5, "must be a whole number, not 1.5"),
        ("number", None, "must be a whole number, not left empty"),
        ("share", 0, "must be more than 0, not 0"),
        ("share", 1, "must be less than 1, not 1"),
        ("share", "x", "must be a number, not 'x'"),
        ("switch", "maybe", "must be true or false, not 'maybe'"),
        ("word", 5, "must be text, not 5: put it in quotes"),
        ("word", ["x"], "must be text, not a list"),
        ("word", "a", "must have at least 2 characters"),
        ("word", "abcd", "must have at most 3 characters"),
        ("some", [], "must not be empty"),
        ("some", ["a", "b", "c"], "must have at most 2 entries"),
        ("some", "a", "must be a list, not 'a'"),
        ("table", [1], "must be a mapping of keys to values, not a list"),
        ("choice", "c", "must be one of 'a', 'b', not 'c'"),
        ("method", "get", "must match ^[A-Z]$, not 'get'"),
    ],
)
def test_a_sentence_says_what_to_write(key: str, value: object, words: str) -> None:
    """pydantic's terse findings become advice."""
    assert sentence(error(**{key: value})) == words


def test_a_hidden_value_is_left_out() -> None:
    """The advice stays, the value goes."""
    assert sentence(error(number="hunter2"), hidden=True) == "must be a whole number"


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("timout", "did you mean `timeout`?"),
        ("TIMEOUT", "did you mean `timeout`?"),
        ("time", "did you mean `timeout`?"),
        ("zzz", "known here: interval, timeout"),
    ],
)
def test_suggestions(word: str, advice: str) -> None:
    """The nearest known word, or all of them."""
    assert suggest(word, ["timeout", "interval"]) == advice


def test_suggestions_of_many_and_of_none() -> None:
    """A long list is cut, an empty one is said to be."""
    assert suggest("zzz", [f"key{n:02}" for n in range(20)]).endswith("key11 and 8 more")
    assert suggest("zzz", []) == "none is known here"


def test_a_fault_is_one_printable_line() -> None:
    """Whatever a value brings with it: line breaks, escapes for a terminal, a megabyte."""
    assert tidy("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert len(tidy("x" * 10_000)) == 601
