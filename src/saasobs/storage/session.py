"""Statements on one connection, within one transaction, through the one door for errors. Not where SQL is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from sqlalchemy import Connection, Executable, Row, Table

from saasobs.core.errors import StorageError
from saasobs.storage.dialect import Dialect
from saasobs.storage.faults import translated

Columns: TypeAlias = "Row[*tuple[Any, ...]]"
"""One row of an answer: its columns in the order asked for, also by name."""


class Session:
    """After one failed statement every further one fails alike.

    A database may have rolled back by itself (SQLite does when the disk is full): what came next would then be
    committed on its own, and the transaction would be neither all nor nothing.
    """

    def __init__(self, connection: Connection, dialect: Dialect, place: str) -> None:
        self.connection = connection
        self.dialect = dialect
        self._place = place
        self.failure: Exception | None = None

    def all(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Sequence[Columns]:
        """Every row."""
        with self._door():
            return self.connection.execute(statement, values).all()

    def one(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Columns | None:
        """The first row, or None."""
        with self._door():
            return self.connection.execute(statement, values).first()

    def run(self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None) -> int:
        """How many rows it changed."""
        with self._door():
            return self.connection.execute(statement, values).rowcount

    def add_all(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert what is not there yet, by the driver's own executemany: each tuple holds the columns in order."""
        if rows:
            with self._door():
                self.connection.exec_driver_sql(self.dialect.insert_new_text(table), list(rows))

    def add(self, table: Table, row: Mapping[str, Any]) -> int:
        """Insert a row unless its key exists already; 1 when it was new."""
        return self.run(self.dialect.insert_new(table), row)

    def add_many(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """`add` for many rows."""
        if rows:
            self.run(self.dialect.insert_new(table), rows)

    def put(self, table: Table, row: Mapping[str, Any]) -> None:
        """Insert a row, or overwrite the whole of it."""
        self.run(self.dialect.upsert(table), row)

    def put_all(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """`put` for many rows."""
        if rows:
            self.run(self.dialect.upsert(table), rows)

    def reclaim(self) -> None:
        """Give back some of the room that deleted rows left."""
        with self._door():
            self.dialect.reclaim(self.connection)

    def check(self) -> None:
        """:raises StorageError: a statement failed before, so nothing of this transaction may be committed."""
        if self.failure is not None:
            kind = getattr(self.failure, "kind", "other")
            raise StorageError(f"this transaction failed before: {self.failure}", kind=kind) from self.failure

    @contextmanager
    def _door(self) -> Iterator[None]:
        self.check()
        try:
            with translated(self._place):
                yield
        except Exception as error:
            self.failure = error
            raise
