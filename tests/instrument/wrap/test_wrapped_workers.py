"""`saasobs wrap -- WORKER`: queues and schedulers that know nothing of saasobs, with a real Redis."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.daemon import wait_until
from support.queues.running import parse, running
from support.redis import Redis

WRAP = ["-m", "saasobs", "wrap", "--metrics", "off", "--"]
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
APP = "support.wrapped.{}_app"
TESTS = Path(__file__).parents[2]
QUIET = ["--without-gossip", "--without-mingle", "--without-heartbeat"]


@pytest.mark.parametrize(
    ("queue", "command", "ready", "name"),
    [
        ("celery", ["celery", "-A", APP, "worker", "--concurrency", "1", *QUIET], " ready.", "invoice"),
        ("rq", ["rq", "worker", "--url", "{redis}", "wrapped"], "Listening on", "support.wrapped.rq_app.invoice"),
        ("dramatiq", ["dramatiq", APP, "--processes", "1", "--threads", "1"], "ready for", "invoice"),
        ("huey", ["huey_consumer", f"{APP}.tasks", "-w", "1", "-d", "0.05"], "commands", "invoice"),
    ],
    ids=["celery", "rq", "dramatiq", "huey"],
)
def test_a_queues_worker(redis: Redis, tmp_path: Path, queue: str, command: list[str], ready: str, name: str) -> None:
    """A task's run is one line, and what it logs itself has the same correlation ID."""
    shop, url = APP.format(queue), f"redis://127.0.0.1:{redis.port}/0"
    words = [word.format(queue, redis=url) for word in command]
    with running(shop, [*WRAP, *words], ready, tmp_path, redis.port, PATH=PATH) as worker:
        worker.run("-c", f"import {shop} as shop; shop.send()")
        wait_until(lambda: bool(worker.lines("task.run")), 30)
        (run,) = worker.lines("task.run")
        (made,) = worker.lines("invoice made")
    assert (run["system"], run["name"].rpartition(":")[2].endswith(name), run["outcome"]) == (queue, True, "success")
    assert made["correlation_id"] == run["correlation_id"]
    assert "saasobs wrap:" not in worker.log.read_text()


def test_a_schedulers_job(tmp_path: Path) -> None:
    """The process of a blocking scheduler: one line for each run of a job."""
    log = _run(tmp_path, "python", "-m", "support.wrapped.scheduler")
    (run,) = (line for line in parse(log) if line["event"] == "job.run")
    (made,) = (line for line in parse(log) if line["event"] == "invoice made")
    assert (run["name"], run["outcome"]) == ("nightly", "success")
    assert made["correlation_id"] == run["correlation_id"]


def test_a_management_command(tmp_path: Path) -> None:
    """`manage.py COMMAND` of a project without us is a job."""
    (command,) = (path.stem for path in (TESTS / "support/django_shop/management/commands").glob("[a-z]*.py"))
    log = _run(tmp_path, "python", "-m", "django", command, DJANGO_SETTINGS_MODULE="support.wrapped.django_settings")
    (run,) = (line for line in parse(log) if line["event"] == "job.run")
    assert (run["name"], run["outcome"]) == (command, "success")


def _run(folder: Path, *command: str, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SAASOBS")}
    ran = subprocess.run(
        [sys.executable, *WRAP, *command],
        capture_output=True, text=True, timeout=60, check=False,
        env={**kept, "PATH": PATH, "PYTHONPATH": str(TESTS), **environment}, cwd=folder,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
