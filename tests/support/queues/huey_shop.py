"""A shop's Huey and its tasks."""

from __future__ import annotations

import os

from huey import RedisHuey
from huey.serializer import SignedSerializer

import saasobs

tasks = RedisHuey(
    "shop", url=os.environ["REDIS_URL"], serializer=SignedSerializer(secret="a-word-for-tests", compression=True)
)
at_once = RedisHuey("at-once", immediate=True)
saasobs.instrument(tasks, service="shop-worker")
log = saasobs.get_logger("shop")


@tasks.task()
def invoice(order: int) -> int:
    saasobs.bind(order=order)
    log.info("invoice.made")
    archive(order)
    return order


@tasks.task()
def archive(order: int) -> None:
    log.info("invoice.archived")


@tasks.task()
def fail() -> None:
    raise ValueError("no paper")


@tasks.task(retries=1)
def flaky() -> None:
    raise ConnectionError("printer is off")


@tasks.task()
def later() -> None:
    log.info("it is later")


@at_once.task()
def here() -> None:
    log.info("at once")


def send(what: str) -> None:
    if what == "later":
        later.schedule(delay=1)
    else:
        globals()[what](*([7] if what == "invoice" else []))
