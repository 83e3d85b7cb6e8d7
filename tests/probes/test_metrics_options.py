"""What may be written for a metrics monitor, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from saasobs.core.errors import ConfigurationError
from saasobs.probes.metrics.options import MetricsOptions
from saasobs.probes.metrics.selector import Selector
from saasobs.settings import load

URL = "http://app:8000/metrics"


def options(**said: Any) -> MetricsOptions:
    return MetricsOptions.model_validate({"url": URL, "expect": {"p95": "2s"}, **said})


def refusal(**said: Any) -> str:
    with pytest.raises(ValidationError) as raised:
        options(**said)
    return " | ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in raised.value.errors())


def test_the_short_way_is_enough() -> None:
    """A URL, a route and a limit make a monitor."""
    read = options(route="/checkout", window="5m")
    assert read.target() == "http://app:8000/metrics (/checkout)"
    assert read.host() == "app"
    assert str(read.selection) == '{http_route="/checkout"}'
    assert {name: (float(share), limits.over) for name, (share, limits) in read.expect.timings.items()} == {
        "p95": (0.95, 2_000_000)
    }


def test_its_example_is_one() -> None:
    """What the documentation shows can be read."""
    said = yaml.safe_load(MetricsOptions.example)
    assert (said.pop("name"), said.pop("kind")) == ("checkout-p95", "metrics")
    assert MetricsOptions.model_validate(said).expect.error_ratio is not None


def test_limits_in_every_writing() -> None:
    """Plain values, percents, rates and groups of limits."""
    expect = options(
        expect={
            "p50": {"over": "1s", "degraded_over": "300ms"},
            "quantiles": {0.999: "5s"},
            "error_ratio": "2.5%",
            "request_rate": {"under": "6/m", "over": 100},
            "queries_per_request": 20,
            "figures": [{"increase": "jobs_failed_total", "over": 0}],
        }
    ).expect
    assert expect.error_ratio is not None
    assert expect.error_ratio.over == 0.025
    assert expect.request_rate is not None
    assert (expect.request_rate.under, expect.request_rate.over) == (0.1, 100)
    assert expect.queries_per_request is not None
    assert (expect.queries_per_request.over, expect.queries_per_request.quantile) == (20, 0.95)
    assert set(expect.timings) == {"p50", "p99.9"}


def test_secrets_are_not_shown() -> None:
    """Neither a login in the URL nor a header's value."""
    read = options(url="http://ada:hunter2@app/metrics", headers={"Authorization": "Bearer tok3n"})
    assert read.target() == "http://app/metrics"
    assert "hunter2" not in repr(read)
    assert "tok3n" not in repr(read)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"expect": {}}, "expect at least one figure, as in p95: 2s"),
        ({"expect": {"p95": 2}}, "2 has no unit: write 2s, 2m or 2h"),
        ({"expect": {"p95": {}}}, "needs a limit: one of over, degraded_over"),
        ({"expect": {"p95": {"over": "1s", "degraded_over": "2s"}}}, "degraded_over must be less than over"),
        ({"expect": {"p95": {"under": "1s"}}}, "expect.p95.under: Extra inputs"),
        ({"expect": {"p75": "1s"}}, "expect.p75: Extra inputs"),
        ({"expect": {"quantiles": {1.5: "1s"}}}, "less than 1"),
        ({"expect": {"error_ratio": "5"}}, "'5' is not a share: write 1% or 0.01"),
        ({"expect": {"error_ratio": 5}}, "less than or equal to 1"),
        ({"expect": {"request_rate": {"under": "fast"}}}, "'fast' is not a rate: write 5/s, 30/m or 100/h"),
        ({"expect": {"request_rate": {"under": 5, "degraded_under": 1}}}, "degraded_under must be more than under"),
        ({"expect": {"request_rate": {"under": 5, "over": 1}}}, "nothing is both that small and that large"),
        ({"expect": {"figures": [{"over": 1}]}}, "needs exactly one of rate, increase and value"),
        ({"expect": {"figures": [{"value": "a", "rate": "b", "over": 1}]}}, "needs exactly one of"),
        ({"expect": {"figures": [{"value": '{a="b"}', "over": 1}]}}, "names no metric"),
        ({"expect": {"figures": [{"value": "a"}]}}, "needs a limit: one of over, degraded_over, under"),
        ({"where": 'up{a="b"}'}, "only labels stand here"),
        ({"where": "a~b"}, "is no label matcher; write it as in PromQL"),
        ({"where": 'a=~"("'}, "is not a regular expression"),
        ({"where": '{a="b"'}, "has no closing brace"),
        ({"where": '{a="\\d"}'}, "is no escape; write"),
        ({"where": 5}, "must be text: write it as in PromQL"),
        ({"histogram": "a-b"}, "histogram: String should match pattern"),
        ({"route": "/x", "each": "http_route"}, "keep one of the two"),
        ({"window": "0s"}, "must be longer than zero"),
        ({"min_requests": 0}, "greater than or equal to 1"),
        ({"windows": "5m"}, "windows: Extra inputs"),
        (
            {"headers": {"Authorization": "x"}, "auth": {"kind": "bearer", "token": "t"}},
            "Value error, give the login under auth or in the header Authorization, not both",
        ),
        ({"client_key": "/nowhere"}, "client_key: /nowhere is not a file"),
    ],
)
def test_mistakes_are_told(said: dict[str, Any], words: str) -> None:
    """Each with what would have been right."""
    assert words in refusal(**said)


def test_the_window_must_hold_two_intervals() -> None:
    """A window that never holds two scrapes would never tell anything."""
    assert options(window="2m").unfit(60_000_000) is None
    assert options(window="119s").unfit(60_000_000) == ("window", "must be at least twice the interval")


FILE = """\
monitors:
  - {name: checkout-p95, kind: metrics, url: "http://app:8000/metrics", route: /checkout, window: 5m, expect: {p95: 2s}}
  - {name: orders, kind: metrics, url: "http://app/m", interval: 3m, window: 5m, expect: {request_rate: {under: 1/m}}}
"""


def test_a_file_with_a_window_too_short_is_refused(tmp_path: Path) -> None:
    """At its line; the other monitor, as the documentation writes it, is well."""
    file = tmp_path / "saasobs.yaml"
    file.write_text(FILE)
    with pytest.raises(ConfigurationError) as raised:
        load(file, {})
    (fault,) = raised.value.faults
    assert (fault.line, fault.path, fault.message) == (3, "monitors[1].window", "must be at least twice the interval")
    file.write_text(FILE.replace("interval: 3m", "interval: 150s"))
    assert load(file, {}).monitors["checkout-p95"].target == "http://app:8000/metrics (/checkout)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("up", "up"),
        ("up{}", "up"),
        (' up { a = "b" , c != "d", } ', 'up{a="b",c!="d"}'),
        ('a="b"', '{a="b"}'),
        ("{a=~'x|y',b!~`\\d+`}", '{a=~"x|y",b!~"\\\\d+"}'),
        (r'{a="say \"hi\"\n"}', r'{a="say \"hi\"\n"}'),
    ],
)
def test_selectors_are_written_as_in_promql(text: str, shown: str) -> None:
    """Names, matchers, all three kinds of quotation marks; and they can be written back."""
    assert str(Selector.parse(text)) == shown
    assert Selector.parse(shown) == Selector.parse(text)


@pytest.mark.parametrize(
    ("matcher", "value", "expected"),
    [
        ('a="b"', "b", True),
        ('a="b"', "c", False),
        ('a!="b"', "c", True),
        ('a=~"b|c"', "c", True),
        ('a=~"b"', "abc", False),
        ('a!~"b.*"', "bcd", False),
        ('a=""', "", True),
    ],
)
def test_a_matcher_is_about_the_whole_value(matcher: str, value: str, expected: bool) -> None:
    """A pattern is anchored at both ends, as in PromQL."""
    (one,) = Selector.parse(matcher).matchers
    assert one.holds(value) is expected


def test_units_come_by_the_name_of_the_histogram() -> None:
    """Seconds unless its name or `unit` say otherwise, exact to the last bit."""
    assert options().in_units(75_000) == 0.075
    assert options(histogram="latency_ms").in_units(75_000) == 75
    assert options(histogram="latency", unit="microseconds").in_units(2_000_000) == 2_000_000
