"""Every record of the process, whoever logs it, has one shape."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
import structlog
from structlog.testing import capture_logs

import saasobs
from saasobs.instrument.logs.setup import tame_server_loggers
from saasobs.instrument.state import Operation, current, enter, leave
from support.capture import Captured, captured


@pytest.fixture
def out() -> Iterator[Captured]:
    with captured() as capture:
        yield capture


def test_one_shape_for_all(out: Captured) -> None:
    """structlog, the standard library and a server's logger give the same fields in the same order."""
    saasobs.get_logger("shop").info("invoice.sent", invoice=42)
    logging.getLogger("apscheduler.scheduler").warning("job %s late", 7, extra={"job": "x"})
    logging.getLogger("uvicorn.error").info("Started", extra={"color_message": "noise"})
    own, scheduler, server = out.lines()
    assert list(own)[:5] == list(scheduler)[:5] == list(server)[:5]
    assert (own["event"], own["invoice"], own["logger"], own["service"]) == ("invoice.sent", 42, "shop", "shop")
    assert (scheduler["event"], scheduler["level"], scheduler["job"]) == ("job 7 late", "warning", "x")
    assert "color_message" not in server


def test_colours_are_left_out(out: Captured) -> None:
    """What a library paints for a terminal is text without its paint; other control characters stay visible."""
    logging.getLogger("werkzeug").info("\x1b[31m\x1b[1mWARNING: %s\x1b[0m \x1b]0;title", "development server")
    (line,) = out.lines()
    assert line["event"] == "WARNING: development server \x1b]0;title"


def test_the_default_name_is_the_module(out: Captured) -> None:
    """A logger without a name is called after the module that asked for it."""
    saasobs.get_logger().info("a.b")
    assert out.lines()[0]["logger"] == __name__


def test_loggers_of_structlog_itself_come_out_too(out: Captured) -> None:
    """An app's own structlog loggers and bound context variables need no change."""
    with structlog.contextvars.bound_contextvars(order=7):
        structlog.get_logger("x").bind(a=1).info("b.c", d=2)
    line = out.lines()[0]
    assert (line["logger"], line["order"], line["a"], line["d"]) == ("x", 7, 1, 2)


async def test_async_methods(out: Captured) -> None:
    """structlog's async methods work, with the level's filter."""
    await saasobs.get_logger("x").ainfo("a.b", n=1)
    await saasobs.get_logger("x").adebug("quiet")
    assert [line["event"] for line in out.lines()] == ["a.b"]


def test_no_call_ever_raises(out: Captured) -> None:
    """Reserved names, arguments that do not fit, and missing events are shown, never raised."""
    log = saasobs.get_logger("x")
    log.info("first", event="second", logger="third", level="fourth")  # type: ignore[misc]
    log.info("%d %d", 1)  # noqa: PLE1206 - on purpose
    log.info("%(who)s", {"who": "ana"})
    log.info(None)  # type: ignore[arg-type]
    first, numbers, who, none = out.lines()
    assert (first["event"], first["event_"], first["logger_"], first["level_"]) == (
        "first",
        "second",
        "third",
        "fourth",
    )
    assert (numbers["event"], who["event"], none["event"]) == ("%d %d (1,)", "ana", "")


def test_odd_records_of_the_standard_library() -> None:
    """A record whose arguments do not fit, or whose message is no text, is shown."""
    with captured() as out:
        logging.getLogger("y").info("%d", "text")
        logging.getLogger("y").info({"a": 1})
        assert [line["event"] for line in out.lines()] == ["%d ('text',)", "{'a': 1}"]


def test_levels(out: Captured) -> None:
    """Below the level nothing is written, also by a library's logger with a level of its own."""
    saasobs.get_logger("x").debug("quiet", event="twice")  # type: ignore[misc]
    chatty = logging.getLogger("chatty.library")
    chatty.setLevel(logging.DEBUG)
    chatty.debug("quiet")
    saasobs.get_logger("x").fatal("loud")  # type: ignore[attr-defined, unused-ignore]
    assert [(line["event"], line["level"]) for line in out.lines()] == [("loud", "critical")]


def test_an_exception_is_in_its_line(out: Captured) -> None:
    """The type and the traceback are fields; the traceback stays within its line."""
    try:
        _ = 1 / 0
    except ZeroDivisionError as error:
        saasobs.get_logger("x").exception("a.failed", n=1)
        logging.getLogger("y").exception("b failed")
        saasobs.get_logger("x").error("c.failed", exc_info=error)
    saasobs.get_logger("x").error("d.failed", exc_info=True)
    *three, without = out.lines()
    for line in three:
        assert line["error_type"] == "ZeroDivisionError"
        assert line["exception"].splitlines()[0] == "Traceback (most recent call last):"
        assert line["level"] == "error"
    assert "exception" not in without


def test_bind_outside_of_a_request_stays_in_its_task(out: Captured) -> None:
    """What one task binds is on its own lines only."""

    async def work(name: str) -> None:
        saasobs.bind(job=name)
        await asyncio.sleep(0)
        saasobs.get_logger("x").info("worked", name=name)

    async def both() -> None:
        await asyncio.gather(work("a"), work("b"))

    copy_context().run(asyncio.run, both())
    assert [(line["job"], line["name"]) for line in out.lines()] == [("a", "a"), ("b", "b")]


def test_bind_in_a_request_reaches_all_its_threads(out: Captured) -> None:
    """What a worker thread binds is on the request's later lines, and gone after the request."""
    token = enter(Operation("abc"))
    with ThreadPoolExecutor() as pool:
        pool.submit(copy_context().run, saasobs.bind, tenant="acme").result()
    saasobs.get_logger("x").info("in.request", correlation_id="explicit")
    logging.getLogger("y").info("library")
    leave(token)
    saasobs.get_logger("x").info("after")
    inside, library, after = out.lines()
    assert (inside["tenant"], inside["correlation_id"]) == ("acme", "explicit")
    assert library["correlation_id"] == "abc"
    assert "tenant" not in after


def test_capture_logs_still_works(out: Captured) -> None:
    """structlog's own way of testing keeps working for the apps that use it."""
    with capture_logs() as entries:
        saasobs.get_logger("x").info("a.b", n=1)
    assert entries == [{"event": "a.b", "n": 1, "log_level": "info"}]
    assert out.lines() == []


def test_a_failing_processor_is_counted(out: Captured) -> None:
    """A processor that the app added and that fails costs the line, not the request."""

    def broken(*_args: object) -> dict[str, object]:
        raise KeyError("x")

    structlog.configure(processors=[broken])
    saasobs.get_logger("x").info("a.b")
    assert out.value("saasobs_internal_errors_total", hook="log") == 1


def test_handlers_of_others_stay() -> None:
    """Only handlers to the terminal are replaced; a file's or a collector's stays, and ours is never there twice."""
    root = logging.getLogger()
    theirs, terminal = logging.NullHandler(), logging.StreamHandler(sys.stderr)
    with captured() as outer:
        root.addHandler(theirs)
        root.addHandler(terminal)
        with captured() as inner:
            assert theirs in root.handlers
            assert terminal not in root.handlers
            logging.getLogger("x").info("once")
        assert [line["event"] for line in inner.lines()] == ["once"]
        assert outer.lines() == []


def test_server_loggers_are_tamed_again() -> None:
    """A server that installs its handlers late loses them again, and its access log goes silent."""
    with captured() as out:
        for name in ("uvicorn", "uvicorn.access"):
            logging.getLogger(name).addHandler(logging.StreamHandler(sys.stdout))
        tame_server_loggers()
        logging.getLogger("uvicorn").warning("seen")
        logging.getLogger("uvicorn.access").warning("not seen")
        assert not logging.getLogger("uvicorn.access").hasHandlers()
        assert [line["event"] for line in out.lines()] == ["seen"]


def test_console_format() -> None:
    """With format=console a person reads one short line."""
    with captured(log_format="console") as out:
        saasobs.get_logger("x").info("invoice.sent", invoice=42)
        assert out.text().rstrip().endswith("info     invoice.sent invoice=42")


def test_what_cannot_be_written_is_counted(out: Captured) -> None:
    """Even fields that are no mapping cost a count, not an exception."""
    out.instrumentation.logs.emit("info", "a.b", "x", None)  # type: ignore[arg-type]
    out.instrumentation.logs.emit_in_context("info", "a.b", "x", None)  # type: ignore[arg-type]
    assert out.value("saasobs_internal_errors_total", hook="log") == 3
    saasobs.get_logger("x").info("c.d", exc_info=(1, 2, 3))
    assert out.value("saasobs_internal_errors_total", hook="log") == 4
    assert [line["event"] for line in out.lines()] == ["c.d"]


def test_the_stack_on_request(out: Captured) -> None:
    """`stack_info` of the standard library is a field."""
    logging.getLogger("y").info("here", stack_info=True)
    assert "test_logs.py" in out.lines()[0]["stack"]


def test_a_token_from_another_context() -> None:
    """A framework that finishes a request in another context than it began in does no harm."""
    token = copy_context().run(enter, Operation("abc"))
    leave(token)
    assert current() is None
