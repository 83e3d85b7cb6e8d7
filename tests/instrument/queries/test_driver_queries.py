"""psycopg and asyncpg without an ORM, on PostgreSQL: each query once, with the app's line."""

from __future__ import annotations

import sys
from pathlib import Path

import asyncpg  # type: ignore[import-untyped] # it has no types
import psycopg
import pytest
from psycopg import sql

from saasobs.instrument import names
from support.capture import Captured
from support.operations import operation
from support.postgres import Postgres

HERE = str(Path(__file__).relative_to(Path.cwd()))


def test_psycopg(hooked: Captured, postgres: Postgres) -> None:
    """Cursors, connections, executemany, server-side cursors, streams, composed statements; no transactions."""
    with operation(hooked) as observed, psycopg.connect(postgres.url) as connection:
        with connection.transaction(), connection.transaction():
            connection.execute("CREATE TEMPORARY TABLE psycopg_t (a int)")
        cursor = connection.cursor()
        cursor.executemany("INSERT INTO psycopg_t VALUES (%s)", [(1,), (2,), (3,)])
        with connection.cursor("named") as named:
            assert len(named.execute("SELECT a FROM psycopg_t").fetchall()) == 3
        assert list(cursor.stream("SELECT a FROM psycopg_t ORDER BY a")) == [(1,), (2,), (3,)]
        cursor.execute(sql.SQL("SELECT a FROM {}").format(sql.Identifier("psycopg_t")))
        cursor.execute(b"SELECT count(*) FROM psycopg_t")
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT a FROM nowhere")
    assert observed.queries.count == 7
    assert "SELECT a FROM ?" not in {known.fingerprint() for known in observed.queries.statements}
    assert hooked.value(f"{names.QUERY_DURATION}_count", db_system_name="postgresql") == 7


async def test_psycopg_async(hooked: Captured, postgres: Postgres) -> None:
    """The same for its async cursors; a loop is told with its line."""
    async with await psycopg.AsyncConnection.connect(postgres.url) as connection:
        with operation(hooked) as observed:
            async with connection.cursor() as cursor:
                assert [row async for row in cursor.stream("SELECT 1, 2")] == [(1, 2)]
                await cursor.executemany("SELECT %s::int + 1", [(1,), (2,)])
            for number in range(6):
                line = sys._getframe().f_lineno + 1
                await connection.execute("SELECT %s::int AS number", (number,))
    assert observed.queries.count == 8
    (told,) = observed.events
    assert (told["count"], told["location"]) == (6, f"{HERE}:{line}")
    assert "ANY" in told["advice"]


async def test_a_stream_that_is_left_early_is_closed(hooked: Captured, postgres: Postgres) -> None:
    """The connection is free again for the next query, as without us. (psycopg cancels what is left of it, and the
    word of that may arrive late: in a transaction it would be lost.)"""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        rows = connection.cursor().stream("SELECT generate_series(1, 1000)")
        assert next(rows) == (1,)
        rows.close()  # type: ignore[attr-defined]
        assert connection.execute("SELECT 2, 3").fetchone() == (2, 3)


async def test_asyncpg(hooked: Captured, postgres: Postgres) -> None:
    """Every way of asking, through a pool as well, and no transactions and resets; a loop is told with its line."""
    connection = await asyncpg.connect(postgres.url)
    try:
        with operation(hooked) as observed:
            async with connection.transaction(), connection.transaction():
                await connection.execute("CREATE TEMPORARY TABLE asyncpg_t (a int)")
                await connection.executemany("INSERT INTO asyncpg_t VALUES ($1)", [(1,), (2,)])
                assert len(await connection.fetch("SELECT a FROM asyncpg_t")) == 2
                assert await connection.fetchval("SELECT count(*) FROM asyncpg_t") == 2
                await connection.fetchrow("SELECT a FROM asyncpg_t LIMIT 1")
                assert [row["a"] async for row in connection.cursor("SELECT a FROM asyncpg_t ORDER BY a")] == [1, 2]
                prepared = await connection.prepare("SELECT a FROM asyncpg_t WHERE a = $1")
                assert await prepared.fetchval(2) == 2
            with pytest.raises(asyncpg.UndefinedTableError):
                await connection.execute("SELECT a FROM nowhere")
    finally:
        await connection.close()
    assert (observed.queries.count, observed.events) == (8, [])

    async with asyncpg.create_pool(postgres.url, min_size=1, max_size=1) as pool:
        with operation(hooked) as observed:
            for number in range(5):
                line = sys._getframe().f_lineno + 1
                await pool.fetchval("SELECT $1::int", number)
        assert observed.queries.count == 5
        (told,) = observed.events
        assert (told["count"], told["location"]) == (5, f"{HERE}:{line}")
        with operation(hooked) as observed:
            async with pool.acquire() as held:
                await held.fetch("SELECT 2, 3")
        assert observed.queries.count == 1


async def test_outside_of_an_operation_nothing_is_kept(hooked: Captured, postgres: Postgres) -> None:
    """A query of nobody's is measured, and that is all."""
    with psycopg.connect(postgres.url) as connection:
        connection.execute("SELECT 2, 3")
    assert hooked.value(f"{names.QUERY_DURATION}_count", db_system_name="postgresql") == 1
    assert not hooked.lines("queries.n_plus_one")
