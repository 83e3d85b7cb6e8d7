"""Remembering: results and states, incidents, what is owed and what was sent, roll-ups. It decides nothing.

SQLite is the embedded default: one file, nothing to set up. The other rooms know only core.ports.Store.
"""

from __future__ import annotations

from typing import Final

from saasobs.core.errors import StorageError
from saasobs.core.ports import Store
from saasobs.storage.retention import Retention

__all__ = ["Retention", "open_store"]

_SQLITE: Final = "sqlite://"


def open_store(url: str, *, retention: Retention = Retention()) -> Store:  # noqa: B008 - frozen
    """The store that a URL names; `Store.open` creates or migrates it, nothing is touched before.

    ``sqlite:///relative/path``, ``sqlite:////absolute/path``, or ``sqlite://`` for one in memory that ends with the
    store. What follows the third slash is the path as it stands: no escapes, no query.

    :raises StorageError: for any other URL; the sentence does not repeat it, as it may hold a password.
    """
    if url.startswith(("postgresql:", "postgresql+", "postgres:")):
        raise StorageError("PostgreSQL comes in a later release: use sqlite:///var/saasobs.db")
    path = url.removeprefix(_SQLITE)
    if path == url or (path and not path.startswith("/")) or path == "/":
        raise StorageError("the store must be the URL of an SQLite file, as in sqlite:///var/saasobs.db")
    # SQLAlchemy takes 200 ms to load, which a command that only asks for Retention need not wait for.
    from saasobs.storage.sqlite import SqliteStore  # noqa: PLC0415

    return SqliteStore("" if path in ("", "/:memory:") else path.removeprefix("/"), retention)
