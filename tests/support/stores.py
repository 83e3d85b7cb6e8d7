"""A real store that a test can break and mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from saasobs.core.errors import StorageError
from saasobs.core.ports import Store, Transaction
from saasobs.storage import Retention, open_store


class BreakableStore:
    """An in-memory SQLite store; while `broken` names a kind, every write fails as that."""

    def __init__(self, retention: Retention | None = None) -> None:
        self._store: Store = open_store("sqlite://", retention=retention or Retention())
        self._store.open()
        self.broken = ""
        self.commits = 0

    def open(self) -> None:
        self._store.open()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        if self.broken:
            raise StorageError(f"the database is {self.broken}", kind=self.broken)
        with self._store.write() as transaction:
            yield transaction
        self.commits += 1

    def read(self) -> AbstractContextManager[Transaction]:
        return self._store.read()

    def close(self) -> None:
        self._store.close()
