"""A shop's Dramatiq broker and actors."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

import saasobs

broker = RedisBroker(url=os.environ["REDIS_URL"], namespace="shop")  # type: ignore[no-untyped-call]
saasobs.instrument(broker, service="shop-worker")
dramatiq.set_broker(broker)
log = saasobs.get_logger("shop")


@dramatiq.actor(queue_name="mail")
def invoice(order: int) -> None:
    saasobs.bind(order=order)
    log.info("invoice.made")
    archive.send(order)


@dramatiq.actor(queue_name="mail")
def archive(order: int) -> None:
    log.info("invoice.archived")


@dramatiq.actor(queue_name="mail", max_retries=0)
def fail() -> None:
    raise ValueError("no paper")


@dramatiq.actor(queue_name="mail", max_retries=1, min_backoff=10, max_backoff=20)
def flaky() -> None:
    raise ConnectionError("printer is off")


@dramatiq.actor(queue_name="mail", throws=(KeyError,))
def expected() -> None:
    raise KeyError("unknown order")


def send(what: str) -> None:
    actor = broker.get_actor(what)
    actor.send(*([7] if what == "invoice" else []))
