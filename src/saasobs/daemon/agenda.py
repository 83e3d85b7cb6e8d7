"""What is due, and when: hash slots on the epoch plus extra checks between the slots. Pure; it never waits.

1. A monitor's slot is ``slot_offset(name, interval)`` after each multiple of its interval since the epoch: the
   same after every restart, spread evenly, without a start-up crawl.
2. An extra check (a fast confirmation, a heartbeat's deadline, a person's wish) never shifts the slots; of several
   wishes for one monitor the earliest stands.
3. A heap holds one live entry a slot and one an extra; entries that no longer hold are recognised by their
   generation and dropped when they come up.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from saasobs.core.monitor import Monitor
from saasobs.core.values import slot_offset

_SLOT, _EXTRA = 0, 1


@dataclass(frozen=True, slots=True)
class Due:
    """One check to start now. `skipped` counts the slots that went by before this one came up."""

    monitor: str
    scheduled_at: int
    extra: bool = False
    skipped: int = 0


def next_slot(monitor: Monitor, after: int) -> int:
    """The first slot strictly later than `after` (µs)."""
    offset = slot_offset(monitor.name, monitor.interval)
    return (after - offset) // monitor.interval * monitor.interval + monitor.interval + offset


class Agenda:
    """The heap of what comes next."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str, int]] = []
        self._monitors: dict[str, tuple[Monitor, int]] = {}
        self._extras: dict[str, int] = {}
        self._generation = 0

    def __len__(self) -> int:
        return len(self._monitors)

    def set(self, monitors: Iterable[Monitor], now: int) -> None:
        """Replace the whole; a monitor whose name and interval stay keeps its slot and its extra check."""
        self._generation += 1
        self._heap.clear()
        self._monitors = {monitor.name: (monitor, self._generation) for monitor in monitors}
        self._extras = {name: at for name, at in self._extras.items() if name in self._monitors}
        for monitor, generation in self._monitors.values():
            self._heap.append((next_slot(monitor, now), _SLOT, monitor.name, generation))
        self._heap.extend((at, _EXTRA, name, 0) for name, at in self._extras.items())
        heapq.heapify(self._heap)

    def restart(self, now: int) -> None:
        """The wall clock was stepped: find every next slot anew."""
        self.set([monitor for monitor, _ in self._monitors.values()], now)

    def expedite(self, name: str, at: int) -> None:
        """Check this monitor at `at` too, unless an earlier extra check stands already."""
        if name not in self._monitors or at >= self._extras.get(name, at + 1):
            return
        self._extras[name] = at
        heapq.heappush(self._heap, (at, _EXTRA, name, 0))

    def next_at(self) -> int | None:
        """When the next entry comes up (it may turn out to be stale)."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: int) -> list[Due]:
        """Everything that is due, oldest first; the slots' next entries are put in place."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            at, kind, name, generation = heapq.heappop(self._heap)
            if kind == _EXTRA:
                if self._extras.get(name) == at:
                    del self._extras[name]
                    due.append(Due(name, at, extra=True))
                continue
            monitor, current = self._monitors.get(name, (None, 0))
            if monitor is None or generation != current:
                continue
            following = next_slot(monitor, now)
            heapq.heappush(self._heap, (following, _SLOT, name, generation))
            due.append(Due(name, at, skipped=(following - at) // monitor.interval - 1))
        return due
