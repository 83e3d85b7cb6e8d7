"""Command lines, and what they print."""

from __future__ import annotations

from collections.abc import Callable

Ask = Callable[..., tuple[int, str]]
"""Words of a command line -> its exit code and everything that it printed."""
