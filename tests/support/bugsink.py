"""A real Sentry-compatible server: Bugsink on loopback, with one project, whose events are read back."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.daemon import free_port
from support.needs import require_tool
from support.process import ServerProcess, folder_of

_DATABASES = ("db.sqlite3", "snappea.sqlite3")
_PROJECT = "from projects.models import Project; print('DSN', Project.objects.create(name='{}').dsn)"


@dataclass(frozen=True)
class Bugsink:
    """One that runs; `dsn` is that of its first project."""

    folder: Path
    programs: Path
    dsn: str

    def project(self, name: str) -> str:
        """The DSN of a new project: a test's own, so that its events are the only ones."""
        return _new_project(self.programs, self.folder, name)

    def events(self, dsn: str, count: int = 1, patience: float = 20.0) -> list[dict[str, Any]]:
        """The stored payloads of a project, as soon as there are so many, and a moment later for what is too many."""
        project = int(dsn.rpartition("/")[2])
        until = time.monotonic() + patience
        while len(self._stored(project)) < count and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.3)
        return self._stored(project)

    def issues(self, dsn: str) -> list[tuple[str, str]]:
        """Type and value of each issue, as Bugsink has grouped the events."""
        project = int(dsn.rpartition("/")[2])
        return self._ask("SELECT calculated_type, calculated_value FROM issues_issue WHERE project_id = ?", project)

    def _stored(self, project: int) -> list[dict[str, Any]]:
        rows = self._ask("SELECT data FROM events_event WHERE project_id = ? ORDER BY digested_at", project)
        return [json.loads(data) for (data,) in rows]

    def _ask(self, query: str, project: int) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=10)) as database:
            return database.execute(query, (project,)).fetchall()


@contextmanager
def running_bugsink() -> Iterator[Bugsink]:
    """Start one with a database of its own; skips when `make test` could not fetch it."""
    programs = require_tool("bugsink")
    with folder_of() as folder:
        port = free_port()
        _run(programs / "bugsink-create-conf", folder, "--template=local", "--host=127.0.0.1", f"--port={port}")
        _migrated(programs, folder)
        dsn = _new_project(programs, folder, "first")
        command: list[str | Path] = [
            programs / "gunicorn",
            "--bind",
            f"127.0.0.1:{port}",
            "--chdir",
            folder,
            "bugsink.wsgi",
        ]
        server = ServerProcess(command, lambda: _answers(port), folder / "log", _environment(folder))
        server.start()
        try:
            yield Bugsink(folder, programs, dsn)
        finally:
            server.stop()


def _migrated(programs: Path, folder: Path) -> None:
    """Its databases, made once for this installation (ten seconds) and copied from then on."""
    kept = programs.parent / "migrated"
    if not kept.is_dir():
        _run(programs / "bugsink-manage", folder, "migrate")
        _run(programs / "bugsink-manage", folder, "migrate", "snappea", "--database=snappea")
        fresh = programs.parent / f"migrated.{os.getpid()}"
        fresh.mkdir()
        for name in _DATABASES:
            shutil.copy(folder / name, fresh / name)
        with suppress(OSError):  # another process was faster
            fresh.rename(kept)
    else:
        for name in _DATABASES:
            shutil.copy(kept / name, folder / name)


def _new_project(programs: Path, folder: Path, name: str) -> str:
    printed = _run(programs / "bugsink-manage", folder, "shell", "-c", _PROJECT.format(name))
    return next(line for line in printed.splitlines() if line.startswith("DSN ")).removeprefix("DSN ")


def _run(program: Path, folder: Path, *arguments: str) -> str:
    ran = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SENTRY", "SAASOBS", "DJANGO"))}
    return {**kept, "PYTHONPATH": str(folder), "DJANGO_SETTINGS_MODULE": "bugsink_conf"}


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
