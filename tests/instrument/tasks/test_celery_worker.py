"""A real Celery worker with two processes and a real Redis: one ID from the request to the last sub-task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from saasobs.instrument import names
from support.daemon import free_port
from support.echo import Echo, echoing
from support.otlp import Collector, collecting
from support.queues.running import Worker, running
from support.redis import Redis

SHOP = "support.queues.celery_shop"
pytestmark = pytest.mark.xdist_group("celery")


@pytest.fixture(scope="module")
def printer() -> Iterator[Echo]:
    with echoing() as server:
        yield server


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def worker(
    redis: Redis, printer: Echo, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worker]:
    command = [
        *("-m", "celery", "-A", SHOP, "worker", "--pool", "prefork", "--concurrency", "2"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    folder, port = tmp_path_factory.mktemp("celery"), str(free_port())
    environ = {
        "SAASOBS_METRICS": port, "PRINTER_URL": printer.own, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.address,
        "SAASOBS_TRACE_SAMPLE_RATIO": "1", "OTEL_BSP_SCHEDULE_DELAY": "200",
    }  # fmt: skip
    with running(SHOP, command, " ready.", folder, redis.port, **environ) as started:
        started.send(invoice="order-7", canvas="canvas-1", flaky="flaky-1", archive="leak-9")
        yield started


def test_one_id_from_the_request_to_the_sub_task(worker: Worker, printer: Echo, collector: Collector) -> None:
    """The request's ID and trace are on the task's lines, its span, its outgoing call and the task that it sends."""
    (request,) = (line for line in worker.sent if line["event"] == "http.request" and "order-7" in line.values())
    runs = {line["name"].rpartition(".")[2]: line for line in worker.runs("order-7", 2)}
    invoice, archive = runs["invoice"], runs["archive"]
    assert request["trace_id"] == invoice["trace_id"] == archive["trace_id"]
    assert len({request["span_id"], invoice["span_id"], archive["span_id"]}) == 3
    assert (invoice["outcome"], invoice["system"], invoice["queue"]) == ("success", "celery", "celery")
    assert invoice["attempt"] == 1
    assert invoice["duration_ms"] > 0
    assert 0 <= invoice["wait_ms"] < 60_000
    assert invoice["order"] == 7
    assert "order" not in archive
    (made,) = (line for line in worker.lines("invoice.made") if line["correlation_id"] == "order-7")
    assert (made["trace_id"], made["span_id"], made["logger"]) == (invoice["trace_id"], invoice["span_id"], "shop")
    (headers,) = (headers for _, headers in printer.seen)
    assert headers["x-request-id"] == ["order-7"]
    assert headers["traceparent"][0].split("-")[1] == invoice["trace_id"]
    (first,), (second,) = (collector.wait(1, span_id=line["span_id"]) for line in (invoice, archive))
    assert first.trace_id == second.trace_id == request["trace_id"]
    assert (first.parent_id, second.parent_id) == (request["span_id"], first.span_id)
    assert (first.kind, first.name) == ("CONSUMER", invoice["name"])
    assert first.attributes["correlation_id"] == "order-7"
    assert first.attributes["messaging.system"] == "celery"


def test_an_error_is_reported_once(worker: Worker) -> None:
    """A task that fails is one report with the sender's ID and a fingerprint, whoever else logs it."""
    worker.send(fail="report-1")
    worker.runs("report-1")
    about = [line for line in worker.lines() if line.get("correlation_id") == "report-1" and "exception" in line]
    assert len(about) == 1
    assert about[0]["fingerprint"]
    assert about[0]["error_type"] == "ValueError"


def name(line: dict[str, Any]) -> str:
    return str(line["name"]).rpartition(".")[2]


def test_every_way_to_end(worker: Worker) -> None:
    """Each outcome is told once, with the sender's ID; only what nobody expected is an error."""
    ends = {
        "fail": ("failure", "ValueError", "error"),
        "expected": ("failure", "KeyError", "info"),
        "reject": ("rejected", "Reject", "warning"),
        "ignore": ("ignored", "Ignore", "info"),
        "soft": ("timeout", "SoftTimeLimitExceeded", "error"),
        "hard": ("timeout", "TimeLimitExceeded", "error"),
        "crash": ("lost", "WorkerLostError", "error"),
    }
    worker.send(**{what: f"{what}-1" for what in ends})
    for what, (outcome, error_type, level) in ends.items():
        line = worker.runs(f"{what}-1")[-1]
        assert (line["outcome"], line["error_type"], line["level"]) == (outcome, error_type, level), what
        assert name(line) == what
    assert worker.runs("hard-1")[0]["duration_ms"] >= 500
    assert {what: len(worker.runs(f"{what}-1")) for what in ends} == dict.fromkeys(ends, 1)


def test_a_child_that_dies_is_told_once(worker: Worker) -> None:
    """One line has the fault, with the sender's ID, and no wait is counted twice."""
    worker.send(crash="crash-2", hard="hard-2")
    (crash,), (hard,) = worker.runs("crash-2"), worker.runs("hard-2")
    assert "wait_ms" not in crash
    assert "wait_ms" not in hard
    lines = worker.lines()
    assert not [line for line in lines if line["event"].startswith("Task handler raised error")]
    for correlation_id, error_type in (("crash-2", "WorkerLostError"), ("hard-2", "TimeLimitExceeded")):
        about = [line for line in lines if line.get("correlation_id") == correlation_id and "exception" in line]
        assert [line["error_type"] for line in about] == [error_type]


def test_retries_keep_the_id(worker: Worker) -> None:
    """The first attempt is a retry and no failure, the last one is the failure; both have the sender's ID."""
    first, second = sorted(worker.runs("flaky-1", 2), key=lambda line: int(line["attempt"]))
    assert (first["outcome"], first["attempt"], first["level"]) == ("retry", 1, "warning")
    assert first["exception"].endswith("ConnectionError: printer is off")
    assert (second["outcome"], second["attempt"], second["level"]) == ("failure", 2, "error")
    assert first["trace_id"] == second["trace_id"]
    assert first["task_id"] == second["task_id"]


def test_canvas(worker: Worker) -> None:
    """A chain into a chord is one story: all its tasks have the ID of the request that sent the first."""
    assert [name(line) for line in worker.runs("canvas-1", 5)] == ["add"] * 5


def test_a_task_that_nobody_in_an_operation_has_sent(worker: Worker) -> None:
    """As from beat or a shell: its ID is the task's own."""
    code = f"import {SHOP} as shop; print(shop.archive.delay(7).id)"
    task_id = worker.run("-c", code).splitlines()[-1]
    (line,) = worker.runs(task_id)
    assert (name(line), line["task_id"], line["outcome"]) == ("archive", task_id, "success")


def test_nothing_leaks_into_the_next_task(worker: Worker) -> None:
    """What a task has bound is not on the lines of the next one in the same process."""
    (last,) = worker.runs("leak-9")
    assert "order" not in last


def test_the_workers_own_lines(worker: Worker) -> None:
    """Celery's own records have our shape, and arguments and results are in none."""
    worker.runs("order-7", 2)
    text = worker.log.read_text()
    assert '"logger":"celery' in text
    assert '"data"' not in text
    assert "succeeded in" not in text


def test_the_numbers_of_all_children_are_on_one_port(worker: Worker) -> None:
    """Whichever child ran a task, the worker's side port has the totals."""
    worker.runs("canvas-1", 5)
    text = httpx.get(f"http://127.0.0.1:{worker.environment['SAASOBS_METRICS']}/metrics", timeout=20).text
    found = {
        (sample.name, sample.labels.get("outcome")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("task") == f"{SHOP}.add" and "le" not in sample.labels
    }
    assert found[f"{names.TASK_DURATION}_count", "success"] == 5
    assert found[f"{names.TASK_QUEUE_WAIT}_count", None] == 5
    assert found.get((names.TASKS_ACTIVE, None), 0) == 0
    assert found[names.TASKS_SENT, None] == 4, "the sender's own process counted the first"
