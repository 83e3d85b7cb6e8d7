"""What the queries of an operation amount to, told once at its end; and what is told of a single one: slow, a span.

Two signals, kept apart: too many queries (25 different ones), and the same statement over and over from one place
(10 of one kind are no too many, but an N+1). Both are a counter each time, and a log event the first time for each
route and statement, then once a minute with how often it happened since.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard, names
from saasobs.instrument.config import LEVELS, InstrumentConfig
from saasobs.instrument.logs.out import Logs
from saasobs.instrument.metrics.registry import Metrics
from saasobs.instrument.queries import spans
from saasobs.instrument.queries.limiter import Limiter
from saasobs.instrument.queries.log import Known, QueryLog, Source
from saasobs.instrument.queries.places import Site, calling_site, shown
from saasobs.instrument.state import Operation, enter, leave

if TYPE_CHECKING:
    from saasobs.instrument.metrics.families import HistogramSeries
    from saasobs.instrument.tracing.tracer import Tracer

_LOGGER: Final = "saasobs.queries"
_AGAIN: Final = 60.0
_SLOW_AGAIN: Final = 10.0
_TOP: Final = 3
_TOP_LENGTH: Final = 200
CACHE_FACTOR: Final = 4
"""A look-up in a cache costs a fraction of a query: so many times more repeats are an N+1."""

_RAW: Final = "ask for all of them at once: WHERE ... IN (...) or = ANY(...), or batch with a DataLoader"
_READING: Final = {
    "sqlalchemy": "load the relationship with the first query: selectinload() or joinedload(); rows by key: one IN",
    "django": "load the relation with the first query: select_related() or prefetch_related(); rows by key: in_bulk()",
    "pymongo": "ask for all of them at once: {field: {'$in': [...]}}, or a $lookup",
    "redis": "ask for all of them at once: MGET or a pipeline",
}
_WRITING: Final = {
    "sqlalchemy": "write them at once: session.add_all(), or execute(insert(...), [rows])",
    "django": "write them at once: bulk_create(), bulk_update(), or one filter(...).update(...)",
    "pymongo": "write them at once: insert_many() or bulk_write()",
    "redis": "write them at once: MSET or a pipeline",
}
_WRITES: Final = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "SET", "HSET", "INCR", "EXPIRE", "DEL"})


@dataclass(frozen=True, slots=True)
class Repetition:
    """The same statement, over and over from one place."""

    known: Known
    count: int
    seconds: float
    site: Site

    def describe(self) -> dict[str, Any]:
        """The fields of the event."""
        text = self.known.fingerprint()
        return {
            "statement": text,
            "count": self.count,
            "total_ms": _milliseconds(self.seconds),
            "location": shown(self.site),
            "system": self.known.source.system,
            "advice": advice(self.known.source, text),
        }


def repetitions(queries: QueryLog, limit: int) -> list[Repetition]:
    """The N+1s of an operation, what took longest first. :param limit: so many make one; 0: none do. Pure."""
    found: list[Repetition] = []
    for known, repeat in queries.repeats(limit) if limit else ():
        least = limit * CACHE_FACTOR if known.source.is_cache else limit
        site, count = repeat.leading()
        if count >= least:
            found.append(Repetition(known, count, repeat.seconds * count / repeat.count, site))
    return sorted(found, key=lambda one: -one.seconds)


def advice(source: Source, statement: str) -> str:
    """What to do about a repeated statement, in the words of the library that made it. Pure."""
    if statement.partition(" ")[0].upper() in _WRITES:
        return _WRITING.get(source.library, "write them at once: executemany(), or one statement with many rows")
    return _READING.get(source.library, _RAW)


class QueryWatch:
    """Judges operations by the configured limits, and tells. The process's ear for queries (`log.Listener`)."""

    def __init__(self, config: InstrumentConfig, metrics: Metrics, logs: Logs, tracer: Tracer | None = None) -> None:
        self._config = config
        self._metrics = metrics
        self._logs = logs
        self._tracer = tracer
        self.slow = config.slow_query or float("inf")
        """Seconds from which a query is told of (`log.Watch`)."""
        self._told = Limiter(_AGAIN)
        self._slow_told = Limiter(_SLOW_AGAIN)

    @guard.guarded("queries")
    def judge(self, operation: Operation, now: float | None = None) -> None:
        """Tell what stands out: too many queries, the same one repeated from one place.

        :param now: seconds of `time.monotonic`; by default, now.
        """
        queries = operation.queries
        if queries is None:
            return
        for _ in range(queries.slow):
            self._metrics.queries.slow(operation.name)
        config = self._config
        limit = config.max_queries_by_route.get(operation.name, config.max_queries)
        many = 0 < limit < queries.count
        if not many and queries.count < config.repeated_queries > queries.cache_count:
            return
        moment = monotonic() if now is None else now
        if many:
            self._metrics.queries.too_many(operation.name)
            self._tell(operation, names.TOO_MANY_EVENT, "", moment, partial(_too_many, queries, limit))
        for found in repetitions(queries, config.repeated_queries):
            self._metrics.queries.n_plus_one(operation.name)
            self._tell(operation, names.N_PLUS_ONE_EVENT, found.known.fingerprint(), moment, found.describe)

    def duration(self, source: Source) -> HistogramSeries:
        """Where the durations of a source's queries go."""
        return self._metrics.queries.duration(source.system)

    def asked(self, known: Known, seconds: float, operation: Operation | None, error: BaseException | None) -> None:
        """A query is over that was slow, or is a sampled operation's."""
        if seconds >= self.slow:
            self._tell_slow(known, seconds, operation)
        if operation is not None and operation.span is not None and self._tracer is not None:
            spans.tell(self._tracer, known, seconds, operation, error)

    def looked_up(self, cache: str, hits: int, misses: int) -> None:
        """A cache has answered."""
        if hits:
            self._metrics.caches.hit(cache, hits)
        if misses:
            self._metrics.caches.miss(cache, misses)

    def _tell(
        self, operation: Operation, event: str, statement: str, now: float, describe: Callable[[], dict[str, Any]]
    ) -> None:
        """One warning, if this is not the hundredth this minute."""
        times = self._told.times((event, operation.name, statement), now)
        if not times:
            return
        fields = {"operation": operation.name, "kind": operation.kind, **describe()}
        if times > 1:
            fields["times"] = times
        self._write(operation, event, fields)

    def _tell_slow(self, known: Known, seconds: float, operation: Operation | None) -> None:
        if operation is not None and operation.queries is not None:
            operation.queries.slow += 1
        else:
            self._metrics.queries.slow("")
        text = known.fingerprint()
        times = self._slow_told.times(text, monotonic())
        if not times:
            return
        fields: dict[str, Any] = {
            "statement": text,
            "duration_ms": _milliseconds(seconds),
            "location": shown(calling_site(2)),
            "system": known.source.system,
        }
        if times > 1:
            fields["times"] = times
        self._write(operation, names.SLOW_QUERY_EVENT, fields)

    def _write(self, operation: Operation | None, event: str, fields: dict[str, Any]) -> None:
        if LEVELS["WARNING"] < self._logs.level:
            return
        if operation is None:
            self._logs.emit_in_context("warning", event, _LOGGER, fields)
            return
        token = enter(operation)  # whoever judges may have left it already
        try:
            self._logs.emit_in_context("warning", event, _LOGGER, fields)
        finally:
            leave(token)


def _too_many(queries: QueryLog, limit: int) -> dict[str, Any]:
    asked = [one for one in queries.asked() if not one.known.source.is_cache]
    top = [
        {
            "statement": one.known.fingerprint()[:_TOP_LENGTH],
            "count": one.times,
            "total_ms": _milliseconds(one.seconds),
        }
        for one in asked[:_TOP]
    ]
    return {
        "count": queries.count,
        "limit": limit,
        "total_ms": _milliseconds(queries.seconds),
        "distinct": len(asked),
        "top": top,
    }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
