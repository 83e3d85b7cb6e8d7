"""W3C Baggage: what a stranger sent goes on as far as it is valid, within bounds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.instrument.tracing.baggage import BYTES, MEMBERS, parse_baggage


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        (["key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue"],
         "key1=value1;property1;property2,key2 = value2,key3=value3; propertyKey=propertyValue"),
        (["userId=Am%C3%A9lie,serverNode=DF%2028,isProduction=false"],
         "userId=Am%C3%A9lie,serverNode=DF%2028,isProduction=false"),
        (["a=1", "b=2"], "a=1,b=2"),
        (["a=1,,b"], "a=1"),
        (["a=,b=2"], "a=,b=2"),
        (["a=b=c"], "a=b=c"),
        ([""], ""),
        (["a b=1,c=2"], "c=2"),
        (["a=1 2,c=2"], "c=2"),
        (['a="1",c=2'], "c=2"),
        (["a=é,c=2"], "c=2"),
        (["a=1\r\nset-cookie: x,c=2"], "c=2"),
        (["=1,c=2"], "c=2"),
        (["a=1;,c=2"], "c=2"),
    ],
)  # fmt: skip
def test_what_goes_on(headers: Sequence[str], kept: str) -> None:
    """Valid members go on as they came, the others do not."""
    assert parse_baggage(headers) == kept


def test_members_are_bounded() -> None:
    """It ends with the sixty-fourth member."""
    assert parse_baggage([",".join(f"k{at}=v" for at in range(1000))]) == ",".join(f"k{at}=v" for at in range(MEMBERS))


def test_bytes_are_bounded() -> None:
    """It ends with the last member that fits into the limit."""
    member = "k=" + "v" * 1000
    assert parse_baggage([",".join([member] * 20)]) == ",".join([member] * 8)
    assert parse_baggage(["k=" + "v" * BYTES]) == ""
    assert parse_baggage(["k=" + "v" * (BYTES - 2)]) == "k=" + "v" * (BYTES - 2)


@given(st.lists(st.text(max_size=200) | st.from_regex(r"\A[a-z]{1,9}=[!-~]{0,9}(;[a-z]{1,9})?\Z"), max_size=8))
def test_hostile_baggage(headers: list[str]) -> None:
    """Nothing raises, and what goes on is valid as it stands."""
    kept = parse_baggage(headers)
    assert parse_baggage([kept]) == kept
    assert "\n" not in kept
    assert kept.isascii()


@pytest.mark.parametrize("text", ["a=" + "1;" * 8000, "a" * 16_000, "a=1" + " " * 16_000 + "x", "a=1;b" * 3000])
def test_no_text_makes_it_slow(text: str) -> None:
    """Long texts that almost match are read once."""
    parse_baggage([text])
