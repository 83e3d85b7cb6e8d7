"""The embedded store: one SQLite file, one writing connection, a few that read.

- WAL, so that readers and the writer never wait for each other. `synchronous=FULL`: a committed transition survives a
  power cut and not only the death of this process; at a few commits a second the fsync (about 1 ms) costs nothing.
- Writes begin with BEGIN IMMEDIATE: a transaction that turned into a write later would be refused at once when another
  process writes, whatever the time-out.
- A connection on which anything failed is thrown away, so that the next try starts clean when the fault is gone.
- In memory there is one connection, which readers and the writer take in turn.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, QueuePool, StaticPool, create_engine

from saasobs.core.errors import StorageError
from saasobs.core.ports import Transaction
from saasobs.storage.dialect import SQLITE
from saasobs.storage.faults import RowRefused, translated
from saasobs.storage.migrate import bring_up, upgrade
from saasobs.storage.retention import Retention
from saasobs.storage.session import Session
from saasobs.storage.transaction import SqlTransaction

BUSY_SECONDS: Final = 2.0
"""How long a statement waits for another process's lock; the ledger tries again by itself."""
READERS: Final = 4
"""Reading connections that are kept; more are opened when more threads read at once."""
PRAGMAS: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA temp_store = MEMORY",
)


class SqliteStore:
    """core.ports.Store on one file, or in memory when the path is empty."""

    def __init__(self, path: str, retention: Retention) -> None:
        self._path = Path(path).absolute() if path else None
        self._place = str(self._path or "in memory")
        self._retention = retention
        self._numbers: dict[str, int] = {}
        self._turn = threading.RLock()
        self._writer, self._reader = self._engines()

    def open(self) -> None:
        """Create or migrate (see migrate.py). :raises StorageError:"""
        with translated(self._place):
            if self._path is not None:
                bring_up(self._path)
            with self._turn, self._writer.connect() as connection:
                if self._path is None:
                    upgrade(connection)
                else:  # kept in the file, which is made with it; a copy that somebody put there may have lost it
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        self._numbers.clear()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A write transaction: committed at the end of the block, rolled back on any exception."""
        with self._transaction(self._writer, "BEGIN IMMEDIATE") as transaction:
            yield transaction

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent read-only view; never waits for the writer (in memory it does: there is one connection)."""
        with self._transaction(self._reader, "BEGIN", query_only="ON") as transaction:
            yield transaction

    def close(self) -> None:
        """Let go of the file; the last one to do so leaves it without a WAL beside it. May be called again."""
        self._reader.dispose()
        self._writer.dispose()

    # Transactions --------------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self, engine: Engine, begin: str, query_only: str = "OFF") -> Iterator[SqlTransaction]:
        with self._alone(), self._connection(engine, begin, query_only) as connection:
            session = Session(connection, SQLITE, self._place)
            transaction = SqlTransaction(session, self._retention, self._numbers)
            yield transaction
            session.check()
            with translated(self._place):
                connection.exec_driver_sql("COMMIT")
            self._numbers |= transaction.new_numbers

    @contextmanager
    def _connection(self, engine: Engine, begin: str, query_only: str) -> Iterator[Connection]:
        """A connection with a transaction begun, rolled back unless the block commits it."""
        with translated(self._place):
            connection = engine.connect()
        try:
            with translated(self._place):
                connection.exec_driver_sql(f"PRAGMA query_only = {query_only}")
                connection.exec_driver_sql(begin)
            yield connection
        except (StorageError, RowRefused):
            self._discard(connection)
            raise
        finally:
            # The pool rolls back what is left of a transaction when it takes a connection back.
            connection.close()

    def _discard(self, connection: Connection) -> None:
        """Throw away a connection that something failed on; the one in memory holds everything, so it stays."""
        if self._path is not None:
            connection.invalidate()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._path is not None:
            yield
            return
        with self._turn:
            yield

    # Connections ---------------------------------------------------------------------------------------------

    def _engines(self) -> tuple[Engine, Engine]:
        if self._path is None:
            only = self._engine(StaticPool)
            return only, only
        writer = self._engine(QueuePool, pool_size=1, max_overflow=0, pool_timeout=BUSY_SECONDS)
        return writer, self._engine(QueuePool, pool_size=READERS, max_overflow=-1)

    def _engine(self, pool: type[QueuePool | StaticPool], **options: Any) -> Engine:
        # Parameters are hidden: what a row holds is none of a log's business.
        return create_engine("sqlite://", creator=self._connect, poolclass=pool, hide_parameters=True, **options)

    def _connect(self) -> sqlite3.Connection:
        target = f"{self._path.as_uri()}?mode=rw" if self._path is not None else "file::memory:"
        # isolation_level None: transactions begin where we say, not where the driver guesses.
        connection = sqlite3.connect(
            target, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in PRAGMAS:
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        return connection
