"""The judge: a change is believed only after enough consecutive evidence."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting.incidents import apply, event, open_incident, withdraw
from saasobs.alerting.judge import judge
from saasobs.core.incident import Change, Incident, MonitorState, Status, Transition, incident_id
from saasobs.core.monitor import Monitor, Severity, Thresholds
from saasobs.core.result import Check, Outcome, Reason, Result
from saasobs.core.values import MINUTE, SECOND

START = 1_795_356_000 * SECOND
DURATION = SECOND // 4
OUTCOMES = {"U": Outcome.UP, "G": Outcome.DEGRADED, "D": Outcome.DOWN, "m": Outcome.MISSED, "?": Outcome.UNKNOWN}
REASONS = {Outcome.DEGRADED: Reason.TOO_SLOW, Outcome.DOWN: Reason.STATUS_MISMATCH}
MONITOR = Monitor("api", "http", None, "https://api.acme.example/health")
TWO = Thresholds(fail_after=2, recover_after=2)

outcomes = st.lists(st.sampled_from(list(OUTCOMES.values())), max_size=60)
thresholds = st.builds(Thresholds, fail_after=st.integers(1, 4), recover_after=st.integers(1, 4))


def result(number: int, outcome: Outcome) -> Result:
    at = START + number * MINUTE
    message = "" if outcome is Outcome.UP else f"it was {outcome}"
    return Result(Check("api", at, at, correlation_id=f"c{number}"), outcome, DURATION, REASONS.get(outcome), message)


def run(
    seen: list[Outcome], limits: Thresholds, state: MonitorState | None = None, first: int = 0
) -> tuple[list[MonitorState], list[tuple[int, Transition]]]:
    """Every state on the way, the first included, and every transition with its result's number."""
    states, changes = [state or MonitorState("api")], []
    for number, outcome in enumerate(seen, first):
        judgement = judge(states[-1], result(number, outcome), limits)
        states.append(judgement.state)
        if judgement.transition is not None:
            changes.append((number, judgement.transition))
    return states, changes


def told(story: str, limits: Thresholds = TWO) -> str:
    """The story of letters as the changes that it makes: ``"UUDD"`` → ``"3:opened/down"``."""
    _, changes = run([OUTCOMES[letter] for letter in story], limits)
    return " ".join(f"{number}:{one.change}/{one.status}" for number, one in changes)


@pytest.mark.parametrize(
    ("story", "changes"),
    [
        ("UUUU", ""),
        ("UUDUDU", ""),
        ("UDD", "2:opened/down"),
        ("DD", "1:opened/down"),
        ("DDUU", "1:opened/down 3:recovered/up"),
        ("DDUDUU", "1:opened/down 5:recovered/up"),
        ("GG", "1:opened/degraded"),
        ("GGDD", "1:opened/degraded 3:escalated/down"),
        ("GGDGDD", "1:opened/degraded 5:escalated/down"),
        ("DG", "1:opened/degraded"),
        ("GD", "1:opened/degraded"),
        ("GDD", "1:opened/degraded 2:escalated/down"),
        ("DDGG", "1:opened/down 3:eased/degraded"),
        ("DDUG", "1:opened/down 3:eased/degraded"),
        ("DDGU", "1:opened/down"),
        ("DDGUU", "1:opened/down 4:recovered/up"),
        ("DDGGUUDD", "1:opened/down 3:eased/degraded 5:recovered/up 7:opened/down"),
        ("DmD", "2:opened/down"),
        ("D??m?D", "5:opened/down"),
        ("mmmm????", ""),
        ("DDU?mU", "1:opened/down 5:recovered/up"),
    ],
)
def test_stories(story: str, changes: str) -> None:
    """What two failures, two recoveries and mixtures of them amount to."""
    assert told(story) == changes


def test_a_new_monitor_is_up_silently() -> None:
    """The first good result makes a new monitor up, from that moment, and tells nobody."""
    states, changes = run([Outcome.UP, Outcome.UP], TWO)
    assert [state.status for state in states] == [Status.NEW, Status.UP, Status.UP]
    assert states[-1].since == START + DURATION
    assert changes == []


def test_a_run_remembers_when_it_began() -> None:
    """The incident starts with the first failing result of the run that opened it, not with the confirmation."""
    states, [(_, transition)] = run([Outcome.UP, Outcome.DEGRADED, Outcome.MISSED, Outcome.DOWN], TWO)
    assert states[-1].failing_since == START + MINUTE
    assert transition.at == START + 3 * MINUTE + DURATION
    incident = open_incident(MONITOR, states[-1], result(3, Outcome.DOWN), transition)
    assert (incident.started_at, incident.opened_at) == (START + MINUTE, transition.at)


def test_a_paused_monitor_is_not_judged() -> None:
    """While it is paused nothing is counted, so that it goes on later where it stood."""
    paused = MonitorState("api", Status.UP, downs=1, not_ups=1, paused=True)
    assert judge(paused, result(1, Outcome.DOWN), TWO).state is paused


@given(outcomes, thresholds)
def test_no_change_without_enough_evidence(seen: list[Outcome], limits: Thresholds) -> None:
    """Each change stands on so many conclusive results in a row as its threshold asks for."""
    _, changes = run(seen, limits)
    for number, transition in changes:
        conclusive = [one for one in seen[: number + 1] if one not in (Outcome.MISSED, Outcome.UNKNOWN)]
        last = conclusive[-limits.fail_after :]
        if transition.change is Change.OPENED:
            assert len(last) == limits.fail_after
            assert Outcome.UP not in last
            assert (transition.status is Status.DOWN) == (set(last) == {Outcome.DOWN})
        elif transition.change is Change.ESCALATED:
            assert last == [Outcome.DOWN] * limits.fail_after
        elif transition.change is Change.RECOVERED:
            assert conclusive[-limits.recover_after :] == [Outcome.UP] * limits.recover_after
        else:
            assert Outcome.DOWN not in conclusive[-limits.recover_after :]
            assert conclusive[-1] is Outcome.DEGRADED


@given(outcomes, thresholds)
def test_enough_evidence_is_never_ignored(seen: list[Outcome], limits: Thresholds) -> None:
    """After enough results of one kind in a row the status is that kind, whatever went before."""
    states, _ = run(seen, limits)
    after = states[-1]
    if after.downs >= limits.fail_after:
        assert after.status is Status.DOWN
    if after.not_ups >= limits.fail_after:
        assert after.status in (Status.DOWN, Status.DEGRADED)
    if after.ups >= limits.recover_after:
        assert after.status is Status.UP


@given(outcomes, thresholds)
def test_status_changes_only_with_a_transition(seen: list[Outcome], limits: Thresholds) -> None:
    """Except for a new monitor's silent first up, a status never changes untold; and each transition changes it."""
    states, changes = run(seen, limits)
    told_at = {number for number, _ in changes}
    for number, (before, after) in enumerate(pairwise(states)):
        silent = before.status is Status.NEW and after.status is Status.UP
        assert (before.status is not after.status) == (number in told_at or silent)
        assert (after.since != before.since) == (number in told_at or silent)


@given(outcomes, thresholds)
def test_runs_agree_with_each_other(seen: list[Outcome], limits: Thresholds) -> None:
    """The four runs never contradict one another, and a failing run knows when it began."""
    for state in run(seen, limits)[0]:
        assert state.downs <= state.not_ups
        assert state.ups <= state.not_downs
        assert not (state.not_ups and state.ups)
        assert not (state.downs and state.not_downs)
        assert bool(state.failing_since) == bool(state.not_ups)


@given(outcomes, thresholds, st.data())
def test_a_restart_changes_no_judgement(seen: list[Outcome], limits: Thresholds, data: st.DataObject) -> None:
    """Written down and read back at any point, the state leads to the same end and the same changes."""
    at = data.draw(st.integers(0, len(seen)))
    whole, changes = run(seen, limits)
    first, early = run(seen[:at], limits)
    stored = json.loads(json.dumps(asdict(first[-1])))
    read = MonitorState(
        **{
            **stored,
            "status": Status(stored["status"]),
            "last_outcome": Outcome(stored["last_outcome"]) if stored["last_outcome"] else None,
            "last_reason": Reason(stored["last_reason"]) if stored["last_reason"] else None,
        }
    )
    second, late = run(seen[at:], limits, read, at)
    assert second[-1] == whole[-1]
    assert early + late == changes


@given(outcomes, thresholds)
def test_an_incident_is_open_exactly_while_it_is_not_up(seen: list[Outcome], limits: Thresholds) -> None:
    """An opening and a recovery always alternate, and between them the status is down or degraded."""
    incident: Incident | None = None
    state = MonitorState("api")
    for number, outcome in enumerate(seen):
        one = result(number, outcome)
        judgement = judge(state, one, limits)
        state, transition = judgement.state, judgement.transition
        if transition is not None and transition.change is Change.OPENED:
            assert incident is None or not incident.open
            incident = open_incident(MONITOR, state, one, transition)
        elif transition is not None:
            assert incident is not None
            assert incident.open
            before, incident = incident, apply(incident, MONITOR, transition, one)
            assert incident.occurrence == before.occurrence + 1
        failing = state.status in (Status.DOWN, Status.DEGRADED)
        assert failing == (incident is not None and incident.open)
        if incident is not None and incident.open:
            assert incident.status is state.status
            severity = Severity.CRITICAL if state.status is Status.DOWN else Severity.WARNING
            assert incident.severity is severity


def test_the_life_of_an_incident_in_words() -> None:
    """Each change leaves a line that a person understands, and the newest facts on the incident."""
    story = [Outcome.DEGRADED] * 2 + [Outcome.DOWN] * 2 + [Outcome.DEGRADED] * 2 + [Outcome.UP] * 2
    state, incident, lines = MonitorState("api"), None, []
    for number, outcome in enumerate(story):
        one = result(number, outcome)
        judgement = judge(state, one, TWO)
        state = judgement.state
        if judgement.transition is None:
            continue
        if incident is None:
            incident = open_incident(MONITOR, state, one, judgement.transition)
        else:
            incident = apply(incident, MONITOR, judgement.transition, one)
        lines.append(event(incident, judgement.transition, one).text)
    assert lines == [
        "degraded: it was degraded",
        "from degraded to down: it was down",
        "from down to degraded: it was degraded",
        "up again after 7m",
    ]
    assert incident is not None
    assert incident.id == incident_id("api", START + MINUTE + DURATION)
    assert (incident.ending, incident.occurrence, incident.status) == (Change.RECOVERED, 3, Status.DEGRADED)
    assert incident.correlation_id == "c5"


def test_withdrawing_ends_an_incident() -> None:
    """A monitor that is no longer watched closes its incident as withdrawn: one more occurrence."""
    states, [(_, transition)] = run([Outcome.DOWN] * 2, TWO)
    incident = open_incident(MONITOR, states[-1], result(1, Outcome.DOWN), transition)
    gone = withdraw(incident, START + 3 * MINUTE)
    assert (gone.open, gone.ending, gone.occurrence) == (False, Change.WITHDRAWN, 1)


def test_an_incident_always_says_why() -> None:
    """A result without a sentence of its own has that of its reason."""
    transition = Transition(Change.OPENED, START, Status.DOWN)
    bare = replace(result(0, Outcome.DOWN), message="")
    incident = open_incident(MONITOR, MonitorState("api"), bare, transition)
    assert incident.message == "unexpected status code"
    assert incident.started_at == START
