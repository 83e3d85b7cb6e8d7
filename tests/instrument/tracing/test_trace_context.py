"""W3C Trace Context Level 2, held against the rules that the standard's own test suite publishes."""

from __future__ import annotations

import string
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.instrument.tracing.trace_context import (
    RANDOM,
    SAMPLED,
    Parent,
    format_traceparent,
    parse_parent,
    parse_tracestate,
)

TRACE = "12345678901234567890123456789012"
SPAN = "1234567890123456"
GOOD = f"00-{TRACE}-{SPAN}-01"
VALUE = "".join(map(chr, (*range(0x20, 0x2C), *range(0x2D, 0x3D), *range(0x3E, 0x7F))))
KEY = string.ascii_lowercase + string.digits + "_-*/@"


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (GOOD, SAMPLED),
        (f"00-{TRACE}-{SPAN}-00", 0),
        (f"00-{TRACE}-{SPAN}-02", RANDOM),
        (f"00-{TRACE}-{SPAN}-03", SAMPLED | RANDOM),
        (f"00-{TRACE}-{SPAN}-ff", SAMPLED | RANDOM),
        (f"00-{TRACE}-{SPAN}-f9", SAMPLED),
        (f" {GOOD}", SAMPLED),
        (f"\t{GOOD}", SAMPLED),
        (f"{GOOD} ", SAMPLED),
        (f"{GOOD}\t", SAMPLED),
        (f"\t {GOOD} \t", SAMPLED),
        (f"cc-{TRACE}-{SPAN}-01", SAMPLED),
        (f"cc-{TRACE}-{SPAN}-03", SAMPLED),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", SAMPLED),
        (f"01-{TRACE}-{SPAN}-00-", 0),
    ],
)
def test_understood(header: str, flags: int) -> None:
    """A valid header gives its IDs and the flags that are known, white space around it aside."""
    assert parse_parent([header]) == Parent(TRACE, SPAN, flags)


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "00",
        f"{GOOD}.",
        f"{GOOD}-",
        f"{GOOD}-what-the-future-will-be-like",
        f"cc-{TRACE}-{SPAN}-01.what-the-future-will-be-like",
        f"ff-{TRACE}-{SPAN}-01",
        f".0-{TRACE}-{SPAN}-01",
        f"0.-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"000-{TRACE}-{SPAN}-01",
        f"0000-{TRACE}-{SPAN}-01",
        f"CC-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-.{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE[:-1]}.-{SPAN}-01",
        f"00-{TRACE}3-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{'A' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-.{SPAN[1:]}-01",
        f"00-{TRACE}-{SPAN[:-1]}.-01",
        f"00-{TRACE}-{SPAN}7-01",
        f"00-{TRACE}-{SPAN[:-1]}-01",
        f"00-{TRACE}-{'F' * 16}-01",
        f"00-{TRACE}-{SPAN}-.0",
        f"00-{TRACE}-{SPAN}-0.",
        f"00-{TRACE}-{SPAN}-001",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0A",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}-०१",
        f"00-{TRACE}-{SPAN}",
        f"{GOOD},{GOOD}",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 16_000}",
    ],
)
def test_restarted(header: str) -> None:
    """A header that breaks the rules is as good as none."""
    assert parse_parent([header], ["foo=1"]) is None


@pytest.mark.parametrize("headers", [(), (GOOD, GOOD), (GOOD, f"00-{'9' * 32}-{SPAN}-01"), ("", GOOD)])
def test_exactly_one(headers: Sequence[str]) -> None:
    """No traceparent or several begin a new trace, and the tracestate is not looked at."""
    assert parse_parent(headers, ["foo=1"]) is None


@given(st.lists(st.text(max_size=80) | st.from_regex(r"\A[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")))
def test_whatever_comes(headers: list[str]) -> None:
    """Nothing raises, and what is understood is a valid header of version 00 again."""
    parent = parse_parent(headers, headers)
    if parent is not None:
        assert parse_parent([format_traceparent(parent.trace_id, parent.span_id, parent.flags)]) == parent._replace(
            tracestate=""
        )


@pytest.mark.parametrize(
    ("headers", "combined"),
    [
        (["foo=1,bar=2"], "foo=1,bar=2"),
        (["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3"),
        ([""], ""),
        (["foo=1", ""], "foo=1"),
        (["", "foo=1"], "foo=1"),
        (["foo=1,,\t,bar=2,"], "foo=1,bar=2"),
        (["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        (["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], "foo=1,bar=2,baz=3"),
        ([" foo=1"], "foo=1"),
        (["\tfoo=1"], "foo=1"),
        (["foo=1 "], "foo=1"),
        (["foo=1\t"], "foo=1"),
        (["foo=  1"], "foo=  1"),
        ([f"{KEY}={VALUE}"], f"{KEY}={VALUE}"),
        ([f"{KEY.replace('@', '')}@{KEY}=1"], f"{KEY.replace('@', '')}@{KEY}=1"),
        (["foo=1", "z" * 256 + "=1"], "foo=1," + "z" * 256 + "=1"),
        (["foo=1", "t" * 241 + "@" + "v" * 14 + "=1"], "foo=1," + "t" * 241 + "@" + "v" * 14 + "=1"),
        (["foo=1", "t" * 242 + "@v=1"], "foo=1," + "t" * 242 + "@v=1"),
        (["foo@=1,bar=2"], "foo@=1,bar=2"),
        (["foo@bar@baz=1,bar=2"], "foo@bar@baz=1,bar=2"),
        (["0foo=1"], "0foo=1"),
        ([f"foo={'v' * 256}"], f"foo={'v' * 256}"),
    ],
)
def test_combined(headers: Sequence[str], combined: str) -> None:
    """Valid members of every header go on as they came, in their order; empty ones are nothing."""
    assert parse_tracestate(headers) == combined


@pytest.mark.parametrize(
    "headers",
    [
        ["foo=1,foo=1"],
        ["foo=1,foo=2"],
        ["foo=1", "foo=1"],
        ["foo=1", "foo=2"],
        ["foo =1"],
        ["FOO=1"],
        ["foo.bar=1"],
        ["@foo=1,bar=2"],
        ["_foo=1"],
        ["foo=1", "z" * 257 + "=1"],
        [f"foo={'v' * 257}"],
        ["foo=bar=baz"],
        ["foo=,bar=3"],
        ["foo= ,bar=3"],
        ["foo"],
        ["=1"],
        ["foo=bär"],
        ["foo=a\x00b"],
        ["foo=a\tb"],
        ["foo=a\nb"],
        [",".join(f"bar{at:02}={at:02}" for at in range(20)), ",".join(f"bar{at}={at}" for at in range(20, 33))],
        ["," * 100_000 + "foo=1"],
    ],
)
def test_dropped_whole(headers: Sequence[str]) -> None:
    """One member that breaks the rules, a key that comes twice, too many of them: nothing goes on; the trace does."""
    assert parse_tracestate(headers) == ""
    assert parse_parent([GOOD], headers) == Parent(TRACE, SPAN, SAMPLED)


def test_thirty_two() -> None:
    """Thirty-two members are not too many."""
    text = ",".join(f"bar{at:02}={at:02}" for at in range(32))
    assert parse_parent([GOOD], [text]) == Parent(TRACE, SPAN, SAMPLED, text)


def test_shortened_by_whole_members() -> None:
    """Beyond 512 characters members of more than 128 go first, then those at the end; no member is cut."""
    long, short = "long=" + "x" * 200, [f"key{at:02}=" + "v" * 30 for at in range(15)]
    kept = parse_tracestate([",".join([short[0], long, *short[1:]])])
    assert kept == ",".join(short[: kept.count(",") + 1])
    assert len(kept) <= 512 < len(kept) + len(short[-1]) + 1


members = st.from_regex(r"\A[a-z0-9][a-z0-9_\-*/@]{0,40}=[ -+\--<>-~]{0,40}[!-+\--<>-~]\Z")


@given(st.lists(st.lists(members, max_size=5).map(",".join), max_size=5))
def test_order_and_bounds(headers: list[str]) -> None:
    """What goes on is some of what came, in its order, and never too long."""
    kept = parse_tracestate(headers)
    assert len(kept) <= 512
    came = iter(member.strip(" \t") for member in ",".join(headers).split(","))
    assert all(member in came for member in kept.split(",") if kept)


@given(st.lists(st.text(max_size=600), max_size=4))
def test_hostile_lists(headers: list[str]) -> None:
    """Nothing raises, and nothing goes on that would not be taken as it is."""
    kept = parse_tracestate(headers)
    assert parse_tracestate([kept]) == kept
    assert kept.isascii()
    assert kept.isprintable()
