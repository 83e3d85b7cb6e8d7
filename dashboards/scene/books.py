"""Billing with what it stands on: PostgreSQL, Redis, their exporters, and a Celery worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dashboards.scene.measuring import Target, exporter
from dashboards.scene.processes import program, python
from support.daemon import free_port
from support.postgres import PASSWORD, USER, Postgres, running_postgres
from support.redis import Redis, running_redis

_DATABASE: Final = "billing"
_MEMORY: Final = "64mb"


@dataclass(frozen=True, slots=True)
class Servers:
    """PostgreSQL and Redis, with their exporters."""

    postgres: Postgres
    redis: Redis
    exporters: tuple[Target, ...]

    @property
    def urls(self) -> dict[str, str]:
        """For the environment of who uses them."""
        login = f"{USER}:{PASSWORD}@127.0.0.1:{self.postgres.port}"
        return {
            "POSTGRES_URL": f"postgresql+psycopg://{login}/{_DATABASE}",
            "REDIS_URL": f"redis://127.0.0.1:{self.redis.port}/0",
        }


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Both, empty."""
    with ExitStack() as parts:
        postgres = parts.enter_context(running_postgres())
        redis = parts.enter_context(running_redis("--maxmemory", _MEMORY))
        postgres.run(f"CREATE DATABASE {_DATABASE}")
        login = f"{USER}:{PASSWORD}@127.0.0.1:{postgres.port}/{_DATABASE}"
        source = {"DATA_SOURCE_NAME": f"postgresql://{login}?sslmode=disable"}
        words = (f"-redis.addr=redis://127.0.0.1:{redis.port}", "-check-single-keys=db0=celery")
        exporters = (
            parts.enter_context(exporter("postgres", (), folder, source)),
            parts.enter_context(exporter("redis", words, folder, {})),
        )
        yield Servers(postgres, redis, exporters)


@contextmanager
def billing_beside(data: Servers, folder: Path, environ: Mapping[str, str]) -> Iterator[tuple[Target, Target]]:
    """The service, and its worker: two processes for what three customers order."""
    web, worker = Target("app", "billing", free_port()), Target("app", "billing-worker", free_port())
    mine = {**environ, **data.urls}
    served = python("dashboards.scene.billing", str(web.port))
    worked = python(
        "celery", "-A", "dashboards.scene.letters", "worker", "--concurrency=2", "--loglevel=WARNING",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    )  # fmt: skip
    side = {**mine, "LETTERS_WORKER": "1", "SAASOBS_METRICS": str(worker.port)}
    with (
        program(worked, worker.page, folder / "worker.log", side),
        program(served, f"{web.url}/health", folder / "billing.log", mine),
    ):
        yield web, worker
