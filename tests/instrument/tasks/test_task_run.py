"""One run of a task: an operation with the sender's ID and trace, told once, and nothing of it left behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

import saasobs
from saasobs.instrument import names, propagation
from saasobs.instrument.queries.log import record
from saasobs.instrument.state import Operation, current, enter, leave
from saasobs.instrument.tasks.run import Work, begin
from support.capture import Captured, captured


@pytest.fixture
def out() -> Iterator[Captured]:
    with captured() as capture:
        yield capture


def task(**changes: Any) -> Work:
    return Work(**{"name": "shop.invoice", "system": "celery", "task_id": "t-1", "queue": "mail", **changes})


def count(out: Captured, outcome: str) -> float | None:
    labels = {names.TASK_SYSTEM: "celery", names.TASK: "shop.invoice", names.OUTCOME: outcome}
    return out.value(f"{names.TASK_DURATION}_count", **labels)


def test_a_run_continues_what_its_sender_carried(out: Captured) -> None:
    """The sender's ID and trace go on; without a sender the ID is the message's own."""
    sender = Operation("order-7")
    out.instrumentation.tracer.begin(sender)
    token = enter(sender)
    carried = propagation.carry()
    leave(token)
    run = begin(out.instrumentation, task(), carried)
    assert run is not None
    assert current() is run.operation
    assert (run.operation.correlation_id, run.operation.trace_id) == ("order-7", sender.trace_id)
    assert run.operation.span_id != sender.span_id
    run.end("success")
    alone = begin(out.instrumentation, task())
    assert alone is not None
    assert alone.operation.correlation_id == "t-1"
    alone.end("success")
    assert current() is None


@pytest.mark.parametrize("hostile", ["", "a b", "x" * 129, 'a"b', 7, None, b"x", ["a"], {"a": "b"}])
def test_a_hostile_message(out: Captured, hostile: Any) -> None:
    """Whatever stands in a message, the run has an ID that is safe, and begins."""
    carrier = dict.fromkeys([*propagation.carry(), "x-request-id", "traceparent", "tracestate", "baggage"], hostile)
    run = begin(out.instrumentation, task(task_id='a"b'), carrier)
    assert run is not None
    run.end("success")
    (line,) = out.lines("task.run")
    assert line["correlation_id"].isalnum()
    assert line["correlation_id"] not in (hostile, 'a"b')


def test_the_line_and_the_numbers(out: Captured) -> None:
    """One line says what, where, how long, how it ended and how long it had waited; the metrics agree."""
    run = begin(out.instrumentation, task(sent_at=time.time() - 5, attempt=2))
    assert run is not None
    gauge = {names.TASK_SYSTEM: "celery", names.TASK: "shop.invoice"}
    assert out.value(names.TASKS_ACTIVE, **gauge) == 1
    saasobs.bind(order=7)
    saasobs.set_tenant("acme")
    record("SELECT 1 FROM orders", 0.25, "postgresql")
    run.end("success")
    (line,) = out.lines("task.run")
    expected = {
        "name": "shop.invoice", "system": "celery", "queue": "mail", "task_id": "t-1", "attempt": 2, "level": "info",
        "outcome": "success", "order": 7, "tenant": "acme", "db_queries": 1, "db_ms": 250.0, "correlation_id": "t-1",
    }  # fmt: skip
    assert {field: line.get(field) for field in expected} == expected
    assert 5000 <= line["wait_ms"] < 60_000
    assert count(out, "success") == 1
    assert out.value(names.TASKS_ACTIVE, **gauge) == 0
    assert out.value(f"{names.TASK_QUEUE_WAIT}_sum", **gauge) == pytest.approx(line["wait_ms"] / 1000, abs=0.01)


def test_a_clock_that_differs(out: Captured) -> None:
    """A sender whose clock is ahead has not been waited for less than no time."""
    run = begin(out.instrumentation, task(sent_at=time.time() + 100))
    assert run is not None
    run.end("success")
    assert out.lines("task.run")[0]["wait_ms"] == 0


class Boom(Exception):
    pass


@pytest.mark.parametrize(
    ("outcome", "error", "expected", "level", "reports"),
    [
        ("success", None, False, "info", 0),
        ("failure", Boom(), False, "error", 1),
        ("failure", Boom(), True, "info", 0),
        ("timeout", TimeoutError(), False, "error", 1),
        ("failure", SystemExit(3), False, "error", 0),
        ("retry", Boom(), False, "warning", 0),
        ("rejected", Boom(), False, "warning", 0),
        ("cancelled", KeyboardInterrupt(), False, "info", 0),
        ("missed", None, False, "warning", 0),
    ],
)
def test_what_is_an_error(
    out: Captured,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Any,
    error: BaseException | None,
    expected: bool,
    level: str,
    reports: int,
) -> None:
    """Only what failed for good, unexpectedly, is reported, and once."""
    reported: list[BaseException] = []
    errors = type(out.instrumentation.errors)
    monkeypatch.setattr(errors, "capture", lambda _self, fault, **_more: reported.append(fault))
    run = begin(out.instrumentation, task())
    assert run is not None
    if reports and error is not None:
        run.report(error)
    run.end(outcome, error, expected=expected)
    (line,) = out.lines("task.run")
    assert (line["outcome"], line["level"]) == (outcome, level)
    assert line.get("error_type") == (type(error).__name__ if error is not None else None)
    assert len(reported) == reports
    assert count(out, outcome) == 1


def test_below_the_level_nothing_is_written() -> None:
    """A process that logs warnings only still counts its tasks."""
    with captured(log_level="WARNING") as out:
        run = begin(out.instrumentation, task())
        assert run is not None
        run.end("success")
        assert out.lines("task.run") == []
        assert count(out, "success") == 1


def test_runs_inside_runs(out: Captured) -> None:
    """An eager task in a task leaves its own operation only."""
    outer = begin(out.instrumentation, task())
    inner = begin(out.instrumentation, task(), propagation.carry())
    assert outer is not None
    assert inner is not None
    inner.end("success")
    assert current() is outer.operation
    outer.end("success")
    first, second = out.lines("task.run")
    assert first["trace_id"] == second["trace_id"]


def test_when_we_fail_the_task_runs(out: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure of ours is counted; the operation is left whatever happens at its end."""
    monkeypatch.setattr(type(out.instrumentation.metrics.tasks), "finished", None)
    run = begin(out.instrumentation, task())
    assert run is not None
    run.end("success")
    assert current() is None
    monkeypatch.setattr(type(out.instrumentation.metrics.tasks), "started", None)
    assert begin(out.instrumentation, task()) is None
    assert current() is None
    assert out.value(names.INTERNAL_ERRORS, hook="task") == 2
