"""The one writer: everything that is written down goes through this thread, in order.

1. Results wait in memory until 500 are there or the oldest has waited 250 ms; then they go in one transaction.
2. A piece of work (a transition, an acknowledgement, a claim) commits at once, and all waiting results with it.
   Work that waits together is committed together.
3. When the store is broken, patient work and results stay and are tried again until it is mended; impatient work
   (a ping that its sender can repeat, a claim that comes round again) fails at once with StorageError.

It is not where anything is decided: work is a function of a transaction, handed in by others.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
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
class _Unit:
    work: Work[Any]
    patient: bool
    future: Future[Any] = field(default_factory=Future)


@dataclass(slots=True)
class _Batch:
    """What the next transaction holds."""

    results: list[Result] = field(default_factory=list)
    states: dict[str, MonitorState] = field(default_factory=dict)
    units: list[_Unit] = field(default_factory=list)


class Ledger:
    """The writer thread and its queue."""

    def __init__(self, store: Store, watcher: LedgerWatcher) -> None:
        self._store = store
        self._watcher = watcher
        self._wake = threading.Condition()
        self._results: deque[Result] = deque()
        self._states: dict[str, MonitorState] = {}
        self._units: deque[_Unit] = deque()
        self._oldest = 0.0
        self._closing_by: float | None = None
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="saasobs-ledger", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Results and pieces of work that are not committed yet."""
        return len(self._results) + len(self._units)

    def add(self, result: Result, state: MonitorState | None = None) -> None:
        """Write a result (and the newest state of its monitor) with the next batch. Never blocks."""
        with self._wake:
            if not self._results:
                self._oldest = time.monotonic()
                self._wake.notify()
            elif len(self._results) + 1 == BATCH_ROWS:
                self._wake.notify()
            self._results.append(result)
            if state is not None:
                self._states[state.monitor] = state
            dropped = len(self._results) - MAX_WAITING_RESULTS
            for _ in range(dropped):
                self._results.popleft()
        if dropped > 0:
            self._watcher.results_dropped(dropped)

    def submit(
        self, work: Work[T], *, patient: bool, result: Result | None = None, state: MonitorState | None = None
    ) -> Future[T]:
        """Commit a piece of work at once, in one transaction with the result and the state that it follows from.

        Patient work survives a broken store; it must be safe to run again. States go in by name, the newest wins,
        so that work never writes an older state over a newer one.
        """
        unit = _Unit(work, patient)
        with self._wake:
            if result is not None:
                self._oldest = self._oldest if self._results else time.monotonic()
                self._results.append(result)
            if state is not None:
                self._states[state.monitor] = state
            if self._closing_by is not None and not self._thread.is_alive():
                unit.future.set_exception(StorageError("the daemon is stopping"))
            else:
                self._units.append(unit)
                self._wake.notify()
        return unit.future

    async def run(self, work: Work[T], *, patient: bool = False, state: MonitorState | None = None) -> T:
        """Like `submit`, awaited. :raises StorageError: for impatient work while the store is broken."""
        return await asyncio.wrap_future(self.submit(work, patient=patient, state=state))

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

    # The writer's thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._ready():
                    if self._closing_by is not None and not self.waiting:
                        return
                    self._wake.wait(self._patience())
                batch = self._take()
            if not self._commit_patiently(batch):
                return

    def _ready(self) -> bool:
        if self._units or len(self._results) >= BATCH_ROWS:
            return True
        if not self._results:
            return False
        return self._closing_by is not None or time.monotonic() - self._oldest >= BATCH_SECONDS

    def _patience(self) -> float | None:
        return max(0.001, self._oldest + BATCH_SECONDS - time.monotonic()) if self._results else None

    def _take(self) -> _Batch:
        # All waiting results go along: a transition's own are among them, and one commit costs as much as another.
        # Work whose caller has gone away meanwhile (a cancelled ping) is dropped; from here on it cannot be cancelled.
        units = [unit for unit in self._units if unit.future.set_running_or_notify_cancel()]
        batch = _Batch(list(self._results), self._states, units)
        self._results.clear()
        self._units.clear()
        self._states = {}
        return batch

    def _commit_patiently(self, batch: _Batch) -> bool:
        """Commit, again and again if need be. False when the daemon closes with the store still broken."""
        for tries in range(1_000_000_000):
            try:
                self._commit(batch)
            except StorageError as error:
                self._suffer(error, batch)
            else:
                self._recover()
                return True
            if self._closing_by is not None and time.monotonic() > self._closing_by:
                self._put_back(batch)
                return False
            self._rest(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)], batch)
        return False

    def _commit(self, batch: _Batch) -> None:
        """All in one transaction; when one piece of work is at fault itself, each on its own."""
        try:
            values = self._transact(batch, batch.units)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the rest must be written
            self._isolate(batch, error)
            return
        for unit, value in zip(batch.units, values, strict=True):
            unit.future.set_result(value)
        batch.units, batch.results, batch.states = [], [], {}

    def _isolate(self, batch: _Batch, error: Exception) -> None:
        """Something in this batch cannot be written, now or ever: find it, say so, and write the rest."""
        if len(batch.results) + len(batch.states) + len(batch.units) == 1:
            self._refuse(batch, error)
            return
        for result in list(batch.results):
            self._commit(_Batch([result]))
            batch.results.remove(result)
        for state in list(batch.states.values()):
            self._commit(_Batch(states={state.monitor: state}))
            del batch.states[state.monitor]
        for unit in list(batch.units):
            self._commit(_Batch(units=[unit]))
            batch.units.remove(unit)

    def _refuse(self, batch: _Batch, error: Exception) -> None:
        """The one thing in this batch is at fault: drop it, loudly."""
        log.error("ledger.refused", error=repr(error), results=[result.check.monitor for result in batch.results])
        if batch.units:
            batch.units.pop().future.set_exception(error)
        if batch.results:
            self._watcher.results_dropped(1)
        batch.results, batch.states = [], {}

    def _transact(self, batch: _Batch, units: list[_Unit]) -> list[Any]:
        with self._store.write() as transaction:
            if batch.results:
                transaction.add_results(batch.results)
            for state in batch.states.values():
                transaction.save_state(state)
            return [unit.work(transaction) for unit in units]

    def _suffer(self, error: StorageError, batch: _Batch) -> None:
        if not self._failing:
            log.error("storage.failed", kind=error.kind, error=str(error), waiting=len(batch.results))
        self._failing = True
        self._watcher.storage_failed(error)
        for unit in [unit for unit in batch.units if not unit.patient]:
            batch.units.remove(unit)
            unit.future.set_exception(error)

    def _recover(self) -> None:
        if self._failing:
            self._failing = False
            log.info("storage.mended")
            self._watcher.storage_mended()

    def _rest(self, seconds: float, batch: _Batch) -> None:
        """Wait before the next try; take in what came meanwhile, so that impatient work is answered."""
        with self._wake:
            self._wake.wait_for(lambda: self._closing_by is not None, timeout=seconds)
            newer = self._take()
        batch.results.extend(newer.results)
        batch.states.update(newer.states)
        batch.units.extend(newer.units)
        excess = len(batch.results) - MAX_WAITING_RESULTS
        if excess > 0:
            del batch.results[:excess]
            self._watcher.results_dropped(excess)

    def _put_back(self, batch: _Batch) -> None:
        with self._wake:
            self._results.extendleft(reversed(batch.results))
            self._units.extendleft(reversed(batch.units))
        for unit in batch.units:
            unit.future.set_exception(StorageError("the daemon stopped before the store was mended"))
