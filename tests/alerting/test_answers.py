"""What an answer does to an incident and to what is owed for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from saasobs.alerting.answers import Answered, answered, is_done_with, rerouted, superseded, woken
from saasobs.alerting.policy import owed
from saasobs.alerting.quiet_hours import put_off
from saasobs.core.answers import Answer, AnswerKind, Via
from saasobs.core.incident import Change, Incident, Notice, NoticeState, Suppression, Topic
from saasobs.core.monitor import Severity
from saasobs.core.values import DAY, HOUR, MINUTE, SECOND
from support.answering_team import ANA_MAIL, ANA_SMS, BEN_MAIL, BEN_SMS, CHAT, directory
from support.briefings import INCIDENT, NOW, degraded

WHO = directory()
POLICY = WHO.policies["default"]
TAKEN = replace(INCIDENT, acknowledged_at=NOW, acknowledged_by="ana", acknowledged_occurrence=1, occurrence=1)
SNOOZED = replace(TAKEN, snoozed_until=NOW + 30 * MINUTE)
OVER = replace(INCIDENT, ended_at=NOW, ending=Change.RECOVERED)


def opened(incident: Incident = INCIDENT) -> list[Notice]:
    """The ladder: chat at once, ana's telephone after 5 minutes, ben's mail after 10, both telephones after 20."""
    return list(owed(incident, Change.OPENED, POLICY, WHO, (), NOW).new)


def sent(notice: Notice, at: int = 0) -> Notice:
    return replace(notice, state=NoticeState.SENT, sent_at=at or notice.due_at, attempts=1)


def say(
    kind: AnswerKind,
    incident: Incident = INCIDENT,
    existing: Sequence[Notice] = (),
    *,
    at: int = NOW + MINUTE,
    by: str = "ana",
    until: int = 0,
    to: str = "",
    text: str = "",
    lasting: int = 0,
) -> Answered:
    return answered(incident, Answer(kind, by, Via.SLACK, until, to, text, lasting), existing, WHO, at)


def stored(existing: Sequence[Notice], made: Answered) -> list[Notice]:
    kept = {notice.id: notice for notice in existing}
    kept.update((notice.id, notice) for notice in made.changed)
    assert not kept.keys() & {notice.id for notice in made.new}
    return [*kept.values(), *made.new]


def whom(notices: Sequence[Notice]) -> list[tuple[str, str]]:
    return [(notice.channel, notice.recipient) for notice in notices]


# Acknowledge ---------------------------------------------------------------------------------------------------


def test_an_acknowledgement_stops_everything() -> None:
    """Steps to come, a try in back-off that was unconditional, what is held, what waits for the morning: all of it."""
    chat, text, mail, *rest = opened()
    existing = [
        replace(chat, attempts=3, next_at=NOW + HOUR, detail="Slack answered 500"),
        replace(text, suppression=Suppression.DEPENDENCY, detail="db is down"),
        put_off(mail, NOW + 8 * HOUR, "quiet hours"),
        *rest,
    ]
    made = say(AnswerKind.ACKNOWLEDGE, existing=existing)
    assert {one.id for one in made.changed} == {one.id for one in existing}
    assert {(one.state, one.suppression) for one in made.changed} == {
        (NoticeState.SUPPRESSED, Suppression.ACKNOWLEDGED)
    }
    assert made.new == ()
    incident = made.incident
    assert (incident.acknowledged_at, incident.acknowledged_by) == (NOW + MINUTE, "ana")
    assert (incident.occurrence, incident.acknowledged_occurrence) == (1, 1)
    assert made.event is not None
    assert (made.event.change, made.event.text, made.event.actor) == (Change.ACKNOWLEDGED, "by ana (slack)", "ana")


def test_what_is_in_somebodys_hands_goes_on() -> None:
    """A message that is being sent, or a group's that may be, is left alone, and so is an end."""
    chat, text, mail, *_ = opened()
    leased = replace(chat, lease_owner="a", lease_until=NOW + 3 * MINUTE)
    marked = replace(text, due_at=NOW, delivery_id="0" * 20)
    end = replace(mail, due_at=NOW, change=Change.RECOVERED)
    run_out = replace(chat, id="x", lease_owner="a", lease_until=NOW)
    made = say(AnswerKind.ACKNOWLEDGE, existing=[leased, marked, end, run_out])
    assert [one.id for one in made.changed] == ["x"]


def test_who_was_told_in_a_chat_hears_of_it() -> None:
    """The chat's message is brought up to date; nobody gets a text message that says that nothing need be done."""
    chat, text, *rest = opened()
    made = say(AnswerKind.ACKNOWLEDGE, existing=[sent(chat), sent(text), *rest])
    assert [(one.change, one.channel, one.due_at) for one in made.new] == [(Change.ACKNOWLEDGED, "chat", NOW + MINUTE)]


def test_who_is_just_being_told_in_a_chat_hears_of_it() -> None:
    """The opening is on its way: the acknowledgement follows it."""
    chat = replace(opened()[0], lease_owner="a", lease_until=NOW + 3 * MINUTE)
    assert whom(say(AnswerKind.ACKNOWLEDGE, existing=[chat]).new) == [CHAT]


def test_a_chat_that_was_not_told_hears_nothing() -> None:
    """Where the opening could not be told, there is nothing to bring up to date; nor over a channel that is gone."""
    chat, *rest = opened()
    assert say(AnswerKind.ACKNOWLEDGE, existing=[replace(chat, attempts=2), *rest]).new == ()
    gone = replace(sent(chat), channel="gone")
    assert say(AnswerKind.ACKNOWLEDGE, existing=[gone]).new == ()


def test_the_first_one_counts() -> None:
    """A second acknowledgement changes nothing, and the incident says who was first."""
    made = say(AnswerKind.ACKNOWLEDGE, TAKEN, opened(), by="ben")
    assert made == Answered(TAKEN)


def test_acknowledging_a_snooze_makes_it_firm() -> None:
    """Somebody is on it for good, and it is whoever said so last."""
    made = say(AnswerKind.ACKNOWLEDGE, SNOOZED, by="ben")
    assert (made.incident.acknowledged_by, made.incident.snoozed_until) == ("ben", 0)
    assert made.change is Change.ACKNOWLEDGED


@pytest.mark.parametrize("topic", list(Topic))
@pytest.mark.parametrize("kind", list(AnswerKind))
def test_every_topic_takes_every_answer(topic: Topic, kind: AnswerKind) -> None:
    """A certificate, a budget, flapping, our network, a channel and somebody else's alert are answered alike."""
    before = replace(TAKEN if kind is AnswerKind.UNACKNOWLEDGE else INCIDENT, topic=topic)
    made = say(kind, before, to="ben", text="looking", lasting=HOUR)
    assert made.change is not None
    assert made.event is not None
    assert made.incident.topic is topic


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (AnswerKind.ACKNOWLEDGE, "nothing left to acknowledge"),
        (AnswerKind.UNACKNOWLEDGE, "nothing left to hand back"),
        (AnswerKind.SNOOZE, "nothing left to snooze"),
        (AnswerKind.ASSIGN, "nothing left to assign"),
        (AnswerKind.NOTE, "nothing left to add"),
        (AnswerKind.RESOLVE, "nothing left to resolve"),
    ],
)
def test_what_is_over_takes_no_answer(kind: AnswerKind, sentence: str) -> None:
    """It says so, whatever else may be wrong with the answer."""
    made = say(kind, OVER, opened())
    assert made == Answered(OVER, refusal=f"incident {OVER.id} is over: there is {sentence}")


@pytest.mark.parametrize(
    ("kind", "more", "sentence"),
    [
        (AnswerKind.SNOOZE, {}, "a snooze must end in the future, and within 7 days"),
        (AnswerKind.SNOOZE, {"until": NOW}, "a snooze must end in the future, and within 7 days"),
        (AnswerKind.SNOOZE, {"lasting": 8 * DAY}, "a snooze must end in the future, and within 7 days"),
        (AnswerKind.ASSIGN, {}, "say to whom it is to be assigned"),
        (AnswerKind.ASSIGN, {"to": " \n"}, "say to whom it is to be assigned"),
        (AnswerKind.NOTE, {}, "a note needs a text"),
    ],
)
def test_what_makes_no_sense_is_refused(kind: AnswerKind, more: dict[str, int | str], sentence: str) -> None:
    """In a sentence, and nothing changes."""
    made = say(kind, existing=opened(), **more)  # type: ignore[arg-type]
    assert made == Answered(INCIDENT, refusal=sentence)


def test_hostile_names_stay_on_their_line() -> None:
    """What a stranger wrote becomes one line in the timeline."""
    made = say(AnswerKind.ACKNOWLEDGE, by="ana\n\x1b[31mroot\u202e" + "x" * 500, text="a\r\nb")
    assert made.event is not None
    assert "\n" not in made.event.text
    assert "\x1b" not in made.event.text
    assert len(made.incident.acknowledged_by) <= 101


# Unacknowledge -------------------------------------------------------------------------------------------------


def test_handing_back_resumes_what_waits() -> None:
    """Acknowledged after a minute and handed back after three: every step is due when it would have been."""
    chat, *rest = opened()
    existing = [sent(chat), *rest]
    taken = say(AnswerKind.ACKNOWLEDGE, existing=existing)
    existing = stored(existing, taken)
    made = say(AnswerKind.UNACKNOWLEDGE, taken.incident, existing, at=NOW + 3 * MINUTE)
    assert {(one.id, one.due_at, one.next_at, one.expires_at) for one in made.changed} == {
        (one.id, one.due_at, one.due_at, one.expires_at) for one in rest
    }
    assert {(one.state, one.suppression) for one in made.changed} == {(NoticeState.PENDING, None)}
    incident = made.incident
    assert (incident.acknowledged_at, incident.acknowledged_by, incident.assigned_to) == (0, "", "")
    assert [(one.change, *pair) for one, pair in zip(made.new, whom(made.new), strict=True)] == [
        (Change.UNACKNOWLEDGED, *CHAT)
    ]


def test_what_came_due_meanwhile_is_told_once() -> None:
    """After an hour both telephones and ben's mail are due, each once, though ana's was meant by two steps."""
    chat, *rest = opened()
    existing = [sent(chat), *rest]
    taken = say(AnswerKind.ACKNOWLEDGE, existing=existing)
    existing = stored(existing, taken)
    made = say(AnswerKind.UNACKNOWLEDGE, taken.incident, existing, at=NOW + HOUR)
    assert sorted(whom(made.changed)) == sorted([ANA_SMS, BEN_MAIL, BEN_SMS])
    assert {one.due_at for one in made.changed} == {NOW + HOUR}
    assert all(one.expires_at - one.due_at == DAY for one in made.changed)


def test_who_was_told_since_is_not_told_again() -> None:
    """A second round of taking it and handing it back does not bring up what the first one has told."""
    chat, text, mail, *both = opened()
    existing = [sent(chat), replace(text, state=NoticeState.SUPPRESSED, suppression=Suppression.ACKNOWLEDGED)]
    existing += [sent(mail, NOW + 12 * MINUTE), *(sent(one, NOW + 25 * MINUTE) for one in both)]
    made = say(AnswerKind.UNACKNOWLEDGE, TAKEN, existing, at=NOW + HOUR)
    assert made.changed == ()
    assert made.begins_anew


def test_where_nothing_is_left_the_policy_begins_anew() -> None:
    """Everybody was told before it was taken: handed back, it must not fall silent."""
    made = say(AnswerKind.UNACKNOWLEDGE, TAKEN, [sent(one) for one in opened()], at=NOW + HOUR)
    assert (made.changed, made.new, made.begins_anew) == ((), (), True)
    assert made.incident.rounds == 0


def test_news_of_the_past_is_not_resumed() -> None:
    """An easing that nobody was told of is no step: the state of the moment is told anyway."""
    chat, *_ = opened()
    eased = replace(chat, id="e", change=Change.EASED, state=NoticeState.SUPPRESSED)
    made = say(AnswerKind.UNACKNOWLEDGE, TAKEN, [sent(chat), replace(eased, suppression=Suppression.ACKNOWLEDGED)])
    assert made.begins_anew


def test_only_what_an_acknowledgement_stopped_is_resumed() -> None:
    """What a cap, an end or another policy has stopped stays so; so does what is owed over a channel that is gone."""
    chat, *rest = opened()
    others = (Suppression.CAP, Suppression.REROUTED, Suppression.HANDED_OVER, Suppression.CHANNEL_REMOVED)
    stopped = [
        replace(one, state=NoticeState.SUPPRESSED, suppression=why) for one, why in zip(rest, others, strict=True)
    ]
    gone = replace(rest[0], id="g", channel="gone", state=NoticeState.SUPPRESSED, suppression=Suppression.ACKNOWLEDGED)
    assert say(AnswerKind.UNACKNOWLEDGE, TAKEN, [sent(chat), *stopped, gone]).begins_anew


def test_what_is_resumed_is_as_urgent_as_the_incident_is_now() -> None:
    """It got worse while somebody was on it: what goes on goes on as critical."""
    waiting = [replace(one, state=NoticeState.SUPPRESSED) for one in opened(degraded())[1:]]
    stopped = [replace(one, suppression=Suppression.ACKNOWLEDGED) for one in waiting]
    made = say(AnswerKind.UNACKNOWLEDGE, TAKEN, stopped)
    assert {one.severity for one in made.changed} == {Severity.CRITICAL}


def test_an_incident_that_nobody_has_cannot_be_handed_back() -> None:
    """Nothing changes."""
    assert say(AnswerKind.UNACKNOWLEDGE, existing=opened()) == Answered(INCIDENT)


def test_another_policy_takes_over_what_was_stopped() -> None:
    """Rerouted while somebody was on it: the old policy's steps do not come back."""
    stopped = say(AnswerKind.ACKNOWLEDGE, existing=opened()).changed
    moved = rerouted([*stopped, sent(opened()[0])])
    assert {one.suppression for one in moved} == {Suppression.REROUTED}
    assert len(moved) == len(stopped)


# Snooze --------------------------------------------------------------------------------------------------------


def test_a_snooze_is_an_acknowledgement_that_ends() -> None:
    """Everything stops, it says until when, and then it goes on as if it had been handed back."""
    chat, *rest = opened()
    existing = [sent(chat), *rest]
    made = say(AnswerKind.SNOOZE, existing=existing, lasting=30 * MINUTE)
    assert (made.incident.snoozed_until, made.incident.acknowledged_by) == (NOW + 31 * MINUTE, "ana")
    assert made.event is not None
    assert made.event.text == "until 2026-11-22 14:34 UTC, by ana (slack)"
    existing = stored(existing, made)
    assert woken(made.incident, existing, WHO, NOW + 31 * MINUTE - 1) == Answered(made.incident)
    free = woken(made.incident, existing, WHO, NOW + 31 * MINUTE)
    assert free.event is not None
    assert (free.event.change, free.event.text, free.event.actor) == (Change.UNACKNOWLEDGED, "the snooze is over", "")
    assert sorted(whom(free.changed)) == sorted([ANA_SMS, BEN_MAIL, BEN_SMS])
    assert (free.incident.snoozed_until, free.incident.acknowledged_at) == (0, 0)


def test_pressing_twice_snoozes_once() -> None:
    """A snooze that ends within a minute of the one that stands is the same one; a longer one is another."""
    again = say(AnswerKind.SNOOZE, SNOOZED, until=SNOOZED.snoozed_until + 59 * SECOND)
    assert again == Answered(SNOOZED)
    longer = say(AnswerKind.SNOOZE, SNOOZED, until=SNOOZED.snoozed_until + HOUR, by="ben")
    assert (longer.incident.snoozed_until, longer.incident.acknowledged_by) == (NOW + 90 * MINUTE, "ana")


def test_a_snooze_of_what_is_over_wakes_nobody() -> None:
    """It recovered meanwhile."""
    over = replace(SNOOZED, ended_at=NOW + MINUTE, ending=Change.RECOVERED)
    assert woken(over, opened(), WHO, NOW + DAY) == Answered(over)


# Assign, note, resolve -----------------------------------------------------------------------------------------


def test_assigning_acknowledges_and_tells_whom() -> None:
    """Nobody had it: now it is acknowledged by who assigned it, and the assignee hears so over their own channels."""
    chat, *rest = opened()
    made = say(AnswerKind.ASSIGN, existing=[sent(chat), *rest], to="ben")
    assert (made.incident.assigned_to, made.incident.acknowledged_by) == ("ben", "ana")
    assert whom(made.new) == [CHAT, BEN_MAIL]
    assert {one.change for one in made.new} == {Change.ASSIGNED}
    assert len(made.changed) == len(rest)
    assert made.event is not None
    assert made.event.text == "to ben, by ana (slack)"


def test_assigning_what_is_taken_keeps_who_took_it() -> None:
    """The first one counts; to take it oneself, or to name somebody who is not configured, tells nobody privately."""
    made = say(AnswerKind.ASSIGN, TAKEN, to="ben", by="cai")
    assert (made.incident.acknowledged_by, made.incident.assigned_to) == ("ana", "ben")
    assert say(AnswerKind.ASSIGN, to="ana", by="ana").new == ()
    assert say(AnswerKind.ASSIGN, to="the database team").new == ()


def test_assigning_again_changes_nothing() -> None:
    """The same name twice is one assignment."""
    mine = replace(TAKEN, assigned_to="ben")
    assert say(AnswerKind.ASSIGN, mine, to="ben") == Answered(mine)


def test_a_person_is_told_over_every_channel_of_theirs() -> None:
    """Ana has named none, so all that reach her are hers."""
    assert whom(say(AnswerKind.ASSIGN, to="ana", by="ben").new) == [ANA_SMS, ANA_MAIL]


def test_a_note_changes_nothing_but_the_timeline() -> None:
    """No notice is stopped or owed."""
    made = say(AnswerKind.NOTE, existing=opened(), text="restarted the database")
    assert (made.incident, made.changed, made.new) == (INCIDENT, (), ())
    assert made.event is not None
    assert (made.event.change, made.event.text, made.event.actor) == (Change.NOTED, "restarted the database", "ana")


def test_resolving_ends_it() -> None:
    """One change more, with who and why; who is told is the policy's, as of any end."""
    made = say(AnswerKind.RESOLVE, SNOOZED, opened(), text="rolled back")
    incident = made.incident
    assert (incident.ended_at, incident.ending, incident.snoozed_until) == (NOW + MINUTE, Change.RESOLVED, 0)
    assert (incident.occurrence, made.changed, made.new) == (2, (), ())
    assert made.event is not None
    assert made.event.text == "by ana (slack): rolled back"


# What comes back undelivered -----------------------------------------------------------------------------------


def test_what_was_owed_before_is_superseded() -> None:
    """Not what was owed with or after the acknowledgement, nor an end, nor a group's message that may be on its way."""
    chat = opened()[0]
    assert superseded(chat, TAKEN)
    assert is_done_with(chat, TAKEN)
    assert not superseded(chat, INCIDENT)
    assert not superseded(replace(chat, occurrence=1), TAKEN)
    assert not superseded(replace(chat, change=Change.RECOVERED), TAKEN)
    assert not superseded(replace(chat, delivery_id="0" * 20), TAKEN)


def test_nobody_is_told_by_a_fallback_that_somebody_is_on_it() -> None:
    """The chat is broken: no text message takes the place of "ana is on it". The assignee's own notice has one."""
    news = replace(opened()[0], occurrence=1, change=Change.ACKNOWLEDGED)
    mine = replace(TAKEN, assigned_to="ben")
    assert is_done_with(news, TAKEN)
    assert is_done_with(replace(news, change=Change.SNOOZED), TAKEN)
    assert is_done_with(replace(news, change=Change.ASSIGNED), mine)
    assert not is_done_with(replace(news, change=Change.ASSIGNED, person="ben"), mine)
    assert not is_done_with(replace(news, change=Change.UNACKNOWLEDGED), replace(INCIDENT, occurrence=2))
