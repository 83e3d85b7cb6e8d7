"""Hooks that are put in for one test and taken out after it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest

from saasobs.instrument.queries import log, patching
from support.capture import Captured, captured


@pytest.fixture
def out() -> Iterator[Captured]:
    """An Instrumentation that hears of queries and writes to memory."""
    with captured() as capture:
        try:
            yield capture
        finally:
            log.report_to(None)


@pytest.fixture
def hooked(out: Captured) -> Iterator[Captured]:
    """The same, with the hooks of every driver in place."""
    try:
        for name in ("sqlalchemy", "psycopg", "asyncpg", "redis", "pymongo"):
            import_module(f"saasobs.instrument.queries.drivers.{name}").install(out.instrumentation)
        yield out
    finally:
        patching.undo()
