"""How often something may be told: the first time, then once in a while with how often it happened since. Pure."""

from __future__ import annotations

import threading
from typing import Final

_KEYS: Final = 2000


class Limiter:
    """Safe from any thread; remembers a bounded number of keys, the oldest go first."""

    def __init__(self, interval: float) -> None:
        """:param interval: seconds between two tellings of one key."""
        self._interval = interval
        self._told: dict[object, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def times(self, key: object, now: float) -> int:
        """How often it happened since it was last told, this time included; 0: do not tell it now.

        :param now: seconds of a clock that does not go back.
        """
        with self._lock:
            told, since = self._told.get(key, (None, 0))
            if told is not None and now - told < self._interval:
                self._told[key] = (told, since + 1)
                return 0
            self._told.pop(key, None)
            if len(self._told) >= _KEYS:
                del self._told[next(iter(self._told))]
            self._told[key] = (now, 0)
            return since + 1
