"""What is true now, in memory: configuration, states, last results. The store follows it; pages read it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from saasobs.core.errors import NotFound
from saasobs.core.incident import MonitorState
from saasobs.core.monitor import Monitor
from saasobs.core.result import Result

RECENT = 40


@dataclass(slots=True)
class Board:
    """The daemon's working memory. Only the event loop's thread touches it."""

    monitors: dict[str, Monitor] = field(default_factory=dict)
    states: dict[str, MonitorState] = field(default_factory=dict)
    last: dict[str, Result] = field(default_factory=dict)
    _recent: dict[str, deque[Result]] = field(default_factory=dict)

    def load(self, states: Sequence[MonitorState], last: Mapping[str, Result]) -> None:
        """Take up where the last run stopped."""
        self.states = {state.monitor: state for state in states}
        for name, result in last.items():
            self._keep(name, result)

    def set_monitors(self, monitors: Mapping[str, Monitor]) -> list[str]:
        """Replace the configuration; returns the names that are known of but no longer watched."""
        self.monitors = dict(monitors)
        for name in self.monitors:
            self.states.setdefault(name, MonitorState(name))
        for name in self.last.keys() - self.monitors.keys():
            self.last.pop(name, None)
            self._recent.pop(name, None)
        return [name for name in self.states if name not in self.monitors]

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

    def recent(self, name: str) -> Sequence[Result]:
        """The newest results, newest first."""
        return list(reversed(self._recent.get(name, ())))

    def _keep(self, name: str, result: Result) -> None:
        self.last[name] = result
        self._recent.setdefault(name, deque(maxlen=RECENT)).append(result)
