"""One alert's words in one language."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """Templates of Prometheus."""

    summary: str
    description: str
