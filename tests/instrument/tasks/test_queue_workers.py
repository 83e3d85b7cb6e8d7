"""Real workers of RQ, Dramatiq and Huey with a real Redis: one ID from the request to the last sub-task."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.queues.running import Worker, running
from support.redis import Redis

pytestmark = pytest.mark.xdist_group("queues")

COMMANDS = {
    "rq": (["-m", "support.queues.rq_shop"], "Listening on"),
    "dramatiq": (["-m", "dramatiq", "support.queues.dramatiq_shop", "--processes", "1", "--threads", "2"], "ready for"),
    "huey": (["-m", "huey.bin.huey_consumer", "support.queues.huey_shop.tasks", "-w", "2", "-d", "0.05"], "commands"),
}
NAMES = {
    "rq": "support.queues.rq_shop.{}",
    "dramatiq": "{}",
    "huey": "support.queues.huey_shop.{}",
}
MORE = {
    "rq": {"slow": "slow-1", "here": "here-1", "crash": "crash-1"},
    "dramatiq": {"expected": "expected-1"},
    "huey": {"later": "later-1", "here": "here-1"},
}


@pytest.fixture(scope="module", params=COMMANDS)
def worker(request: pytest.FixtureRequest, redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    command, ready = COMMANDS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    with running(f"support.queues.{request.param}_shop", command, ready, folder, redis.port) as started:
        started.send(invoice="order-7", fail="fail-1", flaky="flaky-1", **MORE[request.param])
        yield started


def system(worker: Worker) -> str:
    return worker.shop.rpartition(".")[2].removesuffix("_shop")


def test_one_id_from_the_request_to_the_sub_task(worker: Worker) -> None:
    """The request's ID and trace are on the task's lines and on those of the task that it sends."""
    (request,) = (line for line in worker.sent if line["event"] == "http.request" and "order-7" in line.values())
    runs = {line["name"]: line for line in worker.runs("order-7", 2)}
    invoice, archive = (runs[NAMES[system(worker)].format(name)] for name in ("invoice", "archive"))
    assert request["trace_id"] == invoice["trace_id"] == archive["trace_id"]
    assert len({request["span_id"], invoice["span_id"], archive["span_id"]}) == 3
    assert (invoice["outcome"], invoice["system"], invoice["attempt"]) == ("success", system(worker), 1)
    assert invoice["queue"] == ("shop" if system(worker) == "huey" else "mail")
    assert 0 <= invoice["wait_ms"] < 60_000
    assert invoice["order"] == 7
    assert "order" not in archive
    (made,) = (line for line in worker.lines("invoice.made") if line["correlation_id"] == "order-7")
    assert (made["span_id"], made["logger"]) == (invoice["span_id"], "shop")


def test_a_failure_is_told_once(worker: Worker) -> None:
    """A task that raises is one failed run with its error's type, at level error."""
    (failed,) = worker.runs("fail-1")
    assert (failed["outcome"], failed["error_type"], failed["level"]) == ("failure", "ValueError", "error")


def test_retries_keep_the_id(worker: Worker) -> None:
    """The first attempt is a retry and no failure, the last one is the failure; both have the sender's ID."""
    first, second = sorted(worker.runs("flaky-1", 2), key=lambda line: int(line["attempt"]))
    assert (first["outcome"], first["attempt"], first["level"]) == ("retry", 1, "warning")
    assert (second["outcome"], second["attempt"], second["level"]) == ("failure", 2, "error")
    assert first["trace_id"] == second["trace_id"]
    told = [line for line in worker.lines() if line.get("correlation_id") == "flaky-1" and "exception" in line]
    assert [(line["event"], line["level"]) for line in told] == [("task.run", "warning"), ("exception", "error")]


def test_what_only_some_have(worker: Worker) -> None:
    """Time-outs, dead children, delayed tasks and expected errors end as what they are, with the sender's ID."""
    sent, outcome, level = {
        "rq": ("slow-1", "timeout", "error"),
        "huey": ("later-1", "success", "info"),
        "dramatiq": ("expected-1", "failure", "info"),
    }[system(worker)]
    (line,) = worker.runs(sent)
    assert (line["outcome"], line["level"]) == (outcome, level)
    if sent == "slow-1":
        (lost,) = worker.runs("crash-1")
        assert (lost["outcome"], lost["level"]) == ("lost", "error")
    if sent == "later-1":
        assert line["wait_ms"] < 900, "it has not waited before its time"


def test_a_task_that_runs_at_once(worker: Worker) -> None:
    """A queue that is not asynchronous runs the task in its caller's operation."""
    lines = [line for line in worker.sent if line.get("correlation_id") == "here-1"]
    runs = [line for line in lines if line["event"] == "task.run"]
    assert len(runs) == (system(worker) != "dramatiq")
    assert {line["trace_id"] for line in lines} == {line["trace_id"] for line in lines[-1:]}


def test_a_failure_is_reported_once(worker: Worker) -> None:
    """One line has the traceback, with a fingerprint; no line has the arguments as fields."""
    worker.runs("fail-1")
    about = [line for line in worker.lines() if line.get("correlation_id") == "fail-1" and "exception" in line]
    assert [line["error_type"] for line in about] == ["ValueError"]
    assert about[0]["fingerprint"]
    text = worker.log.read_text()
    assert '"arguments"' not in text
