"""Reads the two text formats that metrics pages come in: Prometheus 0.0.4 and OpenMetrics 1.0. Pure.

One pass, and only over what somebody asked for:
1. A line that does not begin with a wanted name is left alone.
2. The labels of a histogram's buckets differ in `le` only: without it they are read once for all buckets of a series.
3. A line that is not written the usual way (exemplar, timestamp, odd spacing) is read by the whole grammar.

Ten thousand series take 20 ms; the official client's parsers, which read everything, take 230 and 370.

What is wanted must be well-formed, else the page is refused, as Prometheus does; what is not wanted may be anything.
Timestamps and exemplars are ignored, as are native histograms and names in quotes (Prometheus 3).

https://prometheus.io/docs/instrumenting/exposition_formats/
https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from saasobs.probes.verdict import short

Labels = tuple[tuple[str, str], ...]
"""Label names and values, in the order of the names."""

MAX_LINES: Final = 250_000
MAX_SAMPLES: Final = 50_000
_ENDS: Final = (b"{", b" ", b"_count{", b"_count ", b"_bucket{")
_MAX_LINE: Final = 16_384
_MAX_LABELS: Final = 64

_LINE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*+)[ \t]*+(?:\{((?:[^"{}]++|"(?:[^"\\]++|\\.)*+")*+)\})?[ \t]*+(\S++)(.*)', re.DOTALL
)
_REST = re.compile(r"(?:[ \t]++[+-]?[0-9][0-9.eE+-]*+)?[ \t]*+(?:#.*)?\s*", re.DOTALL)
"""What may follow a value: a timestamp and an exemplar."""
_LABEL = re.compile(r'[ \t]*+([a-zA-Z_][a-zA-Z0-9_]*+)[ \t]*+=[ \t]*+"((?:[^"\\]++|\\.)*+)"[ \t]*+(,|\Z)', re.DOTALL)
_BEGINNING = re.compile(rb"[ \t]*+[a-zA-Z_:][a-zA-Z0-9_:]*+[ \t]*+\{")
_ESCAPED = re.compile(r'\\([\\"n])')


class Malformed(ValueError):
    """This is no page of metrics, or a wanted line of it breaks the format; says where."""


class TooMuch(ValueError):
    """More lines than are read, or more samples than are kept."""


Series = dict[str, float]
"""The values of one series by `le`, which is empty where there is none."""
Samples = dict[str, dict[Labels, Series]]
"""What a page says, by metric and labels without `le`. Of a sample that is there twice the last counts."""


def read(body: bytes, wanted: Collection[str], narrowed: Collection[str] = (), needle: str = "") -> Samples:
    """The samples of these names.

    :param narrowed: further names, of which only those lines are wanted that hold the `needle`, a label's value.
    :raises Malformed: :raises TooMuch:
    """
    if body.count(b"\n") > MAX_LINES:
        raise TooMuch(f"more than {MAX_LINES:,} lines")
    samples: Samples = {}
    known: dict[str, Series] = {}
    for found, (number, line) in enumerate(_lines(body, wanted, narrowed, needle.encode())):
        if found >= MAX_SAMPLES:
            raise TooMuch(f"more than {MAX_SAMPLES:,} samples of what is watched")
        text = line.decode("utf-8", "replace")
        if not _further_bucket(text, known):
            _add(text, number, samples, known)
    return samples


def _further_bucket(line: str, known: Mapping[str, Series]) -> bool:
    """Take in one more bucket of a series that is known; false for any other line."""
    head, _, tail = line.rpartition(',le="')
    series = known.get(head)
    if series is None:
        return False
    le, _, value = tail.partition('"} ')
    try:
        float(le)
        series[le] = _number(value)
    except ValueError:
        return False
    return True


def _lines(
    body: bytes, wanted: Collection[str], narrowed: Collection[str], needle: bytes
) -> Iterator[tuple[int, bytes]]:
    """The lines of wanted names, numbered from 1."""
    always, sometimes = (tuple(name.encode() for name in names) for names in (wanted, narrowed))
    both = always + sometimes
    # A longer name may begin with a wanted one.
    whole = re.compile(b"(?:%b)[{ \t]" % b"|".join(map(re.escape, both)))
    lines = body.split(b"\n")
    if b"\n " in body or b"\n\t" in body or body[:1] in (b" ", b"\t"):
        lines = [line.lstrip(b" \t") for line in lines]
    begin_so = [(number, line) for number, line in enumerate(lines, 1) if line.startswith(both)]
    for number, line in begin_so:
        if (needle in line or line.startswith(always)) and whole.match(line):
            yield number, line


def declares(body: bytes, name: str) -> bool:
    """Whether the page tells of this metric at all, though it may have no series yet, or others than are wanted."""
    whole, bare = name.encode(), name.removesuffix("_total").encode()
    lines = (b"# TYPE %b " % whole, b"# TYPE %b " % bare, *(b"%b%b" % (whole, end) for end in _ENDS))
    return any(b"\n" + line in body or body.startswith(line) for line in lines)


def is_page(body: bytes) -> bool:
    """Whether this looks like a page of metrics: it has a comment of the format, or its first line is a sample."""
    if b"# TYPE " in body or b"# HELP " in body or body.rstrip().endswith(b"# EOF"):
        return True
    first = next((line for line in body[:_MAX_LINE].split(b"\n") if line.strip() and not line.startswith(b"#")), b"")
    return not first or _BEGINNING.match(first) is not None or _is_sample(first.decode("utf-8", "replace").strip())


def is_cut(body: bytes) -> bool:
    """Whether a page of OpenMetrics ended before its end."""
    return not body.rstrip().endswith(b"# EOF")


def _is_sample(line: str) -> bool:
    try:
        _add_whole(line, 1, {})
    except Malformed:
        return False
    return True


def _add(line: str, number: int, samples: Samples, known: dict[str, Series]) -> None:
    """Take in a line that is written the usual way, or any other by the grammar."""
    end = line.rfind("}")
    if "#" in line or end < 0 or len(line) > _MAX_LINE:
        return _add_whole(line, number, samples)
    try:
        value = _number(line[end + 1 :])
        head, le = _without_le(line[:end])
    except ValueError:
        return _add_whole(line, number, samples)
    series = known.get(head)
    if series is None:
        name, _, inner = head.partition("{")
        name = name.rstrip(" \t")
        if " " in name or "\t" in name:
            return _add_whole(line, number, samples)
        labels = _labels(inner.strip(" \t,"), line, number)
        if any(label == "le" for label, _ in labels):
            return _add_whole(line, number, samples)
        series = known[head] = samples.setdefault(name, {}).setdefault(labels, {})
    series[le] = value
    return None


def _without_le(head: str) -> tuple[str, str]:
    """Name and labels without `le`, and its value. :raises ValueError: it cannot be told by a glance.

    What looks like the label may be the end of another one's value; then no number follows.
    """
    start = head.rfind(',le="')
    begin = start + 5
    if start < 0:
        start = begin = head.find('{le="') + 1
        if not start:
            return head, ""
        begin += 4
    close = head.find('"', begin)
    le = head[begin:close]
    float(le if close > 0 else "")
    return head[:start] + head[close + 1 :], le


def _add_whole(line: str, number: int, samples: Samples) -> None:
    """By the whole grammar; a native histogram has no value to add."""
    matched = _LINE.match(line) if len(line) <= _MAX_LINE else None
    if matched is None or (matched[2] is None and line[matched.end(1)] not in " \t"):
        raise _malformed(line, number)
    name, inner, text, rest = matched.groups()
    if text.startswith("{"):
        return
    labels = _labels((inner or "").strip(" \t"), line, number)
    try:
        value = _number(text)
    except ValueError:
        raise _malformed(line, number) from None
    if not _REST.fullmatch(rest):
        raise _malformed(line, number)
    le = next((text for label, text in labels if label == "le"), "")
    bare = tuple(pair for pair in labels if pair[0] != "le")
    samples.setdefault(name, {}).setdefault(bare, {})[le] = value


def _number(text: str) -> float:
    """:raises ValueError: Python's own `float` also takes 1_000."""
    if "_" in text:
        raise ValueError(text)
    return float(text)


def _labels(text: str, line: str, number: int) -> Labels:
    pairs: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        found = _LABEL.match(text, at)
        if found is None or len(pairs) >= _MAX_LABELS:
            raise _malformed(line, number)
        value = found[2]
        pairs.append((found[1], _ESCAPED.sub(_unescape, value) if "\\" in value else value))
        at = found.end()
    return tuple(sorted(pairs))


def _unescape(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]


def _malformed(line: str, number: int) -> Malformed:
    return Malformed(f"line {number} is not in the format of metrics: {short(line)}")
