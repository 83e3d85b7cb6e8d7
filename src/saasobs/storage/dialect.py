"""What differs from one database to the next in the text of a statement. Everything else is SQLAlchemy's Core.

Statements that write a whole fact are made once for each table and kept: SQLAlchemy then compiles each of them once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine.interfaces import Dialect as Compiler

K = TypeVar("K")
V = TypeVar("V")


class Dialect:
    """One kind of database. `insert` must know `on_conflict_do_nothing` and `on_conflict_do_update`."""

    def __init__(
        self, insert: Callable[[Table], Any], compiler: Compiler, reclaim: Callable[[Connection], None]
    ) -> None:
        self._insert = insert
        self._compiler = compiler
        self.reclaim = reclaim
        """Give back some of the room that deleted rows left; bounded."""

    @cached_property
    def insert_new(self) -> Callable[[Table], Executable]:
        """An INSERT that leaves a row as it is when its key exists already."""
        return _kept(lambda table: self._insert(table).on_conflict_do_nothing())

    @cached_property
    def upsert(self) -> Callable[[Table], Executable]:
        """An INSERT that overwrites the whole row when its key exists already."""
        return _kept(self._upsert)

    @cached_property
    def insert_new_text(self) -> Callable[[Table], str]:
        """`insert_new` as text for the driver itself: one value for each column of the table, in order."""
        return _kept(lambda table: str(self._insert(table).on_conflict_do_nothing().compile(dialect=self._compiler)))

    def _upsert(self, table: Table) -> Executable:
        statement = self._insert(table)
        key = [column.name for column in table.primary_key]
        rest = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
        made: Executable = statement.on_conflict_do_update(index_elements=key, set_=rest)
        return made


def _kept(make: Callable[[K], V]) -> Callable[[K], V]:
    """Each value is made once."""
    known: dict[K, V] = {}

    def kept(key: K) -> V:
        if key not in known:
            known[key] = make(key)
        return known[key]

    return kept


SLACK_PAGES: Final = 256
RECLAIMED_PAGES: Final = 500


def _reclaim_sqlite(connection: Connection) -> None:
    """Shrink the file when more than a twentieth of it is free: less is soon written to again."""
    free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    if free > max(SLACK_PAGES, pages // 20):
        # Page by page: the driver takes one step of a statement without rows, and each step frees one page.
        for _ in range(min(RECLAIMED_PAGES, free)):
            connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")


SQLITE: Final = Dialect(sqlite.insert, sqlite.dialect(), _reclaim_sqlite)
