"""What the metrics kind remembers between checks: of each monitor its history, as long as its options stay the same.

Bounded: by the number of monitors, each history by its own limits (`window`), and a monitor that is no longer checked
is forgotten after a while. Nothing is written down: a window is short, and after a restart it fills again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from saasobs.core.monitor import Monitor
from saasobs.core.values import HOUR
from saasobs.probes.metrics.options import MetricsOptions
from saasobs.probes.metrics.selector import Memberships
from saasobs.probes.metrics.window import History

MONITORS: Final = 10_000


@dataclass(slots=True)
class Remembered:
    """One monitor. Whoever reads and replaces its history holds the lock meanwhile."""

    options: MetricsOptions
    memberships: Memberships
    history: History = field(default_factory=History)
    asked_at: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Memory:
    """Histories by the monitor's name."""

    def __init__(self) -> None:
        self._monitors: OrderedDict[str, Remembered] = OrderedDict()

    def of(self, monitor: Monitor, now: int) -> Remembered:
        """What is remembered of a monitor; nothing yet, when its options are others than before. `now` in µs."""
        options: MetricsOptions = monitor.options
        found = self._monitors.get(monitor.name)
        if found is None or found.options != options:
            found = self._monitors[monitor.name] = Remembered(options, Memberships(options.selectors))
        found.asked_at = now
        self._monitors.move_to_end(monitor.name)
        self._forget(now)
        return found

    def _forget(self, now: int) -> None:
        """Those that were not asked for in a long time stand first."""
        while self._monitors:
            oldest = next(iter(self._monitors.values()))
            if len(self._monitors) <= MONITORS and now - oldest.asked_at <= max(2 * oldest.options.window, HOUR):
                return
            self._monitors.popitem(last=False)

    def __len__(self) -> int:
        return len(self._monitors)
