"""The numbers of several processes become one: sums, and the greatest of what cannot be added. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from operator import add
from typing import Any, Final, NamedTuple

from saasobs.instrument import names
from saasobs.instrument.metrics.cells import read
from saasobs.instrument.metrics.families import EXEMPLAR_CELLS, Definition, Family

KEPT: Final = 20_000
"""Series of one metric that dead processes may leave behind."""
Values = tuple[str, ...]


class Gathered(NamedTuple):
    """One metric, of one process or of all."""

    definition: Definition
    series: dict[Values, list[float]]
    exemplars: dict[Values, list[float]]
    """For each bucket EXEMPLAR_CELLS cells, as `HistogramSeries.exemplify` writes them."""


class Exemplar(NamedTuple):
    """A trace that stands for a bucket."""

    trace_id: str
    value: float
    at: float
    """Seconds since the epoch."""


Everything = dict[str, Gathered]
"""By the metric's name."""


def local(families: Iterable[Family[Any]]) -> Everything:
    """What this process counted; metrics without any series are left out.

    Updates go on meanwhile: each series is read in one piece, which is all that its reader can see.
    """
    found: Everything = {}
    for family in families:
        if family.series:
            exemplars = {each.values: read(each.exemplars) for each in _with_exemplars(family)}
            series = {values: read(each) for values, each in list(family.series.items())}
            found[family.definition.name] = Gathered(family.definition, series, exemplars)
    return found


def _with_exemplars(family: Family[Any]) -> Iterable[Any]:
    return [each for each in list(family.with_exemplars) if each.exemplars is not None]


def merge(into: Everything, other: Everything, *, dead: bool = False) -> None:
    """Put another process's numbers to those; where two processes disagree on a metric's shape, the first is right.

    :param dead: that process is gone, and what was only true while it lived is left out.
    """
    for name, theirs in other.items():
        gathering = theirs.definition.gathering
        if dead and gathering.startswith("live"):
            continue
        ours = into.get(name)
        if ours is None:
            series = {values: list(cells) for values, cells in theirs.series.items()}
            into[name] = Gathered(theirs.definition, series, dict(theirs.exemplars))
        elif _shape(ours.definition) == _shape(theirs.definition):
            _merge_series(ours.series, theirs.series, greatest=gathering.endswith("max"))
            _merge_exemplars(ours.exemplars, theirs.exemplars)


def bounded(everything: Everything) -> Everything:
    """What is kept for good must not grow for ever: beyond so many series of a metric, the rest is told as one."""
    return {name: _bounded(each) if len(each.series) > KEPT else each for name, each in everything.items()}


def _bounded(gathered: Gathered) -> Gathered:
    kept = dict(list(gathered.series.items())[:KEPT])
    rest = tuple(names.OTHER for _ in gathered.definition.labels)
    greatest = gathered.definition.gathering.endswith("max")
    for values, cells in gathered.series.items():
        if values not in kept:
            _merge_series(kept, {rest: cells}, greatest=greatest)
    exemplars = {values: cells for values, cells in gathered.exemplars.items() if values in kept}
    return Gathered(gathered.definition, kept, exemplars)


def _shape(definition: Definition) -> tuple[object, ...]:
    return definition.kind, definition.labels, definition.edges, definition.gathering


def _merge_series(into: dict[Values, list[float]], other: dict[Values, list[float]], *, greatest: bool) -> None:
    combine: Any = max if greatest else add
    for values, cells in other.items():
        ours = into.get(values)
        into[values] = list(cells) if ours is None else list(map(combine, ours, cells))


def _merge_exemplars(into: dict[Values, list[float]], other: dict[Values, list[float]]) -> None:
    """Of each bucket the later one."""
    for values, cells in other.items():
        ours = into.get(values)
        if ours is None:
            into[values] = cells
            continue
        merged: list[float] = []
        for start in range(0, len(ours), EXEMPLAR_CELLS):
            later = ours if ours[start] >= cells[start] else cells
            merged += later[start : start + EXEMPLAR_CELLS]
        into[values] = merged


_LOW: Final = 44


def exemplar(cells: list[float], bucket: int) -> Exemplar | None:
    """The exemplar of a bucket, if there is one and nobody was writing it while it was read."""
    at, high, middle, low, value, again = cells[bucket * EXEMPLAR_CELLS : (bucket + 1) * EXEMPLAR_CELLS]
    if not at or at != again:
        return None
    number = int(high) << 2 * _LOW | int(middle) << _LOW | int(low)
    return Exemplar(f"{number:032x}", value, at)
