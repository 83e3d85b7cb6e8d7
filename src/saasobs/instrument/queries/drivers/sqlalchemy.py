"""SQLAlchemy 2: Core and ORM, sync and async, every engine there is or will be.

Hooked at the dialect's `do_execute` and its siblings, the public interface through which every statement goes to the
driver: one call more for each. Event listeners would make each execution build what they are given (8 to 12 µs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument.queries import pools
from saasobs.instrument.queries.log import Source, note, source_of
from saasobs.instrument.queries.patching import cover, replace

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

# SQLAlchemy's name -> OpenTelemetry's, where they differ.
_SYSTEMS: Final = {"mssql": "microsoft.sql_server", "oracle": "oracle.db"}


def install(process: Instrumentation | None) -> None:
    """Count what every dialect executes, and watch the pools."""
    base = import_module("sqlalchemy.engine.default").DefaultDialect
    for dialect in _family(base):
        _hook(dialect)
    replace(base, "initialize", _hooking)  # of a dialect that is imported later; its first connection comes here
    cover("sqlalchemy")
    if process is not None:
        pools.install(process)


def _family(dialect: Any) -> Iterator[type]:
    yield dialect
    for child in dialect.__subclasses__():
        yield from _family(child)


def _hook(dialect: type) -> None:
    replace(dialect, "do_execute", partial(_counting, dialect, "do_execute"))
    replace(dialect, "do_executemany", partial(_counting, dialect, "do_executemany"))
    replace(dialect, "do_execute_no_params", partial(_counting_plain, dialect))


def _hooking(original: Callable[..., None]) -> Callable[..., None]:
    def initialize(self: Any, connection: Any) -> None:
        for dialect in type(self).__mro__:
            _hook(dialect)
        original(self, connection)

    return initialize


def _counting(owner: type, name: str, original: Callable[..., None]) -> Callable[..., None]:
    """:param original: of (dialect, cursor, statement, parameters, context); one that overrides it may call it too."""
    sources: dict[type, Source | None] = {}

    def execute(dialect: Any, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        kind = type(dialect)
        source = sources[kind] if kind in sources else _learn(sources, dialect, owner, name)
        if source is None:
            original(dialect, cursor, statement, parameters, context)
            return
        begun = perf_counter()
        try:
            original(dialect, cursor, statement, parameters, context)
        except BaseException as error:
            note(statement, perf_counter() - begun, source, error)
            raise
        note(statement, perf_counter() - begun, source)

    return execute


def _counting_plain(owner: type, original: Callable[..., None]) -> Callable[..., None]:
    """The same without parameters."""
    sources: dict[type, Source | None] = {}

    def execute(dialect: Any, cursor: Any, statement: str, context: Any = None) -> None:
        kind = type(dialect)
        source = sources[kind] if kind in sources else _learn(sources, dialect, owner, "do_execute_no_params")
        if source is None:
            original(dialect, cursor, statement, context)
            return
        begun = perf_counter()
        try:
            original(dialect, cursor, statement, context)
        except BaseException as error:
            note(statement, perf_counter() - begun, source, error)
            raise
        note(statement, perf_counter() - begun, source)

    return execute


def _learn(sources: dict[type, Source | None], dialect: Any, owner: type, name: str) -> Source | None:
    """Under which source a dialect's queries count; None in a method that another one overrides."""
    kind = type(dialect)
    counts = next((each for each in kind.__mro__ if name in vars(each)), None) is owner
    sources[kind] = source_of(_SYSTEMS.get(dialect.name, dialect.name), "sqlalchemy") if counts else None
    return sources[kind]
