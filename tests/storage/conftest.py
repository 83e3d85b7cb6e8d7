"""One store for each database that the contract holds for. A further database is one more parameter here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from saasobs.core.ports import Store
from saasobs.storage import open_store


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An open, empty store."""
    made = open_store("sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/saasobs.db")
    made.open()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_store() -> Iterator[Store]:
    """One store for many examples; a test leaves nothing in it (support.storing.left_behind)."""
    made = open_store("sqlite://")
    made.open()
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file store lives in tests that look at the file itself."""
    return tmp_path / "saasobs.db"


@pytest.fixture
def file_store(path: Path) -> Iterator[Store]:
    """An open store on a file."""
    made = open_store(f"sqlite:///{path}")
    made.open()
    yield made
    made.close()
