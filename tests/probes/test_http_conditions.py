"""Conditions on JSON: strict types, every operator, all of what a path selects; whatever a stranger may answer."""

from __future__ import annotations

import operator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.result import Outcome
from saasobs.probes.conditions import Condition, JsonPath, show, unmet
from saasobs.probes.excerpt import LIMIT, decode, excerpt, visible
from saasobs.probes.http.expect import Answer, judge_content, judge_plain
from saasobs.probes.http.options import Expect
from saasobs.probes.verdict import verdict

leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
json_values = st.recursive(
    leaves | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def holds(condition: Any, document: Any, path: str = "$") -> bool:
    return unmet(Condition.parse(condition), JsonPath(path), document) is None


STRICT = [
    (5, "5", False), ("5", 5, False), (1, True, False), (True, 1, False), (0, False, False), (None, False, False),
    (None, None, True), (1, 1.0, True), (1.0, 1, True), ("", None, False), ([], None, False),
    ([1, "a"], [1, "a"], True),
    ([1], [True], False), ([1, 2], [2, 1], False),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "seen", "equal"), STRICT)
def test_types_are_strict(wanted: Any, seen: Any, equal: bool) -> None:
    """A text is no number and true is no one, at any depth; 1 and 1.0 are the same JSON number."""
    assert holds({"==": wanted}, {"a": seen}, "$.a") is equal
    assert holds({"!=": wanted}, {"a": seen}, "$.a") is not equal


def test_objects_are_compared_whole() -> None:
    """== takes objects too, member by member."""
    assert holds({"==": {"a": [1, {"b": None}]}}, {"a": [1.0, {"b": None}]})
    assert not holds({"==": {"a": 1}}, {"a": 1, "b": 2})


@given(st.integers() | st.floats(allow_nan=False), st.integers() | st.floats(allow_nan=False))
def test_numbers_are_ordered(seen: float, limit: float) -> None:
    """The four comparisons are those of numbers."""
    for sign, compare in (("<", operator.lt), ("<=", operator.le), (">", operator.gt), (">=", operator.ge)):
        assert holds({sign: limit}, seen) is compare(seen, limit)


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("seen", ["5", None, True, [1], {}])
def test_what_is_no_number_is_never_in_order(sign: str, seen: Any) -> None:
    """Comparing across types fails the condition instead of guessing."""
    assert not holds({sign: 3}, seen)


def test_texts_lists_and_patterns() -> None:
    """contains looks into texts and arrays, matches searches texts, texts compare by letters."""
    assert holds({"contains": "ell"}, "hello")
    assert holds({"contains": 2}, [1, 2.0])
    assert not holds({"contains": True}, [1])
    assert not holds({"contains": 1}, "1")
    assert not holds({"contains": "a"}, {"a": 1})
    assert holds({"matches": "^v[0-9]+$"}, "v12")
    assert not holds({"matches": "1"}, 1)
    assert holds({">=": "2026-01-01"}, "2026-11-22")


def test_every_selected_value_must_hold_every_term() -> None:
    """Several matches: all of them; several operators: all of them; the first that does not is told."""
    document = {"q": [{"n": 1}, {"n": 5}, {"n": 9}]}
    assert holds({">": 0, "<": 10}, document, "$.q[*].n")
    told = unmet(Condition.parse({">": 0, "<": 6}), JsonPath("$.q[*].n"), document)
    assert told == ("< 6", "9")
    assert holds(9, document, "$.q[?@.n > 5].n")


def test_nothing_selected_meets_only_exists_false() -> None:
    """A missing value is unequal to nothing: != does not hold for what is not there."""
    for condition in ("x", {"!=": "x"}, {"<": 1}, {"exists": True}):
        told = unmet(Condition.parse(condition), JsonPath("$.gone"), {})
        assert told is not None
        assert told[1] == "missing"
    assert holds({"exists": False}, {}, "$.gone")
    assert unmet(Condition.parse({"exists": False}), JsonPath("$.a"), {"a": 1}) == ("no value", "1")


@given(json_values)
def test_every_value_equals_itself(value: Any) -> None:
    """== holds for any JSON value that went over the wire and back."""
    assert holds({"==": value}, orjson.loads(orjson.dumps(value)))


@given(json_values)
def test_shown_values_are_bounded(value: Any) -> None:
    """However large a value is, a sentence can hold it."""
    assert len(show(value)) <= 120


@given(st.binary(max_size=300), st.sampled_from(["", "application/json", "text/x; charset=utf-16", "a; charset=hex"]))
def test_no_answer_breaks_the_judge(body: bytes, content_type: str) -> None:
    """Any bytes are judged to an outcome with a sentence, never to an exception."""
    expect = Expect.model_validate({
        "headers": {"Content-Type": "json"}, "body_contains": "a", "body_not_contains": "b", "body_matches": "a.c",
        "body_not_matches": "z", "json": {"$..a": 1, "$[?@.b > 1]": {"exists": False}}, "down_over": "1s",
    })  # fmt: skip
    answer = Answer(200, (("Content-Type", content_type),), body, 5)
    faults = judge_plain(expect, answer, 0) + judge_content(expect, answer)
    outcome, reason, sentence = verdict(faults)
    assert (outcome is Outcome.UP) == (not faults) == (not sentence) == (reason is None)


@pytest.mark.parametrize("charset", ["hex", "rot13", "idna", "unicode_escape", "no-such", "\x00", "zlib", "utf-7"])
def test_only_character_sets_decode(charset: str) -> None:
    """A codec that is no character set of the web is read as UTF-8."""
    assert decode("é".encode(), f"text/plain; charset={charset}") == "é"


def test_json_in_an_old_charset_or_with_a_mark_is_read() -> None:
    """A byte order mark or a declared charset does not make JSON unreadable."""
    expect = Expect.model_validate({"json": {"$.a": "é"}})
    marked = Answer(200, (), b"\xef\xbb\xbf" + '{"a":"é"}'.encode(), 0)
    old = Answer(200, (("Content-Type", "application/json; charset=latin-1"),), '{"a":"é"}'.encode("latin-1"), 0)
    assert judge_content(expect, marked) == judge_content(expect, old) == []


@given(st.text(max_size=3000))
def test_an_excerpt_is_bounded_and_printable(text: str) -> None:
    """At most 500 characters, none of which can move a terminal's cursor or reverse the reading direction."""
    shown = excerpt(text)
    assert len(shown) <= LIMIT
    assert all(letter.isprintable() or letter in "\n\t" for letter in shown)


def test_control_characters_are_written_out() -> None:
    """Escapes, marks and lone surrogates are shown as text; line breaks stay."""
    assert visible("a\x1b[1m\r\nb\u202ec\ud800\x00") == "a\\x1b[1m\nb\\u202ec\\ud800\\x00"


@given(st.integers(0, 600))
def test_the_cut_of_an_excerpt_leaves_no_half_secret(padding: int) -> None:
    """A token that the bound falls into is either masked or gone."""
    text = "x " * padding + "Bearer AbCdEf0123456789AbCdEf0123456789 tail " + "y " * 2000
    assert "AbCdEf" not in excerpt(text)
