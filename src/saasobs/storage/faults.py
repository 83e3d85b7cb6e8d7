"""The one door for the database's errors: from what SQLite and SQLAlchemy raise to what the other rooms know.

Two things come out. `StorageError`: the database cannot be used now; trying again later may help. `RowRefused`: this
row can never be stored, whatever the state of the database; it must not hold up the rest.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import exc

from saasobs.core.errors import StorageError


class RowRefused(ValueError):
    """What was to be written breaks a rule of the tables: a mistake in the program, not a fault of the database."""


LOCKED: Final = "locked"
FULL: Final = "full"
READ_ONLY: Final = "read_only"
CORRUPT: Final = "corrupt"
OTHER: Final = "other"
REFUSED: Final = "refused"
"""Not a kind of StorageError: the mark of RowRefused."""

KINDS: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_OK: OTHER,
    sqlite3.SQLITE_ERROR: OTHER,
    sqlite3.SQLITE_INTERNAL: OTHER,
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_ABORT: OTHER,
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_NOMEM: OTHER,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_INTERRUPT: OTHER,
    sqlite3.SQLITE_IOERR: OTHER,
    sqlite3.SQLITE_CORRUPT: CORRUPT,
    sqlite3.SQLITE_NOTFOUND: OTHER,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_CANTOPEN: OTHER,
    sqlite3.SQLITE_PROTOCOL: LOCKED,
    sqlite3.SQLITE_EMPTY: OTHER,
    sqlite3.SQLITE_SCHEMA: OTHER,
    sqlite3.SQLITE_TOOBIG: REFUSED,
    sqlite3.SQLITE_CONSTRAINT: REFUSED,
    sqlite3.SQLITE_MISMATCH: REFUSED,
    sqlite3.SQLITE_MISUSE: OTHER,
    sqlite3.SQLITE_NOLFS: FULL,
    sqlite3.SQLITE_AUTH: OTHER,
    sqlite3.SQLITE_FORMAT: CORRUPT,
    sqlite3.SQLITE_RANGE: REFUSED,
    sqlite3.SQLITE_NOTADB: CORRUPT,
    sqlite3.SQLITE_NOTICE: OTHER,
    sqlite3.SQLITE_WARNING: OTHER,
    sqlite3.SQLITE_ROW: OTHER,
    sqlite3.SQLITE_DONE: OTHER,
}
"""SQLite's primary result codes (https://sqlite.org/rescode.html#primary_result_code_list)."""

UNCODED: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (sqlite3.IntegrityError, REFUSED),
    (sqlite3.DataError, REFUSED),
    (sqlite3.InterfaceError, REFUSED),
    (sqlite3.NotSupportedError, OTHER),
    (sqlite3.ProgrammingError, REFUSED),
    (sqlite3.Error, OTHER),
    (exc.TimeoutError, LOCKED),
    (exc.SQLAlchemyError, OTHER),
)
"""Errors that carry no code of SQLite's, the first match counts: most are the driver's own objections to a value."""

SYSTEM: Final[Mapping[int, str]] = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: FULL,
    errno.EROFS: READ_ONLY,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
}
"""What the file system says when the database's folder and files are made; anything else is `other`."""

VAGUE: Final = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
"""Codes that keep the system's own reason to themselves: the disk is asked."""

SENTENCES: Final[Mapping[str, str]] = {
    LOCKED: "is locked by another process",
    FULL: "cannot grow: the disk or its quota is full",
    READ_ONLY: "cannot be written: it is read-only here",
    CORRUPT: "is damaged, or is not a database",
    OTHER: "cannot be used",
}


def kind_of(error: BaseException) -> str:
    """A kind of StorageError, or REFUSED."""
    if isinstance(error, exc.StatementError) and not isinstance(error, exc.DBAPIError):
        return REFUSED  # a value that SQLAlchemy itself could not bind
    cause = _cause(error)
    code = getattr(cause, "sqlite_errorcode", None)
    if isinstance(code, int):
        return KINDS.get(code & 0xFF, OTHER)  # the low byte of an extended code is its primary one
    if isinstance(cause, OSError):
        return SYSTEM.get(cause.errno or 0, OTHER)
    return next((kind for family, kind in UNCODED if isinstance(cause, family)), OTHER)


def translate(error: BaseException, place: str) -> StorageError | RowRefused:
    """What to raise in its stead. The sentence names the place and the database's own word, never a row's content."""
    kind = kind_of(error)
    if kind == REFUSED:
        return RowRefused(f"the database {place} refuses a row: {_cause(error)}")
    if (getattr(_cause(error), "sqlite_errorcode", 0) & 0xFF) in VAGUE:
        kind = _ask_the_disk(place)
    return StorageError(f"the database {place} {SENTENCES[kind]} ({_cause(error)})", kind=kind)


@contextmanager
def translated(place: str) -> Iterator[None]:
    """What the database, its driver or the file system raises within comes out as one of ours.

    :raises StorageError: :raises RowRefused:
    """
    try:
        yield
    except (exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise translate(error, place) from error


def _ask_the_disk(place: str) -> str:
    """SQLite cannot open the files beside a database on a disk that turned read-only, nor say that this is why."""
    try:
        disk = os.statvfs(Path(place).parent)
    except OSError:
        return OTHER
    if disk.f_flag & os.ST_RDONLY:
        return READ_ONLY
    return OTHER if disk.f_bavail else FULL


def _cause(error: BaseException) -> BaseException:
    """The driver's error inside SQLAlchemy's, whose own text would show the row."""
    return error.orig if isinstance(error, exc.StatementError) and error.orig is not None else error
