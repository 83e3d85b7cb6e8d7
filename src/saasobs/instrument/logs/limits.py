"""How many lines one event may write: a token bucket for each logger and event, in a table that cannot grow.

1. A bucket is one number, the moment at which it would be full again (the generic cell rate algorithm, ITU-T I.371).
2. A bucket that is full says the same as one that is not there, so a table that has become large forgets those.
3. When thousands of events are busy at once, the newcomers share one bucket.
4. What was refused is counted, and due to be told once for each event and window.

Pure: time is an argument. Several threads use it without a lock; a race costs a line more or less.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, NamedTuple

BURST: Final = 10.0
"""Seconds' worth of lines that a quiet event may write at once."""
IMPORTANT: Final = 10.0
"""How many times more an error or an access line may write."""
WINDOW: Final = 10.0
"""Seconds between two tellings of what was suppressed of one event."""
_TABLE: Final = 2048
_SWEEP: Final = 1.0
"""Seconds between two sweeps of a table that is full: a storm of ever new events does not pay for one each."""

Key = tuple[str, Hashable]
_OTHERS: Final[Key] = ("", "__other__")


class Suppressed(NamedTuple):
    """Lines that were not written."""

    logger: str
    event: str
    lines: int


class RateLimit:
    """Decides line by line, and keeps count of the refused."""

    __slots__ = ("_burst", "_due", "_full_at", "_interval", "_refused", "_swept_at")

    def __init__(self, rate: float, burst: float = BURST) -> None:
        """:param rate: lines a second of one event; positive. :param burst: seconds' worth of them at once."""
        self._interval = 1.0 / rate
        self._burst = burst
        self._full_at: dict[Key, float] = {}
        self._refused: dict[Key, int] = {}
        self._due = 0.0
        self._swept_at = -_SWEEP

    def allows(self, key: Key, now: float, *, important: bool = False) -> bool:
        """:param now: seconds of any clock that does not go back."""
        table = self._full_at
        full_at = table.get(key, 0.0)
        if full_at < now:
            if full_at == 0.0 and len(table) >= _TABLE:
                key = self._room(key, now)
                full_at = table.get(key, 0.0)
            full_at = now
        if full_at - now > self._burst:
            self._refuse(key, now)
            return False
        table[key] = full_at + (self._interval / IMPORTANT if important else self._interval)
        return True

    def _refuse(self, key: Key, now: float) -> None:
        if not self._refused:
            self._due = now + WINDOW
        self._refused[key] = self._refused.get(key, 0) + 1

    def _room(self, key: Key, now: float) -> Key:
        if now - self._swept_at < _SWEEP:
            return _OTHERS
        self._swept_at = now
        self._full_at = {other: moment for other, moment in list(self._full_at.items()) if moment > now}
        return key if len(self._full_at) < _TABLE else _OTHERS

    @property
    def pending(self) -> bool:
        """Whether there is something untold."""
        return bool(self._refused)

    @property
    def newly_pending(self) -> bool:
        """Whether the line refused last is all that there is untold."""
        return len(self._refused) == 1 and 1 in self._refused.values()

    def wait(self, now: float) -> float:
        """Seconds until the pending is due."""
        return max(0.0, self._due - now)

    def told(self) -> list[Suppressed]:
        """What was refused since this was last asked."""
        refused, self._refused = self._refused, {}
        return [Suppressed(logger, str(event), count) for (logger, event), count in refused.items()]
