"""asyncpg: connections (from a pool or not) and prepared statements of the app itself, not SQLAlchemy's.

A cursor is one query, counted when it is made: how long it takes is not known.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument.queries.log import note, source_of
from saasobs.instrument.queries.patching import is_covered, replace

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

_POSTGRESQL: Final = source_of("postgresql", "asyncpg")


def install(process: Instrumentation | None) -> None:  # noqa: ARG001 - what it counts goes to those who listen
    """Count what connections and prepared statements ask."""
    connection = import_module("asyncpg.connection").Connection
    for name in ("execute", "executemany", "fetch", "fetchrow", "fetchval", "fetchmany"):
        replace(connection, name, _counting)
    replace(connection, "cursor", partial(_opening, lambda _, query: query))
    statement = import_module("asyncpg.prepared_stmt").PreparedStatement
    for name in ("executemany", "fetch", "fetchrow", "fetchval", "fetchmany"):
        replace(statement, name, _counting_prepared)
    replace(statement, "cursor", partial(_opening, lambda prepared, _: prepared.get_query()))


def _counting(original: Callable[..., Any]) -> Callable[..., Any]:
    async def ask(connection: Any, query: str, *args: Any, **kwargs: Any) -> Any:
        if is_covered(sys._getframe(1), "asyncpg"):  # noqa: SLF001 - documented
            return await original(connection, query, *args, **kwargs)
        begun = perf_counter()
        try:
            answer = await original(connection, query, *args, **kwargs)
        except BaseException as error:
            note(query, perf_counter() - begun, _POSTGRESQL, error)
            raise
        note(query, perf_counter() - begun, _POSTGRESQL)
        return answer

    return ask


def _counting_prepared(original: Callable[..., Any]) -> Callable[..., Any]:
    async def ask(prepared: Any, *args: Any, **kwargs: Any) -> Any:
        if is_covered(sys._getframe(1), "asyncpg"):  # noqa: SLF001 - documented
            return await original(prepared, *args, **kwargs)
        begun = perf_counter()
        try:
            answer = await original(prepared, *args, **kwargs)
        except BaseException as error:
            note(prepared.get_query(), perf_counter() - begun, _POSTGRESQL, error)
            raise
        note(prepared.get_query(), perf_counter() - begun, _POSTGRESQL)
        return answer

    return ask


def _opening(text: Callable[[Any, Any], str], original: Callable[..., Any]) -> Callable[..., Any]:
    def cursor(owner: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(owner, *args, **kwargs)
        if not is_covered(sys._getframe(1), "asyncpg"):  # noqa: SLF001 - documented
            note(text(owner, args[0] if args else kwargs.get("query", "")), 0.0, _POSTGRESQL)
        return made

    return cursor
