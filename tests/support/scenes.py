"""What a documented example is served with: the words that the rows of `support.examples` are written in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saasobs.core.ports import Clock, Probe
from support.probing import Others, Pings, WallClock

Mapped = dict[str, Any]

SECRET = "s3cret-of-the-examples"
"""What every variable of an example holds that SECRETS has no other word for."""


@dataclass(frozen=True)
class Place:
    """Where a row works."""

    folder: Path
    fixture: Callable[[str], Any]
    """A fixture by its name: servers that are slow to start run once for a session."""


@dataclass
class Scene:
    """What a check of the example needs."""

    monitor: Mapped
    """The example with its host and port swapped."""
    clock: Clock = field(default_factory=WallClock)
    pings: Pings = field(default_factory=Pings)
    others: Others = field(default_factory=Others)
    beside: Sequence[Mapped] = ()
    """Other monitors of the same file."""
    before: Callable[[Probe], Probe] = lambda probe: probe
    """Puts another probe in place, where what it asks cannot be swapped in the monitor."""
    step: Callable[[], None] | None = None
    """What happens after a first check; a second one is then made and counts."""


Row = Callable[[Mapped, Place], AbstractAsyncContextManager[Scene]]
