"""Run as a program: kills a migration at every line of its code, and looks at what is left each time.

`python -P crashing.py TEMPLATE MIGRATIONS`: TEMPLATE is a folder with a database of an older revision, or an empty one.
Prints how often it killed. It forks, and so must be a process with one thread.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import alembic.command  # noqa: F401 - loaded once, before forking

import saasobs.storage.tables  # noqa: F401
from saasobs.storage import migrate

NAME = "saasobs.db"


def main(template: Path, migrations: Path) -> int:
    for line in range(1, 100_000):
        folder = template.with_name("work")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(template, folder)
        if not killed_at(line, folder / NAME, migrations):
            return line - 1
        check(folder / NAME, migrations, had_data=(template / NAME).exists())
    raise AssertionError("it never finished")


def killed_at(line: int, path: Path, migrations: Path) -> bool:
    child = os.fork()
    if child == 0:
        newest = max((migrations / "versions").glob("*.py"))  # the first one has hundreds of lines like each other
        die_at(line, {migrate.__file__, str(newest)})
        migrate.bring_up(path, migrations)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return status != 0


def die_at(line: int, files: set[str]) -> None:
    left = line

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def check(path: Path, migrations: Path, *, had_data: bool) -> None:
    """The old file or the new one, whole; and the next start brings it to the end with nothing lost or left over."""
    newest = migrate.known_revisions(migrations)[-1]
    if had_data:
        assert look(path) in (migrate.known_revisions()[-1], newest)
    migrate.bring_up(path, migrations)
    assert look(path, had_data=had_data) == newest
    odd = [file.name for file in path.parent.iterdir() if file.name != NAME and ".bak-" not in file.name]
    assert not [name for name in odd if not name.startswith(f"{NAME}-")], odd
    for backup in path.parent.glob(f"{NAME}.bak-*"):
        assert look(backup) == migrate.known_revisions()[-1]


def look(path: Path, *, had_data: bool = True) -> str:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if had_data:
            assert connection.execute("SELECT value FROM facts WHERE key = 'kept'").fetchone() == ("yes",)
        revision: str = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        return revision


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), Path(sys.argv[2])))  # noqa: T201 - a program of its own
