"""Calendar work, on APScheduler: roll-ups, retention, the daemon's own heartbeat.

Not the checks: those have their own agenda (a firing here costs more than a check). A busy moment never skips a job:
the misfire grace is without limit and firings that fell together run once.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC

import httpx
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from saasobs.core.errors import StorageError
from saasobs.core.ports import Clock
from saasobs.core.values import SECOND, Secret
from saasobs.daemon.ledger import Ledger

log = structlog.get_logger("saasobs.calendar")
Job = Callable[[], Awaitable[None]]


class Calendar:
    """The jobs that run by the clock on the wall."""

    def __init__(self) -> None:
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)

    def start(self) -> None:
        self._scheduler.start()

    def hourly(self, name: str, job: Job, *, minute: int) -> None:
        self._scheduler.add_job(
            _guarded(name, job), CronTrigger(minute=minute, timezone=UTC), id=name, replace_existing=True
        )

    def every(self, name: str, job: Job, micros: int) -> None:
        trigger = IntervalTrigger(seconds=max(1, round(micros / SECOND)), timezone=UTC)
        self._scheduler.add_job(_guarded(name, job), trigger, id=name, replace_existing=True)

    def cancel(self, name: str) -> None:
        if self._scheduler.get_job(name):
            self._scheduler.remove_job(name)

    def restart(self) -> None:
        """The wall clock was stepped: find every next run anew."""
        for job in self._scheduler.get_jobs():
            job.reschedule(trigger=job.trigger)

    def close(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


def _guarded(name: str, job: Job) -> Job:
    """A job that fails says so and comes round again; it takes nothing down with it."""

    async def run() -> None:
        try:
            await job()
        except StorageError as error:
            log.warning("calendar.postponed", job=name, error=str(error))
        except Exception:
            log.exception("calendar.job_broken", job=name)

    return run


class Housekeeping:
    """Roll-ups and retention, in bites small enough that the writer is never held for long."""

    BITES = 1_000

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self._clock = clock
        self._ledger = ledger

    async def roll_up(self) -> None:
        written = await self._until_done(lambda now: self._ledger.run(lambda transaction: transaction.roll_up(now)))
        log.info("calendar.rolled_up", rows=written)

    async def prune(self) -> None:
        gone = await self._until_done(lambda now: self._ledger.run(lambda transaction: transaction.prune(now)))
        if gone:
            log.info("calendar.pruned", rows=gone)

    async def _until_done(self, bite: Callable[[int], Awaitable[int]]) -> int:
        now, total = self._clock.now(), 0
        for _ in range(self.BITES):
            count = await bite(now)
            total += count
            if not count:
                break
        return total


class OwnHeartbeat:
    """Tells an outside service that the daemon lives, and stays silent while it is not well: silence is the alarm."""

    def __init__(self, url: Secret, problems: Callable[[], list[str]], observe: Callable[[str], None]) -> None:
        self._url = url
        self._problems = problems
        self._observe = observe

    async def send(self) -> None:
        if problems := self._problems():
            self._observe("withheld")
            log.warning("own_heartbeat.withheld", problems=problems)
            return
        try:
            async with httpx.AsyncClient(timeout=10, follow_redirects=True) as client:
                (await client.get(self._url.reveal())).raise_for_status()
        except httpx.HTTPError as error:
            self._observe("failed")
            log.warning("own_heartbeat.failed", error=type(error).__name__)
        else:
            self._observe("sent")


def plan_own_heartbeat(
    calendar: Calendar,
    url: Secret | None,
    interval: int,
    problems: Callable[[], list[str]],
    observe: Callable[[str], None],
) -> None:
    """:param url: None: there is nobody to tell."""
    if url is None:
        calendar.cancel("own_heartbeat")
    else:
        calendar.every("own_heartbeat", OwnHeartbeat(url, problems, observe).send, interval)
