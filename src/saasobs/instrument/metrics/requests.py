"""The numbers of one request, taken in one go: one dictionary lookup, one lock, a dozen additions."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple, TypeAlias

from saasobs.instrument import names
from saasobs.instrument.metrics.cells import Store
from saasobs.instrument.metrics.families import (
    MOST,
    CounterSeries,
    Definition,
    Family,
    GaugeSeries,
    HistogramSeries,
)
from saasobs.instrument.names import BODY_SIZES, BUCKETS, FIRST_BYTE_BUCKETS

ROUTES_LIMIT: Final = 2_000
"""Pairs of method and route, and as many more for each status that they answer."""
_DURATIONS_LIMIT: Final = 10_000
_LAST_DURATION: Final = len(BUCKETS) + 1
_LAST_FIRST_BYTE: Final = len(FIRST_BYTE_BUCKETS) + 1
_LAST_SIZE: Final = len(BODY_SIZES) + 1
_LAST_QUERIES: Final = len(names.QUERY_COUNTS) + 1

DURATION: Final = Definition(
    names.REQUEST_DURATION,
    "histogram",
    "Seconds from the first byte of a request to the last byte of its response; event streams are not in it.",
    (names.METHOD, names.ROUTE, names.STATUS),
    BUCKETS,
)
FIRST_BYTE: Final = Definition(
    names.TIME_TO_FIRST_BYTE,
    "histogram",
    "Seconds from the first byte of a request to the first of its response.",
    (names.METHOD, names.ROUTE),
    FIRST_BYTE_BUCKETS,
)
RESPONSE_SIZE: Final = Definition(
    names.RESPONSE_SIZE,
    "histogram",
    "Bytes of response bodies, as the app sent them.",
    (names.METHOD, names.ROUTE),
    BODY_SIZES,
)
QUERIES: Final = Definition(
    names.REQUEST_QUERIES,
    "histogram",
    "Database queries of one request, of routes that ask a database.",
    (names.METHOD, names.ROUTE),
    names.QUERY_COUNTS,
)
QUERY_SECONDS: Final = Definition(
    names.REQUEST_QUERY_SECONDS,
    "counter",
    "Seconds that requests waited for their databases.",
    (names.METHOD, names.ROUTE),
)
DISCONNECTS: Final = Definition(
    names.CLIENT_DISCONNECTS,
    "counter",
    "Requests whose client left before the response's end.",
    (names.METHOD, names.ROUTE),
)
ACTIVE: Final = Definition(
    names.ACTIVE_REQUESTS, "gauge", "Requests being served now.", (names.METHOD,), gathering="livesum"
)
EXCEPTIONS: Final = Definition(
    names.EXCEPTIONS,
    "counter",
    "Exceptions that requests ended with.",
    (names.EXCEPTION_TYPE, names.ROUTE),
)


class Measured(NamedTuple):
    """One finished request, as the metrics take it."""

    method: str
    """One of names.KNOWN_METHODS or names.OTHER_METHOD."""
    route: str
    status: int
    seconds: float
    """To the last byte of the body."""
    first_byte: float
    """Seconds to the start of the response; as long as the whole when none began."""
    size: int
    """Bytes of the body."""
    queries: int
    tenant: str | None
    trace_id: str
    """Of a sampled trace, for the exemplar; else empty."""
    endless: bool
    """An event stream: its duration is no latency."""
    disconnected: bool
    query_seconds: float = 0.0


Numbers: TypeAlias = tuple[str, str, int, float, float, int, int, str | None, str, bool, bool, float]
"""What a Measured holds. Of a NamedTuple's cost its constructor is half: who has no time brings a plain tuple."""


class _Route:
    """All series of one method, route and status."""

    __slots__ = ("disconnects", "duration", "first_byte", "queries", "query_seconds", "size")

    def __init__(self, first_byte: HistogramSeries, size: HistogramSeries) -> None:
        self.duration: HistogramSeries | None = None
        self.first_byte = first_byte
        self.size = size
        self.queries: HistogramSeries | None = None
        self.query_seconds: CounterSeries | None = None
        self.disconnects: CounterSeries | None = None


class RequestMetrics:
    """The families of requests."""

    def __init__(self, store: Store) -> None:
        rest = {names.ROUTE: names.UNMATCHED}

        def family(definition: Definition, limit: int = ROUTES_LIMIT) -> Family[HistogramSeries]:
            return Family(definition, store, limit=limit, overflow=rest)

        self._lock = store.lock
        self._durations = family(DURATION, _DURATIONS_LIMIT)
        self._first_bytes = family(FIRST_BYTE)
        self._sizes = family(RESPONSE_SIZE)
        self._queries = family(QUERIES)
        self._query_seconds: Family[CounterSeries] = Family(QUERY_SECONDS, store, limit=ROUTES_LIMIT, overflow=rest)
        self._disconnects: Family[CounterSeries] = Family(DISCONNECTS, store, limit=ROUTES_LIMIT, overflow=rest)
        self.active: Family[GaugeSeries] = Family(ACTIVE, store, overflow={names.METHOD: names.OTHER_METHOD})
        self.exceptions: Family[CounterSeries] = Family(EXCEPTIONS, store)
        self.families = (
            self._durations, self._first_bytes, self._sizes, self._queries, self._query_seconds, self._disconnects,
            self.active, self.exceptions,
        )  # fmt: skip
        self._routes: dict[tuple[str, str, int], _Route] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count the duration of a request, and nothing else of it."""
        self._durations.labels(method, route, _status(status)).observe(seconds)

    def finished(self, request: Numbers) -> None:
        """Take the numbers of one request."""
        method, route, status, seconds, first_byte, size, count, _, trace_id, endless, gone, query_seconds = request
        at = self._routes.get((method, route, status)) or self._made(method, route, status)
        if not 0.0 <= seconds <= MOST:
            seconds = MOST if seconds > 0.0 else 0.0
        if not 0.0 <= first_byte <= MOST:
            first_byte = MOST if first_byte > 0.0 else 0.0
        if not 0 <= size <= MOST:
            size = 0
        with self._lock:
            if not endless:
                series = at.duration or self._timed(at, status)
                cells, base = series.cells, series.base
                cells[base + bisect_left(BUCKETS, seconds)] += 1.0
                cells[base + _LAST_DURATION] += seconds
                if trace_id:
                    series.exemplify(seconds, trace_id)
            series = at.first_byte
            cells, base = series.cells, series.base
            cells[base + bisect_left(FIRST_BYTE_BUCKETS, first_byte)] += 1.0
            cells[base + _LAST_FIRST_BYTE] += first_byte
            series = at.size
            cells, base = series.cells, series.base
            cells[base + bisect_left(BODY_SIZES, size)] += 1.0
            cells[base + _LAST_SIZE] += size
            if count or at.queries is not None:
                self._asked(at, count, query_seconds)
        if gone:
            self._left(at)

    def _timed(self, at: _Route, status: int) -> HistogramSeries:
        at.duration = self._durations.labels(*at.first_byte.values, _status(status))
        return at.duration

    def _asked(self, at: _Route, count: int, seconds: float) -> None:
        """Count the queries; from the first request on that asked, those count too that did not."""
        series = at.queries
        if series is None:
            values = at.first_byte.values
            series = at.queries = self._queries.labels(*values)
            at.query_seconds = self._query_seconds.labels(*values)
        cells, base = series.cells, series.base
        cells[base + bisect_left(names.QUERY_COUNTS, count)] += 1.0
        cells[base + _LAST_QUERIES] += count
        if seconds > 0.0 and at.query_seconds is not None:
            at.query_seconds.cells[at.query_seconds.base] += seconds

    def _left(self, at: _Route) -> None:
        if at.disconnects is None:
            at.disconnects = self._disconnects.labels(*at.first_byte.values)
        at.disconnects.inc()

    def _made(self, method: str, route: str, status: int) -> _Route:
        made = _Route(self._first_bytes.labels(method, route), self._sizes.labels(method, route))
        if len(self._routes) < _DURATIONS_LIMIT:
            self._routes[(method, route, status)] = made
        return made


def _status(status: int) -> str:
    """Three digits, or one constant for whatever else an app may send."""
    return str(status) if 100 <= status <= 599 else names.OTHER
