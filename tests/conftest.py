"""For every room: how examples are thought of, and servers that are slow to start, one for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from support.bugsink import Bugsink, running_bugsink
from support.mariadb import Mariadb, running_mariadb
from support.postgres import Postgres, running_postgres
from support.rabbitmq import Rabbit, running_rabbitmq
from support.tls import Certificates

# A machine that is busy with other things is no fault of an example: no test has a deadline for each of them.
settings.register_profile("test", deadline=None)
settings.register_profile("fuzz", deadline=None, derandomize=False, max_examples=1_000)
settings.load_profile("test")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """PostgreSQL; a test that needs a database makes one of its own name."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Identities of one authority."""
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def mariadb(certificates: Certificates) -> Iterator[Mariadb]:
    """MariaDB, with a certificate that expires in five days."""
    with running_mariadb(certificates.expiring(5)) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq(certificates: Certificates) -> Iterator[Rabbit]:
    """RabbitMQ, with a certificate that expires in five days."""
    with running_rabbitmq(certificates.expiring(5)) as server:
        yield server


@pytest.fixture(scope="session")
def bugsink() -> Iterator[Bugsink]:
    """A Sentry-compatible server; a test makes a project of its own."""
    with running_bugsink() as server:
        yield server
