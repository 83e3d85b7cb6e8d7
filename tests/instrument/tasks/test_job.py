"""A job is an operation: ID, duration, outcome, error, heartbeat; and nothing about it changes for the script."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import saasobs
from saasobs.instrument import installing, names
from saasobs.instrument.state import current
from saasobs.instrument.tasks.heartbeat import wait_for_pings
from saasobs.instrument.tasks.job import ended_by
from support.capture import Captured, captured
from support.daemon import Daemon, free_port, wait_until


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    with captured() as capture:
        monkeypatch.setattr(installing._Process, "instrumentation", capture.instrumentation)
        yield capture


def count(out: Captured, job: str, outcome: str) -> float | None:
    labels = {names.TASK_SYSTEM: "job", names.TASK: job, names.OUTCOME: outcome}
    return out.value(f"{names.TASK_DURATION}_count", **labels)


def test_a_job_is_an_operation(out: Captured) -> None:
    """Its lines share one ID, its end is one line with what was bound, and it is counted."""

    @saasobs.job("nightly-invoices")
    def main(order: int, *, more: int) -> int:
        saasobs.bind(order=order)
        saasobs.get_logger("shop").info("inside")
        return order + more

    assert main(7, more=1) == 8
    assert current() is None
    inside, line = out.lines()
    assert inside["correlation_id"] == line["correlation_id"]
    assert inside["trace_id"] == line["trace_id"]
    assert (line["event"], line["name"], line["order"]) == ("job.run", "nightly-invoices", 7)
    assert (line["outcome"], line["level"]) == ("success", "info")
    assert line["duration_ms"] >= 0
    assert count(out, "nightly-invoices", "success") == 1
    assert out.value(names.TASKS_ACTIVE, **{names.TASK_SYSTEM: "job", names.TASK: "nightly-invoices"}) == 0


async def test_a_job_may_be_a_coroutine(out: Captured) -> None:
    """Of overlapping runs each has its own ID, to the end."""

    @saasobs.job("sync")
    async def main(number: int) -> int:
        saasobs.bind(number=number)
        await asyncio.sleep(0)
        return number

    assert asyncio.iscoroutinefunction(main)
    assert list(await asyncio.gather(main(1), main(2))) == [1, 2]
    first, second = out.lines("job.run")
    assert {first["number"], second["number"]} == {1, 2}
    assert first["correlation_id"] != second["correlation_id"]


def test_a_job_may_be_a_block(out: Captured) -> None:
    """A block inside a job carries on the job's ID and trace; one object may be used again, and inside itself."""
    block = saasobs.job("part")
    with saasobs.job("whole"), block, block:
        pass
    inner, outer, whole = out.lines("job.run")
    assert (inner["name"], outer["name"], whole["name"]) == ("part", "part", "whole")
    assert len({line["correlation_id"] for line in (inner, outer, whole)}) == 1
    assert len({line["trace_id"] for line in (inner, outer, whole)}) == 1
    assert len({line["span_id"] for line in (inner, outer, whole)}) == 3


def test_a_job_without_a_name(out: Captured) -> None:
    """The plain decorator takes the function's name."""

    @saasobs.job
    def import_prices() -> int:
        return 1

    assert import_prices() == 1
    assert out.lines("job.run")[0]["name"] == "import_prices"


class Boom(Exception):
    pass


def test_an_error_is_told_and_raised_bare(out: Captured) -> None:
    """The very same exception goes on, and the run is one failure with its type."""
    original = Boom("secret")

    @saasobs.job("boom")
    def main() -> None:
        raise original

    with pytest.raises(Boom) as caught:
        main()
    assert caught.value is original
    assert original.__context__ is None
    (line,) = out.lines("job.run")
    assert (line["outcome"], line["error_type"], line["level"]) == ("failure", "Boom", "error")
    assert count(out, "boom", "failure") == 1
    assert current() is None


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (None, ("success", None)),
        (SystemExit(), ("success", 0)),
        (SystemExit(0), ("success", 0)),
        (SystemExit(3), ("failure", 3)),
        (SystemExit(256), ("success", 0)),
        (SystemExit(-1), ("failure", 255)),
        (SystemExit("no"), ("failure", 1)),
        (KeyboardInterrupt(), ("cancelled", None)),
        (asyncio.CancelledError(), ("cancelled", None)),
        (Boom(), ("failure", None)),
    ],
)
def test_how_a_run_ends(error: BaseException | None, ended: tuple[str, int | None]) -> None:
    """`sys.exit` is what the operating system makes of it; an interrupt is no failure."""
    assert ended_by(error) == ended


def test_structlogs_own_bindings_end_with_the_job(out: Captured) -> None:
    """What a job binds by structlog itself is not on the next one's lines; what was there before stays."""
    from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars

    with bound_contextvars(host="a"):
        with saasobs.job("first"):
            bind_contextvars(order=1, host="b")
        with saasobs.job("second"):
            saasobs.get_logger("x").info("inside")
    clear_contextvars()
    (inside,) = out.lines("inside")
    assert inside["host"] == "a"
    assert "order" not in inside


def test_without_instrumentation_the_job_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong with us is not the job's business."""

    def broken() -> None:
        raise RuntimeError

    monkeypatch.setattr(installing, "started", broken)
    with saasobs.job("x"):
        ran = saasobs.job("y")(lambda: 1)()
    assert ran == 1


_SCRIPT = """
import sys, saasobs
@saasobs.job("nightly-invoices")
def main():
    saasobs.get_logger("shop").info("inside")
    {}
main()
"""


def script(code: str, **environ: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, log lines and stderr of a script with a job."""
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(code)],
        capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": "/usr/bin", "SAASOBS_LOG_FORMAT": "json", **environ},
    )  # fmt: skip
    return ran.returncode, [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")], ran.stderr


@pytest.mark.parametrize(
    ("code", "exit_code", "outcome"),
    [("sys.exit(3)", 3, "failure"), ("raise SystemExit", 0, "success"), ("1 / 0", 1, "failure")],
)
def test_a_script(code: str, exit_code: int, outcome: str) -> None:
    """A script needs nothing else: its lines are out when it ends, with its own exit code."""
    ended, lines, stderr = script(code)
    assert ended == exit_code
    inside, run = (line for line in lines if line["logger"] in ("shop", "saasobs.tasks"))
    assert (inside["event"], run["event"], run["outcome"]) == ("inside", "job.run", outcome)
    assert inside["correlation_id"] == run["correlation_id"]
    assert ("ZeroDivisionError" in stderr) == (code == "1 / 0")


_MONITORS = """
monitors:
  - {name: nightly-invoices, kind: heartbeat, period: 1h, grace: 10m}
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path, _MONITORS) as running:
        yield running


def test_heartbeats_of_a_real_daemon(out: Captured, daemon: Daemon) -> None:
    """A run is told at its start and its end: the monitor goes up, and down with the exit code of one that fails."""

    def monitor(status: str) -> Any:
        wait_until(lambda: daemon.api("/monitors/nightly-invoices")["state"]["status"] == status)
        return daemon.api("/monitors/nightly-invoices")

    url = daemon.api("/monitors/nightly-invoices")["ping_url"]
    assert script("pass", SAASOBS_HEARTBEAT_NIGHTLY_INVOICES=url)[0] == 0
    seen = monitor("up")["last"]["observations"]
    assert seen["runtime_us"] > 0
    assert seen["last_start"] < seen["last_ping"]
    ended, lines, _ = script("sys.exit(3)", SAASOBS_HEARTBEAT_NIGHTLY_INVOICES=url)
    assert ended == 3
    last = monitor("down")["last"]
    assert (last["reason"], last["observations"]["exit_code"]) == ("heartbeat_failed", 3)
    assert lines[-1]["correlation_id"] in last["excerpt"]
    assert "SystemExit" in last["excerpt"]
    with saasobs.job("other", heartbeat=url):
        pass
    assert wait_for_pings()
    monitor("up")


def test_a_heartbeat_that_nobody_hears(out: Captured) -> None:
    """The job goes on, and one line says so, with the job's ID and without the secret URL."""
    url = f"http://127.0.0.1:{free_port()}/ping/s3cret"
    with saasobs.job("x", heartbeat=url):
        pass
    assert wait_for_pings()
    start, end = out.lines(names.HEARTBEAT_FAILED_EVENT)
    assert start["correlation_id"] == end["correlation_id"] == out.lines("job.run")[0]["correlation_id"]
    assert "s3cret" not in out.text()


def test_a_heartbeat_that_is_no_address(out: Captured) -> None:
    """It is one warning without the address, and the job runs."""
    for url in ("ftp://x/y", "not a url", "http://", "http://h:port/s3cret", "http://h/s3cret\r\nX: y"):
        with saasobs.job("x", heartbeat=url):
            pass
    assert len(out.lines(names.MISCONFIGURED_EVENT)) == len(out.lines("job.run")) == 5
    assert "s3cret" not in out.text()
