"""The folder in which the processes of one app share their numbers: who writes, who is dead, what was left behind.

1. Each process has two files: `PID-START-TOKEN.cells`, which it maps and writes, and `….keys`, lines of JSON that say
   what is in which cell. It holds a lock (flock) on its cells for as long as it lives: that is how others know that it
   does, whatever has become of its number, and it cannot forget to give it back.
2. Whoever reads takes the folder's lock first, folds the dead into `folded.json` and removes their files: sums stay,
   what was only true of a living process goes. Totals never go backwards, and the folder does not grow.
3. Folding is a transaction: what is to be renamed and removed is written down first (`journal.json`) and done again
   by the next reader if the one who began it is killed.
4. prometheus_client's own files of a dead process, `KIND_PID.db`, are folded with it (`library.py`).
"""

from __future__ import annotations

import fcntl
import mmap
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import orjson

from saasobs.instrument.metrics.cells import CELL, Cells, Memory, Place, Series
from saasobs.instrument.metrics.families import Definition
from saasobs.instrument.metrics.gathering import Everything, Gathered, bounded, merge
from saasobs.instrument.metrics.group import Identity

PATIENCE: Final = 2.0
"""Seconds to wait for the folder's lock."""
_PAUSE: Final = 0.002
_MANY: Final = 32
"""Files that a process which only writes leaves for a reader to fold."""
_CELLS: Final = ".cells"
_KEYS: Final = ".keys"
_FOLDED: Final = "folded.json"
_JOURNAL: Final = "journal.json"
_LOCK: Final = "lock"
_NEW: Final = ".new"
_MODE: Final = 0o644
"""A folder of our own is closed to others; in an operator's, a server may have changed its user since."""
_NEW_FILE: Final = os.O_CREAT | os.O_EXCL

FoldMore = Callable[[Path, set[int]], tuple[list[tuple[str, str]], list[str]]]
"""Folds other files of dead processes: what is to be renamed, and what removed then."""


class SharedMemory(Memory):
    """Cells in a file of this process's own."""

    def __init__(self, folder: Path) -> None:
        """:raises OSError: the folder cannot be written to, or has no room."""
        super().__init__()
        self.name = f"{Identity.of(os.getpid())}-{random.SystemRandom().getrandbits(32):08x}"
        self.folder = folder
        self._definitions: dict[str, int] = {}
        self._end = 0
        self._offset = 0
        self._torn = False
        self._keys = os.open(folder / (self.name + _KEYS), os.O_WRONLY | os.O_APPEND | _NEW_FILE, _MODE)
        try:
            self._file = _locked_file(folder / (self.name + _CELLS))
        except OSError:
            os.close(self._keys)
            (folder / (self.name + _KEYS)).unlink(missing_ok=True)
            raise
        self._ours = [(each, os.fstat(each)) for each in (self._file, self._keys)]

    def place(self, series: Series) -> Place:
        place = super().place(series)
        definition = series.family.definition
        index = self._definitions.get(definition.name)
        if index is None:
            index = len(self._definitions)
            self._write(["definition", *definition])
            self._definitions[definition.name] = index
        kind = "series" if series.size == definition.size else "exemplars"
        self._write([kind, index, series.values, self._offset // CELL + place.base])
        return place

    def lost(self) -> bool:
        """Whether somebody has removed our file, so that nobody else sees what we count."""
        with suppress(OSError):
            return os.fstat(self._file).st_nlink == 0
        return True

    def close(self) -> None:
        """Close the files: of our parent, after a fork, or those that somebody has removed.

        A daemon closes every file that it knows nothing of, and the number may be another file's by now. The lock
        is given back with the last chunk, which keeps the file open too.
        """
        self._chunk = None
        for descriptor, was in self._ours:
            with suppress(OSError):
                if os.path.samestat(os.fstat(descriptor), was):
                    os.close(descriptor)

    def _grow(self, size: int) -> Cells:
        # Reserved, not just promised: a write into a page for which the disk has no room would kill the process.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._file, self._end, size)
        else:
            os.pwrite(self._file, bytes(size), self._end)
        mapped = mmap.mmap(self._file, size, offset=self._end)
        self._offset = self._end
        self._end += size
        return memoryview(mapped).cast("d")

    def _write(self, line: Sequence[Any]) -> None:
        text = orjson.dumps(list(line)) + b"\n"
        text = b"\n" + text if self._torn else text
        self._torn = os.write(self._keys, text) != len(text)
        if self._torn:
            raise OSError("no room for a key")


def _locked_file(path: Path) -> int:
    """A file that carries its lock before it has its name: nobody sees it without, and takes us for dead."""
    new = path.with_suffix(_NEW)
    descriptor = os.open(new, os.O_RDWR | _NEW_FILE, _MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        new.rename(path)
    except OSError:
        os.close(descriptor)
        new.unlink(missing_ok=True)
        raise
    return descriptor


class _Keys:
    """The keys of one process, read as far as they are written; they only ever grow."""

    def __init__(self) -> None:
        self.read = 0
        self.definitions: list[Definition] = []
        self.places: list[tuple[bool, int, tuple[str, ...], int]] = []

    def read_on(self, path: Path) -> None:
        with path.open("rb") as file:
            file.seek(self.read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.read += len(whole)
        for line in whole.splitlines():
            with suppress(ValueError, TypeError, IndexError):  # torn when the disk was full
                self._take(orjson.loads(line))

    def _take(self, line: list[Any]) -> None:
        kind, *rest = line
        if kind == "definition":
            name, what, text, labels, edges, gathering = rest
            self.definitions.append(Definition(name, what, text, tuple(labels), tuple(edges), gathering))
        else:
            index, values, cell = rest
            self.places.append((kind == "series", index, tuple(values), cell))


class Folder:
    """The files of all processes of an app. Its methods may be called from any thread."""

    def __init__(self, path: Path, fold_more: FoldMore | None = None) -> None:
        self.path = path
        self._fold_more = fold_more
        self._keys: dict[str, _Keys] = {}
        self._folded: tuple[tuple[int, int, int], Everything] | None = None

    def others(self, own: str, look: Callable[[Iterable[Identity]], Everything]) -> Everything:
        """What all the others have counted, the dead ones too, who are folded on the way.

        :param own: the name of this process's files. :param look: what else is to be known of those that live.
        :raises OSError: the folder cannot be read.
        """
        with self._locked(PATIENCE):
            self._finish_what_was_begun()
            living, dead = self._sorted(own)
            if dead:
                self._fold(dead)
            everything: Everything = {}
            merge(everything, self._left_behind())
            for name in living:
                with suppress(FileNotFoundError):
                    merge(everything, self._of(name))
            self._keys = {name: keys for name, keys in self._keys.items() if name in living}
            merge(everything, look(identity_of(name) for name in living))
        return everything

    def tidy(self, own: str) -> None:
        """Fold the dead if there are many; for processes that nobody reads from, such as one per task."""
        with suppress(OSError):
            if sum(1 for _ in self.path.glob("*" + _CELLS)) > _MANY:
                with self._locked(0):
                    self._finish_what_was_begun()
                    if dead := self._sorted(own)[1]:
                        self._fold(dead)

    def begin(self, root: str) -> None:
        """Remove what an earlier run has left, if this is a new one: another root, and nobody alive."""
        with self._locked(PATIENCE):
            self._finish_what_was_begun()
            known = self.path / "root"
            if known.exists() and known.read_text() == root:
                return
            living, dead = self._sorted("")
            if not living:
                for name in dead:
                    self._remove(name)
                (self.path / _FOLDED).unlink(missing_ok=True)
                (self.path / "tenants").unlink(missing_ok=True)
                (self.path / "processes.json").unlink(missing_ok=True)
            known.write_text(root)

    def in_use(self, own: str = "") -> bool:
        """Whether another process that lives has its files here."""
        return bool(self._sorted(own)[0])

    @contextmanager
    def _locked(self, patience: float) -> Iterator[None]:
        descriptor = os.open(self.path / _LOCK, os.O_RDONLY | os.O_CREAT, _MODE)
        try:
            lock(descriptor, patience)
            yield
        finally:
            unlock(descriptor)

    def _sorted(self, own: str) -> tuple[list[str], list[str]]:
        """The names of the living and of the dead, without our own."""
        living: list[str] = []
        dead: list[str] = []
        for path in sorted(self.path.glob("*" + _CELLS)):
            if path.stem != own:
                (living if _is_held(path) else dead).append(path.stem)
        return living, dead

    def _of(self, name: str) -> Everything:
        """What one process has counted."""
        keys = self._keys.setdefault(name, _Keys())
        keys.read_on(self.path / (name + _KEYS))
        raw = (self.path / (name + _CELLS)).read_bytes()
        cells = memoryview(raw).cast("d")
        found: Everything = {}
        families = [Gathered(definition, {}, {}) for definition in keys.definitions]
        for is_series, index, values, cell in keys.places:
            if index < len(families):
                family = families[index]
                size = family.definition.size if is_series else family.definition.exemplar_size
                into = family.series if is_series else family.exemplars
                numbers: list[Any] = cells[cell : cell + size].tolist()
                if len(numbers) == size:
                    into[values] = numbers
                    found[family.definition.name] = family
        return found

    def _left_behind(self) -> Everything:
        """What the dead have counted."""
        path = self.path / _FOLDED
        try:
            status = path.stat()
        except FileNotFoundError:
            return {}
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        if self._folded is None or self._folded[0] != version:
            self._folded = (version, unpacked(orjson.loads(path.read_bytes())))
        return self._folded[1]

    def _fold(self, dead: list[str]) -> None:
        sums: Everything = {}
        merge(sums, self._left_behind(), dead=True)
        for name in dead:
            with suppress(OSError, ValueError):  # a file that was never finished
                merge(sums, self._of(name), dead=True)
        new = self.path / (_FOLDED + _NEW)
        new.write_bytes(orjson.dumps(packed(bounded(sums))))
        renames, removals = [(new.name, _FOLDED)], [name + ending for name in dead for ending in (_CELLS, _KEYS)]
        if self._fold_more is not None:
            pids = {identity_of(name).pid for name in dead}
            living = {identity_of(name).pid for name in self._sorted("")[0]}
            more = self._fold_more(self.path, pids - living)
            renames, removals = [*renames, *more[0]], [*removals, *more[1]]
        journal = self.path / (_JOURNAL + _NEW)
        journal.write_bytes(orjson.dumps({"rename": renames, "remove": removals}))
        journal.rename(self.path / _JOURNAL)
        self._finish_what_was_begun()

    def _finish_what_was_begun(self) -> None:
        """Do what the journal says; what has been done of it already does no harm."""
        journal = self.path / _JOURNAL
        with suppress(FileNotFoundError):
            plan = orjson.loads(journal.read_bytes())
            for old, new in plan["rename"]:
                with suppress(FileNotFoundError):
                    (self.path / old).rename(self.path / new)
            for name in plan["remove"]:
                (self.path / name).unlink(missing_ok=True)
            journal.unlink()

    def _remove(self, name: str) -> None:
        for ending in (_CELLS, _KEYS):
            (self.path / (name + ending)).unlink(missing_ok=True)


def identity_of(name: str) -> Identity:
    """The process that a file is of."""
    pid, started, *_ = [*name.split("-"), "0"]
    return Identity(int(pid), int(started))


def packed(everything: Everything) -> list[Any]:
    """As JSON can say it."""
    return [
        [list(each.definition), list(each.series.items()), list(each.exemplars.items())] for each in everything.values()
    ]


def unpacked(content: list[Any]) -> Everything:
    """The other way round."""
    found: Everything = {}
    for (name, kind, text, labels, edges, gathering), series, exemplars in content:
        definition = Definition(name, kind, text, tuple(labels), tuple(edges), gathering)
        found[name] = Gathered(
            definition,
            {tuple(values): cells for values, cells in series},
            {tuple(values): cells for values, cells in exemplars},
        )
    return found


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return True  # gone meanwhile, or not ours to touch
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        unlock(descriptor)


def lock(descriptor: int, patience: float) -> None:
    """Take a lock, but do not wait for ever: its holder may have been stopped.

    :raises TimeoutError: it was not to be had.
    """
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise TimeoutError("the folder of metrics is locked") from None
            time.sleep(_PAUSE)
        else:
            return


def unlock(descriptor: int) -> None:
    """Give the lock back and close the file; closing alone would not, if a child was forked meanwhile."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)
