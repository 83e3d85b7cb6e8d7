"""The one writer: everything that is written down goes through this thread, in order.

1. Results wait in memory until 500 are there or the oldest has waited 250 ms; then they go in one transaction.
2. A piece of work (a transition, an acknowledgement, a claim) commits at once, and all waiting results with it.
   Work that waits together is committed together, in the order in which it came.
3. When the store is broken, patient work and results stay and are tried again until it is mended; impatient work
   (a ping that its sender can repeat, a claim that comes round again) fails at once with StorageError.

It is not where anything is decided: work is a function of a transaction, handed in by others.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, MutableSequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import structlog

from saasobs.core.errors import StorageError
from saasobs.core.incident import MonitorState
from saasobs.core.ports import Store, Transaction
from saasobs.core.result import Result

T = TypeVar("T")
Work = Callable[[Transaction], T]

BATCH_ROWS = 500
BATCH_SECONDS = 0.25
MAX_WAITING_RESULTS = 100_000
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0)

log = structlog.get_logger("saasobs.ledger")


class LedgerWatcher(Protocol):
    """Whom the ledger tells about its health; called from the writer's thread."""

    def storage_failed(self, error: StorageError) -> None: ...

    def storage_mended(self) -> None: ...

    def results_dropped(self, count: int) -> None: ...


@dataclass(slots=True)
class _Entry:
    """One thing to write, all or nothing: a result, the state that follows from it, the work that belongs to both."""

    result: Result | None
    state: MonitorState | None
    work: Work[Any] | None = None
    patient: bool = True
    future: Future[Any] = field(default_factory=Future)


class Ledger:
    """The writer thread and its queue."""

    def __init__(self, store: Store, watcher: LedgerWatcher) -> None:
        self._store = store
        self._watcher = watcher
        self._wake = threading.Condition()
        self._queue: deque[_Entry] = deque()
        self._loose = 0
        """How many entries wait that are nothing but a result."""
        self._oldest = 0.0
        self._closing_by: float | None = None
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="saasobs-ledger", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Results and pieces of work that are not committed yet."""
        return len(self._queue)

    @property
    def alive(self) -> bool:
        """Whether the writer's thread runs."""
        return self._thread.is_alive()

    def add(self, result: Result, state: MonitorState | None = None) -> None:
        """Write a result (and the state that it led to) with the next batch. Never blocks."""
        with self._wake:
            if not self._loose:
                self._oldest = time.monotonic()
            self._loose += 1
            if self._loose in (1, BATCH_ROWS):
                self._wake.notify()
            self._queue.append(_Entry(result, state))
            dropped = self._drop_oldest(self._queue) if self._loose > MAX_WAITING_RESULTS else 0
            self._loose -= dropped
        if dropped:
            self._watcher.results_dropped(dropped)

    def submit(
        self, work: Work[T], *, patient: bool, result: Result | None = None, state: MonitorState | None = None
    ) -> Future[T]:
        """Commit a piece of work at once, in one transaction with the result and the state that it follows from.

        Patient work survives a broken store; it must be safe to run again. Everything is written in the order in which
        it came, so that an older state never overwrites a newer one.
        """
        entry = _Entry(result, state, work, patient)
        with self._wake:
            if self._closing_by is not None and not self.alive:
                entry.future.set_exception(StorageError("the daemon is stopping"))
            else:
                self._queue.append(entry)
                self._wake.notify()
        return entry.future

    async def run(self, work: Work[T], *, patient: bool = False, state: MonitorState | None = None) -> T:
        """Like `submit`, awaited. :raises StorageError: for impatient work while the store is broken."""
        future = asyncio.wrap_future(self.submit(work, patient=patient, state=state))
        # Patient work is done even if whoever waits for it goes away: its state may be in memory already.
        return await (asyncio.shield(future) if patient else future)

    async def read(self, work: Work[T]) -> T:
        """Run a read-only piece of work in a thread of its own; the writer is not waited for."""
        return await asyncio.to_thread(self._read, work)

    def _read(self, work: Work[T]) -> T:
        with self._store.read() as transaction:
            return work(transaction)

    def close(self, seconds: float) -> bool:
        """Write what waits, then stop; gives up after `seconds`. True when nothing was left behind."""
        with self._wake:
            self._closing_by = time.monotonic() + seconds
            self._wake.notify()
        self._thread.join(seconds + 1)
        return self.waiting == 0

    # The writer's thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._ready():
                    if self._closing_by is not None and not self._queue:
                        return
                    self._wake.wait(self._patience())
                entries = self._take()
            if not self._commit_patiently(entries):
                return

    def _ready(self) -> bool:
        if len(self._queue) > self._loose or self._loose >= BATCH_ROWS:
            return True
        if not self._loose:
            return False
        return self._closing_by is not None or time.monotonic() - self._oldest >= BATCH_SECONDS

    def _patience(self) -> float | None:
        return max(0.001, self._oldest + BATCH_SECONDS - time.monotonic()) if self._loose else None

    def _take(self) -> list[_Entry]:
        # Work whose caller has gone away (a cancelled ping) is dropped; from here on none can be cancelled.
        entries = [entry for entry in self._queue if not entry.work or entry.future.set_running_or_notify_cancel()]
        self._queue.clear()
        self._loose = 0
        return entries

    def _commit_patiently(self, entries: list[_Entry]) -> bool:
        """Commit, again and again if need be. False when the daemon closes with the store still broken."""
        tries = 0
        while True:
            try:
                self._commit(entries)
            except StorageError as error:
                self._suffer(error, entries)
            else:
                self._recover()
                return True
            if self._closing_by is not None and time.monotonic() > self._closing_by:
                self._put_back(entries)
                return False
            tries += 1
            self._rest(RETRY_SECONDS[min(tries, len(RETRY_SECONDS)) - 1], entries)

    def _commit(self, entries: list[_Entry]) -> None:
        """All in one transaction; when an entry itself is at fault, halve until it stands alone. Entries stay whole.

        What is committed, or refused, leaves the list.
        """
        if not entries:
            return
        try:
            values = self._transact(entries)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the rest must be written
            if len(entries) == 1:
                self._refuse(entries.pop(), error)
                return
            first, second = entries[: len(entries) // 2], entries[len(entries) // 2 :]
            try:
                self._commit(first)
                self._commit(second)
            finally:
                entries[:] = first + second
            return
        for entry, value in zip(entries, values, strict=True):
            if entry.work:
                entry.future.set_result(value)
        entries.clear()

    def _transact(self, entries: list[_Entry]) -> list[Any]:
        with self._store.write() as transaction:
            results = [entry.result for entry in entries if entry.result is not None]
            if results:
                transaction.add_results(results)
            states: dict[str, MonitorState] = {}
            values: list[Any] = []
            for entry in entries:
                if entry.state is not None:
                    states[entry.state.monitor] = entry.state
                if entry.work is None:
                    values.append(None)
                    continue
                _save(transaction, states)
                values.append(entry.work(transaction))
            _save(transaction, states)
            return values

    def _refuse(self, entry: _Entry, error: Exception) -> None:
        """This can be written neither now nor ever: drop it, loudly unless its caller hears of it."""
        if entry.work is None or entry.patient:
            about = entry.result.check.monitor if entry.result else ""
            log.error("ledger.refused", error=repr(error), monitor=about)
        if entry.work:
            entry.future.set_exception(error)
        if entry.result:
            self._watcher.results_dropped(1)

    def _suffer(self, error: StorageError, entries: list[_Entry]) -> None:
        if not self._failing:
            log.error("storage.failed", kind=error.kind, error=str(error), waiting=len(entries))
        self._failing = True
        self._watcher.storage_failed(error)
        for entry in [entry for entry in entries if not entry.patient]:
            entries.remove(entry)
            entry.future.set_exception(error)

    def _recover(self) -> None:
        if self._failing:
            self._failing = False
            log.info("storage.mended")
            self._watcher.storage_mended()

    def _rest(self, seconds: float, entries: list[_Entry]) -> None:
        """Wait before the next try; take in what came meanwhile, so that impatient work is answered."""
        with self._wake:
            if self._closing_by is not None:
                self._wake.wait(RETRY_SECONDS[0])
            else:
                self._wake.wait_for(lambda: self._closing_by is not None, timeout=seconds)
            entries.extend(self._take())
        dropped = self._drop_oldest(entries)
        if dropped:
            self._watcher.results_dropped(dropped)

    @staticmethod
    def _drop_oldest(entries: MutableSequence[_Entry]) -> int:
        """Forget the oldest results beyond the bound; work is never forgotten."""
        excess = sum(entry.work is None for entry in entries) - MAX_WAITING_RESULTS
        if excess <= 0:
            return 0
        left = excess
        kept = []
        for entry in entries:
            if left and entry.work is None:
                left -= 1
            else:
                kept.append(entry)
        entries.clear()
        entries.extend(kept)
        return excess

    def _put_back(self, entries: list[_Entry]) -> None:
        with self._wake:
            self._queue.extendleft(reversed(entries))
        for entry in entries:
            if entry.work:
                entry.future.set_exception(StorageError("the daemon stopped before the store was mended"))


def _save(transaction: Transaction, states: dict[str, MonitorState]) -> None:
    """Only the newest state of each monitor need be written, but before the work that came after it."""
    for state in states.values():
        transaction.save_state(state)
    states.clear()
