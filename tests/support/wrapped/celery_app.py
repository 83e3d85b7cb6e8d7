"""A Celery app that knows nothing of saasobs."""

from __future__ import annotations

import logging
import os

from celery import Celery

app = Celery("shop", broker=os.environ["REDIS_URL"])
app.conf.update(broker_connection_retry_on_startup=True, worker_send_task_events=False)


@app.task(name="invoice")
def invoice(order: int) -> None:
    logging.getLogger("shop").info("invoice made")


def send() -> None:
    invoice.delay(7)
