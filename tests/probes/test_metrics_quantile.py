"""Quantiles of histograms: exact at the edges of buckets, whatever was observed, and honest in between."""

from __future__ import annotations

import math
from bisect import bisect_right
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.probes.metrics.quantile import Edges, estimate, rising, stands, total

EDGES = (0.1, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0, math.inf)
COARSE = (0.5, 2.0, math.inf)
OBSERVED = st.lists(
    st.floats(0, 8) | st.sampled_from([0.1, 0.25, 0.5, 1.0, 2.0, 2.0000001, 1.9999999, 5.0, 7.0]), min_size=1
)
QUANTILES = st.sampled_from([Fraction(1, 2), Fraction(9, 10), Fraction(95, 100), Fraction(99, 100), Fraction(1)])


def buckets(observed: list[float], edges: Edges = EDGES) -> dict[Edges, list[float]]:
    return {edges: [float(bisect_right(sorted(observed), edge)) for edge in edges]}


def keeps(observed: list[float], quantile: Fraction, limit: float) -> bool:
    """By definition: at least that share of the observations is at most the limit."""
    return Fraction(sum(one <= limit for one in observed), len(observed)) >= quantile


@given(OBSERVED, QUANTILES, st.sampled_from(EDGES[:-1]))
def test_at_an_edge_the_verdict_is_exact(observed: list[float], quantile: Fraction, limit: float) -> None:
    """It is what counting the observations themselves would say."""
    standing = stands(buckets(observed), quantile, limit)
    assert (standing.kept, standing.exact, standing.edge) == (keeps(observed, quantile, limit), True, True)


@given(OBSERVED, QUANTILES, st.floats(0.05, 6))
def test_between_edges_it_is_right_wherever_it_claims_to_be_exact(
    observed: list[float], quantile: Fraction, limit: float
) -> None:
    """An estimate is called one; a verdict that is not is the truth."""
    standing = stands(buckets(observed), quantile, limit)
    if standing.exact:
        assert standing.kept == keeps(observed, quantile, limit)
    else:
        found = estimate(buckets(observed), quantile)
        assert found.low <= limit <= found.high


@given(OBSERVED, OBSERVED, QUANTILES, st.sampled_from([0.5, 2.0]))
def test_series_with_other_buckets_are_counted_each_by_its_own(
    one: list[float], other: list[float], quantile: Fraction, limit: float
) -> None:
    """During a deployment two layouts live side by side."""
    both = buckets(one) | buckets(other, COARSE)
    standing = stands(both, quantile, limit)
    assert (standing.kept, standing.exact) == (keeps(one + other, quantile, limit), True)
    assert total(both) == len(one) + len(other)


@given(OBSERVED, QUANTILES)
def test_the_estimate_lies_in_the_bucket_of_the_true_value(observed: list[float], quantile: Fraction) -> None:
    """Interpolation never leaves the bucket."""
    rank = max(1, math.ceil(quantile * len(observed)))
    true = sorted(observed)[rank - 1]
    found = estimate(buckets(observed), quantile)
    assert found.low <= true <= found.high
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(
    ("counts", "quantile", "value"),
    [
        ((0, 95, 95, 100), Fraction(95, 100), 2.0),
        ((50, 50, 100, 100), Fraction(1, 2), 1.0),
        ((100, 100, 100, 100), Fraction(1, 2), 0.5),
        ((0, 0, 100, 100), Fraction(3, 4), 2.375),
    ],
)
def test_it_interpolates_as_prometheus_does(counts: tuple[float, ...], quantile: Fraction, value: float) -> None:
    """Evenly within a bucket, from zero in the first."""
    assert estimate({(1.0, 2.0, 2.5, math.inf): counts}, quantile).value == value


def test_past_the_last_edge_nothing_is_told() -> None:
    """A limit that no bucket reaches cannot be judged by them, and a quantile beyond is only known to be larger."""
    slow = buckets([7.0] * 10)
    assert stands(slow, Fraction(1, 2), 5.0).kept is False
    assert stands(slow, Fraction(1, 2), 6.0).kept is None
    assert estimate(slow, Fraction(1, 2)).beyond
    assert stands({(math.inf,): [5.0]}, Fraction(1, 2), 2.0).kept is None


def test_counts_that_fall_are_mended() -> None:
    """A bucket that is behind the one below was read a moment too early."""
    assert rising([1, 5, 4, 6]) == (1, 5, 5, 6)
