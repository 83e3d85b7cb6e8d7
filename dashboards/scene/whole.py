"""The scene, put together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from dashboards.scene import customers, measuring
from dashboards.scene.books import billing_beside, servers
from dashboards.scene.history import History
from dashboards.scene.measuring import Target
from dashboards.scene.processes import environment, program, python
from dashboards.scene.watching import watching
from support.daemon import Daemon, free_port
from support.otlp import collecting
from support.process import ServerProcess

VERSIONS: Final = ("2026.11.2", "2026.11.3", "2026.11.4")
"""Before, now, and after a deploy."""


@dataclass
class Scene:
    """What runs."""

    prometheus: str
    """URLs."""
    shop: str
    front: ServerProcess
    daemon: Daemon
    targets: list[Target] = field(default_factory=list)

    def deploy(self) -> None:
        """Restart the shop as another version."""
        self.front.stop()
        assert self.front.environment is not None
        self.front.environment = {**self.front.environment, "SAASOBS_VERSION": VERSIONS[2]}
        self.front.start()
        _break(self.shop)


@contextmanager
def running(
    folder: Path, *, interval: str = "1s", warm_up: float = 12.0, history: History | None = None
) -> Iterator[Scene]:
    """All of it, on loopback and below `folder`, until the end of the block.

    :param interval: how often Prometheus scrapes and evaluates.
    :param warm_up: seconds of traffic before Prometheus starts, of which the past is made.
    :raises AssertionError: a part does not come up; what its log says.
    """
    with ExitStack() as parts:
        spans = parts.enter_context(collecting())
        data = parts.enter_context(servers(folder))
        environ = environment(
            SAASOBS_VERSION=VERSIONS[1], SAASOBS_OTLP_ENDPOINT=spans.address, SAASOBS_TRACE_SAMPLE_RATIO="1"
        )
        billing, worker = parts.enter_context(billing_beside(data, folder, environ))
        front, shop = parts.enter_context(_front(folder, {**environ, "BILLING_URL": billing.url}))
        _break(shop.url)
        wishes = (*customers.at_shop(shop.url), *customers.at_billing(billing.url))
        parts.enter_context(customers.coming(wishes))
        began = time.time()
        daemon = parts.enter_context(
            watching(folder, shop=shop.port, billing=billing.port, postgres=data.postgres.port, redis=data.redis.port)
        )
        port = free_port()
        itself = Target("prometheus", "prometheus", port)
        targets = [shop, billing, worker, Target("saasobs", "saasobs", daemon.port), itself, *data.exporters]
        if history:
            time.sleep(max(0.0, began + warm_up - time.time()))
            now = time.time()
            history.write(targets[:4] + targets[5:], VERSIONS[0], now - began, now, folder / "data")
        url = parts.enter_context(measuring.prometheus(folder, port, targets, interval, daemon.port))
        yield Scene(url, shop.url, front, daemon, targets)


@contextmanager
def _front(folder: Path, environ: dict[str, str]) -> Iterator[tuple[ServerProcess, Target]]:
    target = Target("app", "shop", free_port())
    command = python("dashboards.scene.front", str(target.port), str(folder / "shop.db"))
    with program(command, f"{target.url}/health", folder / "front.log", environ) as process:
        yield process, target


def _break(shop: str) -> None:
    """The orders' page asks its database for each order."""
    httpx.post(f"{shop}/break/chatty", timeout=20, trust_env=False)


__all__ = ["History", "Scene", "running"]
