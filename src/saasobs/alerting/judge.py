"""From a result to a state: a change is believed only after enough consecutive evidence. Pure.

1. Results that say nothing about the target (missed, unknown), and all results of a paused monitor, leave the state
   exactly as it was: they neither confirm nor interrupt a run.
2. Every other result lengthens two of the four runs and ends the others (see MonitorState).
3. A failing monitor opens an incident after `fail_after` results that were not up: as down when all of the last
   `fail_after` were down, else as degraded. An open one escalates after `fail_after` downs in a row, eases after
   `recover_after` results that were not down (the last of them degraded), recovers after `recover_after` ups.
4. A new monitor is up, silently, with its first good result.

The incident's ID is the caller's to set; so is everything that follows from a transition.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from saasobs.core.incident import Change, MonitorState, Status, Transition
from saasobs.core.monitor import Thresholds
from saasobs.core.result import Outcome, Result

_CALM = (Status.NEW, Status.UP)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a result made of a state; `transition` when that is worth telling."""

    state: MonitorState
    transition: Transition | None = None


def judge(state: MonitorState, result: Result, thresholds: Thresholds) -> Judgement:
    """The state after one more result. A transition's moment is when the check that confirmed it had ended (µs)."""
    if state.paused or not result.conclusive:
        return Judgement(state)
    counted = _count(state, result)
    at = result.check.started_at + result.duration
    change = _change(counted, result.outcome, thresholds)
    if change is not None:
        status = _status_after(change, counted, thresholds)
        return Judgement(replace(counted, status=status, since=at), Transition(change, at, status))
    if counted.status is Status.NEW and result.outcome is Outcome.UP:
        return Judgement(replace(counted, status=Status.UP, since=at))
    return Judgement(counted)


def _count(state: MonitorState, result: Result) -> MonitorState:
    """The runs with one more result. Every field by name: `replace` takes five times as long, at every check."""
    up, down = result.outcome is Outcome.UP, result.outcome is Outcome.DOWN
    return MonitorState(
        monitor=state.monitor,
        status=state.status,
        since=state.since,
        downs=state.downs + 1 if down else 0,
        not_ups=0 if up else state.not_ups + 1,
        ups=state.ups + 1 if up else 0,
        not_downs=0 if down else state.not_downs + 1,
        failing_since=0 if up else state.failing_since or result.check.started_at,
        incident_id=state.incident_id,
        paused=state.paused,
        last_at=result.check.started_at,
        last_outcome=result.outcome,
        last_reason=result.reason,
    )


def _change(state: MonitorState, outcome: Outcome, thresholds: Thresholds) -> Change | None:
    """What the runs amount to, seen from the status they found."""
    if state.status in _CALM:
        return Change.OPENED if state.not_ups >= thresholds.fail_after else None
    if state.ups >= thresholds.recover_after:
        return Change.RECOVERED
    if state.status is Status.DEGRADED:
        return Change.ESCALATED if state.downs >= thresholds.fail_after else None
    eased = outcome is Outcome.DEGRADED and state.not_downs >= thresholds.recover_after
    return Change.EASED if eased else None


def _status_after(change: Change, state: MonitorState, thresholds: Thresholds) -> Status:
    if change is Change.RECOVERED:
        return Status.UP
    return Status.DOWN if state.downs >= thresholds.fail_after else Status.DEGRADED
