"""Where the numbers are: cells of 64-bit floats in chunks of memory, which one process writes and others may read.

A series (one metric with one set of label values) owns a run of neighbouring cells. In a process on its own the chunks
are plain memory; among workers they are pages of a file that the others map too (`shared.py`). Series move from one
to the other without noticing, under the lock that every update takes.

Why not prometheus_client's values: an update costs a fifth, the mode can change after its import, exemplars survive,
and 10 000 series are read and written out 20 times as fast. The app's own metrics stay prometheus_client's.
"""

from __future__ import annotations

import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from saasobs.instrument.metrics.families import Family

CELL: Final = 8
"""Bytes."""
_FIRST_CHUNK: Final = 32 * 1024
_LAST_CHUNK: Final = 1024 * 1024

Cells: TypeAlias = "memoryview[float]"
"""Of format `d`: what one process writes."""


class Series:
    """One set of label values of a family: where its cells are."""

    __slots__ = ("base", "cells", "family", "lock", "size", "values")

    def __init__(self, family: Family[Any], values: tuple[str, ...], size: int, lock: threading.RLock) -> None:
        self.family = family
        self.values = values
        self.size = size
        self.cells: Cells
        self.base = 0
        self.lock = lock


class Place(NamedTuple):
    """A run of cells in a chunk."""

    cells: Cells
    base: int


class Memory(ABC):
    """Gives out cells, all zero, from chunks that grow with their number."""

    def __init__(self) -> None:
        self._chunk: Cells | None = None
        self._used = 0
        self._chunks = 0

    def place(self, series: Series) -> Place:
        """A run of cells of its own for this series. :raises OSError: there is no room."""
        if self._chunk is None or self._used + series.size > len(self._chunk):
            self._chunk = self._grow(min(_FIRST_CHUNK << self._chunks, _LAST_CHUNK))
            self._chunks += 1
            self._used = 0
        place = Place(self._chunk, self._used)
        self._used += series.size
        return place

    @abstractmethod
    def _grow(self, size: int) -> Cells:
        """Another chunk of so many bytes."""


class PrivateMemory(Memory):
    """Plain memory, which only this process sees."""

    def _grow(self, size: int) -> Cells:
        return memoryview(bytearray(size)).cast("d")


class Store:
    """Every series of one process, and the one lock for their updates.

    Reentrant: the garbage collector may run a finalizer of the app in the midst of an update, and what that calls
    may be instrumented too.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.memory: Memory = PrivateMemory()
        self.series: list[Series] = []
        self.before_fork: Callable[[], None] | None = None
        """Called with the lock held."""
        self.after_fork: Callable[[], None] | None = None
        """Called in the child, with the lock held."""
        _stores.add(self)

    def add(self, series: Series) -> None:
        """Give a new series its cells; in plain memory, if the other has no room."""
        with self.lock:
            place = self._place(series)
            series.cells, series.base = place
            self.series.append(series)

    def move(self, memory: Memory, *, keep: bool) -> None:
        """Put every series into other memory, with its numbers (`keep`) or starting from 0.

        What is not added up over processes (`max`) keeps its numbers in any case.
        """
        with self.lock:
            self.memory = memory
            for series in self.series:
                before = series.cells[series.base : series.base + series.size]
                cells, base = self._place(series)
                if keep or series.family.definition.gathering.endswith("max"):
                    cells[base : base + series.size] = before
                series.cells, series.base = cells, base

    def _place(self, series: Series) -> Place:
        try:
            return self.memory.place(series)
        except OSError:
            self.memory = PrivateMemory()
            return self.memory.place(series)


def read(series: Series) -> list[float]:
    """What the cells of a series hold now."""
    with series.lock:
        cells, base = series.cells, series.base
    numbers: list[Any] = cells[base : base + series.size].tolist()
    return numbers


_stores: weakref.WeakSet[Store] = weakref.WeakSet()


class _Forking(threading.local):
    """What this thread holds until it has forked; another may be about to fork too."""

    def __init__(self) -> None:
        self.held: list[Store] = []


_forking = _Forking()


def _before_fork() -> None:
    for store in sorted(_stores, key=id):  # in one order, so that two threads do not wait for each other
        store.lock.acquire()
        _forking.held.append(store)
        _call(store.before_fork)


def _after_fork_in_parent() -> None:
    held = _forking.held
    while held:
        held.pop().lock.release()


def _after_fork_in_child() -> None:
    for store in _forking.held:
        _call(store.after_fork)
    _after_fork_in_parent()


def _call(hook: Callable[[], None] | None) -> None:
    if hook is not None:
        hook()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)

Numbers = Sequence[float]
