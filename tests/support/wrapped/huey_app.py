"""A Huey and a task that know nothing of saasobs."""

from __future__ import annotations

import logging
import os

from huey import RedisHuey

tasks = RedisHuey("wrapped", url=os.environ["REDIS_URL"])


@tasks.task(name="invoice")
def invoice(order: int) -> None:
    logging.getLogger("shop").info("invoice made")


def send() -> None:
    invoice(7)
