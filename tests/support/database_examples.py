"""Rows of `support.examples` for the kinds that log in to a server and ask it something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from support import mongodb, rabbitmq
from support.amqp import consumer
from support.mariadb import Mariadb
from support.postgres import Postgres
from support.redis import PASSWORD, running_redis
from support.scenes import SECRET, Mapped, Place, Row, Scene
from support.tls import Certificates


@asynccontextmanager
async def _postgres(example: Mapped, place: Place) -> AsyncIterator[Scene]:
    server: Postgres = place.fixture("postgres")
    user, database = example["user"], example["database"]
    server.run(f"DROP DATABASE IF EXISTS {database}")
    server.run(f"DROP ROLE IF EXISTS {user}")
    server.run(f"CREATE ROLE {user} LOGIN PASSWORD '{SECRET}'")
    server.run(f"CREATE DATABASE {database} OWNER {user}")
    with server.encrypted(Certificates(place.folder).good()):
        yield Scene(example | {"host": "127.0.0.1", "port": server.port})


@asynccontextmanager
async def _mysql(example: Mapped, place: Place) -> AsyncIterator[Scene]:
    server: Mariadb = place.fixture("mariadb")
    account, database = f"{example['user']}@127.0.0.1", example["database"]
    server.run(
        f"CREATE OR REPLACE USER {account} IDENTIFIED BY '{SECRET}'; CREATE DATABASE IF NOT EXISTS {database};"
        f" CREATE OR REPLACE TABLE {database}.orders (paid DATETIME NULL, created DATETIME NOT NULL);"
        f" INSERT INTO {database}.orders VALUES (NULL, now() - INTERVAL 2 HOUR);"
        f" GRANT SELECT ON {database}.* TO {account}"
    )
    try:
        yield Scene(example | {"host": "127.0.0.1", "port": server.port})
    finally:
        server.run(f"DROP TABLE {database}.orders; DROP USER {account}")


@asynccontextmanager
async def _redis(example: Mapped, _place: Place) -> AsyncIterator[Scene]:
    """A primary, and a replica of it that is asked."""
    with running_redis() as primary:
        follow = ("--replicaof", "127.0.0.1", str(primary.port), "--masteruser", "root", "--masterauth", PASSWORD)
        login = ("--user", *f"{example['user']} on >{SECRET} ~* +info +ping +hello".split())
        with running_redis(*follow, *login) as replica:
            while "master_link_status:up" not in replica.run("INFO", "replication"):
                await asyncio.sleep(0.05)
            yield Scene(example | {"host": "127.0.0.1", "port": replica.port})


@asynccontextmanager
async def _mongodb(example: Mapped, _place: Place) -> AsyncIterator[Scene]:
    """The stand-in, with the login that it knows."""
    login = {"user": mongodb.USER, "password": mongodb.PASSWORD}
    async with mongodb.running_mongo(mongodb.Mongo()) as served:
        yield Scene(example | login | {"host": "127.0.0.1", "port": served.port})


@asynccontextmanager
async def _rabbitmq(example: Mapped, place: Place) -> AsyncIterator[Scene]:
    """With the login that it knows, and a consumer at the queue."""
    server: rabbitmq.Rabbit = place.fixture("rabbitmq")
    login = {"user": rabbitmq.USER, "password": rabbitmq.PASSWORD}
    async with consumer(server.port, rabbitmq.USER, rabbitmq.PASSWORD, example["vhost"], example["queue"]):
        yield Scene(example | login | {"host": "127.0.0.1", "port": server.port})


DATABASES: dict[str, Row] = {
    "postgres": _postgres,
    "mysql": _mysql,
    "redis": _redis,
    "mongodb": _mongodb,
    "rabbitmq": _rabbitmq,
}
