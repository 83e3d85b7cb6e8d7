"""What counters grew by over a sliding window, from readings of them. Pure: readings and moments in, histories out.

How a counter's growth is told, between two readings of one process:
1. It is the difference. A counter that fell has started again from zero: its growth is what it shows now. A histogram
   starts again as a whole.
2. A series that was not there before counts from zero if its process was known, or is known to have started since:
   by the series' own `_created`, by `process_start_time_seconds`, or, of a page that has neither, because the page was
   read before. Otherwise what it shows is only a beginning.
3. A series that has vanished grows by nothing; when it comes back, rule 1 goes on from where it was.
4. Workers that answer in turn, each with counters of its own, are told apart by their time of start, and each is
   compared with itself.

Prometheus' increase() follows rules 1 and 3. Two differences: it takes the first value of a new series for a beginning
(and so misses the first request to a route), and it extrapolates to the edges of its range, which makes fractions out
of whole requests; here growth is what was counted, over the time between the two readings at the window's edges.

A window of w takes in every step (from one reading to the next) whose middle lies in it. When nothing was read for
longer than w, it begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import add
from typing import Final

from saasobs.core.values import SECOND
from saasobs.probes.metrics.exposition import Labels
from saasobs.probes.metrics.quantile import Edges

Series = tuple[str, Labels]
"""A metric's name and labels, without `le`."""
Cell = tuple[str, str]
"""What is added up: a quantity and, where it is fanned out, a label's value."""
Growth = Mapping[Cell, Mapping[Edges, tuple[float, ...]]]

PIECES: Final = 180
"""A window is kept in at most about so many steps: shorter ones are joined."""
KEPT: Final = 60_000
"""Counters (bucket by bucket) that are remembered of one monitor."""
_SLACK: Final = 1.0
"""Seconds that a page may take on its way, and that its Date header is rounded by."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter, or a histogram's counters by edge; a plain counter has the infinite edge only."""

    edges: Edges
    counts: tuple[float, ...]
    created: float | None = None
    """When it started from zero, by the app's clock, seconds."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a series adds to: all of its buckets, or only how many observations there were."""

    cell: Cell
    buckets: bool = False


@dataclass(frozen=True, slots=True)
class Counters:
    """The counters of one page."""

    series: Mapping[Series, Counter]
    parts: Mapping[Series, tuple[Part, ...]]
    clock: float = 0.0
    """The app's clock at the time of the reading, seconds."""
    started: float | None = None
    """When its process started, by its own clock, seconds."""

    def born(self, counter: Counter) -> float | None:
        """What tells two processes' counters apart."""
        return self.started if counter.created is None else counter.created


@dataclass(frozen=True, slots=True)
class Step:
    """What grew from one reading to the next (µs, on the clock for waiting)."""

    since: int
    at: int
    growth: Growth


@dataclass(frozen=True, slots=True)
class History:
    """What is remembered of one monitor."""

    read_at: int | None = None
    counters: Mapping[tuple[Series, float | None], Counter] = field(default_factory=dict)
    processes: tuple[float, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """The growth over the window, as far as it reaches."""

    growth: Growth
    length: int
    """Between the two readings at its edges, µs; 0 while there is only one."""
    full: bool
    """Whether it reaches back as far as it should."""
    readings: int


def advance(history: History, page: Counters, at: int, length: int) -> History:
    """The history with one more reading; `at` and the window's `length` in µs."""
    before = history.read_at
    if before is None or not 0 <= at - before <= length:
        return History(at, _remembered({}, page), _processes((), page))
    step = Step(before, at, _grown(history, page, (at - before) / SECOND))
    steps = (*_joined(history.steps, step, length // PIECES),)
    kept = tuple(one for one in steps if _inside(one, at - length))
    return History(at, _remembered(history.counters, page), _processes(history.processes, page), kept)


def look(history: History, length: int) -> Window:
    """The window that ends with the last reading."""
    steps = history.steps
    if not steps or history.read_at is None:
        return Window({}, 0, full=False, readings=0 if history.read_at is None else 1)
    oldest = steps[0]
    full = oldest.since <= history.read_at - length + (oldest.at - oldest.since) // 2
    return Window(_sum(step.growth for step in steps), history.read_at - oldest.since, full, len(steps) + 1)


def _inside(step: Step, start: int) -> bool:
    return (step.since + step.at) // 2 > start


def _joined(steps: tuple[Step, ...], step: Step, shortest: int) -> Iterable[Step]:
    if steps and steps[-1].at - steps[-1].since < shortest:
        last = steps[-1]
        return *steps[:-1], Step(last.since, step.at, _sum((last.growth, step.growth)))
    return *steps, step


def _grown(history: History, page: Counters, elapsed: float) -> Growth:
    grown: dict[Cell, dict[Edges, tuple[float, ...]]] = {}
    for series, counter in page.series.items():
        before = history.counters.get((series, page.born(counter)))
        if before is None and not _from_zero(counter, page, history, elapsed):
            continue
        edges, counts = growth(before, counter)
        if not any(counts):
            continue
        for part in page.parts[series]:
            _add(grown.setdefault(part.cell, {}), *((edges, counts) if part.buckets else (edges[-1:], counts[-1:])))
    return grown


def _from_zero(counter: Counter, page: Counters, history: History, elapsed: float) -> bool:
    """Rule 2: whether all that a new series shows has come since the last reading."""
    if counter.created is not None:
        return page.clock - counter.created <= elapsed + _SLACK
    if page.started is not None:
        return page.started in history.processes or page.clock - page.started <= elapsed + _SLACK
    return True


def growth(before: Counter | None, now: Counter) -> tuple[Edges, tuple[float, ...]]:
    """Rule 1: what a counter grew by, where `None` stands for zero; over the edges that both readings have."""
    if before is None:
        return now.edges, now.counts
    if before.edges == now.edges:
        edges, pairs = now.edges, list(zip(now.counts, before.counts, strict=True))
    else:
        earlier = dict(zip(before.edges, before.counts, strict=True))
        shared = [pair for pair in zip(now.edges, now.counts, strict=True) if pair[0] in earlier]
        edges, pairs = tuple(edge for edge, _ in shared), [(count, earlier[edge]) for edge, count in shared]
    if any(count < was for count, was in pairs):
        return now.edges, now.counts
    return edges, tuple(count - was for count, was in pairs)


def _sum(growths: Iterable[Growth]) -> Growth:
    added: dict[Cell, dict[Edges, tuple[float, ...]]] = {}
    for one in growths:
        for cell, layouts in one.items():
            into = added.setdefault(cell, {})
            for edges, counts in layouts.items():
                _add(into, edges, counts)
    return added


def _add(into: dict[Edges, tuple[float, ...]], edges: Edges, counts: tuple[float, ...]) -> None:
    there = into.get(edges)
    into[edges] = counts if there is None else tuple(map(add, there, counts))


def _remembered(
    before: Mapping[tuple[Series, float | None], Counter], page: Counters
) -> Mapping[tuple[Series, float | None], Counter]:
    """What the page shows, and what it showed before and does not now (rules 3 and 4) as long as there is room."""
    now = {(series, page.born(counter)): counter for series, counter in page.series.items()}
    room = KEPT - sum(len(counter.edges) for counter in now.values())
    stale = [item for item in before.items() if item[0] not in now]
    kept = []
    for key, counter in reversed(stale):
        room -= len(counter.edges)
        if room < 0:
            break
        kept.append((key, counter))
    return {**dict(reversed(kept)), **now}


def _processes(before: tuple[float, ...], page: Counters) -> tuple[float, ...]:
    if page.started is None:
        return before
    return (*(each for each in before if each != page.started), page.started)[-64:]
