"""Reading metrics pages: against the parsers of the official client, by hand where these differ, against garbage."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from saasobs.probes.metrics.exposition import (
    MAX_SAMPLES,
    Malformed,
    Samples,
    TooMuch,
    declares,
    is_cut,
    is_page,
    read,
)

Known = dict[tuple[str, frozenset[tuple[str, str]]], str]
"""Values, as texts because NaN is not itself, by name and labels."""
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ['say "hi"', "back\\slash", "two\nlines", "}", "{", ',le="1"', "le=", "# no comment", "a,b=c", "", 'x\\"', "\\n"]
)
NUMBERS = st.floats() | st.integers(-5, 10**12).map(float)


def flat(samples: Samples) -> list[tuple[str, dict[str, str], float]]:
    return [
        (name, dict(labels) | ({"le": le} if le else {}), value)
        for name, found in samples.items()
        for labels, series in found.items()
        for le, value in series.items()
    ]


def known(samples: Samples) -> Known:
    return {(name, frozenset(labels.items())): repr(value) for name, labels, value in flat(samples)}


def of_client(body: bytes, parse: Callable[..., object]) -> Known:
    families = parse(body.decode())
    return {
        (sample.name, frozenset(sample.labels.items())): repr(float(sample.value))
        for family in families  # type: ignore[attr-defined]
        for sample in family.samples
    }


def names(found: Known) -> set[str]:
    return {name for name, _ in found}


@st.composite
def registries(draw: st.DrawFn) -> CollectorRegistry:
    """Counters, gauges and histograms, with any label values, and exemplars."""
    registry = CollectorRegistry()
    gauge = Gauge("queue_length", "So long.", ("queue", "profile"), registry=registry)
    counter = Counter("jobs", "So many.", ("queue",), registry=registry)
    bare = Counter("starts", "Without labels.", registry=registry)
    histogram = Histogram("request_seconds", "So slow.", ("route",), buckets=(0.1, 0.25, 2.0), registry=registry)
    bare.inc(draw(st.integers(0, 10**15)))
    for queue, profile in draw(st.lists(st.tuples(TEXT, TEXT), max_size=4)):
        gauge.labels(queue, profile).set(draw(NUMBERS))
        exemplar = draw(st.none() | st.dictionaries(st.sampled_from(["trace_id", "a"]), st.text("0f }#,", max_size=8)))
        counter.labels(queue).inc(draw(st.floats(0, 1e9)), exemplar=exemplar)
        histogram.labels(profile).observe(draw(st.floats(0, 5)), exemplar=exemplar)
    return registry


@settings(max_examples=150, deadline=None)
@given(registries())
def test_it_reads_what_the_official_client_writes_and_reads(registry: CollectorRegistry) -> None:
    """Every sample of both formats, as the official parsers read it."""
    text, openmetrics = generate_latest(registry), generate_openmetrics(registry)  # type: ignore[no-untyped-call]
    for body, parse in ((text, text_families), (openmetrics, openmetrics_families)):
        theirs = of_client(body, parse)
        assert known(read(body, names(theirs))) == theirs
        assert is_page(body)
    assert not is_cut(openmetrics)


BLANKS = st.sampled_from(["", " ", "\t", "  "])


@st.composite
def odd_lines(draw: st.DrawFn) -> str:
    """A sample line as the 0.0.4 format allows it: blanks between tokens, trailing commas, timestamps."""
    pairs = draw(st.dictionaries(st.sampled_from(["a", "le", "profile", "_b", "x_le"]), TEXT, max_size=4))

    def gap() -> str:
        return draw(BLANKS)

    escaped = {
        name: value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') for name, value in pairs.items()
    }
    if "le" in escaped:
        escaped["le"] = draw(st.sampled_from(["0.5", "1", "+Inf", "1e-3"]))
    inner = ",".join(f'{gap()}{name}{gap()}={gap()}"{value}"{gap()}' for name, value in escaped.items())
    comma = draw(st.sampled_from(["", ","])) if escaped else ""
    labels = f"{gap()}{{{inner}{comma}}}{gap()}" if escaped else ""
    value = draw(st.sampled_from(["1", "-2.5", "1e9", "NaN", "+Inf", "-Inf", "0"]))
    stamp = draw(st.sampled_from(["", " 1700000000000", "\t-1"]))
    return f"{gap()}odd_metric{labels} {value}{stamp}{gap()}"


@settings(max_examples=300, deadline=None)
@given(st.lists(odd_lines(), max_size=5))
def test_it_reads_every_way_of_writing_a_line(lines: list[str]) -> None:
    """Blanks, commas and timestamps wherever the format allows them."""
    body = "\n".join([*lines, ""]).encode()
    assert known(read(body, ["odd_metric"])) == of_client(body, text_families)


def test_only_what_is_wanted_is_read() -> None:
    """Other metrics, longer names among them, may be as broken as they like."""
    body = b'a_total{x="1"} 1\na_total_more{oops 2\nb{broken\na_totals 3\na_total 4\n'
    assert [value for _, _, value in flat(read(body, ["a_total"]))] == [1, 4]


def test_lines_without_the_needle_are_left_alone() -> None:
    """Of narrowed metrics only the lines of one route are read; of the others all."""
    body = b'a{route="/x"} 1\na{route="/y"} 2\na{oops\nb{route="/y"} 3\n'
    found = flat(read(body, ["b"], ["a"], '"/x"'))
    assert [(name, value) for name, _, value in found] == [("a", 1), ("b", 3)]


@pytest.mark.parametrize(
    "line",
    [
        "m \t",
        "m one",
        "m 1_000",
        'm{a="b" 1',
        "m{a=b} 1",
        'm{a="b"c="d"} 1',
        'm{="b"} 1',
        'm{a="b"}',
        'm{a="b"} 1 later',
        'm{a="\\"} 1',
        'm{le="0.5"x} 1',
        "m{" + ",".join(f'a{i}="b"' for i in range(100)) + "} 1",
        'm{a="' + "b" * 20_000 + '"} 1',
    ],
)
def test_a_broken_line_is_refused(line: str) -> None:
    """With its number and a bounded piece of it."""
    with pytest.raises(Malformed, match=r"^line 2 is not in the format of metrics: ") as raised:
        read(f"# TYPE m gauge\n{line}\n".encode(), ["m"])
    assert len(str(raised.value)) < 200


def test_what_is_no_number_of_ours_is_left_out() -> None:
    """Native histograms have no line that a counter could be read from."""
    assert read(b"m {count:5,sum:3}\n", ["m"]) == {}
    ((_, _, value),) = flat(read(b'm{a="1"} NaN\n', ["m"]))
    assert math.isnan(value)


def test_of_a_sample_that_is_there_twice_the_last_counts() -> None:
    """Whatever the order of its labels."""
    assert flat(read(b'm{a="1",b="2"} 5\nm{b="2",a="1"} 7\n', ["m"])) == [("m", {"a": "1", "b": "2"}, 7)]


def test_too_much_is_refused() -> None:
    """Neither endless pages nor endless series are taken in."""
    with pytest.raises(TooMuch, match=r"more than 250,000 lines"):
        read(b"\n" * 250_001, ["m"])
    many = b"".join(b'm{a="%d"} 1\n' % i for i in range(MAX_SAMPLES + 1))
    with pytest.raises(TooMuch, match="more than 50,000 samples"):
        read(many, ["m"])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", True),
        (b"# HELP a b\n", True),
        (b"up 1\n", True),
        (b"# EOF\n", True),
        (b"<html><body>log in</body></html>", False),
        (b'{"status": "ok"}', False),
        (b"hello\n", False),
        (b"\xff\xfe\x00\x01", False),
    ],
)
def test_a_page_of_metrics_is_told_from_other_things(body: bytes, expected: bool) -> None:
    """A login page answered with 200 is no page of metrics; an empty one may be."""
    assert is_page(body) is expected


def test_a_metric_without_series_is_told_from_one_that_is_not_there() -> None:
    """By its TYPE line, where a client library writes one."""
    body = b"# TYPE jobs_total counter\n# TYPE latency histogram\n# TYPE other counter\nbare 1\n"
    assert [declares(body, name) for name in ("jobs_total", "latency", "other_total", "bare", "lat", "missing")] == [
        True, True, True, True, False, False,
    ]  # fmt: skip


PIECES = st.sampled_from(
    ['m{a="b"} 1', "m 2", "m{", "}", '"', "\\", ",", "=", "le=", 'm{le="', "0.5", "+Inf", "NaN", "#", " ", "\t", "\n",
     "# EOF", "# TYPE m ", "\r\n", "é", "\x00", "m_bucket", "1e400", "-", "{m}", "m{,}", "1 2 3 # {"]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join) | st.text() | st.binary())
def test_garbage_is_read_or_refused(page: str | bytes) -> None:
    """Whatever a page holds: samples or a sentence, never another exception."""
    body = page if isinstance(page, bytes) else page.encode("utf-8", "surrogatepass")
    with suppress(Malformed):
        assert read(body, ["m", "m_bucket"], ["m_count"], "x").keys() <= {"m", "m_bucket", "m_count"}
    is_page(body)
    is_cut(body)
    declares(body, "m")
