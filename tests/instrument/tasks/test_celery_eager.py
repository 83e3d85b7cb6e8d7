"""Celery's signals without a worker: eager tasks in the operation of their caller, and what a message carries."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery

import saasobs
from saasobs.instrument import installing, propagation
from saasobs.instrument.state import current
from saasobs.instrument.tasks.celery import SENT_AT, CelerySignals, _could_begin
from support.capture import Captured, captured


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    loggers = [logging.getLogger(name) for name in ("celery.app.trace", "celery.worker.strategy")]
    before = [(logger, logger.level, list(logger.filters)) for logger in loggers]
    with captured() as capture:
        monkeypatch.setattr(installing._Process, "instrumentation", capture.instrumentation)
        signals = CelerySignals(capture.instrumentation)
        signals.connect()
        yield capture
        signals.disconnect()
    for logger, level, filters in before:
        logger.setLevel(level)
        logger.filters[:] = filters


@pytest.fixture
def app() -> Celery:
    app = Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.task_always_eager = True
    return app


class Boom(Exception):
    pass


def test_eager_tasks_are_in_their_callers_operation(out: Captured, app: Celery) -> None:
    """They have its ID and trace, and a line of their own."""

    @app.task(name="add")
    def add(number: int) -> int:
        saasobs.bind(number=number)
        return number + 1

    with saasobs.job("caller"):
        assert add.delay(1).get() == 2
        outer = current()
    assert outer is not None
    assert current() is None
    (task,), (job,) = out.lines("task.run"), out.lines("job.run")
    assert task["correlation_id"] == job["correlation_id"]
    assert task["trace_id"] == job["trace_id"]
    assert (task["number"], "number" in job) == (1, False)


@pytest.mark.parametrize("propagates", [False, True])
def test_an_eager_failure(out: Captured, app: Celery, propagates: bool) -> None:
    """Whether it is raised into the caller or kept in the result: one failure, and nothing left behind."""
    app.conf.task_eager_propagates = propagates

    @app.task(name="fail")
    def fail() -> None:
        raise Boom

    if propagates:
        with pytest.raises(Boom):
            fail.delay()
    else:
        assert fail.delay().state == "FAILURE"
    (line,) = out.lines("task.run")
    assert (line["outcome"], line["error_type"]) == ("failure", "Boom")
    assert current() is None


def test_eager_retries(out: Captured, app: Celery) -> None:
    """Each attempt is a run: retries, and one failure at the end."""

    @app.task(name="flaky", autoretry_for=(Boom,), max_retries=2, retry_backoff=False, default_retry_delay=0)
    def flaky() -> None:
        raise Boom

    with saasobs.job("caller"):
        assert flaky.delay().state == "FAILURE"
    lines = out.lines("task.run")
    assert [line["outcome"] for line in lines] == ["retry", "retry", "failure"]
    assert [line["attempt"] for line in lines] == [1, 2, 3]
    assert ["Boom" in line.get("exception", "") for line in lines] == [True, True, False]
    (report,) = out.lines("exception")
    assert report["fingerprint"] == lines[0]["fingerprint"]
    assert len({line["correlation_id"] for line in lines}) == 1


def test_what_a_message_carries(out: Captured) -> None:
    """Headers of the operation and the time; outside of one, what was there stays, as a lost worker's retry needs."""
    signals = CelerySignals(out.instrumentation)
    headers: dict[str, Any] = {}
    with saasobs.job("caller"):
        carried = propagation.carry()
        signals.before_publish(headers=headers)
    assert headers == {**carried, SENT_AT: headers[SENT_AT]}
    assert abs(time.time() - headers[SENT_AT]) < 60
    again = dict(headers)
    signals.before_publish(headers=again)
    assert {**again, SENT_AT: 0} == {**headers, SENT_AT: 0}
    signals.before_publish(headers=None)
    assert headers.keys().isdisjoint({"correlation_id", "id", "task"}), "Celery has headers of these names"


def test_when_a_task_could_begin() -> None:
    """A task that was sent for later has waited from then on."""
    sent = time.time()
    later = datetime.fromtimestamp(sent, UTC) + timedelta(seconds=60)
    assert _could_begin({}) is None
    assert _could_begin({SENT_AT: "x"}) is None
    assert _could_begin({SENT_AT: sent}) == sent
    assert _could_begin({SENT_AT: sent, "eta": "nonsense"}) == sent
    for eta in (later.isoformat(), later.replace(tzinfo=None).isoformat()):
        assert _could_begin({SENT_AT: sent, "eta": eta}) == pytest.approx(sent + 60)
    assert _could_begin({SENT_AT: sent, "eta": "2020-01-01T00:00:00"}) == sent


def test_a_revoked_task_is_told(out: Captured) -> None:
    """In the main process, with the sender's ID."""

    class Task:
        name = "shop.invoice"

    class Request:
        def __init__(self, **fields: Any) -> None:
            vars(self).update(fields)

    with saasobs.job("caller"):
        carried = propagation.carry()
    signals = CelerySignals(out.instrumentation)
    signals.revoked(Task, Request(id="t-1", **carried), terminated=False, signum=None, expired=False)
    signals.revoked(Task, Request(id="t-2", **carried), terminated=False, signum=None, expired=True)
    first, second = out.lines("task.run")
    assert (first["outcome"], second["outcome"]) == ("revoked", "expired")
    assert first["correlation_id"] == out.lines("job.run")[0]["correlation_id"]


def test_arguments_are_not_logged(out: Captured, app: Celery) -> None:
    """A failure's lines, Celery's own too, come without the task's arguments."""

    @app.task(name="fail")
    def fail(card: str) -> None:
        raise Boom

    fail.delay("4111-1111")
    assert "Boom" in out.text()
    assert "4111" not in out.text()
