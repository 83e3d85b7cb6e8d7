"""``${VAR}`` in values."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saasobs.settings.variables import substitute

ENVIRON = {"NAME": "ada", "EMPTY": "", "NESTED": "${NAME}", "BROKEN": "a\udcff"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${NAME}", "ada"),
        ("hello ${NAME}!", "hello ada!"),
        ("${MISSING:-nobody}", "nobody"),
        ("${MISSING:-}", ""),
        ("${EMPTY:-nobody}", "nobody"),
        ("${EMPTY}", ""),
        ("${NAME:-nobody}", "ada"),
        ("$${NAME}", "${NAME}"),
        ("$$${NAME}", "$${NAME}"),
        ("${NESTED}", "${NAME}"),
        ("^\\d{2}$ costs $5", "^\\d{2}$ costs $5"),
        ("${MISSING:-http://x:1/?a=b}", "http://x:1/?a=b"),
    ],
)
def test_variables_are_filled_in(text: str, filled: str) -> None:
    """A variable gives its value, else its default; `$${` is a plain `${`; a value is not looked into again."""
    assert substitute(text, ENVIRON).text == filled
    assert substitute(text, ENVIRON).problems == ()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("${MISSING}", "MISSING is not set"),
        ("${", "not followed by a variable's name"),
        ("${1A}", "not followed by a variable's name"),
        ("${NAME:-never closed", "not followed by a variable's name"),
        ("${BROKEN}", "BROKEN holds something that is not UTF-8"),
    ],
)
def test_what_cannot_be_filled_in_is_said(text: str, part: str) -> None:
    """A missing variable and a malformed one are problems in words."""
    (problem,) = substitute(text, ENVIRON).problems
    assert part in problem


def test_only_the_environment_is_borrowed_from() -> None:
    """A default stands in the file and is no secret; what the environment gave is remembered as one."""
    assert substitute("${MISSING:-x}", ENVIRON).borrowed == ()
    (piece,) = substitute("a${NAME}", ENVIRON).borrowed
    assert (piece.variable, piece.value.reveal()) == ("NAME", "ada")
    assert "ada" not in repr(piece)


@settings(deadline=None)
@given(st.text())
def test_text_without_a_variable_stays_as_it_is(text: str) -> None:
    """Nothing but `${` is special."""
    if "${" not in text:
        assert substitute(text, {}).text == text


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8")))
def test_a_value_is_taken_letter_by_letter(value: str) -> None:
    """Whatever a variable holds comes out unchanged."""
    assert substitute("<${A}>", {"A": value}).text == f"<{value}>"
