"""A shop's RQ queue and the functions that its worker runs."""

from __future__ import annotations

import os

from redis import Redis
from rq import Queue, Retry
from rq.worker import Worker

import saasobs

connection = Redis.from_url(os.environ["REDIS_URL"])
queue = Queue("mail", connection=connection)
here = Queue("here", connection=connection, is_async=False)
saasobs.instrument(queue, service="shop-worker")
log = saasobs.get_logger("shop")


def invoice(order: int) -> int:
    saasobs.bind(order=order)
    log.info("invoice.made", pid=os.getpid())
    queue.enqueue(archive, order)
    return order


def archive(order: int) -> None:
    log.info("invoice.archived")


def fail() -> None:
    raise ValueError("no paper")


def flaky() -> None:
    raise ConnectionError("printer is off")


def slow() -> None:
    import time

    time.sleep(20)


def crash() -> None:
    os._exit(1)


META = {"mine": 1}


def send(what: str) -> None:
    function = globals()[what]
    if what == "flaky":
        queue.enqueue(function, retry=Retry(max=1))
    elif what == "here":
        here.enqueue(archive, 7)
    elif what == "slow":
        queue.enqueue(function, job_timeout=1)
    else:
        queue.enqueue(function, args=(7,) if what == "invoice" else (), meta=META)
    assert META == {"mine": 1}


if __name__ == "__main__":
    from support.queues import rq_shop  # RQ takes no functions of __main__

    Worker([rq_shop.queue], connection=connection).work()
