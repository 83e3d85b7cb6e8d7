"""What a queue tries again is no error report; what it gives up is one, whatever the type of its exception."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

START = """\
import json, time
import saasobs
from saasobs.instrument.installing import running

def observe(app):
    saasobs.instrument(app, service="shop")
    running().errors.sinks.append(lambda report: reports.append([report.error_type, report.source]))

reports = []
"""
DRAMATIQ = """\
import dramatiq
from dramatiq.brokers.stub import StubBroker

broker = StubBroker()
observe(broker)
dramatiq.set_broker(broker)

@dramatiq.actor(max_retries=2, min_backoff=1, max_backoff=2)
def flaky():
    raise ConnectionError("printer is off")

@dramatiq.actor(max_retries=0, time_limit=200)
def slow():
    for _ in range(2000):
        time.sleep(0.01)

broker.emit_after("process_boot")  # as its command line does: the watch over time limits begins
worker = dramatiq.Worker(broker, worker_timeout=10)
worker.start()
for actor in (flaky, slow):
    actor.send()
    broker.join(actor.queue_name, fail_fast=False, timeout=60_000)
worker.stop()
"""
HUEY = """\
from huey import MemoryHuey

queue = MemoryHuey("shop", immediate=True)
observe(queue)

@queue.task(retries=2)
def flaky():
    raise ConnectionError("printer is off")

flaky()
"""
EXPECTED = {
    "dramatiq": (DRAMATIQ, [["ConnectionError", "dramatiq"], ["TimeLimitExceeded", "dramatiq"]]),
    "huey": (HUEY, [["ConnectionError", "huey"]]),
}


@pytest.mark.parametrize("queue", EXPECTED)
def test_only_the_last_attempt_is_reported(queue: str) -> None:
    """Each attempt is a run and a line with its traceback; one report is made, at the end, by the run that gave up."""
    program, reports = EXPECTED[queue]
    ending = "\nrunning().close()\nprint(json.dumps({'event': 'reports', 'reports': reports}), flush=True)\n"
    done = subprocess.run(
        [sys.executable, "-c", START + program + ending], capture_output=True, text=True, timeout=100, check=True
    )
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["reports"] == reports, done.stderr
    flaky = [line for line in lines if line["event"] == "task.run" and line["name"].endswith("flaky")]
    outcomes = {line["attempt"]: line["outcome"] for line in flaky}
    assert outcomes == {1: "retry", 2: "retry", 3: "failure"}
    about = flaky[0]["correlation_id"]
    tracebacks = [line for line in lines if "exception" in line and line["correlation_id"] == about]
    assert sorted((line["event"], line["level"]) for line in tracebacks) == [
        ("exception", "error"),
        ("task.run", "warning"),
        ("task.run", "warning"),
    ]
    assert all("printer is off" in line["error"] for line in tracebacks)
    assert len({line["fingerprint"] for line in tracebacks}) == 1
