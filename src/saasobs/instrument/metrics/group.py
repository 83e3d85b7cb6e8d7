"""Which processes serve one app together: gunicorn's and uvicorn's workers, and whatever a process forks.

They are found without any set-up: each works out the same root, the process that started them all. Reading this
process's surroundings is all that happens here; the folder that they share is `shared.py`.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from hashlib import blake2s
from pathlib import Path
from typing import Final, NamedTuple

MULTIPROC_DIR: Final = "PROMETHEUS_MULTIPROC_DIR"
_LIBRARY: Final = "prometheus_client"
_START_TIME: Final = 19
"""The place of a process's start time among the fields of /proc/PID/stat that follow its name; proc(5) calls it 22."""


class Identity(NamedTuple):
    """One process among all that this machine will ever have: a number is used again, but not at the same moment."""

    pid: int
    started: int
    """Clock ticks after the boot; 0 where there is no /proc."""

    @classmethod
    def of(cls, pid: int) -> Identity:
        return cls(pid, _started(pid))

    def __str__(self) -> str:
        return f"{self.pid}-{self.started}"


def root() -> Identity | None:
    """The process that this one and its siblings come from, if it is one of several workers; it may be itself.

    1. A child of `multiprocessing` (uvicorn --workers and --reload, hypercorn, granian): its parent.
    2. A process that its parent forked without another program in between (gunicorn's workers, uWSGI's): its parent.
    3. gunicorn's master that has preloaded the app: itself.
    """
    multiprocessing = sys.modules.get("multiprocessing")
    parent = multiprocessing.parent_process() if multiprocessing is not None else None
    if parent is not None and parent.pid:
        return Identity.of(parent.pid)
    if "gunicorn.arbiter" in sys.modules and _within("gunicorn."):
        worker = _within("gunicorn.workers.") or _is_fork_of(os.getppid())
        return Identity.of(os.getppid() if worker else os.getpid())
    if _is_fork_of(os.getppid()):
        return Identity.of(os.getppid())
    return None


def folder_for(identity: Identity) -> Path:
    """The folder of a root's workers, whose name nobody else's has: not after a restart, not in another container."""
    boot = _read(Path("/proc/sys/kernel/random/boot_id")) + _namespace()
    digest = blake2s(f"{boot}{identity}".encode(), digest_size=6).hexdigest()
    return Path(tempfile.gettempdir(), f"saasobs-{os.geteuid()}", f"{identity.pid}-{digest}")


def chosen_folder(environ: Mapping[str, str]) -> Path | None:
    """The folder that the operator has chosen, for the app's own metrics and for ours."""
    chosen = environ.get(MULTIPROC_DIR)
    return Path(chosen) if chosen else None


def make_private(folder: Path) -> None:
    """Make a folder that nobody else can look into or swap.

    :raises OSError: it cannot be made, or somebody else was there first.
    """
    for each in (folder.parent, folder):
        each.mkdir(mode=0o700, exist_ok=True)
        found = each.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise PermissionError(f"{each} belongs to somebody else")


def library_was_loaded() -> bool:
    """Whether prometheus_client is there already: it decides at its import whether processes share their metrics."""
    return _LIBRARY in sys.modules


def will_change_user() -> bool:
    """Whether gunicorn preloads the app as one user and serves it as another, who cannot write into our folder."""
    frame = sys._getframe()  # noqa: SLF001 - as below
    while frame is not None:
        if frame.f_globals.get("__name__") == "gunicorn.arbiter":
            user = getattr(getattr(frame.f_locals.get("self"), "cfg", None), "uid", None)
            return user is not None and user != os.geteuid()
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _within(package: str) -> bool:
    """Whether a module of this package is calling us, near or far."""
    frame = sys._getframe()  # noqa: SLF001 - the documented way costs a hundred times as much
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(package):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _is_fork_of(pid: int) -> bool:
    ours, theirs = (_read(Path("/proc", str(each), "cmdline")) for each in (os.getpid(), pid))
    return bool(ours) and ours == theirs and _executable(os.getpid()) == _executable(pid)


def _executable(pid: int) -> str:
    try:
        return str(Path("/proc", str(pid), "exe").readlink())
    except OSError:
        return ""


def _started(pid: int) -> int:
    try:
        return int(_read(Path("/proc", str(pid), "stat")).rpartition(")")[2].split()[_START_TIME])
    except (IndexError, ValueError):
        return 0


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
