"""A function that RQ runs, which knows nothing of saasobs."""

from __future__ import annotations

import logging
import os


def invoice(order: int) -> None:
    logging.getLogger("shop").info("invoice made")


def send() -> None:
    from redis import Redis
    from rq import Queue

    Queue("wrapped", connection=Redis.from_url(os.environ["REDIS_URL"])).enqueue(invoice, 7)
