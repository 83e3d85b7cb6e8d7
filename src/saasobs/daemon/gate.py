"""How many checks run at once, in all and for each host. Callbacks only; it never awaits and never blocks."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable


class Gate:
    """Bounded concurrency: at most `limit` in all and `per_host` for one host; the rest waits in order."""

    def __init__(self, limit: int, per_host: int) -> None:
        self.limit = limit
        self.per_host = per_host
        self.running = 0
        self._hosts: Counter[str] = Counter()
        self._waiting: deque[tuple[str, Callable[[], None]]] = deque()
        self._parked: dict[str, deque[Callable[[], None]]] = {}

    @property
    def queued(self) -> int:
        return len(self._waiting) + sum(map(len, self._parked.values()))

    def submit(self, host: str, start: Callable[[], None]) -> None:
        """Call `start` now or as soon as there is room; whoever starts must call `done(host)` once."""
        if self._full(host):
            self._parked.setdefault(host, deque()).append(start)
        elif self.running >= self.limit:
            self._waiting.append((host, start))
        else:
            self._start(host, start)

    def done(self, host: str) -> None:
        """One check has ended: let the next one in."""
        self.running -= 1
        if host:
            self._hosts[host] -= 1
            if not self._hosts[host]:
                del self._hosts[host]
            self._unpark(host)
        while self._waiting and self.running < self.limit:
            waiting_host, start = self._waiting.popleft()
            self.submit(waiting_host, start)

    def clear(self) -> None:
        """Forget all that waits; what runs goes on."""
        self._waiting.clear()
        self._parked.clear()

    def _full(self, host: str) -> bool:
        return bool(host) and self._hosts[host] >= self.per_host

    def _start(self, host: str, start: Callable[[], None]) -> None:
        self.running += 1
        if host:
            self._hosts[host] += 1
        start()

    def _unpark(self, host: str) -> None:
        parked = self._parked.get(host)
        if parked:
            self._waiting.append((host, parked.popleft()))
            if not parked:
                del self._parked[host]
