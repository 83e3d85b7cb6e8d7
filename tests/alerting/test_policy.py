"""Who is owed a word, over what, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting.answers import stopped
from saasobs.alerting.directory import Directory
from saasobs.alerting.incidents import withdraw
from saasobs.alerting.policy import Owed, fallback, owed
from saasobs.alerting.reach import Target
from saasobs.alerting.steps import Policy, Step
from saasobs.core.incident import Change, Incident, Notice, NoticeState, Status, Suppression, notice_id
from saasobs.core.monitor import Severity
from saasobs.core.values import HOUR, MINUTE, SECOND
from support.briefings import INCIDENT, NOW, degraded

RECIPIENTS = {"chat": ("#alerts",), "sms": ("+51987654321", "+51912345678"), "mail": ("team@acme.example",)}
MAX_AGE = {"chat": 24 * HOUR, "sms": HOUR, "mail": 24 * HOUR}
DIRECTORY = Directory({}, RECIPIENTS, MAX_AGE)
POLICY = Policy(
    "default",
    (Step(("chat",), 0, unless_acknowledged=False), Step(("sms",), 5 * MINUTE, unless_acknowledged=True)),
)


def opened(policy: Policy | None = POLICY, incident: Incident = INCIDENT, now: int = NOW) -> Owed:
    return owed(incident, Change.OPENED, policy, DIRECTORY, (), now)


def after(existing: Sequence[Notice], change: Change, now: int, incident: Incident | None = None) -> Owed:
    changed = incident or replace(INCIDENT, occurrence=INCIDENT.occurrence + 1)
    if change is Change.RECOVERED:
        changed = replace(changed, ended_at=now, ending=change)
    return owed(changed, change, POLICY, DIRECTORY, existing, now)


def to(channel: str) -> list[Target]:
    return [Target(channel, recipient) for recipient in RECIPIENTS[channel]]


def sent(notice: Notice) -> Notice:
    return replace(notice, state=NoticeState.SENT, sent_at=notice.due_at, attempts=1)


def whom(notices: Sequence[Notice]) -> list[tuple[str, str]]:
    return [(notice.channel, notice.recipient) for notice in notices]


def stored(existing: Sequence[Notice], plan: Owed) -> list[Notice]:
    """What the outbox holds once a plan is written down."""
    kept = {notice.id: notice for notice in existing}
    kept.update((notice.id, notice) for notice in plan.changed)
    return [*kept.values(), *(notice for notice in plan.new if notice.id not in kept)]


def test_an_opening_is_owed_to_everybody_in_the_policy() -> None:
    """One notice for each step, channel and recipient, due when its step says, with an age at which it expires."""
    chat, first, second = opened().new
    assert whom((chat, first, second)) == [("chat", "#alerts"), ("sms", "+51987654321"), ("sms", "+51912345678")]
    assert (chat.due_at, chat.next_at, chat.expires_at, chat.step) == (NOW, NOW, NOW + 24 * HOUR, 0)
    assert (first.due_at, first.expires_at, first.step) == (NOW + 5 * MINUTE, NOW + 5 * MINUTE + HOUR, 1)
    assert (chat.unless_acknowledged, first.unless_acknowledged) == (False, True)
    assert chat.id == notice_id(INCIDENT.id, 0, 0, "chat", "#alerts")
    assert {notice.severity for notice in opened().new} == {Severity.CRITICAL}


def test_a_channel_in_two_steps_is_told_twice() -> None:
    """Two steps are two notices, also over the same channel; twice in one step is once."""
    twice = Policy("p", (Step(("chat", "chat"), 0, False), Step(("chat",), MINUTE, False)))
    assert [(notice.step, notice.due_at) for notice in opened(twice).new] == [(0, NOW), (1, NOW + MINUTE)]


def test_what_is_not_configured_is_owed_nothing() -> None:
    """A channel that is not there cannot tell anybody, so every other one does; a policy that is not there does not."""
    plan = opened(Policy("p", (Step(("fax",), 0, False),)))
    assert {notice.channel for notice in plan.new} == {"chat", "sms", "mail"}
    assert plan.notes == ("step 1 of p: fax is not configured: every channel is told instead",)
    assert opened(None).new == ()


def test_a_recovery_is_told_to_those_who_were_told() -> None:
    """Slack was told, SMS was not due yet: Slack hears of the end at once, the text is never sent, and why is kept."""
    chat, *texts = opened().new
    plan = after([sent(chat), *texts], Change.RECOVERED, NOW + MINUTE)
    assert whom(plan.new) == [("chat", "#alerts")]
    assert (plan.new[0].due_at, plan.new[0].step, plan.new[0].occurrence) == (NOW + MINUTE, 0, 1)
    assert [notice.id for notice in plan.changed] == [notice.id for notice in texts]
    assert {notice.suppression for notice in plan.changed} == {Suppression.ENDED}


@pytest.mark.parametrize(
    "under_way",
    [
        {},
        {"attempts": 3, "next_at": NOW + 5 * MINUTE},
        {"lease_owner": "a", "lease_until": NOW + 3 * MINUTE},
    ],
)
def test_a_recovery_joins_what_is_under_way(under_way: dict[str, object]) -> None:
    """An opening that is due, was tried or is being sent stays, and its end is owed beside it: one will tell both."""
    chat = replace(opened().new[0], **under_way)  # type: ignore[arg-type]
    plan = after([chat], Change.RECOVERED, NOW + MINUTE)
    assert whom(plan.new) == [("chat", "#alerts")]
    assert plan.changed == ()


@pytest.mark.parametrize("state", [NoticeState.FAILED, NoticeState.EXPIRED, NoticeState.SUPPRESSED])
def test_no_up_without_a_down(state: NoticeState) -> None:
    """Who could not be told of the failure is not told of its end."""
    chat = replace(opened().new[0], state=state)
    assert after([chat], Change.RECOVERED, NOW + MINUTE) == Owed(())


def test_the_end_reaches_the_fallback_that_told_the_failure() -> None:
    """Where the fallback spoke, the fallback's recipients hear of the end."""
    chat = replace(opened().new[0], state=NoticeState.FAILED)
    [mail] = fallback(chat, to("mail"), DIRECTORY, [chat], NOW + SECOND)
    assert (mail.step, mail.occurrence, mail.change, mail.due_at) == (0, 0, Change.OPENED, NOW + SECOND)
    plan = after([chat, sent(mail)], Change.RECOVERED, NOW + MINUTE)
    assert whom(plan.new) == [("mail", "team@acme.example")]


def test_the_end_is_told_once_over_each_channel() -> None:
    """Told by two steps and two changes: one ending, counted for the lowest step."""
    twice = Policy("p", (Step(("sms",), 0, False), Step(("chat",), 0, False), Step(("chat",), MINUTE, False)))
    existing = [sent(notice) for notice in opened(twice).new]
    worse = owed(replace(INCIDENT, occurrence=1), Change.ESCALATED, twice, DIRECTORY, existing, NOW + 2 * MINUTE)
    assert [notice.step for notice in worse.new] == [0, 0, 1, 2]
    plan = after([*existing, *map(sent, worse.new)], Change.RECOVERED, NOW + 9 * MINUTE)
    assert sorted(whom(plan.new)) == [("chat", "#alerts"), ("sms", "+51912345678"), ("sms", "+51987654321")]
    assert {(notice.channel, notice.step) for notice in plan.new} == {("sms", 0), ("chat", 1)}


def test_an_end_over_a_removed_channel_is_not_owed() -> None:
    """What can never be sent is not owed."""
    old = [replace(sent(opened().new[0]), channel="gone")]
    assert after(old, Change.RECOVERED, NOW + MINUTE).new == ()


def test_an_escalation_takes_every_step_again() -> None:
    """Degraded turned down: a new occurrence for those who were told, while what still waits will tell it when due."""
    chat, *texts = opened(incident=degraded()).new
    worse = replace(INCIDENT, occurrence=1)
    plan = after([sent(chat), *texts], Change.ESCALATED, NOW + MINUTE, worse)
    assert [(n.channel, n.occurrence, n.due_at) for n in plan.new] == [("chat", 1, NOW + MINUTE)]
    assert [(n.id, n.severity) for n in plan.changed] == [(n.id, Severity.CRITICAL) for n in texts]
    assert {notice.due_at for notice in plan.changed} == {NOW + 5 * MINUTE}


def test_an_escalation_is_owed_beside_what_is_just_being_sent() -> None:
    """A message in flight tells the old state, so the new one is owed although it is pending."""
    chat = replace(opened(incident=degraded()).new[0], lease_owner="a", lease_until=NOW + 3 * MINUTE)
    plan = after([chat], Change.ESCALATED, NOW + SECOND)
    assert ("chat", "#alerts") in whom(plan.new)


def test_an_escalation_of_an_acknowledged_incident_spares_the_conditional_steps() -> None:
    """Somebody is at it: Slack is told that it got worse, nobody is woken, and it stands there why."""
    mine = replace(INCIDENT, occurrence=1, acknowledged_at=NOW, acknowledged_by="ana")
    plan = after([sent(opened().new[0])], Change.ESCALATED, NOW + MINUTE, mine)
    assert whom([one for one in plan.new if one.state is NoticeState.PENDING]) == [("chat", "#alerts")]
    assert {one.suppression for one in plan.new if one.channel == "sms"} == {Suppression.ACKNOWLEDGED}


def test_an_easing_is_told_to_those_who_know() -> None:
    """Down turned degraded: at once to who was told, and what waits becomes a warning."""
    chat, *texts = opened().new
    eased = replace(degraded(), occurrence=1)
    plan = owed(eased, Change.EASED, POLICY, DIRECTORY, [sent(chat), *texts], NOW + MINUTE)
    assert [(n.channel, n.due_at, n.severity) for n in plan.new] == [("chat", NOW + MINUTE, Severity.WARNING)]
    assert {(n.state, n.severity) for n in plan.changed} == {(NoticeState.PENDING, Severity.WARNING)}


def test_a_circle_of_fallbacks_ends() -> None:
    """a falls back to b, b to a: the notice of a exists already, so there is nothing more to owe."""
    a = replace(opened(Policy("p", (Step(("chat",), 0, False),))).new[0], state=NoticeState.FAILED)
    [b] = fallback(a, to("mail"), DIRECTORY, [a], NOW)
    assert fallback(b, to("chat"), DIRECTORY, [a, b], NOW) == ()


def test_a_fallback_keeps_the_condition_and_the_urgency() -> None:
    """A conditional critical notice is that on its fallback, too, once for each recipient."""
    text = opened().new[1]
    made = fallback(text, [Target("mail", one) for one in ("a@x", "b@x", "a@x")], DIRECTORY, [text], NOW + 9 * MINUTE)
    assert [notice.recipient for notice in made] == ["a@x", "b@x"]
    assert {(n.unless_acknowledged, n.severity, n.expires_at) for n in made} == {
        (True, Severity.CRITICAL, NOW + 9 * MINUTE + 24 * HOUR)
    }


# Properties -------------------------------------------------------------------------------------------------------

steps = st.builds(
    Step,
    st.lists(st.sampled_from(["chat", "sms", "mail"]), min_size=1, max_size=3).map(tuple),
    st.integers(0, 20).map(lambda minutes: minutes * MINUTE),
    st.booleans(),
)
policies = st.builds(Policy, st.just("p"), st.lists(steps, min_size=1, max_size=4).map(tuple))
states = st.sampled_from([Status.DOWN, Status.DEGRADED])


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Notice], int]:
    """The notices of an opening with whatever may have become of each, and a moment after."""
    notices = list(opened(draw(policies)).new)
    now = NOW + draw(st.integers(0, 30)) * MINUTE
    done = []
    for notice in notices:
        fates = ["waits"] if notice.due_at > now else ["waits", "sent", "failed", "expired", "tried", "leased", "ended"]
        done.append(_fated(notice, draw(st.sampled_from(fates)), now))
    return done, now


def _fated(notice: Notice, fate: str, now: int) -> Notice:
    ended = {"sent": NoticeState.SENT, "failed": NoticeState.FAILED, "expired": NoticeState.EXPIRED}
    if fate in ended:
        return replace(notice, state=ended[fate], attempts=1)
    if fate == "tried":
        return replace(notice, attempts=1, next_at=now + MINUTE)
    if fate == "leased":
        return replace(notice, lease_owner="a", lease_until=now + MINUTE)
    if fate == "ended":
        return replace(notice, state=NoticeState.SUPPRESSED, suppression=Suppression.CAP)
    return notice


@given(policies, states)
def test_an_opening_is_never_silent(policy: Policy, status: Status) -> None:
    """Whatever the policy, as long as it names a channel somebody is owed the word; and every ID is its own."""
    plan = opened(policy, replace(INCIDENT, status=status))
    assert plan.new
    assert len({notice.id for notice in plan.new}) == len(plan.new)
    assert plan == opened(policy, replace(INCIDENT, status=status))
    for notice in plan.new:
        identity = notice_id(notice.incident_id, notice.step, notice.occurrence, notice.channel, notice.recipient)
        assert notice.id == identity


@given(histories(), st.sampled_from([Change.RECOVERED, Change.WITHDRAWN]))
def test_an_end_reaches_exactly_those_who_know(history: tuple[list[Notice], int], ending: Change) -> None:
    """Nobody hears of an end who was not and will not be told of the failure; everybody else does, once; none waits."""
    existing, now = history
    gone = replace(withdraw(INCIDENT, now), ending=ending)
    plan = owed(gone, ending, None, DIRECTORY, existing, now)
    know = {
        (notice.channel, notice.recipient)
        for notice in existing
        if notice.state is NoticeState.SENT
        or (notice.state is NoticeState.PENDING and (notice.due_at <= now or notice.attempts or notice.lease_owner))
    }
    assert sorted(whom(plan.new)) == sorted(know)
    assert all(notice.due_at == now and not notice.unless_acknowledged for notice in plan.new)
    left = stored(existing, plan)
    assert not [notice for notice in left if notice.state is NoticeState.PENDING and notice.due_at > now]
    assert all(notice.suppression is Suppression.ENDED for notice in plan.changed)


@given(histories())
def test_an_acknowledgement_leaves_nothing_to_come(history: tuple[list[Notice], int]) -> None:
    """After it nothing is pending but what is in flight."""
    existing, now = history
    left = stored(existing, Owed((), tuple(stopped(existing, now))))
    assert all(notice.lease_owner for notice in left if notice.state is NoticeState.PENDING)
    assert [n.id for n in left] == [n.id for n in existing]


@given(histories())
def test_an_escalation_is_told_to_all_steps(history: tuple[list[Notice], int]) -> None:
    """Each (step, channel, recipient) is owed the escalation, or still waits and will tell it."""
    existing, now = history
    plan = after(existing, Change.ESCALATED, now)
    left = [notice for notice in stored(existing, plan) if notice.state is NoticeState.PENDING]
    told = {(notice.step, *key) for notice, key in zip(left, whom(left), strict=True)}
    assert told >= {(step, "chat", "#alerts") for step in (0,)}
    waiting = {notice.id for notice in existing if notice.due_at > now}
    for notice in plan.new:
        assert notice.occurrence == 1
        same = {n.id for n in existing if (n.step, *whom([n])[0]) == (notice.step, *whom([notice])[0])}
        assert not same & waiting
