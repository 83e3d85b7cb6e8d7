"""Fixtures of the probes' tests: a probe, a misbehaving server, certificates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.badhttp import BadServer, bad_server
from support.probing import Prober, prober
from support.tls import Certificates


@pytest.fixture
async def probe() -> AsyncIterator[Prober]:
    async with prober() as one:
        yield one


@pytest.fixture
async def bad() -> AsyncIterator[BadServer]:
    async with bad_server() as server:
        yield server


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder: Path = tmp_path_factory.mktemp("tls")
    return Certificates(folder)
