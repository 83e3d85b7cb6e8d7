"""Judges what is expected against the window: figures in, what is not met or cannot be told out. Pure.

Too little data is never held against a target: with too few requests a quantile is undecided. While the window is not
full yet, what was counted is the least that there can be: an `over` may be passed already, an `under` waits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, Protocol

from saasobs.core.result import Failure, Reason
from saasobs.core.values import SECOND, format_duration
from saasobs.options import Options
from saasobs.probes.metrics import quantile
from saasobs.probes.metrics.bounds import Bound, bounds_of
from saasobs.probes.metrics.exposition import Labels
from saasobs.probes.metrics.options import Figure, MetricsOptions
from saasobs.probes.metrics.quantile import Buckets, rising
from saasobs.probes.metrics.reading import ERRORS, FIGURE, QUERIES, REQUESTS, TIMES, Reading
from saasobs.probes.metrics.samples import judge_samples, number, show_labels, worst
from saasobs.probes.metrics.source import Judgement, Undecided
from saasobs.probes.metrics.window import Window
from saasobs.probes.verdict import Unmet, short

_NAMED: Final = 3
"""So many of the worst are named in a sentence."""
TABLE: Final = 50
"""So many values of `each` are kept as observations."""

Show = Callable[[float], str]


class Seen(Protocol):
    """One figure of one group."""

    @property
    def group(self) -> str: ...

    @property
    def value(self) -> float:
        """In the unit of the bounds."""
        ...

    @property
    def text(self) -> str: ...

    @property
    def final(self) -> bool:
        """False while it may still grow, because the window is not full."""
        ...

    def keeps(self, bound: Bound) -> bool | None:
        """None: it cannot be told."""
        ...

    def note(self, bound: Bound) -> str:
        """What a person should know beside the value."""
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """A figure that is compared as it is. What is not `final` is the least that it can be, so far."""

    group: str
    value: float
    show: Show
    remark: str
    final: bool = True

    @property
    def text(self) -> str:
        return self.show(self.value) if self.final else f"at least {self.show(self.value)}"

    def keeps(self, bound: Bound) -> bool | None:
        if self.final:
            return bound.keeps(self.value)
        return False if not bound.floor and not bound.keeps(self.value) else None

    def note(self, bound: Bound) -> str:  # noqa: ARG002 - the same whichever it is
        return self.remark


@dataclass(frozen=True)
class Quantile:
    """A quantile of a histogram; `scale` makes of a limit what the histogram's edges are in."""

    group: str
    buckets: Buckets
    share: Fraction
    scale: Callable[[float], float]
    show: Show
    span: str
    final: bool = True

    @cached_property
    def estimate(self) -> quantile.Estimate:
        return quantile.estimate(self.buckets, self.share)

    @property
    def value(self) -> float:
        return self.estimate.value / self.scale(1)

    @property
    def text(self) -> str:
        return f"more than {self.show(self.value)}" if self.estimate.beyond else self.show(self.value)

    def keeps(self, bound: Bound) -> bool | None:
        return quantile.stands(self.buckets, self.share, self.scale(bound.limit)).kept

    def note(self, bound: Bound) -> str:
        standing = quantile.stands(self.buckets, self.share, self.scale(bound.limit))
        said = f"{number(quantile.total(self.buckets))} requests in the last {self.span}"
        limit = self.show(bound.limit)
        if standing.edge:
            return f"{math.floor(10_000 * standing.share) / 100:g}% of {said} kept to {limit}"
        found = self.estimate
        low, high = (self.show(edge / self.scale(1)) for edge in (found.low, min(found.high, 1e300)))
        between = f"more than {low}" if found.beyond else f"between {low} and {high}"
        return (
            f"{said}: {between}" if standing.exact else f"{said}: {between}, an estimate, as no bucket ends at {limit}"
        )


def judge(options: MetricsOptions, reading: Reading, window: Window) -> Judgement:
    """Every expectation."""
    expect, judging = options.expect, _Judging(options, reading, window)
    for title, (share, limits) in expect.timings.items():
        judging.quantile(TIMES, title, (share, limits), options.in_units, _time)
    if expect.error_ratio is not None:
        judging.errors(expect.error_ratio)
    if expect.request_rate is not None:
        judging.rate(expect.request_rate)
    if (counts := expect.queries_per_request) is not None:
        share = Fraction(str(counts.quantile))
        judging.quantile(QUERIES, "queries_per_request", (share, counts), float, number)
    for place, figure in enumerate(expect.figures):
        judging.figure(place, figure)
    judging.observe()
    return judging.judgement


@dataclass(slots=True)
class _Judging:
    options: MetricsOptions
    reading: Reading
    window: Window
    judgement: Judgement = field(default_factory=Judgement)
    figures: dict[str, Any] = field(default_factory=dict)
    table: dict[str, dict[str, Any]] = field(default_factory=dict)

    def quantile(
        self, quantity: str, title: str, wanted: tuple[Fraction, Options], scale: Callable[[float], float], show: Show
    ) -> None:
        share, limits = wanted
        if self._missing(quantity, title) or not (groups := self._enough(quantity)):
            return
        grown = self.window.growth
        seen = []
        for group in groups:
            buckets = {edges: rising(counts) for edges, counts in grown[quantity, group].items()}
            seen.append(Quantile(group, buckets, share, scale, show, self._span))
        self._tell(title, limits, seen, show)

    def errors(self, limits: Options) -> None:
        if self._missing(ERRORS, "error_ratio") or not (groups := self._enough(REQUESTS)):
            return
        seen = []
        for group in groups:
            failed, everything = self._count(ERRORS, group), self._count(REQUESTS, group)
            remark = f"{number(failed)} of {number(everything)} requests in the last {self._span}"
            seen.append(Plain(group, failed / everything, _percent, remark))
        self._tell("error_ratio", limits, seen, _percent)

    def rate(self, limits: Options) -> None:
        if self._missing(REQUESTS, "request_rate") or not self._begun():
            return
        seen = [self._rate(group, self._count(REQUESTS, group), "requests") for group in self.reading.groups]
        self._tell("request_rate", limits, seen, _rate)

    def figure(self, place: int, figure: Figure) -> None:
        title, quantity = short(figure.title), f"{FIGURE}{place}"
        if self._missing(quantity, title):
            return
        if figure.value is not None:
            self._values(title, figure, self.reading.values[place])
        elif self._begun():
            grown = self._count(quantity, "")
            remark = f"in the last {self._span}"
            seen = self._rate("", grown, "") if figure.rate else Plain("", grown, number, remark, self.window.full)
            self._tell(title, figure, [seen], _rate if figure.rate else number, fanned=False)

    def observe(self) -> None:
        facts = self.judgement.observations
        facts |= {"window_us": self.window.length, "scrapes": self.window.readings}
        if requests := self._requests():
            facts["requests"] = _noted(sum(requests.values()))
        facts["figures"] = self.figures
        if self.options.each is None:
            return
        busiest = sorted(self.table, key=lambda group: -requests.get(group, 0))[:TABLE]
        facts["table"] = {
            short(group): {"requests": _noted(requests.get(group, 0)), **self.table[group]} for group in busiest
        }
        if self.reading.left_out:
            facts["left_out"] = self.reading.left_out

    def _requests(self) -> Mapping[str, float]:
        quantities = {quantity for quantity, _ in self.window.growth}
        known = next((one for one in (REQUESTS, TIMES, QUERIES) if one in quantities), "")
        return {group: self._count(quantity, group) for quantity, group in self.window.growth if quantity == known}

    def _values(self, title: str, figure: Figure, samples: Sequence[tuple[Labels, float]]) -> None:
        bounds = tuple(bounds_of(figure))
        self.figures[title] = _noted(worst(bounds, samples)[1])

        def name(labels: Labels) -> str:
            return f"{figure.selector.name}{show_labels(labels)}"

        self.judgement.unmet += judge_samples(title, name, bounds, samples)

    def _rate(self, group: str, grown: float, noun: str) -> Plain:
        """Over the time that it was counted in; while that is not the whole window, the least that it can be."""
        length = self.window.length if self.window.full else max(self.options.window, self.window.length)
        remark = f"{' '.join(filter(None, (number(grown), noun)))} in the last {self._span}"
        return Plain(group, grown * SECOND / length, _rate, remark, self.window.full)

    def _tell(
        self, title: str, limits: Options, seen: Sequence[Seen], show: Show, *, fanned: bool | None = None
    ) -> None:
        """:param fanned: whether there is one for each value of a label; by default as the options say."""
        fanned = self.options.each is not None if fanned is None else fanned
        for one in seen:
            if one.final:
                row = self.table.setdefault(one.group, {}) if fanned else self.figures
                row[title] = _noted(one.value)
        told: set[str] = set()
        open_ones = []
        for bound in bounds_of(limits):
            verdicts = [(one, one.keeps(bound)) for one in seen]
            open_ones += [one for one, kept in verdicts if kept is None]
            wrong = [one for one, kept in verdicts if kept is False and one.group not in told]
            if wrong:
                told |= {one.group for one in wrong}
                wrong.sort(key=lambda one: -bound.excess(one.value))
                self.judgement.unmet.append(_unmet(title, bound, wrong, show, fanned=fanned))
        if open_ones and not told:
            self._undecided(open_ones[0], title)

    def _undecided(self, seen: Seen, title: str) -> None:
        if isinstance(seen, Quantile):
            sentence = f"{title} is {seen.text}, where the buckets end: the limit cannot be judged"
            self.judgement.undecided.append(Undecided(Reason.METRIC_MISSING, sentence))
            return
        sentence = f"collecting: {self._span} of the {format_duration(self.options.window)} window"
        self.judgement.undecided.append(Undecided(Reason.INSUFFICIENT_DATA, sentence))

    def _missing(self, quantity: str, title: str) -> bool:
        why = self.reading.missing.get(quantity)
        if why is not None:
            self.judgement.absent(self.options.absent, title, f"{title} cannot be told: {why}")
        return why is not None

    def _enough(self, quantity: str) -> list[str]:
        """The groups with enough requests to judge by."""
        if not self._begun():
            return []
        least = self.options.min_requests
        counts = {group: self._count(found, group) for found, group in self.window.growth if found == quantity}
        enough = [group for group, count in counts.items() if count >= least]
        if not enough:
            most = number(max(counts.values(), default=0))
            sentence = f"collecting: {most} of {least} requests in the last {self._span}"
            self.judgement.undecided.append(Undecided(Reason.INSUFFICIENT_DATA, sentence))
        return enough

    def _begun(self) -> bool:
        if self.window.readings >= 2:
            return True
        self.judgement.undecided.append(Undecided(Reason.INSUFFICIENT_DATA, "collecting: 1 of 2 scrapes"))
        return False

    def _count(self, quantity: str, group: str) -> float:
        return quantile.total(self.window.growth.get((quantity, group), {}))

    @property
    def _span(self) -> str:
        return format_duration(self.window.length)


def _unmet(title: str, bound: Bound, wrong: Sequence[Seen], show: Show, *, fanned: bool) -> Unmet:
    expected = f"at {'least' if bound.floor else 'most'} {show(bound.limit)}"
    note = " (degraded)" if bound.degraded else ""
    first = wrong[0]
    if not fanned:
        failure = Failure(title, expected, first.text, Reason.OUT_OF_BOUNDS, bound.degraded)
        return Unmet(failure, f"{title} is {first.text}, expected {expected} ({first.note(bound)}){note}")
    rest = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    seen = ", ".join(f"{short(one.group, 60) or '(none)'} {title} {one.text}" for one in wrong[:_NAMED]) + rest
    failure = Failure(title, expected, seen, Reason.OUT_OF_BOUNDS, bound.degraded)
    return Unmet(failure, f"{seen}, expected {expected}{note}")


def _noted(value: float) -> float | str:
    """As an observation, which is JSON: no infinities, no endless integers, no more digits than a person wants."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 1e15:
        return value
    return round(value) if abs(value) >= 1000 or value == int(value) else round(value, 6)


def _time(micros: float) -> str:
    return format_duration(round(micros))


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _rate(rate: float) -> str:
    if rate >= 0.1 or not rate:
        return f"{rate:.3g}/s"
    return f"{60 * rate:.3g}/m" if 60 * rate >= 0.1 else f"{3600 * rate:.3g}/h"
