"""APScheduler's jobs: a run for each time that they are due, in every executor."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import apscheduler.executors.asyncio
import apscheduler.executors.pool
import pytest
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MISSED
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler

import saasobs
from saasobs.instrument import installing
from saasobs.instrument.state import current
from saasobs.instrument.tasks import apscheduler as ours
from support.capture import Captured, captured
from support.daemon import wait_until


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    modules = (apscheduler.executors.pool, apscheduler.executors.asyncio)
    for module, name in [(module, name) for module in modules for name in ("run_job", "run_coroutine_job")]:
        if hasattr(module, name):
            monkeypatch.setattr(module, name, getattr(module, name))  # undone at the end
    monkeypatch.setattr(ours._Installed, "process", None)
    with captured() as capture:
        monkeypatch.setattr(installing._Process, "instrumentation", capture.instrumentation)
        ours.install(capture.instrumentation)
        yield capture


class Boom(Exception):
    pass


def hello() -> None:
    saasobs.bind(order=7)
    saasobs.get_logger("shop").info("inside")


def fail() -> None:
    raise Boom


def test_a_jobs_lines_have_its_id(out: Captured) -> None:
    """Its own and the scheduler's; each run has another ID, also when the scheduler was begun in an operation."""
    events: list[int] = []
    with saasobs.job("starts the scheduler"):
        scheduler = BackgroundScheduler()
        scheduler.add_listener(lambda event: events.append(event.code), EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        scheduler.start()
        scheduler.add_job(hello, name="invoices")
        scheduler.add_job(fail)
    wait_until(lambda: len(events) == 2)
    scheduler.shutdown()
    assert sorted(events) == [EVENT_JOB_EXECUTED, EVENT_JOB_ERROR]
    runs = {line["name"]: line for line in out.lines("job.run") if line.get("system") == "apscheduler"}
    (inside,) = out.lines("inside")
    done, failed = runs["invoices"], runs["fail"]
    assert inside["correlation_id"] == done["correlation_id"] != failed["correlation_id"]
    assert (done["outcome"], done["order"], done["system"]) == ("success", 7, "apscheduler")
    assert (failed["outcome"], failed["error_type"], failed["level"]) == ("failure", "Boom", "error")
    assert "order" not in failed
    assert done["wait_ms"] >= 0
    own = [line for line in out.lines() if line["logger"].startswith("apscheduler.executors")]
    assert {line.get("correlation_id") for line in own} == {done["correlation_id"], failed["correlation_id"]}
    (starter,) = (line for line in out.lines("job.run") if "system" not in line)
    assert starter["correlation_id"] not in {done["correlation_id"], failed["correlation_id"]}


async def test_coroutines(out: Captured) -> None:
    """Jobs that run at the same time on one loop have an ID each."""
    done = asyncio.Event()

    async def tick(last: bool) -> None:
        saasobs.bind(last=last)
        await asyncio.sleep(0.01)
        if last:
            done.set()

    scheduler = AsyncIOScheduler()
    scheduler.start()
    scheduler.add_job(tick, args=[False], name="first")
    scheduler.add_job(tick, args=[True], name="last")
    await done.wait()
    while len(out.lines("job.run")) < 2:
        await asyncio.sleep(0.01)
    scheduler.shutdown()
    runs = {line["name"]: line for line in out.lines("job.run")}
    assert (runs["first"]["last"], runs["last"]["last"]) == (False, True)
    assert runs["first"]["correlation_id"] != runs["last"]["correlation_id"]
    assert current() is None


class Job:
    """A job as an executor has it."""

    id = name = "invoices"
    args: tuple[Any, ...] = ()
    kwargs: ClassVar[dict[str, Any]] = {}
    misfire_grace_time = 1
    func = staticmethod(hello)


def test_a_missed_run_is_told(out: Captured) -> None:
    """Of two due times one has passed too long ago: one run is missed, with how late it was, the other is done."""
    now = datetime.now(UTC)
    events = ours.run_job(Job, "default", [now - timedelta(hours=1), now], "apscheduler.executors.default")
    assert [event.code for event in events] == [EVENT_JOB_MISSED, EVENT_JOB_EXECUTED]
    missed, done = out.lines("job.run")
    assert (missed["outcome"], missed["level"], done["outcome"]) == ("missed", "warning", "success")
    assert missed["wait_ms"] >= 3_600_000


def test_the_process_pool_can_send_it(out: Captured) -> None:
    """Our functions are found by name, and work in a child that has set nothing up."""
    assert pickle.loads(pickle.dumps(apscheduler.executors.pool.run_job)) is ours.run_job
    ours._Installed.process = None
    (event,) = ours.run_job(Job, "default", [datetime.now(UTC)], "apscheduler.executors.default")
    assert event.code == EVENT_JOB_EXECUTED
