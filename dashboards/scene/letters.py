"""Billing's Celery tasks: `celery -A dashboards.scene.letters worker`; some fail, some are tried again."""

from __future__ import annotations

import os
import random
import time
from typing import Any

from celery import Celery

import saasobs

app = Celery("letters", broker=os.environ["REDIS_URL"])
app.conf.update(
    broker_connection_retry_on_startup=True, worker_prefetch_multiplier=1, task_acks_late=True,
    worker_send_task_events=False, task_ignore_result=True,
)  # fmt: skip


class PrinterJam(Exception):
    """Comes and goes."""


@app.task(bind=True, max_retries=2, name="letters.print_invoice")  # type: ignore[untyped-decorator]
def print_invoice(self: Any, number: int) -> None:
    """On paper."""
    time.sleep(random.uniform(0.05, 0.3))
    if random.random() < 0.12:
        raise self.retry(exc=PrinterJam(f"invoice {number}"), countdown=1)


@app.task(name="letters.post")  # type: ignore[untyped-decorator]
def post(number: int) -> None:
    """With a stamp."""
    time.sleep(random.uniform(0.1, 0.6))
    if random.random() < 0.06:
        raise ValueError(f"invoice {number} has no address")


@app.task(name="letters.archive")  # type: ignore[untyped-decorator]
def archive(number: int) -> None:  # noqa: ARG001 - as its sender has it
    """For ten years."""
    time.sleep(0.02)


def send(number: int) -> None:
    """Print it, post it, and archive it."""
    for task in (print_invoice, post, archive):
        task.delay(number)


if os.environ.get("LETTERS_WORKER"):
    saasobs.instrument(app, service="billing-worker")
