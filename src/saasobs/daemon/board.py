"""What is true now, in memory: configuration, states, last results. The store follows it; pages read it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from saasobs.alerting.flapping import Flaps
from saasobs.core.errors import NotFound
from saasobs.core.incident import MonitorState
from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Outcome, Result

RECENT = 40
_DURATION_BITS = 36
_LONGEST = (1 << _DURATION_BITS) - 1


@dataclass(slots=True)
class Board:
    """The daemon's working memory. Only the event loop's thread changes it; the writer's may look one thing up."""

    monitors: dict[str, Monitor] = field(default_factory=dict)
    states: dict[str, MonitorState] = field(default_factory=dict)
    last: dict[str, Result] = field(default_factory=dict)
    flaps: dict[str, Flaps] = field(default_factory=dict)
    _recent: dict[str, deque[Result | int]] = field(default_factory=dict)

    def load(self, states: Sequence[MonitorState], last: Mapping[str, Result]) -> None:
        """Take up where the last run stopped."""
        self.states = {state.monitor: state for state in states}
        for name, result in last.items():
            self._keep(name, result)

    def set_monitors(self, monitors: Mapping[str, Monitor]) -> list[str]:
        """Replace the configuration; returns the names that are known of but no longer watched."""
        self.monitors = {name: self._same(name, monitor) for name, monitor in monitors.items()}
        for name in self.monitors:
            self.states.setdefault(name, MonitorState(name))
        for name in self.last.keys() - self.monitors.keys():
            self.last.pop(name, None)
            self._recent.pop(name, None)
        return [name for name in self.states if name not in self.monitors]

    def _same(self, name: str, monitor: Monitor) -> Monitor:
        """The object that is there already when nothing about it changed: comparing is then cheap."""
        old = self.monitors.get(name)
        return old if old == monitor else monitor

    def of_another_kind(self, monitors: Mapping[str, Monitor]) -> list[str]:
        """Names that stay but now mean another thing: what was judged of the old one says nothing of the new one."""
        kinds = {name: monitor.kind for name, monitor in self.monitors.items()}
        return [name for name, monitor in monitors.items() if kinds.get(name, monitor.kind) != monitor.kind]

    def observe(self, result: Result, state: MonitorState) -> None:
        name = result.check.monitor
        self.states[name] = state
        self._keep(name, result)

    def monitor(self, name: str) -> Monitor:
        """:raises NotFound: with the sentence that a person reads."""
        try:
            return self.monitors[name]
        except KeyError:
            raise NotFound(f"no monitor is called {name!r}") from None

    def state(self, name: str) -> MonitorState | None:
        """core.ports.States."""
        return self.states.get(name)

    def recent(self, name: str) -> Sequence[Result]:
        """The newest results, newest first."""
        return [_unpacked(name, kept) for kept in reversed(self._recent.get(name, ()))]

    def _keep(self, name: str, result: Result) -> None:
        self.last[name] = result
        ring = self._recent.get(name)
        if ring is None:
            ring = self._recent[name] = deque(maxlen=RECENT)
        ring.append(_packed(result))


def _packed(result: Result) -> Result | int:
    """Of the many that were up in their turn only moment and duration stay: thousands of monitors have forty each."""
    if result.outcome is not Outcome.UP or result.check.attempt:
        return result
    return result.check.started_at << _DURATION_BITS | min(result.duration, _LONGEST)


def _unpacked(name: str, kept: Result | int) -> Result:
    if isinstance(kept, Result):
        return kept
    started_at, duration = kept >> _DURATION_BITS, kept & _LONGEST
    return Result(Check(name, started_at, started_at), Outcome.UP, duration)
