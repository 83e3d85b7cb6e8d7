"""psycopg 3: cursors, sync and async, of the app itself. What SQLAlchemy or Django ask through them is counted there.

`execute`, `executemany` and `stream` are one query each, `copy` is none. psycopg2's cursors are written in C and
cannot be hooked: it is counted under SQLAlchemy and Django only.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard
from saasobs.instrument.queries.log import note, source_of
from saasobs.instrument.queries.patching import is_covered, replace

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

_POSTGRESQL: Final = source_of("postgresql", "psycopg")


def install(process: Instrumentation | None) -> None:  # noqa: ARG001 - what it counts goes to those who listen
    """Count what cursors execute."""
    psycopg = import_module("psycopg")
    for name in ("execute", "executemany"):
        replace(psycopg.Cursor, name, _counting)
        replace(psycopg.AsyncCursor, name, _counting_async)
    replace(psycopg.ServerCursor, "execute", _counting)
    replace(psycopg.AsyncServerCursor, "execute", _counting_async)
    replace(psycopg.Cursor, "stream", _streaming)
    replace(psycopg.AsyncCursor, "stream", _streaming_async)


def _counting(original: Callable[..., Any]) -> Callable[..., Any]:
    def execute(cursor: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        if is_covered(sys._getframe(1), "psycopg"):  # noqa: SLF001 - documented
            return original(cursor, query, *args, **kwargs)
        begun = perf_counter()
        try:
            answer = original(cursor, query, *args, **kwargs)
        except BaseException as error:
            _asked(query, cursor, begun, error)
            raise
        _asked(query, cursor, begun)
        return answer

    return execute


def _counting_async(original: Callable[..., Any]) -> Callable[..., Any]:
    async def execute(cursor: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        if is_covered(sys._getframe(1), "psycopg"):  # noqa: SLF001 - documented
            return await original(cursor, query, *args, **kwargs)
        begun = perf_counter()
        try:
            answer = await original(cursor, query, *args, **kwargs)
        except BaseException as error:
            _asked(query, cursor, begun, error)
            raise
        _asked(query, cursor, begun)
        return answer

    return execute


def _streaming(original: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """To its first row; what the app does between rows is no query."""

    def stream(cursor: Any, query: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        begun = perf_counter()
        with closing(original(cursor, query, *args, **kwargs)) as rows:  # type: ignore[type-var]
            try:
                first = next(rows, _NONE)
            finally:
                _asked(query, cursor, begun)
            if first is not _NONE:
                yield first
                yield from rows

    return stream


def _streaming_async(original: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
    async def stream(cursor: Any, query: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        begun = perf_counter()
        async with aclosing(original(cursor, query, *args, **kwargs)) as rows:  # type: ignore[type-var]
            try:
                first = await anext(rows, _NONE)
            finally:
                _asked(query, cursor, begun)
            if first is not _NONE:
                yield first
                async for row in rows:
                    yield row

    return stream


_NONE: Final = object()


@guard.guarded("queries")
def _asked(query: Any, cursor: Any, begun: float, error: BaseException | None = None) -> None:
    note(query if type(query) is str else _text(query, cursor), perf_counter() - begun, _POSTGRESQL, error)


def _text(query: Any, cursor: Any) -> str:
    """Whatever psycopg takes for a query: text, bytes, `psycopg.sql` or a template string."""
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    if hasattr(query, "as_string"):
        return str(query.as_string(cursor))
    if hasattr(query, "strings"):
        return "?".join(query.strings)
    return str(query)
