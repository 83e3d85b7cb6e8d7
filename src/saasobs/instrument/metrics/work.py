"""The numbers of what is not a request: tasks and jobs, calls to others, queries, pools, caches.

Each class is for one room, which calls its methods and keeps no names of metrics. None of them raises for a value
that it does not like, and every label is bounded.
"""

from __future__ import annotations

from typing import Final

from saasobs.instrument import names
from saasobs.instrument.metrics.cells import Store
from saasobs.instrument.metrics.families import CounterSeries, Definition, Family, GaugeSeries, HistogramSeries

HOSTS_LIMIT: Final = 500
"""Series of outgoing calls: hosts × methods × statuses."""

TASK_DURATION: Final = Definition(
    names.TASK_DURATION,
    "histogram",
    "Seconds that tasks and jobs ran, by outcome.",
    (names.TASK_SYSTEM, names.TASK, names.OUTCOME),
    names.TASK_BUCKETS,
)
TASK_WAIT: Final = Definition(
    names.TASK_QUEUE_WAIT,
    "histogram",
    "Seconds that tasks waited between being sent and being begun.",
    (names.TASK_SYSTEM, names.TASK),
    names.TASK_BUCKETS,
)
TASKS_ACTIVE: Final = Definition(
    names.TASKS_ACTIVE, "gauge", "Tasks and jobs running now.", (names.TASK_SYSTEM, names.TASK), gathering="livesum"
)
TASKS_SENT: Final = Definition(
    names.TASKS_SENT,
    "counter",
    "Tasks put into a queue to begin at once, counted where they are sent.",
    (names.TASK_SYSTEM, names.TASK),
)
CLIENT_DURATION: Final = Definition(
    names.CLIENT_DURATION,
    "histogram",
    "Seconds of outgoing HTTP requests, to the response's start; without a response the status is the error's type.",
    (names.METHOD, names.SERVER_ADDRESS, names.STATUS),
    names.BUCKETS,
)
QUERY_DURATION: Final = Definition(
    names.QUERY_DURATION, "histogram", "Seconds of database queries.", (names.DB_SYSTEM,), names.QUERY_BUCKETS
)
TOO_MANY: Final = Definition(
    names.TOO_MANY_QUERIES, "counter", "Operations that made more queries than their limit.", (names.OPERATION,)
)
N_PLUS_ONE: Final = Definition(
    names.N_PLUS_ONE, "counter", "Statements that an operation repeated from one place.", (names.OPERATION,)
)
SLOW: Final = Definition(names.SLOW_QUERIES, "counter", "Queries that took longer than the limit.", (names.OPERATION,))
POOL_CONNECTIONS: Final = Definition(
    names.POOL_CONNECTIONS,
    "gauge",
    "Connections of a pool, by state: used or idle.",
    (names.POOL, names.POOL_STATE),
    gathering="livesum",
)
POOL_MAX: Final = Definition(
    names.POOL_MAX, "gauge", "Connections that a pool may open.", (names.POOL,), gathering="livesum"
)
POOL_WAIT: Final = Definition(
    names.POOL_WAIT, "histogram", "Seconds of waiting for a connection of a pool.", (names.POOL,), names.QUERY_BUCKETS
)
POOL_TIMEOUTS: Final = Definition(
    names.POOL_TIMEOUTS, "counter", "Times that nobody got a connection of a pool in time.", (names.POOL,)
)
CACHE_REQUESTS: Final = Definition(
    names.CACHE_REQUESTS, "counter", "Lookups in a cache, by result: hit or miss.", (names.CACHE, names.CACHE_RESULT)
)


class TaskMetrics:
    """Tasks of queues (`celery`, `rq` …) and jobs (`job`, `apscheduler`)."""

    def __init__(self, store: Store) -> None:
        self._durations: Family[HistogramSeries] = Family(TASK_DURATION, store)
        self._waits: Family[HistogramSeries] = Family(TASK_WAIT, store)
        self._active: Family[GaugeSeries] = Family(TASKS_ACTIVE, store)
        self._sent: Family[CounterSeries] = Family(TASKS_SENT, store)
        self.families = (self._durations, self._waits, self._active, self._sent)

    def sent(self, system: str, task: str) -> None:
        """A task is in a queue and may begin: without a worker, this is all that will ever be known of it."""
        self._sent.labels(system, task).inc()

    def started(self, system: str, task: str, waited: float | None = None) -> None:
        """A task has begun; pair it with `finished`.

        :param waited: seconds since it was sent (or was due), if that is known.
        """
        self._active.labels(system, task).inc()
        if waited is not None:
            self._waits.labels(system, task).observe(waited)

    def finished(self, system: str, task: str, outcome: str, seconds: float) -> None:
        """A task has ended. :param outcome: one of a few constants: `success`, `failure`, `retry`, …"""
        self._active.labels(system, task).dec()
        self._durations.labels(system, task, outcome).observe(seconds)


class ClientMetrics:
    """Outgoing HTTP requests."""

    def __init__(self, store: Store) -> None:
        self._durations: Family[HistogramSeries] = Family(
            CLIENT_DURATION, store, limit=HOSTS_LIMIT, overflow={names.SERVER_ADDRESS: names.OTHER}
        )
        self.families = (self._durations,)

    def finished(self, method: str, host: str, status: int, seconds: float, error_type: str = "") -> None:
        """:param status: 0 when no response came; then `error_type`, an exception's name, stands in its place."""
        known = method if method in names.KNOWN_METHODS else names.OTHER_METHOD
        shown = str(status) if 100 <= status <= 599 else error_type or names.OTHER
        self._durations.labels(known, host, shown).observe(seconds)


class Pool:
    """One pool of connections; keep it, it is made for being asked often."""

    __slots__ = ("idle", "most", "timeouts", "used", "wait")

    def __init__(
        self,
        used: GaugeSeries,
        idle: GaugeSeries,
        most: GaugeSeries,
        timeouts: CounterSeries,
        wait: HistogramSeries,
    ) -> None:
        self.used = used
        """Connections that somebody holds."""
        self.idle = idle
        self.most = most
        """`set` it to the number that may be open."""
        self.timeouts = timeouts
        self.wait = wait
        """`observe` the seconds that somebody waited."""


class QueryMetrics:
    """Queries, and the pools that they go through."""

    def __init__(self, store: Store) -> None:
        self._durations: Family[HistogramSeries] = Family(QUERY_DURATION, store)
        self._too_many: Family[CounterSeries] = Family(TOO_MANY, store)
        self._n_plus_one: Family[CounterSeries] = Family(N_PLUS_ONE, store)
        self._slow: Family[CounterSeries] = Family(SLOW, store)
        self._connections: Family[GaugeSeries] = Family(POOL_CONNECTIONS, store)
        self._most: Family[GaugeSeries] = Family(POOL_MAX, store)
        self._waits: Family[HistogramSeries] = Family(POOL_WAIT, store)
        self._timeouts: Family[CounterSeries] = Family(POOL_TIMEOUTS, store)
        self.families = (
            self._durations, self._too_many, self._n_plus_one, self._slow, self._connections, self._most, self._waits,
            self._timeouts,
        )  # fmt: skip

    def duration(self, system: str) -> HistogramSeries:
        """The histogram of one kind of database; keep it and `observe` the seconds of each query."""
        return self._durations.labels(system)

    def too_many(self, operation: str) -> None:
        """:param operation: a route template, or the name of a task or job."""
        self._too_many.labels(operation).inc()

    def n_plus_one(self, operation: str) -> None:
        self._n_plus_one.labels(operation).inc()

    def slow(self, operation: str) -> None:
        self._slow.labels(operation).inc()

    def pool(self, name: str) -> Pool:
        """The numbers of a pool: `postgresql app` or whatever tells it from others, never with a password."""
        return Pool(
            self._connections.labels(name, "used"),
            self._connections.labels(name, "idle"),
            self._most.labels(name),
            self._timeouts.labels(name),
            self._waits.labels(name),
        )


class CacheMetrics:
    """Lookups in caches."""

    def __init__(self, store: Store) -> None:
        self._requests: Family[CounterSeries] = Family(CACHE_REQUESTS, store)
        self.families = (self._requests,)

    def hit(self, cache: str, count: int = 1) -> None:
        """:param cache: a name of the app's configuration (`default`) or the system (`redis`); never a key."""
        self._requests.labels(cache, "hit").inc(count)

    def miss(self, cache: str, count: int = 1) -> None:
        self._requests.labels(cache, "miss").inc(count)
