"""Who uses the services: a handful of threads, each with a mind of its own."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import httpx

TENANTS: Final = ("acme", "acme", "acme", "globex", "globex", "initech")
THREADS: Final = 4
PAUSE: Final = 0.25
"""Seconds between two requests of one customer, about."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A request, and how often it comes beside the others."""

    weight: int
    method: str
    url: str
    """With `{tenant}`."""
    patience: float = 20


def at_shop(url: str) -> tuple[Wish, ...]:
    """What people want of the shop."""
    return (
        Wish(6, "GET", f"{url}/"),
        Wish(4, "POST", f"{url}/login?tenant={{tenant}}"),
        Wish(8, "GET", f"{url}/checkout?tenant={{tenant}}"),
        Wish(6, "POST", f"{url}/pay?tenant={{tenant}}"),
        Wish(2, "GET", f"{url}/orders?tenant={{tenant}}"),
        Wish(2, "GET", f"{url}/reports/2026-10?tenant={{tenant}}"),
        Wish(1, "GET", f"{url}/reports/2026-10?tenant={{tenant}}", patience=0.15),
        Wish(1, "GET", f"{url}/wp-login.php"),
    )


def at_billing(url: str) -> tuple[Wish, ...]:
    """What people want of billing."""
    return (
        Wish(5, "GET", f"{url}/invoices?tenant={{tenant}}"),
        Wish(2, "GET", f"{url}/balance?tenant={{tenant}}"),
        Wish(2, "GET", f"{url}/export?tenant={{tenant}}"),
    )


@contextmanager
def coming(wishes: Sequence[Wish], threads: int = THREADS) -> Iterator[None]:
    """They come until the end of the block."""
    stop = threading.Event()
    each = [threading.Thread(target=_shop_around, args=(wishes, stop), daemon=True) for _ in range(threads)]
    for one in each:
        one.start()
    try:
        yield
    finally:
        stop.set()
        for one in each:
            one.join(30)


def _shop_around(wishes: Sequence[Wish], stop: threading.Event) -> None:
    weights = [wish.weight for wish in wishes]
    with httpx.Client(trust_env=False) as client:
        while not stop.is_set():
            [wish] = random.choices(wishes, weights)
            with suppress(httpx.HTTPError):  # some have no patience, and a service may be in the midst of a deploy
                url = wish.url.format(tenant=random.choice(TENANTS))
                client.request(wish.method, url, timeout=wish.patience)
            stop.wait(random.uniform(0.5, 1.5) * PAUSE)
