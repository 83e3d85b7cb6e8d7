"""One fault, one report and one traceback in the log, however many layers see it."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

import saasobs
from saasobs.instrument.errors.report import Report
from saasobs.instrument.state import Operation, RequestFacts, enter, leave, set_tenant, set_user
from support.capture import Captured, captured


@pytest.fixture
def out() -> Iterator[Captured]:
    with captured() as capture:
        yield capture


@pytest.fixture
def reports(out: Captured) -> list[Report]:
    found: list[Report] = []
    out.instrumentation.errors.sinks.append(found.append)
    return found


@pytest.fixture
def operation() -> Iterator[Operation]:
    request = Operation("abc")
    request.trace_id, request.span_id = "0" * 31 + "1", "0" * 15 + "2"
    request.facts = lambda: RequestFacts(
        "POST",
        "https://shop.example/orders/7",
        "page=2&token=hunter2",
        (("host", "shop.example"), ("cookie", "sid=hunter2"), ("x-note", "ana@acme.example")),
        "10.0.0.9",
        "/orders/{order}",
    )
    token = enter(request)
    yield request
    leave(token)


def failed(message: str = "password=hunter2") -> Exception:
    try:
        raise ValueError(message)  # noqa: TRY301 - with a traceback
    except ValueError as error:
        return error


def test_every_layer_sees_it_and_it_is_one(out: Captured, reports: list[Report], operation: Operation) -> None:
    """The app logs it by two ways and reports it, the layer sees it, the server logs it: one report, no extra line."""
    error = failed()
    errors = out.instrumentation.errors
    saasobs.get_logger("shop").error("order.failed", exc_info=error, order=7)
    logging.getLogger("shop").error("again", exc_info=error)
    errors.capture(error, handled=True, source="app")
    errors.capture(error, handled=False, source="server")
    assert [report.source for report in reports] == ["log"]
    assert [line["event"] for line in out.lines()] == ["order.failed", "again"]
    assert {line["fingerprint"] for line in out.lines()} == {reports[0].fingerprint}


def test_a_report_is_the_moment(out: Captured, reports: list[Report], operation: Operation) -> None:
    """Route, trace, tenant, user, request, bound fields and the last lines are in it, scrubbed."""
    set_tenant("acme")
    set_user(7, email="ana@acme.example")
    saasobs.bind(order=7)
    saasobs.get_logger("shop").info("order.loaded", token="hunter2")
    out.instrumentation.errors.capture(failed(), handled=False, source="server")
    (report,) = reports
    assert (report.error_type, report.message, report.handled) == ("ValueError", "password=***", False)
    assert (report.kind, report.route, report.correlation_id, report.tenant) == (
        "request",
        "/orders/{order}",
        "abc",
        "acme",
    )
    assert report.trace == {"trace_id": "0" * 31 + "1", "span_id": "0" * 15 + "2"}
    assert report.user == {"id": "7", "email": "ana@acme.example"}
    assert report.request == {
        "method": "POST",
        "url": "https://shop.example/orders/7",
        "query_string": "page=2&token=***",
        "headers": {"host": "shop.example", "cookie": "***", "x-note": "***@acme.example"},
        "client": "10.0.0.9",
    }
    assert report.fields == {"order": 7}
    assert [(crumb["event"], crumb["token"]) for crumb in report.crumbs] == [("order.loaded", "***")]
    assert "test_errors_capture.py:" in report.code


def test_a_fault_that_nobody_logged_is_a_line(out: Captured, reports: list[Report], operation: Operation) -> None:
    """Without a DSN the line is all there is: type, traceback, fingerprint, place, and whose request it was."""
    set_tenant("acme")
    assert saasobs_capture(out, failed()) == ""
    (line,) = out.lines("exception")
    assert (line["error_type"], line["error"], line["level"]) == ("ValueError", "password=***", "error")
    assert (line["handled"], line["source"], line["route"]) == (True, "app", "/orders/{order}")
    assert (line["correlation_id"], line["tenant"], line["fingerprint"]) == ("abc", "acme", reports[0].fingerprint)
    assert line["exception"].endswith("ValueError: password=***")
    assert "test_errors_capture.py:" in line["code"]
    assert "error_id" not in line


def saasobs_capture(out: Captured, error: BaseException) -> str:
    return out.instrumentation.errors.capture(error, handled=True, source="app")


def test_the_same_object_for_another_request(out: Captured, reports: list[Report]) -> None:
    """An exception kept and raised again is reported for each request."""
    error = failed()
    for correlation in ("one", "two"):
        token = enter(Operation(correlation))
        saasobs_capture(out, error)
        saasobs_capture(out, error)
        leave(token)
    assert [report.correlation_id for report in reports] == ["one", "two"]


def test_what_is_no_fault(out: Captured, reports: list[Report]) -> None:
    """Exits, interrupts and cancellations are not reported; a group that holds a fault is."""
    for error in (SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()):
        saasobs_capture(out, error)
    saasobs_capture(out, BaseExceptionGroup("x", [asyncio.CancelledError()]))
    assert reports == []
    saasobs_capture(out, BaseExceptionGroup("x", [asyncio.CancelledError(), ValueError("y")]))
    assert len(reports) == 1


def test_only_errors_are_reported_from_the_log(out: Captured, reports: list[Report]) -> None:
    """A warning with a traceback, and a logger of our own or of Sentry's, report nothing."""
    saasobs.get_logger("x").warning("late", exc_info=failed())
    logging.getLogger("sentry_sdk.errors").error("x", exc_info=failed())
    saasobs.get_logger("x").error("no exception")
    assert reports == []
    saasobs.get_logger("x").critical("bad", exc_info=failed())
    logging.getLogger("asyncio").error("Task exception was never retrieved", exc_info=failed())
    assert [(report.level, report.handled) for report in reports] == [("critical", True), ("error", False)]


def test_a_storm_costs_little(out: Captured, reports: list[Report]) -> None:
    """Of one kind some thirty are reported at once; the rest is counted, and the count is told."""
    errors = out.instrumentation.errors
    for number in range(200):
        saasobs_capture(out, failed(f"order {number}"))
    assert 30 <= len(reports) <= 32
    assert len(out.lines("exception")) == len(reports)
    errors.flush(1)
    (line,) = out.lines("exception.suppressed")
    assert (line["error_type"], line["count"]) == ("ValueError", 200 - len(reports))
    assert line["fingerprint"] == reports[0].fingerprint


class Hostile(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_hostile_exceptions_and_sinks(out: Captured, reports: list[Report], operation: Operation) -> None:
    """An exception that cannot speak is reported; facts that fail are counted, and nothing is raised."""
    saasobs_capture(out, Hostile())
    assert reports[0].message == "<unprintable Hostile>"

    def broken() -> RequestFacts:
        raise RuntimeError("no")

    operation.facts = broken
    assert saasobs_capture(out, failed()) == ""
    assert out.value("saasobs_internal_errors_total", hook="capture") == 1


def test_a_wrong_dsn_is_one_warning() -> None:
    """It is said once, without the secret, and errors are lines."""
    with captured(sentry_dsn="https://hunter2@errors.example/none") as out:
        saasobs_capture(out, failed())
        problems = [line["problem"] for line in out.lines("saasobs.misconfigured")]
        assert len(out.lines("exception")) == 1
    assert len(problems) == 1
    assert "hunter2" not in problems[0]


_ENDING = """
import threading, saasobs
saasobs.instrument()
def work(): raise KeyError("in a thread")
thread = threading.Thread(target=work); thread.start(); thread.join()
raise ValueError("at the end")
"""


def test_what_nobody_catches() -> None:
    """The exception that ends a thread and the one that ends the process are lines, and Python still prints them."""
    ran = subprocess.run([sys.executable, "-c", _ENDING], capture_output=True, text=True, timeout=60, check=False)
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [(line["event"], line["error_type"], line["source"], line["level"]) for line in lines] == [
        ("exception", "KeyError", "thread", "error"),
        ("exception", "ValueError", "process", "critical"),
    ]
    assert ran.returncode == 1
    assert "ValueError: at the end" in ran.stderr
    assert "KeyError: 'in a thread'" in ran.stderr
