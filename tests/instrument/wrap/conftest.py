"""For workers: one Redis for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.redis import Redis, running_redis


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """Redis, whose default user needs no password."""
    with running_redis() as server:
        yield server
