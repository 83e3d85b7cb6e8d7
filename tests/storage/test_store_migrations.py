"""Migrations: the tables are the sum of the revisions, and no crash on the way costs a database."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from saasobs._version import __version__
from saasobs.core.errors import StorageError
from saasobs.core.ports import Store
from saasobs.storage import open_store
from saasobs.storage.migrate import MIGRATIONS, bring_up, known_revisions, revision_of
from saasobs.storage.tables import metadata
from support import crashing
from support.storing import NOW, result

NEWEST = known_revisions()[-1]
NEXT = f"{int(NEWEST) + 1:04}"
SECOND = f'''"""A column more."""

import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{NEWEST}"


def upgrade() -> None:
    with op.batch_alter_table("states") as table:
        table.add_column(sa.Column("mood", sa.Text(), nullable=False, server_default="calm"))
    op.create_table("moods", sa.Column("id", sa.Integer(), primary_key=True))
'''


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The migrations of the version after this one."""
    folder = tmp_path / "newer"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / f"{NEXT}_moods.py").write_text(SECOND)
    return folder


@pytest.fixture
def old(path: Path, file_store: Store) -> Path:
    """A closed database of this version, with something in it."""
    with file_store.write() as transaction:
        transaction.set_fact("kept", "yes")
        transaction.add_results([result(NOW)])
    file_store.close()
    return path


def read(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def names(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir() if file.name.startswith(path.name))


# The tables ----------------------------------------------------------------------------------------------------------


def test_the_revisions_make_exactly_the_tables(path: Path, file_store: Store) -> None:
    """Alembic finds no difference between a migrated file and the tables of the code."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_revisions_make_them_word_for_word(path: Path, file_store: Store, tmp_path: Path) -> None:
    """Also what Alembic does not compare: WITHOUT ROWID, conditions of indices, foreign keys."""
    engine = create_engine(f"sqlite:///{tmp_path}/made.db")
    metadata.create_all(engine)
    engine.dispose()
    wanted = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version' ORDER BY name"
    assert [shape(row) for row in read(path, wanted)] == [shape(row) for row in read(tmp_path / "made.db", wanted)]


def shape(row: tuple[object, ...]) -> list[object]:
    name, sql = row
    return [
        name,
        "WITHOUT ROWID" in str(sql),
        sorted(part.strip(" \n\t,()") for part in re.split(r",? *\n|, ", str(sql))),
    ]


def test_revisions_are_known_by_their_file_names() -> None:
    """What is read off the names is what Alembic finds: one line of revisions, the last one the head."""
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    configuration.set_main_option("path_separator", "os")
    found = [script.revision for script in ScriptDirectory.from_config(configuration).walk_revisions()]
    assert known_revisions() == found[::-1]


# Coming up -----------------------------------------------------------------------------------------------------------


def test_a_file_of_this_version_is_left_alone(old: Path) -> None:
    """No backup, no copy, the same file."""
    before = old.stat().st_ino
    store = open_store(f"sqlite:///{old}")
    store.open()
    store.close()
    assert names(old) == [old.name]
    assert old.stat().st_ino == before


def test_an_older_file_is_backed_up_and_migrated(old: Path, newer: Path) -> None:
    """The data is there under the new tables; the backup is the old file, whole, for the owner only."""
    bring_up(old, newer)
    assert revision_of(old) == NEXT
    assert read(old, "SELECT value FROM facts WHERE key = 'kept'") == [("yes",)]
    assert read(old, "SELECT count(*) FROM moods") == [(0,)]
    assert read(old, "PRAGMA auto_vacuum") == [(2,)]
    (backup,) = old.parent.glob("*.bak-*")
    assert backup.name.startswith(f"saasobs.db.bak-{NEWEST}-2")
    assert revision_of(backup) == NEWEST
    assert read(backup, "SELECT value FROM facts WHERE key = 'kept'") == [("yes",)]
    assert {file.stat().st_mode & 0o777 for file in (old, backup)} == {0o600}
    assert names(old) == [old.name, backup.name]


def test_what_is_only_in_the_wal_is_migrated_too(path: Path, file_store: Store, newer: Path, tmp_path: Path) -> None:
    """A file that was left behind by a killed daemon loses nothing."""
    crashed = leave_behind(path, file_store, tmp_path / "crashed")
    assert (crashed.with_name("saasobs.db-wal")).stat().st_size > 0
    bring_up(crashed, newer)
    assert read(crashed, "SELECT value FROM facts WHERE key = 'kept'") == [("yes",)]


def leave_behind(path: Path, store: Store, folder: Path) -> Path:
    """The files as they lie there when the process is killed."""
    with store.write() as transaction:
        transaction.set_fact("kept", "yes")
    folder.mkdir()
    for file in path.parent.glob("saasobs.db*"):
        shutil.copy(file, folder)
    return folder / path.name


def test_an_empty_file_is_a_new_one(path: Path) -> None:
    """As is one whose WAL was left by a database that somebody deleted."""
    path.touch()
    path.with_name("saasobs.db-wal").write_bytes(b"stranger" * 1000)
    store = open_store(f"sqlite:///{path}")
    store.open()
    with store.write() as transaction:
        transaction.add_results([result(NOW)])
    store.close()
    assert read(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_newer_file_names_the_version_that_is_needed(old: Path, newer: Path) -> None:
    """It is not touched."""
    bring_up(old, newer)
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE facts SET value = '9.1.0' WHERE key = 'written_by'")
    before = names(old)
    with pytest.raises(StorageError, match=rf"revision {NEXT}.*install saasobs 9\.1\.0 or newer"):
        open_store(f"sqlite:///{old}").open()
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("DROP TABLE facts")
    with pytest.raises(StorageError, match=f"{__version__} does not know: install the newer saasobs"):
        open_store(f"sqlite:///{old}").open()
    assert names(old) == before


def test_a_strangers_database_is_refused(path: Path) -> None:
    """A file that holds other tables is not touched."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    with pytest.raises(StorageError, match="not one of saasobs"):
        open_store(f"sqlite:///{path}").open()
    assert read(path, "SELECT name FROM sqlite_master") == [("theirs",)]


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at" * 50, b"short"])
def test_what_is_no_database_is_refused(path: Path, content: bytes) -> None:
    """Whatever somebody named by mistake stays as it is."""
    path.write_bytes(content)
    with pytest.raises(StorageError, match="damaged, or is not a database") as told:
        open_store(f"sqlite:///{path}").open()
    assert told.value.kind == "corrupt"
    assert path.read_bytes() == content


def test_a_file_in_use_is_not_migrated(old: Path, newer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process has it open, the answer is `locked`, and afterwards it works."""
    monkeypatch.setattr("saasobs.storage.migrate._BUSY_SECONDS", 0.05)  # no reason to wait
    other = sqlite3.connect(old, isolation_level=None)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN")
    other.execute("SELECT * FROM facts").fetchall()
    with pytest.raises((StorageError, sqlite3.OperationalError), match="locked"):
        bring_up(old, newer)
    other.close()
    assert names(old) == [old.name]
    bring_up(old, newer)
    assert revision_of(old) == NEXT


def test_a_migration_that_fails_leaves_the_old_file(old: Path, newer: Path) -> None:
    """And no draft; the backup stays."""
    broken = newer / "versions" / f"{NEXT}_moods.py"
    broken.write_text(SECOND.replace('op.create_table("moods"', 'op.create_table("states"'))
    with pytest.raises(Exception, match="already exists"):
        bring_up(old, newer)
    assert revision_of(old) == NEWEST
    assert read(old, "SELECT value FROM facts WHERE key = 'kept'") == [("yes",)]
    assert [name.partition(".bak-")[0] for name in names(old)] == [old.name, old.name]


@pytest.mark.slow
@pytest.mark.parametrize("start", ["older", "new"])
def test_a_kill_at_any_line_leaves_a_usable_file(
    start: str,
    path: Path,
    file_store: Store,
    newer: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """`kill -9` at each line of the migration: the old file or the new one, and the next start completes it."""
    template = tmp_path / "template"
    if start == "older":
        leave_behind(path, file_store, template)
    else:
        template.mkdir()
    told = subprocess.run(
        [sys.executable, "-P", crashing.__file__, template, newer], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    record_property("kills", int(told.stdout))
    assert int(told.stdout) > 30
