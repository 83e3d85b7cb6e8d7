"""Starts what is due, bounded, and hands every result on. Knows kinds of probes, nothing of judging or storing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from saasobs.core.monitor import Monitor
from saasobs.core.ports import Clock, Probe
from saasobs.core.result import Check, Outcome, Reason, Result
from saasobs.core.values import SECOND, format_duration
from saasobs.daemon.agenda import Due
from saasobs.daemon.gate import Gate
from saasobs.probes.kind import broken

GUARD_SECONDS = 2.0
"""A probe keeps its own time; only one that broke its word is stopped, this long after its timeout."""
SWEEP_SECONDS = 1.0

log = structlog.get_logger("saasobs.checks")


class CheckObserver(Protocol):
    """Whom the runner tells how punctual it is."""

    def check_started(self, kind: str, lateness: int) -> None: ...


class Runner:
    """Executions of monitors: one at a time for each monitor, bounded in all and by host."""

    def __init__(
        self,
        clock: Clock,
        probes: Mapping[str, Probe],
        gate: Gate,
        deliver: Callable[[Monitor, Result], None],
        observer: CheckObserver,
        *,
        location: str = "local",
    ) -> None:
        self._clock = clock
        self._probes = probes
        self.gate = gate
        self._deliver = deliver
        self._observer = observer
        self._location = location
        self._busy: set[str] = set()
        self._tasks: dict[asyncio.Task[None], float] = {}
        """What runs, and when at the latest it must have ended (the loop's time)."""
        self._stopped: set[asyncio.Task[None]] = set()
        """Tasks of probes that broke their word."""
        self._sweep: asyncio.TimerHandle | None = None

    def start(self, monitor: Monitor, due: Due) -> None:
        """Begin a check now or as soon as there is room; a monitor that is being checked is left alone."""
        if monitor.name in self._busy:
            return
        self._busy.add(monitor.name)
        self.gate.submit(monitor.host, lambda: self._begin(monitor, due))

    async def once(self, monitor: Monitor) -> Result:
        """Check now, past the queue, for a person who waits."""
        result = await self.ask(monitor)
        self._deliver(monitor, result)
        return result

    async def ask(self, monitor: Monitor) -> Result:
        """Check now and tell nobody but the caller."""
        check = self._check(monitor, Due(monitor.name, self._clock.now(), extra=True))
        try:
            async with asyncio.timeout(monitor.timeout / SECOND + GUARD_SECONDS):
                return await self._probe(monitor, check)
        except TimeoutError:
            return self._overran(monitor, check)

    async def close(self) -> None:
        """Stop what runs; nothing more is delivered."""
        self.gate.clear()
        if self._sweep is not None:
            self._sweep.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, monitor: Monitor, due: Due) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._run(monitor, due))
        self._tasks[task] = loop.time() + monitor.timeout / SECOND + GUARD_SECONDS
        task.add_done_callback(self._ended)
        if self._sweep is None:
            self._sweep = loop.call_later(SWEEP_SECONDS, self._stop_overdue)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        self._stopped.discard(task)  # one that took being stopped for an end of its own

    def _stop_overdue(self) -> None:
        """One timer for all: a time-out around each check would cost more than its judging."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for task in [task for task, until in self._tasks.items() if until < now]:
            self._stopped.add(task)
            task.cancel()
        self._sweep = loop.call_later(SWEEP_SECONDS, self._stop_overdue) if self._tasks else None

    async def _run(self, monitor: Monitor, due: Due) -> None:
        try:
            check = self._check(monitor, due)
            lateness = check.started_at - due.scheduled_at
            if lateness > monitor.interval and not due.extra:
                result = missed(check, lateness)
            else:
                self._observer.check_started(monitor.kind, lateness)
                result = await self._probe(monitor, check)
        finally:
            self._busy.discard(monitor.name)
            self.gate.done(monitor.host)
        try:
            self._deliver(monitor, result)
        except Exception:
            log.exception("check.not_judged", monitor=monitor.name)

    def _check(self, monitor: Monitor, due: Due) -> Check:
        now = self._clock.now()
        return Check(monitor.name, due.scheduled_at, now, self._location, int(due.extra), os.urandom(16).hex())

    async def _probe(self, monitor: Monitor, check: Check) -> Result:
        try:
            return await self._probes[monitor.kind].check(monitor, check)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task not in self._stopped:
                raise
            self._stopped.discard(task)
            task.uncancel()
            return self._overran(monitor, check)
        except Exception as error:
            # A probe promises not to raise: what comes here is our own fault and says nothing about the target.
            log.exception("check.broken", monitor=monitor.name, kind=monitor.kind)
            return broken(check, error, max(0, self._clock.now() - check.started_at))

    def _overran(self, monitor: Monitor, check: Check) -> Result:
        """A probe promises to end in time as well."""
        log.error("check.broken", monitor=monitor.name, kind=monitor.kind, error="it did not end in time")
        return broken(check, TimeoutError(), max(0, self._clock.now() - check.started_at))


def missed(check: Check, lateness: int) -> Result:
    """The slot went by: said aloud instead of silence."""
    sentence = f"not checked: this daemon was {format_duration(lateness)} late"
    return Result(check, Outcome.MISSED, reason=Reason.LATE, message=sentence)
