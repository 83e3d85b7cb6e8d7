"""Faults for real: each comes out as its kind of StorageError, and when it is gone the same store works again."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import exc
from sqlalchemy.event import listen, remove

from saasobs.core.errors import StorageError
from saasobs.core.ports import Store
from saasobs.core.result import Check, Failure, Outcome, Reason, Result
from saasobs.storage import faults, open_store
from saasobs.storage.faults import KINDS, kind_of, translate
from support.needs import missing
from support.storing import NOW, result

NOT_ERRORS = (
    "SQLITE_ALTER",
    "SQLITE_ANALYZE",
    "SQLITE_ATTACH",
    "SQLITE_CREATE",
    "SQLITE_DBCONFIG",
    "SQLITE_DELETE",
    "SQLITE_DENY",
    "SQLITE_DETACH",
    "SQLITE_DROP",
    "SQLITE_FUNCTION",
    "SQLITE_IGNORE",
    "SQLITE_INSERT",
    "SQLITE_LIMIT",
    "SQLITE_PRAGMA",
    "SQLITE_READ",
    "SQLITE_RECURSIVE",
    "SQLITE_REINDEX",
    "SQLITE_SAVEPOINT",
    "SQLITE_SELECT",
    "SQLITE_TRANSACTION",
    "SQLITE_UPDATE",
)
"""What the module names besides result codes: an authorizer's actions and answers, limits and settings."""

# The table -----------------------------------------------------------------------------------------------------------


def test_the_table_holds_every_code_of_sqlite() -> None:
    """A code that a later SQLite brings must be given a kind."""
    codes = {
        value
        for name, value in vars(sqlite3).items()
        if name.startswith("SQLITE_") and isinstance(value, int) and value < 256
        and (name == "SQLITE_READONLY" or not name.startswith(NOT_ERRORS))
    }  # fmt: skip
    assert codes == set(KINDS)
    assert set(KINDS.values()) <= {*faults.SENTENCES, faults.REFUSED}


def every_subclass(family: type[BaseException]) -> Iterator[type[BaseException]]:
    for one in family.__subclasses__():
        yield one
        yield from every_subclass(one)


@pytest.mark.parametrize("family", [sqlite3.Error, exc.SQLAlchemyError])
def test_every_error_goes_through_the_door(family: type[BaseException]) -> None:
    """Each class of the driver and of SQLAlchemy has a kind."""
    for one in (family, *every_subclass(family)):
        error = one.__new__(one)
        if isinstance(error, exc.StatementError):
            error.orig = None
        assert kind_of(error) in {*faults.SENTENCES, faults.REFUSED}, one


def test_an_extended_code_counts_as_its_primary_one() -> None:
    """SQLITE_BUSY_SNAPSHOT is SQLITE_BUSY."""
    error = sqlite3.OperationalError("locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY_SNAPSHOT
    assert kind_of(error) == "locked"


def test_a_row_is_never_shown() -> None:
    """The sentence holds the database's own word, not what was to be written."""
    error = exc.OperationalError("INSERT", {"body": "hunter2"}, sqlite3.OperationalError("database is locked"))
    told = translate(error, "/var/x.db")
    assert "hunter2" not in str(told)
    assert str(told) == "the database /var/x.db cannot be used (database is locked)"


# Locked --------------------------------------------------------------------------------------------------------------

HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_lock_of_another_process(path: Path, file_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write says `locked`, a read goes on; once the other lets go, the write works."""
    monkeypatch.setattr("saasobs.storage.sqlite.BUSY_SECONDS", 0.1)  # no reason to wait
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StorageError) as told, file_store.write():
            raise AssertionError("it began")
        with file_store.read() as transaction:
            assert transaction.fact("key") is None
        other.communicate("go\n")
    assert told.value.kind == "locked"
    works(file_store)


def works(store: Store) -> None:
    """The store takes a write and gives it back."""
    with store.write() as transaction:
        transaction.add_results([result(NOW, monitor="after")])
    with store.read() as transaction:
        assert transaction.results("after") == [result(NOW, monitor="after")]


def is_clean(store: Store) -> None:
    """Nothing of a failed transaction was kept, and no connection is left within one."""
    with store.read() as transaction:
        assert transaction.results("api") == []
    with closing(store._writer.raw_connection()) as connection:  # type: ignore[attr-defined]
        assert not connection.driver_connection.in_transaction


# Full ----------------------------------------------------------------------------------------------------------------


@contextmanager
def pragma(store: Any, statement: str) -> Iterator[None]:
    """Every connection of the store within has this set."""

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(statement)

    store._writer.dispose()
    listen(store._writer, "connect", connected)
    yield
    remove(store._writer, "connect", connected)


def large(count: int) -> list[Result]:
    """Results of about a kilobyte each."""
    failure = Failure("body", "x", "y" * 900, Reason.BODY_MISMATCH)
    return [Result(Check("api", NOW, NOW + number), Outcome.DOWN, failures=(failure,)) for number in range(count)]


def test_a_full_database(file_store: Store) -> None:
    """SQLite's own limit: `full`, nothing kept, and writing again once there is room."""
    with pragma(file_store, "PRAGMA max_page_count = 60"):
        with pytest.raises(StorageError) as told, file_store.write() as transaction:  # noqa: PT012 - a transaction
            transaction.set_fact("before", "it was full")
            transaction.add_results(large(500))
        is_clean(file_store)
    assert told.value.kind == "full"
    works(file_store)
    with file_store.read() as transaction:
        assert transaction.fact("before") is None


def test_nothing_is_committed_after_a_full_disk(file_store: Store) -> None:
    """Who swallows the error inside the block still commits nothing of what he writes afterwards."""
    with pragma(file_store, "PRAGMA max_page_count = 60"):
        with pytest.raises(StorageError, match="failed before"), file_store.write() as transaction:  # noqa: PT012 - a transaction
            with pytest.raises(StorageError):
                transaction.add_results(large(500))
            with pytest.raises(StorageError, match="failed before"):
                transaction.set_fact("after", "it was full")
        is_clean(file_store)
    with file_store.read() as transaction:
        assert transaction.fact("after") is None


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        missing("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk(disk: Path) -> None:
    """The commit itself fails: `full`, nothing kept; when somebody makes room, the same store goes on."""
    store = open_store(f"sqlite:///{disk}/saasobs.db")
    store.open()
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(b"x" * 4_000_000)
    with pytest.raises(StorageError) as told, store.write() as transaction:
        transaction.add_results(large(200))
    assert told.value.kind == "full"
    is_clean(store)
    filler.unlink()
    works(store)
    store.close()


def test_a_full_disk_at_the_start(disk: Path) -> None:
    """No half-made database is left: the next start makes it."""
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(b"x" * 4_000_000)
    store = open_store(f"sqlite:///{disk}/saasobs.db")
    with pytest.raises(StorageError) as told:
        store.open()
    assert told.value.kind == "full"
    filler.unlink()
    store.open()
    works(store)
    store.close()


def test_a_file_that_may_not_grow(path: Path) -> None:
    """A limit of the system on the size of files is a StorageError in words, not a dead process."""
    program = (
        "import sys\n"
        "from saasobs.storage import open_store\n"
        "from saasobs.core.errors import StorageError\n"
        "store = open_store(f'sqlite:///{sys.argv[1]}')\n"
        "try:\n"
        "    store.open()\n"
        "except StorageError as error:\n"
        "    print(error)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, path],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert "the database" in told.stdout


# Read-only -----------------------------------------------------------------------------------------------------------


def test_a_read_only_connection(file_store: Store) -> None:
    """SQLite's own word for it: `read_only`."""
    with pytest.raises(StorageError) as told, file_store.write() as transaction:  # noqa: PT012 - a transaction
        transaction._session.connection.exec_driver_sql("PRAGMA query_only = ON")  # type: ignore[attr-defined]
        transaction.add_results([result(NOW)])
    assert told.value.kind == "read_only"
    is_clean(file_store)
    works(file_store)


def test_a_disk_that_turns_read_only(disk: Path) -> None:
    """Writing says `read_only`, reading goes on; when it is mended the same store goes on."""
    store = open_store(f"sqlite:///{disk}/saasobs.db")
    store.open()
    with store.write() as transaction:
        transaction.set_fact("key", "value")
    store.close()  # a file that is open for writing keeps a disk from turning read-only
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(StorageError) as told, store.write() as transaction:
        transaction.set_fact("key", "other")
    assert told.value.kind == "read_only"
    with pytest.raises(StorageError, match="read-only"):
        open_store(f"sqlite:///{disk}/new/saasobs.db").open()
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    works(store)
    store.close()


# Damaged -------------------------------------------------------------------------------------------------------------


def test_a_damaged_file(path: Path, file_store: Store) -> None:
    """`corrupt`; with a good copy in its place, the same store goes on."""
    with file_store.write() as transaction:
        transaction.add_results(large(500))
    file_store.close()
    good = path.with_name("good")
    shutil.copy(path, good)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(StorageError) as told, file_store.read() as transaction:
        transaction.results("api", 1000)
    assert told.value.kind == "corrupt"
    file_store.close()
    for leftover in path.parent.glob("saasobs.db-*"):
        leftover.unlink()
    shutil.copy(good, path)
    works(file_store)


def test_a_file_that_is_gone(path: Path, file_store: Store) -> None:
    """A store whose file somebody deleted says so, and does not quietly begin anew."""
    file_store.close()
    path.unlink()
    with pytest.raises(StorageError, match="cannot be used"), file_store.write():
        pass
    assert not path.exists()


@pytest.mark.parametrize("name", ["file/saasobs.db", "folder"])
def test_a_place_where_no_file_can_be(tmp_path: Path, name: str) -> None:
    """A file for a folder, or a folder for a file: a sentence for a person that names the place."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match=str(tmp_path)):
        open_store(f"sqlite:///{tmp_path}/{name}").open()


# Killed --------------------------------------------------------------------------------------------------------------

WRITER = """
import sys
from itertools import count
from saasobs.storage import open_store
store = open_store(f"sqlite:///{sys.argv[1]}")
store.open()
for number in count(1):
    with store.write() as transaction:
        transaction.set_fact("number", str(number))
        transaction.set_fact("twin", str(number))
    print(number, flush=True)
"""


def test_a_kill_loses_no_commit(path: Path) -> None:
    """After `kill -9` everything that was said to be committed is there, and nothing by halves."""
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(50)]
            writer.send_signal(signal.SIGKILL)
            lines += writer.stdout.readlines()
        said = int(next(line for line in reversed(lines) if line.endswith("\n")))
        store = open_store(f"sqlite:///{path}")
        store.open()
        with store.read() as transaction:
            number, twin = transaction.fact("number"), transaction.fact("twin")
        store.close()
        assert number == twin
        assert int(number or 0) >= said
