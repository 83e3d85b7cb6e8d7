"""The queries of one operation, counted while they happen: a dictionary look-up and a few additions each.

What costs more waits until it is worth it: call sites are looked for when a statement comes again, fingerprints are
made when something is told. Memory is bounded: so many statements, so much of their text, so many
call sites. Under the GIL nothing here needs a lock: what two threads do to one counter at a time is one addition.

`note` is what the drivers' hooks call. It never raises.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Protocol

from saasobs.instrument import guard
from saasobs.instrument.queries.fingerprint import fingerprint, is_question, skeleton
from saasobs.instrument.queries.places import NOWHERE, Site, calling_site
from saasobs.instrument.state import Operation, current

TEXT_LIMIT: Final = 2048
"""Characters of a statement that tell it from others."""
STATEMENTS_LIMIT: Final = 500
"""Statements of one operation that are told apart; the others share one entry."""
PLACED: Final = 6
"""Repeats of a statement whose call site is looked for; of later ones only the 8th, 16th, 32nd … are."""
SITES_LIMIT: Final = 8
KNOWN_LIMIT: Final = 1000
"""Statements of one source that a process remembers; an app has a few hundred."""
_SOURCES_LIMIT: Final = 100


class Source:
    """Who asks whom: a library and the kind of system behind it. Few, and each is one object: see `source_of`."""

    __slots__ = ("by_skeleton", "by_text", "is_cache", "is_sql", "library", "system")

    def __init__(self, system: str, library: str, *, is_sql: bool, is_cache: bool) -> None:
        self.system = system
        """As OpenTelemetry's `db.system.name` has it."""
        self.library = library
        """`sqlalchemy`, `django`, `psycopg` …; the advice depends on it."""
        self.is_sql = is_sql
        self.is_cache = is_cache
        self.by_text: dict[str, Known | None] = {}
        """What has been learnt of statements; None of those that do not count."""
        self.by_skeleton: dict[str, Known] = {}

    def fingerprint(self, statement: str) -> str:
        """The statement without its values."""
        return fingerprint(statement, self.system) if self.is_sql else statement


class Known:
    """A statement as this process has learnt it, whatever its values: one object for all of them, compared as such."""

    __slots__ = ("_fingerprint", "source", "statement")

    def __init__(self, statement: str, source: Source) -> None:
        self._fingerprint = ""
        self.statement = statement
        """As it came the first time, cut."""
        self.source = source

    def fingerprint(self) -> str:
        """The statement without its values."""
        if not self._fingerprint:
            self._fingerprint = self.source.fingerprint(self.statement)
        return self._fingerprint


class Repeat:
    """A statement that an operation has made more than once: how often, how long, from where."""

    __slots__ = ("before", "count", "placed", "seconds", "sites")

    def __init__(self, seconds: float) -> None:
        """:param seconds: that the first one took."""
        self.count = 1
        self.seconds = seconds
        self.sites: dict[Site, int] = {}
        self.placed = 0
        """How often somebody looked where from."""
        self.before = 0
        """How many there were before anyone looked."""

    def place(self, site: Site) -> None:
        """Note where the latest came from."""
        if not self.placed:
            self.before = self.count - 1
        self.placed += 1
        sites = self.sites
        if site in sites or len(sites) < SITES_LIMIT:
            sites[site] = sites.get(site, 0) + 1

    def leading(self) -> tuple[Site, int]:
        """The site that most came from, and how many did.

        Those that nobody looked at count for it: the later ones always, the first one when no other site was seen.
        """
        if not self.placed:
            return NOWHERE, 0
        site, seen = max(self.sites.items(), key=lambda pair: pair[1])
        if len(self.sites) == 1:
            return site, self.count
        return site, seen + max(0, self.count - self.placed - self.before)


class Asked(NamedTuple):
    """One statement of an operation, summed up."""

    known: Known
    times: int
    seconds: float
    sites: tuple[Site, ...]
    """Where it was seen to come from."""


class QueryLog:
    """What one operation asked its databases (`count`, `seconds`) and its caches."""

    __slots__ = ("cache_count", "cache_seconds", "count", "seconds", "slow", "statements")

    def __init__(self) -> None:
        self.count = 0
        """Queries of databases; executemany is one, transactions and pings are none."""
        self.seconds = 0.0
        self.cache_count = 0
        """Round trips to caches; a pipeline is one."""
        self.cache_seconds = 0.0
        self.slow = 0
        """Of those that were slow; counted for the metric at the end, since a request's route is not known before."""
        self.statements: dict[Known, float | Repeat] = {}
        """Its seconds, while a statement has come once: most do, and a float is there already."""

    def add(self, known: Known, seconds: float, site: Site | None = None) -> None:
        """Count one.

        :param site: where it came from, if somebody has looked; else that is found out when it comes again.
        """
        if known.source.is_cache:
            self.cache_count += 1
            self.cache_seconds += seconds
        else:
            self.count += 1
            self.seconds += seconds
        statements = self.statements
        found = statements.get(known)
        if found is None and site is None:
            if len(statements) < STATEMENTS_LIMIT:
                statements[known] = seconds
        else:
            self._again(known, found, seconds, site)

    def repeats(self, least: int) -> list[tuple[Known, Repeat]]:
        """The statements that came as often as that, and more than once."""
        every = list(self.statements.items())
        return [(known, found) for known, found in every if isinstance(found, Repeat) and found.count >= least]

    def asked(self) -> list[Asked]:
        """Every statement, the most frequent first, then what took longest."""
        every = [
            Asked(known, found.count, found.seconds, tuple(found.sites))
            if isinstance(found, Repeat)
            else Asked(known, 1, found, ())
            for known, found in list(self.statements.items())
        ]
        return sorted(every, key=lambda one: (-one.times, -one.seconds))

    def _again(self, known: Known, found: float | Repeat | None, seconds: float, site: Site | None) -> None:
        if isinstance(found, Repeat):
            repeat = found
            repeat.count += 1
            repeat.seconds += seconds
        else:
            repeat = Repeat(seconds)
            self.statements[known] = repeat
            if found is not None:
                repeat.count += 1
                repeat.seconds += found
        if site is not None:
            repeat.place(site)
        elif repeat.placed < PLACED or not repeat.count & (repeat.count - 1):
            repeat.place(calling_site(3))


class Listener(Protocol):
    """Who hears of every query, beside the operation that it belongs to."""

    def asked(self, known: Known, seconds: float, operation: Operation | None, error: BaseException | None) -> None: ...

    def looked_up(self, cache: str, hits: int, misses: int) -> None: ...


class Watch(Listener, Protocol):
    """The process's own listener, who is not bothered with what it does not want."""

    slow: float
    """Seconds from which it wants to hear of a query; it hears of those in sampled operations anyway."""

    def duration(self, source: Source) -> Histogram: ...


class Histogram(Protocol):
    """Where durations go."""

    def observe(self, value: float) -> None: ...


class _Hearing:
    watch: Watch | None = None
    histograms: dict[Source, Histogram] = {}  # noqa: RUF012 - of the watch; one place for one process
    listeners: tuple[Listener, ...] = ()


_sources: dict[tuple[str, str], Source] = {}


def source_of(system: str, library: str = "") -> Source:
    """The one Source of a system and a library."""
    key = (system, library)
    source = _sources.get(key)
    if source is None:
        made = Source(system, library, is_sql=system not in ("mongodb", "redis"), is_cache=system == "redis")
        source = _sources.setdefault(key, made) if len(_sources) < _SOURCES_LIMIT else made
    return source


def record(statement: str, seconds: float, system: str) -> None:
    """Count a query of the operation in progress.

    :param statement: its text with placeholders, never with parameters. :param system: `postgresql`, `redis` …
    """
    note(statement, seconds, source_of(system))


def note(statement: str, seconds: float, source: Source, error: BaseException | None = None) -> None:
    """Count a query that is over, with what it raised; never raises itself.

    It belongs to the operation in progress, if there is one; whoever listens hears of it in any case.
    """
    try:
        texts = source.by_text
        known = texts[statement] if statement in texts else _learnt(statement, source)
        if known is None:
            return
        operation = current()
        if operation is not None:
            (operation.queries or _opened(operation)).add(known, seconds)
        watch = _Hearing.watch
        if watch is not None:
            histogram = _Hearing.histograms.get(source) or _histogram(watch, source)
            histogram.observe(seconds)
            if seconds >= watch.slow or (operation is not None and operation.span is not None):
                watch.asked(known, seconds, operation, error)
        for listener in _Hearing.listeners:
            listener.asked(known, seconds, operation, error)
    except Exception:  # noqa: BLE001 - a guest keeps quiet
        guard.failed("queries")


def looked_up(cache: str, hits: int, misses: int) -> None:
    """Count look-ups in a cache by what came of them; never raises."""
    try:
        if _Hearing.watch is not None:
            _Hearing.watch.looked_up(cache, hits, misses)
        for listener in _Hearing.listeners:
            listener.looked_up(cache, hits, misses)
    except Exception:  # noqa: BLE001 - a guest keeps quiet
        guard.failed("queries")


def _learnt(statement: str, source: Source) -> Known | None:
    """The one object for a statement and its like; None when it does not count. Remembered for those of late."""
    text = statement if len(statement) <= TEXT_LIMIT else statement[:TEXT_LIMIT]
    if text in source.by_text:
        return source.by_text[text]
    known = None
    if not source.is_sql or is_question(text):
        key = skeleton(text, source.system) if source.is_sql else text
        known = source.by_skeleton.get(key)
        if known is None:
            _make_room(source.by_skeleton)
            known = source.by_skeleton.setdefault(key, Known(text, source))
    _make_room(source.by_text)
    source.by_text[text] = known
    return known


def _make_room(remembered: dict[str, Any]) -> None:
    if len(remembered) >= KNOWN_LIMIT:
        remembered.clear()


def _histogram(watch: Watch, source: Source) -> Histogram:
    histogram = _Hearing.histograms[source] = watch.duration(source)
    return histogram


def report_to(watch: Watch | None) -> None:
    """From now on this process's watch hears of queries; one at a time."""
    _Hearing.watch, _Hearing.histograms = None, {}
    _Hearing.watch = watch


def listen(listener: Listener) -> None:
    """Another one hears of every query, until `unlisten`."""
    _Hearing.listeners = (*_Hearing.listeners, listener)


def unlisten(listener: Listener) -> None:
    """It hears no more."""
    _Hearing.listeners = tuple(each for each in _Hearing.listeners if each is not listener)


def _opened(operation: Operation) -> QueryLog:
    """The operation's log; made once, though two threads ask at a time, or a finalizer asks while it is being made."""
    opened: QueryLog = vars(operation).setdefault("queries", QueryLog())  # one step of the interpreter's: no lock
    return opened
