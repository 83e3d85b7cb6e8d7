"""How often something may be told: the first time, then once in a while with how often it happened since. Pure."""

from __future__ import annotations

from typing import Final

_KEYS: Final = 2000


class Limiter:
    """Safe from any thread, and without a lock that a fork could leave locked; remembers a bounded number of keys."""

    def __init__(self, interval: float) -> None:
        """:param interval: seconds between two tellings of one key."""
        self._interval = interval
        self._told: dict[object, list[float]] = {}

    def times(self, key: object, now: float) -> int:
        """How often it happened since it was last told, this time included; 0: do not tell it now.

        :param now: seconds of a clock that does not go back.
        """
        told = self._told.get(key)
        if told is not None and now - told[0] < self._interval:
            told[1] += 1
            return 0
        self._told.pop(key, None)  # so that the first key is the oldest
        if len(self._told) >= _KEYS:
            self._told.pop(next(iter(list(self._told))), None)
        self._told[key] = [now, 0]
        return 1 if told is None else int(told[1]) + 1
