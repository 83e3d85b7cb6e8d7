"""Counters, gauges and histograms of our own: what the rest of the instrumentation counts with.

A family has a name, labels and a bounded number of series; `labels(...)` gives the series of some label values, which
its user may keep: `inc`, `set` or `observe` on it cost one lock and one or two additions. Beyond `limit` series the
values of the labels named in `overflow` are replaced, so that no label grows without bounds.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from time import time
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

from saasobs.instrument import names
from saasobs.instrument.metrics.cells import Series, Store

Kind = Literal["counter", "gauge", "histogram"]
Gathering = Literal["sum", "livesum", "max", "livemax"]
"""How the numbers of several processes become one; `live…`: those of a process are gone with it."""
LIMIT: Final = 1_000
"""Series of one family, unless it says otherwise."""
VALUE_LIMIT: Final = 200
"""Characters of a label value."""
MOST: Final = 1e15
"""No single observation is more: one infinity would spoil a sum for ever."""
EXEMPLAR_CELLS: Final = 6
"""Of one bucket: time, three parts of the trace ID, value, time again (a reader that sees two times saw a change)."""

S = TypeVar("S", bound=Series)


class Definition(NamedTuple):
    """What all processes must agree on before their numbers are added up."""

    name: str
    """As on the wire; of counters with `_total`."""
    kind: Kind
    help: str
    labels: tuple[str, ...]
    edges: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, without the last, infinite one."""
    gathering: Gathering = "sum"

    @property
    def size(self) -> int:
        """Cells of one series: buckets, the last one and the sum; or just the value."""
        return len(self.edges) + 2 if self.kind == "histogram" else 1

    @property
    def exemplar_size(self) -> int:
        """Cells for the exemplars of one series."""
        return (len(self.edges) + 1) * EXEMPLAR_CELLS


class CounterSeries(Series):
    """A number that only grows."""

    __slots__ = ()

    def inc(self, amount: float = 1.0) -> None:
        """Add; what is negative, or no number, counts as 0."""
        if 0.0 < amount <= MOST:
            with self.lock:
                self.cells[self.base] += amount


class GaugeSeries(Series):
    """A number that goes up and down."""

    __slots__ = ()

    def inc(self, amount: float = 1.0) -> None:
        with self.lock:
            self.cells[self.base] += amount

    def dec(self, amount: float = 1.0) -> None:
        with self.lock:
            self.cells[self.base] -= amount

    def set(self, value: float) -> None:
        with self.lock:
            self.cells[self.base] = value


class HistogramSeries(Series):
    """How often values fell into each bucket, and their sum."""

    __slots__ = ("edges", "exemplars")

    def __init__(self, family: Family[Any], values: tuple[str, ...], size: int, lock: threading.RLock) -> None:
        super().__init__(family, values, size, lock)
        self.edges = family.definition.edges
        self.exemplars: Series | None = None
        """Made when the first one comes: for each bucket the last trace that fell into it."""

    def observe(self, value: float) -> None:
        """Count a value; what is negative, or no number, counts as 0."""
        value = min(value, MOST) if value > 0.0 else 0.0
        with self.lock:
            cells, base = self.cells, self.base
            cells[base + bisect_left(self.edges, value)] += 1.0
            cells[base + self.size - 1] += value

    def exemplify(self, value: float, trace_id: str) -> None:
        """Remember the trace in which this value was observed, for its bucket."""
        number = int(trace_id, 16)
        with self.lock:
            series = self.exemplars
            if series is None:
                series = self.exemplars = self.family.exemplars_for(self)
            now = time()
            start = series.base + bisect_left(self.edges, value) * EXEMPLAR_CELLS
            cells = series.cells
            cells[start] = now
            cells[start + 1] = number >> 88
            cells[start + 2] = number >> 44 & 0xFFFFFFFFFFF
            cells[start + 3] = number & 0xFFFFFFFFFFF
            cells[start + 4] = value
            cells[start + 5] = now


_SERIES: Final[Mapping[Kind, type[Series]]] = {
    "counter": CounterSeries,
    "gauge": GaugeSeries,
    "histogram": HistogramSeries,
}


class Family(Generic[S]):
    """One metric: all its series in this process."""

    def __init__(
        self, definition: Definition, store: Store, *, limit: int = LIMIT, overflow: Mapping[str, str] | None = None
    ) -> None:
        """:param overflow: label -> the value that stands for the rest; for all labels names.OTHER, if not given."""
        self.definition = definition
        self.series: dict[tuple[str, ...], S] = {}
        self.with_exemplars: list[HistogramSeries] = []
        self._store = store
        self._limit = limit
        replaced = overflow if overflow is not None else dict.fromkeys(definition.labels, names.OTHER)
        self._overflow = tuple(replaced.get(label) for label in definition.labels)
        self._type: Any = _SERIES[definition.kind]

    def labels(self, *values: str) -> S:
        """The series of these label values, in the order of the definition."""
        series = self.series.get(values)
        return series if series is not None else self._made(values)

    def _made(self, values: Sequence[str]) -> S:
        clean = tuple([clean_value(value) for value in values])
        if len(clean) != len(self.definition.labels):
            raise ValueError(f"{self.definition.name} has the labels {self.definition.labels}")
        with self._store.lock:
            if clean not in self.series and len(self.series) >= self._limit:
                pairs = zip(self._overflow, clean, strict=True)
                clean = tuple([value if rest is None else rest for rest, value in pairs])
            series = self.series.get(clean)
            if series is None:
                series = self._type(self, clean, self.definition.size, self._store.lock)
                self._store.add(series)
                self.series[clean] = series
        return series

    def exemplars_for(self, series: HistogramSeries) -> Series:
        """Cells for the exemplars of a series' buckets."""
        made = Series(self, series.values, self.definition.exemplar_size, self._store.lock)
        self._store.add(made)
        self.with_exemplars.append(series)
        return made


def clean_value(value: object) -> str:
    """A label value: text of bounded length that UTF-8 can say."""
    text = str(value)[:VALUE_LIMIT]
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
