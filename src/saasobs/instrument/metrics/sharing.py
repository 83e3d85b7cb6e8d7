"""How one process comes to share its numbers with the others of its app, without being told.

1. Among workers (gunicorn, uvicorn, or PROMETHEUS_MULTIPROC_DIR is set): at once, in a folder that all of them find.
2. A process on its own: with its first child. Just before the fork its numbers move into a folder, and the child
   begins there with zeros of its own. Celery's, RQ's and preloading servers' children come in like that.
3. Where that cannot be (no room, somebody else's folder), each process counts for itself, and one line says so.
"""

from __future__ import annotations

import atexit
import os
import shutil
import time
import weakref
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

import orjson

from saasobs.instrument import guard
from saasobs.instrument.metrics import group, library
from saasobs.instrument.metrics.cells import Store
from saasobs.instrument.metrics.gathering import Everything, Gathered, merge
from saasobs.instrument.metrics.group import Identity
from saasobs.instrument.metrics.processes import WORKERS, together
from saasobs.instrument.metrics.shared import Folder, SharedMemory, lock, unlock
from saasobs.instrument.metrics.tenants import LocalClaims

_CLAIM_PATIENCE = 0.005
"""Seconds that a request may wait to learn whether its tenant has a label of its own."""
_NEW = 60.0
"""Seconds that a folder may be without a file that somebody holds: it is being made."""


class _First:
    """The one that shares its numbers in this process."""

    sharing: weakref.ref[Sharing] | None = None


class Sharing:
    """Where one process's numbers are, and how to read those of all."""

    def __init__(self, store: Store, claims: SharedClaims) -> None:
        self.problems: list[str] = []
        self._is_first = False
        self.folder: Folder | None = None
        self._store = store
        self._claims = claims
        self._root: Identity | None = None
        self._with_children = group.folder_for(Identity.of(os.getpid()))
        """Where processes that this one has started in other ways than by a fork would go."""

    def start(self) -> None:
        """Join the other workers, if there are any or will be.

        Of several in one process, which only tests have, the first shares and the others count for themselves: their
        numbers are not to be added up.
        """
        first = _First.sharing() if _First.sharing is not None else None
        if first is not None and first is not self:
            return
        _First.sharing = weakref.ref(self)
        self._is_first = True
        self._store.before_fork = self._before_fork
        self._store.after_fork = self._after_fork
        self._root = group.root()
        chosen = group.chosen_folder(os.environ)
        if chosen is not None and not self._is_own(chosen):
            self._join(chosen, private=False)
        elif group.will_change_user():
            self.problems.append(
                "the workers will run as another user than the one who loads the app, so each tells its own metrics:"
                f" set {group.MULTIPROC_DIR} to a folder that the workers' user owns"
            )
        elif self._root is not None:
            self._join(group.folder_for(self._root), private=True)
            self._offer_to_library()

    def _is_own(self, folder: Path) -> bool:
        """Whether `saasobs wrap` has named it, for the app's own metrics, before we were there."""
        return self._root is not None and folder == group.folder_for(self._root)

    def library_problem(self) -> str:
        """What is to be said of the app's own metrics, or nothing."""
        if self.folder is None or not group.library_was_loaded() or library.shares() or not library.app_metrics():
            return ""
        return (
            "prometheus_client was imported before instrument(): the app's own metrics are told by each worker for"
            f" itself. Set {group.MULTIPROC_DIR} to a folder, or start the app with `saasobs wrap`."
        )

    def gathered(self, own: Everything) -> Everything:
        """What all processes have counted together. :param own: what this one has."""
        memory = self._store.memory
        if self._others_have_come():
            self._join(self._with_children, private=True)
            memory = self._store.memory
        if self.folder is None or not isinstance(memory, SharedMemory):
            return own
        if memory.lost():
            self._rejoin(memory)
            return own
        everything = dict(own)
        try:
            others = self.folder.others(memory.name, partial(self._look, self.folder.path))
        except OSError:  # locked by one that was stopped, or no longer ours to read
            guard.failed("gather")
            return own
        merge(everything, others)
        return everything

    def _others_have_come(self) -> bool:
        alone = self._is_first and self.folder is None and not self.problems
        return alone and os.path.isdir(self._with_children)  # noqa: PTH112 - Path's raises where one may not look

    def _look(self, path: Path, living: Iterable[Identity]) -> Everything:
        """What is known of the processes themselves, this one included."""
        alive = {*living, Identity.of(os.getpid())}
        workers = len(alive - {self._root}) or 1
        found = together(alive, path)
        return {WORKERS.name: Gathered(WORKERS, {(): [float(workers)]}, {}), **found}

    def _join(self, path: Path, *, private: bool) -> None:
        try:
            if private:
                group.make_private(path)
            else:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = Folder(path, library.fold)
            if not private:  # the name of a private one is as new as its root
                folder.begin(str(self._root or Identity.of(os.getpid())))
            self._store.move(SharedMemory(path), keep=True)
            self.folder = folder
            self._claims.share(path / "tenants")
        except OSError as error:
            self.problems.append(
                f"the metrics of several processes cannot be added up, so each tells its own: {path}: {error}"
            )
            return
        if private:
            self._tidy_up(path)

    def _rejoin(self, memory: SharedMemory) -> None:
        with suppress(OSError):
            memory.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._store.move(SharedMemory(memory.folder), keep=True)
            memory.close()

    def _offer_to_library(self) -> None:
        """Have the app's own metrics shared too: prometheus_client asks the environment when it is imported."""
        if self.folder is not None and not group.library_was_loaded():
            os.environ[group.MULTIPROC_DIR] = str(self.folder.path)

    @guard.guarded("fork")
    def _before_fork(self) -> None:
        if self.folder is None and not self.problems:
            self._root = self._root or Identity.of(os.getpid())
            self._join(group.folder_for(self._root), private=True)

    @guard.guarded("fork")
    def _after_fork(self) -> None:
        self._with_children = group.folder_for(Identity.of(os.getpid()))
        memory = self._store.memory
        if self.folder is not None and isinstance(memory, SharedMemory):
            memory.close()
            self.folder = Folder(self.folder.path, library.fold)
            own = SharedMemory(memory.folder)
            self._store.move(own, keep=False)
            self.folder.tidy(own.name)

    def _tidy_up(self, path: Path) -> None:
        """Have our folder removed with us, if we are its root, and remove those whose processes are all gone."""
        owner, now = os.getpid(), time.time()
        if self._root == Identity.of(owner):
            atexit.register(self._leave, owner, path)
        for other in path.parent.iterdir():
            pid = other.name.partition("-")[0]
            if other != path and pid.isdecimal() and group.folder_for(Identity.of(int(pid))) != other:
                with suppress(OSError):
                    if now - other.stat().st_mtime > _NEW and not Folder(other).in_use():
                        shutil.rmtree(other)

    @guard.guarded("leave")
    def _leave(self, owner: int, path: Path) -> None:
        memory = self._store.memory
        if os.getpid() == owner and isinstance(memory, SharedMemory) and not Folder(path).in_use(memory.name):
            shutil.rmtree(path, ignore_errors=True)


class SharedClaims(LocalClaims):
    """Tenant labels given away in a file, so that all workers give the same: one line of JSON for each."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._file: Path | None = None

    def share(self, file: Path) -> None:
        """From now on ask the others; what has been given away stays so."""
        self._file = file
        for label in list(self.taken):
            self._ask(file, label)

    def claim(self, label: str) -> bool | None:
        if self._file is None or label in self.taken or self.full():
            return super().claim(label)
        return self._ask(self._file, label)

    def _ask(self, path: Path, label: str) -> bool | None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError:
            return super().claim(label)  # better a label that others may not give than none
        try:
            lock(descriptor, _CLAIM_PATIENCE)
            with open(descriptor, "rb", closefd=False) as file:
                self.taken |= {str(orjson.loads(line)) for line in file.read().splitlines()}
            known, granted = label in self.taken, super().claim(label)
            if granted and not known:
                os.write(descriptor, orjson.dumps(label) + b"\n")
        except (OSError, ValueError):
            return None
        else:
            return granted
        finally:
            unlock(descriptor)
