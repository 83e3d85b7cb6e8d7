"""What is sent and can begin is counted where it is sent: it is all that is known of a queue that nobody works at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.redis import Redis

_UNATTENDED = 7
"""A database of Redis where no worker is."""
_TESTS = Path(__file__).parents[2]
_TOTALS = """
import json, sys
from saasobs.instrument.installing import running
samples = [sample for family in running().metrics.registry.collect() for sample in family.samples]
sent = [sample for sample in samples if sample.name == "tasks_sent_total"]
with open(sys.argv[1], "w") as file:  # stdout belongs to the lines, whose thread writes in between
    json.dump({sample.labels["task"].rpartition(".")[2]: sample.value for sample in sent}, file)
"""
PROGRAMS = {
    "celery": """
from celery import group
from support.queues.celery_shop import add, archive, invoice
invoice.delay(7)
invoice.apply_async((7,), countdown=5)
invoice.apply_async((7,), countdown=3600)
group([add.s(1), add.s(2)]).delay()
archive.apply((7,))
""",
    "rq": """
from datetime import timedelta
from rq import Queue
from support.queues.rq_shop import archive, here, invoice, queue
before = queue.enqueue(invoice, 7)
queue.enqueue(invoice, 7, depends_on=before)
queue.enqueue_in(timedelta(hours=1), invoice, 7)
queue.enqueue_many([Queue.prepare_data(archive, (7,)), Queue.prepare_data(archive, (8,))])
here.enqueue(archive, 7)
import saasobs
with saasobs.job("nightly"):
    job = queue.enqueue(archive, 7)
assert "attempts" not in job.meta["saasobs"], "it has only been sent"
""",
    "dramatiq": """
from dramatiq import group
from support.queues.dramatiq_shop import archive, invoice
invoice.send(7)
invoice.send_with_options(args=(7,), delay=3_600_000)
invoice.send_with_options(args=(7,), delay=0)
group([archive.message(7), archive.message(8)]).run()
""",
    "huey": """
from support.queues.huey_shop import archive, here, invoice, later, tasks
invoice(7)
invoice.schedule((7,), delay=-1)
invoice.schedule((7,), delay=3600)
tasks.enqueue(archive.s(7).then(later))
here()
""",
}
EXPECTED = {
    "celery": {"invoice": 2, "add": 2},
    "rq": {"invoice": 1, "archive": 3},
    "dramatiq": {"invoice": 1, "archive": 2},
    "huey": {"invoice": 2, "archive": 1},
}


@pytest.mark.parametrize("queue", PROGRAMS)
def test_what_can_begin_is_counted(queue: str, redis: Redis, tmp_path: Path) -> None:
    """Not what is for later or for after another one, and not what ran at once in its caller."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAMS[queue] + _TOTALS, tmp_path / "totals.json"],
        capture_output=True, text=True, timeout=100, check=False, cwd=_TESTS,
        env={
            **os.environ, "PYTHONPATH": str(_TESTS), "REDIS_URL": f"redis://127.0.0.1:{redis.port}/{_UNATTENDED}",
            "SAASOBS_LOG_FORMAT": "json", "SAASOBS_METRICS": "off",
        },
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads((tmp_path / "totals.json").read_text()) == EXPECTED[queue]
