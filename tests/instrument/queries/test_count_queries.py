"""Counting the queries of a piece of code, outside of any request, without `instrument`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool

from saasobs.instrument.queries import patching
from saasobs.instrument.queries.counting import count_queries
from support.postgres import Postgres

HERE = str(Path(__file__).relative_to(Path.cwd()))


@pytest.fixture(autouse=True)
def unhooked() -> Iterator[None]:
    yield
    patching.undo()


def test_it_counts_what_is_asked_inside() -> None:
    """In every thread, from the first to the last, and no more afterwards; counts and call sites can be read."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})

    lines: set[int] = set()

    def ask(count: int) -> None:
        with engine.connect() as connection:
            for number in range(count):
                lines.add(sys._getframe().f_lineno + 1)
                connection.execute(text("SELECT :number AS number"), {"number": number})

    with count_queries() as queries:
        ask(3)
        thread = threading.Thread(target=ask, args=(2,))
        thread.start()
        thread.join()
    ask(1)
    assert (queries.count, queries.cache_count) == (5, 0)
    assert queries.seconds > 0
    assert queries.describe() == f"  5 × SELECT ? AS number\n      from {HERE}:{lines.pop()}"
    (one,) = queries.statements()
    assert one.times == 5
    engine.dispose()


async def test_async_and_one_inside_another(postgres: Postgres) -> None:
    """It is an asynchronous context manager too; the inner one counts for itself, and for the outer one."""
    async with count_queries() as outer, await psycopg.AsyncConnection.connect(postgres.url) as connection:
        await connection.execute("SELECT 2, 3")
        async with count_queries() as inner:
            await connection.execute("SELECT 'secret' AS a")
    assert (outer.count, inner.count) == (2, 1)
    assert "secret" not in inner.describe()


def test_a_long_list_is_cut() -> None:
    """A failure message stays readable."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with count_queries() as queries, engine.connect() as connection:
        for number in range(30):
            connection.execute(text(f"SELECT 1 AS c{number}"))
    assert queries.describe().endswith("  … and 20 more statements")
    engine.dispose()


def test_an_exception_goes_through() -> None:
    """And nobody listens any more."""
    from saasobs.instrument.queries.log import _Hearing

    with pytest.raises(ZeroDivisionError), count_queries():
        raise ZeroDivisionError
    assert _Hearing.listeners == ()
