"""Fixtures of the probes' tests: a probe, a misbehaving server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.badhttp import BadServer, bad_server
from support.probing import Prober, prober


@pytest.fixture
async def probe() -> AsyncIterator[Prober]:
    async with prober() as one:
        yield one


@pytest.fixture
async def bad() -> AsyncIterator[BadServer]:
    async with bad_server() as server:
        yield server
