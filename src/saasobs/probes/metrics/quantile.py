"""Whether a quantile of a histogram keeps to a limit: exact at the edges of its buckets, and honest in between. Pure.

"p95 is at most 2 s" means that at least 95 % of the requests took at most 2 s. The counter of the bucket `le="2.0"`
says how many did, so there is nothing to estimate. For a limit inside a bucket:

1. the requests up to the bucket's lower edge keep to it for certain: if they suffice, it is kept;
2. those past its upper edge break it for certain: if they are too many, it is broken;
3. only in between the value is interpolated, as Prometheus' histogram_quantile does, and that is said.

Series with different buckets (two versions of an app) are counted each by its own edges.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

Edges = tuple[float, ...]
"""Upper edges of buckets, rising; the last is infinite."""

Buckets = Mapping[Edges, Sequence[float]]
"""How many observations were at most each edge: cumulative, by the layout of the buckets."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a quantile stands to a limit."""

    kept: bool | None
    """None: it lies past the last finite edge, as the limit does."""
    exact: bool
    """False: neither side is certain, and the interpolated value decided."""
    edge: bool
    """Whether the limit is an edge of every layout."""
    share: float
    """Of the observations that are at most the limit, as far as the edges tell."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A quantile's value by interpolation, and the bucket that it lies in."""

    value: float
    low: float
    high: float

    @property
    def beyond(self) -> bool:
        """Whether it is only known to be larger than the last finite edge."""
        return math.isinf(self.high)


def total(buckets: Buckets) -> float:
    """All observations."""
    return sum(counts[-1] for counts in buckets.values())


def stands(buckets: Buckets, quantile: Fraction, limit: float) -> Standing:
    """Whether a quantile is at most a limit. There must be observations."""
    everything = total(buckets)
    surely = sum(_at_most(edges, counts, limit) for edges, counts in buckets.items())
    possibly = sum(_at_most_next(edges, counts, limit) for edges, counts in buckets.items())
    edge, share = all(limit in edges for edges in buckets), surely / everything
    if _enough(surely, quantile, everything):
        return Standing(kept=True, exact=True, edge=edge, share=share)
    if not _enough(possibly, quantile, everything):
        return Standing(kept=False, exact=True, edge=edge, share=share)
    found = estimate(buckets, quantile)
    return Standing(None if found.beyond else found.value <= limit, exact=False, edge=edge, share=share)


def estimate(buckets: Buckets, quantile: Fraction) -> Estimate:
    """The value of a quantile by linear interpolation, over the edges that all layouts share."""
    edges, counts = _together(buckets)
    rank = quantile.numerator * counts[-1] / quantile.denominator
    place = next((i for i, count in enumerate(counts) if count >= rank), len(edges) - 1)
    high, below = edges[place], counts[place - 1] if place else 0.0
    low = edges[place - 1] if place else min(0.0, high)
    if math.isinf(high):
        return Estimate(low, low, high)
    inside = counts[place] - below
    value = low + (high - low) * ((rank - below) / inside) if inside else high
    return Estimate(value, low, high)


def _together(buckets: Buckets) -> tuple[Sequence[float], Sequence[float]]:
    """The edges that all layouts share, and the counts at these."""
    if len(buckets) == 1:
        return next(iter(buckets.items()))
    edges = sorted(set.intersection(*(set(each) for each in buckets)))
    return edges, [sum(_at_most(each, found, edge) for each, found in buckets.items()) for edge in edges]


def _enough(count: float, quantile: Fraction, everything: float) -> bool:
    """`count / everything >= quantile` without rounding: counts are whole numbers, the quantile is a fraction."""
    return count * quantile.denominator >= quantile.numerator * everything


def _at_most(edges: Edges, counts: Sequence[float], limit: float) -> float:
    place = bisect_right(edges, limit)
    return counts[place - 1] if place else 0.0


def _at_most_next(edges: Edges, counts: Sequence[float], limit: float) -> float:
    return counts[bisect_left(edges, limit)]


def rising(counts: Sequence[float]) -> tuple[float, ...]:
    """Cumulative counts that never fall: an app that is scraped while it counts may show an edge too low."""
    return tuple(accumulate(counts, max))
