"""The only place where the rooms meet: schedule, pipeline, ledger, outbox, and the service that wires them.

A check passes through in this order:

    agenda (what is due) -> gate (how many at once) -> probe -> judge -> ledger (ONE transaction:
    result, state, incident, notices owed) -> outbox (claim, send, settle)

Judging, sending and page views never delay a check; nothing is told that is not committed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saasobs.core.monitor import Monitor
    from saasobs.core.result import Result
    from saasobs.settings import Settings

__all__ = ["check_once", "serve"]


def serve(path: Path) -> int:
    """Run the daemon on the configuration at `path` until SIGTERM or Ctrl-C; returns the exit code."""
    from saasobs.daemon.entry import run  # noqa: PLC0415 - a single check need not load the database

    return run(path)


def check_once(monitor: Monitor, settings: Settings | None = None) -> Result:
    """Run one check of `monitor`, with no daemon and no store."""
    from saasobs.daemon.once import run  # noqa: PLC0415

    return run(monitor, settings)
