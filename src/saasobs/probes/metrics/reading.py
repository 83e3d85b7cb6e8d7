"""From a page to what the options ask for: counters for the window, and values as they stand. Pure.

In two steps, because regular expressions of the user are decided in between, by whoever bounds their time:
`take` reads the lines that may be meant, `sort_out` puts them to where they belong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from saasobs.probes.metrics.exposition import Labels, Samples, Series, declares, read
from saasobs.probes.metrics.options import MetricsOptions
from saasobs.probes.metrics.quantile import Edges
from saasobs.probes.metrics.selector import Memberships, Selector
from saasobs.probes.metrics.window import Counter, Counters, Part
from saasobs.probes.metrics.window import Series as Key

TIMES: Final = "times"
REQUESTS: Final = "requests"
ERRORS: Final = "errors"
QUERIES: Final = "queries"
FIGURE: Final = "figure"

GROUPS: Final = 500
"""Values of the label `each` that are judged; the busiest since their app's start, when there are more."""
_STARTED: Final = "process_start_time_seconds"
_INFINITE: Final = (math.inf,)
_MOST: Final = 1e18
"""No counter of an honest app gets there; what is far beyond overflows when it is added up."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which metrics the options need."""

    histograms: Mapping[str, str]
    """Quantity by histogram, buckets included."""
    requests: str | None
    """The counter of requests."""
    figures: tuple[Selector, ...]

    @property
    def narrowed(self) -> frozenset[str]:
        """The lines of which only those of the selected requests are wanted."""
        buckets = {f"{name}{end}" for name in self.histograms for end in ("_bucket", "_count", "_created")}
        return frozenset(buckets | ({self.requests, _created(self.requests)} if self.requests else set()))

    @property
    def wanted(self) -> frozenset[str]:
        names = {figure.name for figure in self.figures}
        return frozenset({_STARTED} | names | {_created(name) for name in names})


@dataclass(frozen=True, slots=True)
class Page:
    """The lines that may be meant, by metric."""

    samples: Samples
    declared: frozenset[str]
    """Metrics that the page tells of, series or not."""


@dataclass(slots=True)
class Reading:
    """What a page says."""

    counters: Counters
    values: Mapping[int, tuple[tuple[Labels, float], ...]]
    """By the place of a figure in the options: every series as it stands."""
    missing: Mapping[str, str]
    """Quantities that cannot be told, and why."""
    groups: tuple[str, ...] = ("",)
    left_out: int = 0
    """Values of `each` past GROUPS."""


def plan(options: MetricsOptions) -> Plan:
    """What to look for."""
    expect = options.expect
    histograms = {}
    if expect.timings:
        histograms[options.histogram] = TIMES
    if expect.queries_per_request is not None:
        histograms[options.queries_histogram] = QUERIES
    counted = expect.error_ratio is not None or expect.request_rate is not None
    requests = (options.requests or f"{options.histogram}_count") if counted else None
    return Plan(histograms, requests, tuple(figure.selector for figure in expect.figures))


def take(body: bytes, options: MetricsOptions) -> Page:
    """:raises exposition.Malformed: :raises exposition.TooMuch:"""
    wanted = plan(options)
    samples = read(body, wanted.wanted, wanted.narrowed, _needle(options))
    names = {*wanted.histograms, *(figure.name for figure in wanted.figures)}
    names |= {options.requests or options.histogram} if wanted.requests else set()
    declared = {name for name in names if name not in samples and declares(body, name)}
    return Page(samples, frozenset(declared))


def _needle(options: MetricsOptions) -> str:
    """The route as it stands in a line, so that other routes' lines need not be read."""
    route = options.route
    return "" if route is None or any(letter in route for letter in '\\"\n') else f'"{route}"'


def sort_out(page: Page, options: MetricsOptions, memberships: Memberships, clock: float) -> Reading:
    """:param clock: the app's clock, seconds since the epoch."""
    sorting = _Sorting(page, options, memberships)
    for quantity in sorting.plan.histograms.items():
        sorting.histogram(*quantity)
    if sorting.plan.requests:
        sorting.requests(sorting.plan.requests)
    values = {}
    for place, figure in enumerate(options.expect.figures):
        if figure.value is None:
            sorting.counter(place, figure.selector)
        else:
            values[place] = sorting.values(place, figure.selector)
    counters = Counters(sorting.series, sorting.parts, clock, _only(page.samples.get(_STARTED, {})))
    return sorting.reading(counters, values)


def _only(found: Mapping[Labels, Series]) -> float | None:
    """The value of a metric that has one series; of several processes on one page none is the page's own."""
    return next(iter(found.values())).get("") if len(found) == 1 else None


@dataclass(slots=True)
class _Sorting:
    """One page being sorted out."""

    page: Page
    options: MetricsOptions
    memberships: Memberships
    plan: Plan = field(init=False)
    series: dict[Key, Counter] = field(default_factory=dict)
    parts: dict[Key, tuple[Part, ...]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    traffic: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plan = plan(self.options)

    def histogram(self, name: str, quantity: str) -> None:
        layouts = self.page.samples.get(f"{name}_bucket", {})
        counts, created = self._counted(f"{name}_count"), self._created_at(f"{name}_count")
        for labels, buckets in layouts.items():
            if not self._chosen(labels):
                continue
            if (counter := _histogram(buckets, counts.get(labels), created.get(labels))) is not None:
                self._keep((name, labels), counter, Part((quantity, self._group(labels)), buckets=True))
        if not layouts and name not in self.page.declared and not counts:
            self.missing[quantity] = f"{name} is not on the page"
        elif counts and not layouts:
            self.missing[quantity] = f"{name} has no buckets"

    def requests(self, name: str) -> None:
        counts, created = self._counted(name), self._created_at(name)
        statuses = False
        for labels, count in counts.items():
            if not self._chosen(labels):
                continue
            group, status = self._group(labels), dict(labels).get(self.options.status_label)
            statuses |= status is not None
            parts = [Part((REQUESTS, group))]
            if status is not None and _is_error(status, self.options):
                parts.append(Part((ERRORS, group)))
            self._keep((name, labels), Counter(_INFINITE, (count,), created.get(labels)), *parts)
        if not counts and (self.options.requests or self.options.histogram) not in self.page.declared:
            self.missing[REQUESTS] = self.missing[ERRORS] = f"{name} is not on the page"
        elif counts and not statuses:
            self.missing[ERRORS] = f"{name} has no label {self.options.status_label}"

    def counter(self, place: int, selector: Selector) -> None:
        created = self._created_at(selector.name)
        found = self._every(selector)
        for labels, value in found:
            if 0 <= value < _MOST:
                counter = Counter(_INFINITE, (value,), created.get(labels))
                self._keep((selector.name, labels), counter, Part((f"{FIGURE}{place}", "")))
        if selector.name not in self.page.samples and selector.name not in self.page.declared:
            self.missing[f"{FIGURE}{place}"] = f"{selector.name} is not on the page"

    def values(self, place: int, selector: Selector) -> tuple[tuple[Labels, float], ...]:
        found = tuple(self._every(selector))
        numbers = tuple((labels, value) for labels, value in found if not math.isnan(value))
        if not numbers:
            why = "is not a number (NaN)" if found else "is not on the page"
            self.missing[f"{FIGURE}{place}"] = f"{selector} {why}"
        return numbers

    def reading(self, counters: Counters, values: Mapping[int, tuple[tuple[Labels, float], ...]]) -> Reading:
        if self.options.each is None:
            return Reading(counters, values, self.missing)
        if set(self.traffic) == {""}:
            self.missing |= dict.fromkeys(
                (TIMES, REQUESTS, ERRORS, QUERIES), f"no series has the label {self.options.each}"
            )
        busiest = sorted(self.traffic, key=lambda group: -self.traffic[group])
        left = set(busiest[GROUPS:])
        if left:
            parts = {series: _without(parts, left) for series, parts in counters.parts.items()}
            counters = Counters(counters.series, parts, counters.clock, counters.started)
        return Reading(counters, values, self.missing, tuple(busiest[:GROUPS]), len(left))

    def _keep(self, series: Key, counter: Counter, *parts: Part) -> None:
        """A counter may serve several figures; a histogram's name never is a counter's."""
        self.series[series] = counter
        self.parts[series] = tuple(dict.fromkeys(self.parts.get(series, ()) + parts))
        for part in parts:
            if not part.cell[0].startswith(FIGURE):
                self.traffic[part.cell[1]] = self.traffic.get(part.cell[1], 0.0) + counter.counts[-1]

    def _chosen(self, labels: Labels) -> bool:
        return self._meant(self.options.selection, dict(labels))

    def _meant(self, selector: Selector, labels: Mapping[str, str]) -> bool:
        return selector.exactly(labels) and self.memberships.accept(selector, labels)

    def _group(self, labels: Labels) -> str:
        each = self.options.each
        return "" if each is None else dict(labels).get(each, "")

    def _every(self, selector: Selector) -> Iterator[tuple[Labels, float]]:
        """The series that a selector means, each value of its own."""
        for labels, series in self.page.samples.get(selector.name, {}).items():
            for le, value in series.items():
                whole = _with_le(labels, le)
                if self._meant(selector, dict(whole)):
                    yield whole, value

    def _counted(self, name: str) -> Mapping[Labels, float]:
        """What can be a counter's: neither NaN nor negative nor absurd."""
        found = self.page.samples.get(name, {})
        return {labels: series[""] for labels, series in found.items() if 0 <= series.get("", -1) < _MOST}

    def _created_at(self, name: str) -> Mapping[Labels, float]:
        return self._counted(_created(name))


def _created(name: str) -> str:
    """The series that tells when a counter, or a histogram by its count, started."""
    return f"{name.removesuffix('_total').removesuffix('_count')}_created"


def _histogram(buckets: Mapping[str, float], count: float | None, created: float | None) -> Counter | None:
    """None where nothing tells how many observations there were."""
    known = ((_edge(le), found) for le, found in buckets.items() if 0 <= found < _MOST)
    whole = {edge: found for edge, found in known if not math.isnan(edge)}
    if math.inf not in whole:
        if count is None:
            return None
        whole[math.inf] = count
    edges: Edges = tuple(sorted(whole))
    return Counter(edges, tuple(whole[edge] for edge in edges), created)


def _edge(le: str) -> float:
    """NaN for what is no edge."""
    try:
        return float(le)
    except ValueError:
        return math.nan


def _is_error(status: str, options: MetricsOptions) -> bool:
    """Of a code or of a class such as 5xx."""
    code = status.lower().replace("x", "0")
    return code.isascii() and code.isdigit() and int(code[:4]) in options.errors


def _with_le(labels: Labels, le: str) -> Labels:
    return tuple(sorted((*labels, ("le", le)))) if le else labels


def _without(parts: tuple[Part, ...], left: set[str]) -> tuple[Part, ...]:
    return tuple(part for part in parts if part.cell[0].startswith(FIGURE) or part.cell[1] not in left)


def label_sets(page: Page) -> Iterator[Labels]:
    """The labels that regular expressions may ask about."""
    for found in page.samples.values():
        for labels, series in found.items():
            yield from (_with_le(labels, le) for le in series)
