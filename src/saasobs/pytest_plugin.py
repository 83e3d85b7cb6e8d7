"""The fixture `saasobs_capture`; pytest finds it by itself (the entry point `pytest11`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from saasobs.testing import Captured


@pytest.fixture
def saasobs_capture() -> Iterator[Captured]:
    """What the app logs, counts, traces and reports in this test."""
    from saasobs.testing import capture  # noqa: PLC0415 - tests that do not ask for it pay nothing

    with capture() as seen:
        yield seen
