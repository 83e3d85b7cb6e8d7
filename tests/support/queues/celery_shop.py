"""A shop's Celery app, for tests that run its worker as a process of its own."""

from __future__ import annotations

import os
import time
from typing import Any

import httpx
from celery import Celery, chain, chord
from celery.exceptions import Ignore, Reject

import saasobs

app = Celery("shop", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.update(
    broker_connection_retry_on_startup=True, worker_send_task_events=False, redis_socket_timeout=10, result_expires=60
)
saasobs.instrument(app, service="shop-worker")
log = saasobs.get_logger("shop")


@app.task(bind=True)
def invoice(self: Any, order: int) -> int:
    saasobs.bind(order=order)
    log.info("invoice.made", pid=os.getpid())
    if "PRINTER_URL" in os.environ:
        httpx.get(f"{os.environ['PRINTER_URL']}/echo", timeout=10)
    archive.delay(order)
    return order


@app.task
def archive(order: int) -> None:
    log.info("invoice.archived")


@app.task
def fail() -> None:
    raise ValueError("no paper")


@app.task(bind=True, max_retries=1)
def flaky(self: Any) -> None:
    self.retry(exc=ConnectionError("printer is off"), countdown=0)


@app.task(throws=(KeyError,))
def expected() -> None:
    raise KeyError("unknown order")


@app.task(bind=True)
def reject(self: Any) -> None:
    raise Reject("poison", requeue=False)


@app.task
def ignore() -> None:
    raise Ignore


@app.task(soft_time_limit=0.2, time_limit=30)
def soft() -> None:
    time.sleep(20)


@app.task(time_limit=0.5)
def hard() -> None:
    time.sleep(20)


@app.task(acks_late=False)
def crash() -> None:
    time.sleep(0.1)  # the lines of the task before are on their way
    os._exit(1)


@app.task
def add(numbers: Any, more: int = 1) -> int:
    log.info("added")
    return (sum(numbers) if isinstance(numbers, list) else numbers) + more


def send(what: str) -> None:
    if what == "canvas":
        chain(add.s(1), add.s(), chord([add.s(), add.s()], add.s())).delay()
    else:
        app.tasks[f"{__name__}.{what}"].delay(*([7] if what in ("invoice", "archive") else []))
