"""Which stores there are, and what their URLs say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from saasobs.core.errors import StorageError
from saasobs.storage import open_store


@pytest.mark.parametrize(
    "url", ["postgresql://user:hunter2@db/saasobs", "postgresql+psycopg://user:hunter2@db/saasobs", "postgres://x"]
)
def test_postgresql_comes_later(url: str) -> None:
    """The answer says what to use today, and does not repeat the password."""
    with pytest.raises(StorageError, match=r"later release: use sqlite:///") as told:
        open_store(url)
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    "url", ["", "saasobs.db", "sqlite:", "sqlite:/x", "sqlite://host/x.db", "mysql://x", "sqlite:///"]
)
def test_other_urls_are_refused(url: str) -> None:
    """A URL that names no file says what one looks like."""
    with pytest.raises(StorageError, match=r"as in sqlite:///var/saasobs\.db"):
        open_store(url)


def test_a_relative_path_is_the_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes: from the folder that the process is in when it names the store."""
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///var/odd name?%41#.db")
    monkeypatch.chdir("/")
    store.open()
    store.close()
    assert [file.name for file in (tmp_path / "var").iterdir()] == ["odd name?%41#.db"]


def test_nothing_is_touched_before_it_is_opened(tmp_path: Path) -> None:
    """Naming a store makes no file; reading one that is not there is a StorageError."""
    store = open_store(f"sqlite:///{tmp_path}/saasobs.db")
    with pytest.raises(StorageError), store.read():
        pass
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    """The folder is made 0700 and every file 0600, whatever the umask."""
    before = os.umask(0)
    try:
        store = open_store(f"sqlite:///{tmp_path}/state/saasobs.db")
        store.open()
        with store.write() as transaction:
            transaction.set_fact("a", "b")
        modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "state").iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert set(modes) == {"saasobs.db", "saasobs.db-wal", "saasobs.db-shm"}
    assert set(modes.values()) == {0o600}


def test_a_clean_stop_leaves_one_file(tmp_path: Path) -> None:
    """After closing there is no WAL beside the file."""
    store = open_store(f"sqlite:///{tmp_path}/saasobs.db")
    store.open()
    with store.write() as transaction, store.read() as reading:
        transaction.set_fact("a", "b")
        reading.fact("a")
    store.close()
    assert [file.name for file in tmp_path.iterdir()] == ["saasobs.db"]


def test_a_command_that_needs_no_database_does_not_load_one() -> None:
    """Importing the room loads neither SQLAlchemy nor Alembic; naming a store loads no Alembic."""
    program = (
        "import sys, saasobs.storage as room\n"
        "assert 'sqlalchemy' not in sys.modules\n"
        "room.open_store('sqlite:///x.db')\n"
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
