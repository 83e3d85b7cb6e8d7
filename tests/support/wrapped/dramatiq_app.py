"""A Dramatiq broker and an actor that know nothing of saasobs."""

from __future__ import annotations

import logging
import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"], namespace="wrapped"))  # type: ignore[no-untyped-call]


@dramatiq.actor(actor_name="invoice")
def invoice(order: int) -> None:
    logging.getLogger("shop").info("invoice made")


def send() -> None:
    invoice.send(7)
