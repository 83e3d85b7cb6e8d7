"""The open incidents whose alerts are held, in memory: for the event loop, which asks, and the writer, which decides.

What is here is written down too, as marks on notices (alerting/hold.py): a restart makes it again from them.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from saasobs.alerting.hold import Hold
from saasobs.alerting.received.about import About
from saasobs.core.incident import Topic


@dataclass(frozen=True, slots=True)
class Case:
    """One incident, and what is known of what holds it. Clock readings in seconds are monotonic."""

    incident: str
    monitor: str
    topic: Topic
    failed_at: int
    """When the failure began that it tells of (µs)."""
    hold: Hold | None = None
    """What holds it now; None: nothing so far."""
    firm: bool = False
    """Something real has held it, not only the wait for a verdict."""
    over_since: float = 0.0
    """Since when nothing real holds it any more."""
    over_at: int = 0
    """The same by the wall clock (µs): the monitor's own next word must be younger."""
    ask: tuple[str, ...] = ()
    """The monitors whose word is waited for."""
    about: About | None = None
    """What its alerts say, where others reported it."""


class Cases:
    """All of them, found by their incident or by any monitor that concerns them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cases: dict[str, Case] = {}
        self._concerning: dict[str, set[str]] = {}
        self._concerned: dict[str, tuple[str, ...]] = {}

    def get(self, incident: str) -> Case | None:
        return self._cases.get(incident)

    def all(self) -> Sequence[Case]:
        with self._lock:
            return list(self._cases.values())

    def concerning(self, monitor: str) -> Sequence[Case]:
        """Those of the monitor itself and those that it may explain."""
        if monitor not in self._concerning:  # nearly always, and this is asked at every check
            return ()
        with self._lock:
            return [self._cases[incident] for incident in self._concerning.get(monitor, ())]

    def put(self, case: Case, ancestors: Collection[str]) -> None:
        with self._lock:
            self._forget(case.incident)
            self._cases[case.incident] = case
            self._concerned[case.incident] = monitors = (case.about.monitor if case.about else case.monitor, *ancestors)
            for monitor in monitors:
                self._concerning.setdefault(monitor, set()).add(case.incident)

    def drop(self, incident: str) -> None:
        with self._lock:
            self._forget(incident)

    def _forget(self, incident: str) -> None:
        self._cases.pop(incident, None)
        for monitor in self._concerned.pop(incident, ()):
            others = self._concerning[monitor]
            others.discard(incident)
            if not others:
                del self._concerning[monitor]
