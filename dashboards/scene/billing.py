"""`python -m dashboards.scene.billing PORT`: invoices in PostgreSQL, balances in Redis, letters sent by Celery."""

from __future__ import annotations

import os
import random
import sys
from typing import Any, Final

import redis
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Connection, create_engine, text

import saasobs
from dashboards.scene import letters

POOL: Final = 4
ROWS: Final = 40
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS invoices (id serial PRIMARY KEY, tenant text NOT NULL, cents integer NOT NULL)"
)


class Billing:
    """Who asks the databases."""

    def __init__(self, postgres: str, cache: str) -> None:
        self.engine = create_engine(
            postgres, pool_size=POOL, max_overflow=1, pool_timeout=1.0, pool_logging_name="billing"
        )
        self.cache = redis.Redis.from_url(cache)
        with self.engine.begin() as connection:
            connection.execute(text(_SCHEMA))

    def charge(self, tenant: str, cents: int) -> int:
        """A new invoice and its letter."""
        with self.engine.begin() as connection:
            made = connection.execute(
                text("INSERT INTO invoices (tenant, cents) VALUES (:tenant, :cents) RETURNING id"),
                {"tenant": tenant, "cents": cents},
            )
            number: int = made.scalar_one()
        self.cache.delete(f"balance:{tenant}")
        letters.send(number)
        return number

    def newest(self, tenant: str) -> list[dict[str, Any]]:
        """Invoices."""
        with self.engine.connect() as connection:
            return [dict(row) for row in _newest(connection, tenant)]

    def balance(self, tenant: str) -> int:
        """From Redis, if it is there."""
        known: Any = self.cache.get(f"balance:{tenant}")
        if known is not None:
            return int(known)
        with self.engine.connect() as connection:
            found: int = connection.execute(
                text("SELECT coalesce(sum(cents), 0) FROM invoices WHERE tenant = :tenant"), {"tenant": tenant}
            ).scalar_one()
        self.cache.set(f"balance:{tenant}", found, ex=20)
        return found

    def export(self, tenant: str) -> int:
        """One query for each invoice, and one that takes its time."""
        with self.engine.connect() as connection:
            if random.random() < 0.2:
                connection.execute(text("SELECT pg_sleep(0.6)"))
            rows = _newest(connection, tenant)
            for row in rows:
                connection.execute(text("SELECT cents FROM invoices WHERE id = :id"), {"id": row["id"]}).scalar()
            connection.rollback()
        return len(rows)


def _newest(connection: Connection, tenant: str) -> list[Any]:
    found = connection.execute(
        text("SELECT id, cents FROM invoices WHERE tenant = :tenant ORDER BY id DESC LIMIT :rows"),
        {"tenant": tenant, "rows": ROWS},
    )
    return list(found.mappings())


def web(billing: Billing) -> FastAPI:
    """Its pages."""
    app = FastAPI(openapi_url=None)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/charges")
    def charge(tenant: str, cents: int) -> dict[str, int]:
        saasobs.set_tenant(tenant)
        return {"invoice": billing.charge(tenant, cents)}

    @app.get("/invoices")
    def invoices(tenant: str) -> list[dict[str, Any]]:
        saasobs.set_tenant(tenant)
        return billing.newest(tenant)

    @app.get("/balance")
    def balance(tenant: str) -> dict[str, int]:
        saasobs.set_tenant(tenant)
        return {"cents": billing.balance(tenant)}

    @app.get("/export")
    def export(tenant: str) -> dict[str, int]:
        saasobs.set_tenant(tenant)
        return {"invoices": billing.export(tenant)}

    return app


def main(port: str) -> None:
    """Until SIGTERM."""
    app = web(Billing(os.environ["POSTGRES_URL"], os.environ["REDIS_URL"]))
    saasobs.instrument(app, service="billing")
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_config=None, access_log=False, timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
