"""Whether another monitor's outage explains this one's: what `depends_on` means. Pure.

An ancestor is whatever a monitor depends on, or what that depends on, and so on; it counts whatever lies between looks
like. A child's alerts wait

1. while an ancestor is confirmed down;
2. while an ancestor has failed and is being confirmed;
3. until each ancestor has been looked at by a check that began after the child's failure: a child is often confirmed
   before the outage that explains it, so nothing older proves an ancestor well;
4. until the child itself has been looked at since the ancestor's last change: what it saw before then may be explained.

Rules 2 to 4 are bounded: an ancestor that says nothing conclusive in time explains nothing. A paused ancestor, or one
that is merely degraded, explains nothing either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from saasobs.core.incident import MonitorState, Status
from saasobs.core.monitor import Monitor
from saasobs.core.result import Outcome
from saasobs.core.values import SECOND

PATIENCE = 30 * SECOND
"""How long a verdict is waited for, beside what confirming it takes."""


class Family:
    """Who depends on whom, transitively."""

    def __init__(self, monitors: Mapping[str, Monitor]) -> None:
        self._parents = {name: monitor.depends_on for name, monitor in monitors.items() if monitor.depends_on}
        self._ancestors = {name: self._above(name) for name in self._parents}

    def ancestors(self, name: str) -> Sequence[str]:
        """The nearest first."""
        return self._ancestors.get(name, ())

    def dependants(self, name: str) -> Sequence[str]:
        """All that depend on it, be it through others, in the order of the file."""
        return [child for child, ancestors in self._ancestors.items() if name in ancestors]

    def _above(self, name: str) -> tuple[str, ...]:
        """By generations; a circle, which the configuration refuses, would come to an end all the same."""
        found: dict[str, None] = {}
        generation: Iterable[str] = self._parents[name]
        while generation := [parent for parent in dict.fromkeys(generation) if parent not in found]:
            found.update(dict.fromkeys(generation))
            generation = [above for parent in generation for above in self._parents.get(parent, ())]
        return tuple(parent for parent in found if parent != name)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What holds a child's alerts."""

    sentence: str
    ask: tuple[str, ...] = ()
    """The monitors to check now, for it is not known yet; nothing when it is."""


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One of them, as it is now."""

    state: MonitorState
    confirmation: int
    """How long it takes to confirm its failure, µs."""


def confirmation(monitor: Monitor) -> int:
    """How long a change of state takes from its first sign until it is believed, at the most (µs)."""
    thresholds = monitor.thresholds
    return max(thresholds.fail_after, thresholds.recover_after) * (thresholds.retry_interval + monitor.timeout)


def is_down(state: MonitorState) -> bool:
    """Confirmed, and not paused."""
    return state.status is Status.DOWN and not state.paused


def outage(ancestors: Iterable[Ancestor]) -> Explanation | None:
    """Rule 1 alone."""
    down = next((one.state for one in ancestors if is_down(one.state)), None)
    return None if down is None else Explanation(f"{down.monitor} is down")


def explain(
    child: MonitorState, failed_at: int, ancestors: Sequence[Ancestor], waited: int, now: int
) -> Explanation | None:
    """Why a failing child's alerts wait; None: it is an outage of its own.

    :param failed_at: when the child's first failing check began.
    :param waited: how long ago that was, µs by a clock that nobody sets.
    """
    if (down := outage(ancestors)) is not None:
        return down
    open_ = [one for one in ancestors if not one.state.paused and _is_open(one, failed_at, waited, now)]
    if open_:
        names = tuple(one.state.monitor for one in open_)
        return Explanation(f"being checked: does {names[0]} explain it?", names)
    changed = max((_past(one.state.since, now) for one in ancestors if not one.state.paused), default=0)
    if _past(child.last_at, now) < changed and waited < PATIENCE:
        return Explanation("being checked: is it still so?", (child.monitor,))
    return None


def _is_open(ancestor: Ancestor, failed_at: int, waited: int, now: int) -> bool:
    """Rules 2 and 3."""
    state = ancestor.state
    if state.last_outcome is Outcome.DOWN:
        return waited < PATIENCE + ancestor.confirmation
    return _past(state.last_at, now) < failed_at and waited < PATIENCE


def _past(moment: int, now: int) -> int:
    """A moment ahead was written by a clock that has been set back since: it says nothing."""
    return moment if moment <= now else 0
