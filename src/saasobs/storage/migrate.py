"""Bringing a database file to this version's tables, so that a crash at any moment leaves a usable file.

1. A file of this version is left alone. Leftovers of an attempt that was cut short are removed.
2. An older file is taken out of WAL mode: its `-wal` and `-shm` are gone from here on, as beside another file of the
   same name they would be a stranger's. It is locked against every other writer until the end.
3. It is copied by SQLite's own backup to `<file>.bak-<revision>-<UTC time>`, and that copy to a draft beside it. A new
   file is made on an empty draft.
4. Alembic migrates the draft (a copy because its DDL cannot be relied on to roll back), which is then written out.
5. The draft takes the file's place in one rename. Before it everybody sees the old file, after it the new one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, StaticPool, create_engine

from saasobs._version import __version__
from saasobs.core.errors import StorageError

MIGRATIONS: Final = Path(__file__).with_name("migrations")
WRITTEN_BY: Final = "written_by"
"""The fact that names the newest saasobs which made these tables."""
_BUSY_SECONDS: Final = 2.0
_SIBLINGS: Final = ("-journal", "-wal", "-shm")
_PART: Final = ".part"


def bring_up(path: Path, migrations: Path = MIGRATIONS) -> None:
    """Create or migrate the file at `path`.

    :raises StorageError: it belongs to a newer saasobs, is no database of ours, or is in use by another process.
    :raises OSError: :raises sqlite3.Error: to be translated by the caller.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_leftovers(path)
    if not path.exists() or not path.stat().st_size:
        _create(path, migrations)
        return
    revisions = known_revisions(migrations)
    found = revision_of(path)
    if found not in revisions:
        raise StorageError(_too_new(path, found))
    if found != revisions[-1]:
        try:
            _migrate(path, found, migrations)
        except BaseException:
            _remove_leftovers(path)  # above all when the disk is full
            raise


def _create(path: Path, migrations: Path) -> None:
    draft = _draft(path)
    _make_private(draft)
    _upgrade_file(draft, migrations)
    for suffix in _SIBLINGS:  # of a file that is gone: SQLite would take them for ours
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    _replace(draft, path)


def _migrate(path: Path, found: str, migrations: Path) -> None:
    backup = path.with_name(f"{path.name}.bak-{found}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    with _held(path):
        _copy(path, backup)
        _copy(backup, _draft(path))
        _upgrade_file(_draft(path), migrations)
        _replace(_draft(path), path)


def known_revisions(migrations: Path = MIGRATIONS) -> list[str]:
    """The revisions of this version, oldest first: each file is named `<revision>_<what it does>.py`, in order.

    Read from the names, so that Alembic is loaded only when there is something to migrate.
    """
    return sorted(file.name.partition("_")[0] for file in (migrations / "versions").glob("[0-9]*_*.py"))


def revision_of(path: Path) -> str:
    """The revision of an existing file. :raises StorageError: it is no database of ours."""
    with closing(_connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        ours = "alembic_version" in tables
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if ours else None
    if row is None:
        raise StorageError(f"{path} is a database, but not one of saasobs: name another file as the store")
    return str(row[0])


def upgrade(connection: Connection, migrations: Path = MIGRATIONS) -> None:
    """Run what is missing of the migrations on an open connection, and note who did."""
    from alembic import command  # noqa: PLC0415 - 150 ms that only a migration pays
    from alembic.config import Config  # noqa: PLC0415

    configuration = Config()
    configuration.set_main_option("script_location", str(migrations).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")
    connection.exec_driver_sql(
        "INSERT INTO facts (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (WRITTEN_BY, __version__),
    )


# The steps -----------------------------------------------------------------------------------------------------------


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Nobody else writes to the file within, and nothing of it is outside it. :raises StorageError: it is in use."""
    with closing(_connect(path)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        if mode != "delete":
            raise StorageError(f"another process uses {path}: it must stop before the migration", kind="locked")
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def _copy(source: Path, target: Path) -> None:
    """A whole copy under the target's name, or none: it is written under another name first."""
    part = target.with_name(target.name + _PART)
    _make_private(part)
    with closing(_connect(source)) as reader, closing(_connect(part)) as writer:
        reader.backup(writer)
    _replace(part, target)


def _upgrade_file(path: Path, migrations: Path) -> None:
    engine = create_engine("sqlite://", creator=lambda: _connect(path), poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA auto_vacuum = INCREMENTAL")  # only a file that is still empty heeds it
            connection.exec_driver_sql("PRAGMA synchronous = OFF")  # it is written out as a whole before it counts
            connection.exec_driver_sql("BEGIN")
            upgrade(connection, migrations)
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql(
                "PRAGMA journal_mode = WAL"
            )  # kept in the file; its WAL goes with the connection
    finally:
        engine.dispose()


def _replace(source: Path, target: Path) -> None:
    """Give the source the target's name, once all of it is on the disk."""
    _sync(source)
    source.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _draft(path: Path) -> Path:
    return path.with_name(f"{path.name}.migrating")


def _remove_leftovers(path: Path) -> None:
    """Of an attempt that was cut short: the draft, and copies that were not finished, with their journals."""
    for file in path.parent.iterdir():
        unfinished = file.name.startswith(f"{path.name}.bak-") and _PART in file.name
        if unfinished or file.name.startswith(_draft(path).name):
            file.unlink(missing_ok=True)


def _make_private(path: Path) -> None:
    """An empty file that only its owner may read: what SQLite then puts beside it has the same mode."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=_BUSY_SECONDS, isolation_level=None)


def _too_new(path: Path, revision: str) -> str:
    with closing(_connect(path)) as connection:
        try:
            row = connection.execute("SELECT value FROM facts WHERE key = ?", (WRITTEN_BY,)).fetchone()
        except sqlite3.DatabaseError:
            row = None  # the newer version keeps its facts elsewhere
    needed = f"saasobs {row[0]}" if row else "the newer saasobs that made it"
    return (
        f"{path} has tables of revision {revision}, which saasobs {__version__} does not know: "
        f"install {needed} or newer, or put back the backup beside it"
    )
