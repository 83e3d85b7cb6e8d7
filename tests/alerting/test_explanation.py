"""What stands in the store, told as a story: who heard, who did not, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from saasobs.alerting.explanation import _WHY_NOT, explain
from saasobs.core.explanation import Fate, Telling
from saasobs.core.incident import Attempt, Change, Event, Notice, NoticeState, Suppression, notice_id
from saasobs.core.values import HOUR, MINUTE, SECOND
from support.briefings import INCIDENT, NOW, OPENED


def notice(step: int = 0, *, occurrence: int = 0, **changes: Any) -> Notice:
    identity = notice_id(INCIDENT.id, step, occurrence, "sms", "+51987654321")
    due = NOW + 5 * step * MINUTE
    made = Notice(
        identity, INCIDENT.id, step, occurrence, "sms", "+51987654321", Change.OPENED, due, due + HOUR, next_at=due
    )
    return replace(made, **changes)


def told(one: Notice, *events: Event, attempts: tuple[Attempt, ...] = (), now: int = NOW + MINUTE) -> Telling:
    [telling] = explain(INCIDENT, [OPENED, *events], [one], attempts, now).tellings
    return telling


SENT: dict[str, Any] = {"state": NoticeState.SENT, "sent_at": NOW + SECOND, "attempts": 1}


@pytest.mark.parametrize(
    ("one", "fate", "why"),
    [
        (notice(**SENT), Fate.TOLD, "step 1"),
        (notice(**SENT, person="ana", schedule="primary"), Fate.TOLD, "step 1: on call for primary"),
        (
            notice(
                **{**SENT, "sent_at": NOW + 7 * MINUTE, "attempts": 4}, group_id="g1", delivered_at=NOW + 8 * MINUTE
            ),
            Fate.TOLD,
            "step 1, 7m late, after 4 tries, with others, in group g1, arrived 2026-11-22T14:11:00.000Z",
        ),
        (notice(**SENT, change=Change.RECOVERED), Fate.TOLD, "told those who knew"),
        (
            notice(1, unless_acknowledged=True),
            Fate.WAITS,
            "step 2 is due 2026-11-22T14:08:00.000Z, unless somebody acknowledges it",
        ),
        (
            notice(suppression=Suppression.QUIET_HOURS, detail="quiet hours until 12:00 UTC"),
            Fate.WAITS,
            "held: quiet hours until 12:00 UTC",
        ),
        (
            notice(attempts=1, detail="503", next_at=NOW + 90 * SECOND),
            Fate.WAITS,
            "1 try so far: 503; the next one is due 2026-11-22T14:04:30.000Z",
        ),
        (
            notice(state=NoticeState.FAILED, attempts=1, detail="revoked"),
            Fate.NOT_TOLD,
            "failed for good after 1 try: revoked",
        ),
        (notice(state=NoticeState.EXPIRED, attempts=9), Fate.NOT_TOLD, "gave up after 9 tries: no reason is known"),
        (
            notice(state=NoticeState.SUPPRESSED, suppression=Suppression.HANDED_OVER, detail="ben is on call now"),
            Fate.NOT_TOLD,
            "somebody else was on call by then: ben is on call now",
        ),
    ],
)
def test_each_fate_in_a_sentence(one: Notice, fate: Fate, why: str) -> None:
    """Told, waiting or not told, each with its reason."""
    assert (told(one).fate, told(one).why) == (fate, why)


def test_an_acknowledgement_is_told_with_who_and_when() -> None:
    """The first who took it."""
    taken = Event(INCIDENT.id, NOW + 30 * SECOND, Change.ACKNOWLEDGED, "by ana (slack)", "ana")
    stopped = notice(1, state=NoticeState.SUPPRESSED, suppression=Suppression.ACKNOWLEDGED)
    assert told(stopped, taken).why == "ana had acknowledged it at 2026-11-22T14:03:30.000Z"


def test_every_suppression_has_its_sentence() -> None:
    """None is forgotten when one is added."""
    assert set(_WHY_NOT) == set(Suppression)


def test_the_order_is_that_in_which_they_were_due() -> None:
    """Rounds are counted, and what bears on all of it stands in the notes."""
    rerouted = Event(INCIDENT.id, NOW, Change.REROUTED, "nobody is on call for primary: everyone is told instead")
    story = explain(
        INCIDENT, [OPENED, rerouted], [notice(1), notice(occurrence=3, due_at=NOW + HOUR), notice()], (), NOW
    )
    assert [(one.step, one.round) for one in story.tellings] == [(1, 1), (2, 1), (1, 2)]
    assert story.notes == ((NOW, "rerouted: nobody is on call for primary: everyone is told instead"),)
