"""Steps of a policy over people, on-call schedules and channels, with time in the test's hands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from saasobs.alerting.directory import Directory
from saasobs.alerting.steps import Match, Policy, Repeat, Step
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Change, NoticeState, Suppression
from saasobs.core.monitor import Monitor, Severity
from saasobs.core.people import Contact, Person
from saasobs.core.values import DAY, HOUR, MINUTE
from support.team import Team

ANA = Person("ana", phone="+51987654321", email="ana@acme.example", language="es", timezone="America/Lima")
BEN = Person("ben", phone="+5511987654321", email="ben@acme.example", contact=("mail",))
CAI = Person("cai", email="cai@acme.example")
LADDER = Policy(
    "default",
    (
        Step(("chat",), 0, unless_acknowledged=False),
        Step(("primary",), 5 * MINUTE, unless_acknowledged=True, over=("sms",)),
        Step(("ben",), 10 * MINUTE, unless_acknowledged=True),
        Step(("everyone",), 20 * MINUTE, unless_acknowledged=True),
    ),
)


class Rota:
    """Who is on call, until the test says otherwise."""

    def __init__(self, *people: str) -> None:
        self.people: Sequence[str] = people

    def __call__(self, schedule: str, at: int) -> Sequence[str]:
        assert schedule == "primary"
        return self.people


def directory(*policies: Policy, rota: Rota | None = None, people: Sequence[Person] = (ANA, BEN, CAI)) -> Directory:
    return Directory(
        policies={one.name: one for one in policies or (LADDER,)},
        recipients={"chat": ("#alerts",), "sms": (), "mail": ("team@acme.example",)},
        max_age=dict.fromkeys(("chat", "sms", "mail"), DAY),
        contacts={"sms": Contact.PHONE, "mail": Contact.EMAIL},
        people={one.name: one for one in people},
        schedules=frozenset({"primary"}),
        on_call=rota or Rota("ana"),
    )


CHAT, TEAM = ("chat", "#alerts"), ("mail", "team@acme.example")
ANA_SMS, ANA_MAIL = ("sms", ANA.phone), ("mail", ANA.email)
BEN_SMS, BEN_MAIL, CAI_MAIL = ("sms", BEN.phone), ("mail", BEN.email), ("mail", CAI.email)


def test_the_ladder_is_climbed_until_everyone_knows() -> None:
    """Chat at once, on call at 5 minutes by text, ben at 10 where he wants it, everyone at 20; and all hear the end."""
    team = Team(directory())
    incident = team.open()
    team.pass_(30 * MINUTE)
    everyone = [(20, *ANA_SMS), (20, *ANA_MAIL), (20, *BEN_MAIL), (20, *CAI_MAIL)]
    assert team.told()[:3] == [(0, *CHAT), (5, *ANA_SMS), (10, *BEN_MAIL)]
    assert sorted(team.told()[3:]) == sorted(everyone)
    team.messages.clear()
    team.recover(incident)
    team.work()
    assert sorted(team.at(Change.RECOVERED)) == sorted([CHAT, ANA_SMS, ANA_MAIL, BEN_MAIL, CAI_MAIL])


def test_an_acknowledgement_stops_the_ladder() -> None:
    """Taken after six minutes: nobody else is told, and only those who heard hear of the end."""
    team = Team(directory())
    incident = team.open()
    team.pass_(6 * MINUTE)
    team.acknowledge(incident)
    team.pass_(HOUR)
    assert team.at() == [CHAT, ANA_SMS]
    team.recover(incident)
    team.work()
    assert sorted(team.at(Change.RECOVERED)) == sorted([CHAT, ANA_SMS])
    stopped = {one.suppression for one in team.notices(incident) if one.state is NoticeState.SUPPRESSED}
    assert stopped == {Suppression.ACKNOWLEDGED}


def test_a_briefing_speaks_to_its_reader() -> None:
    """Person, language, time zone, who else is told, a link to answer by; a channel's readers get the usual ones."""
    team = Team(directory(), links={"logs": "https://logs.example/?q={incident}&m={monitor}"})
    incident = team.open("check out")
    team.pass_(5 * MINUTE)
    chat, text = [one.told for one in team.messages]
    assert (chat.person, chat.language, chat.timezone) == ("", "en", "UTC")
    assert (text.person, text.language, text.timezone) == ("ana", "es", "America/Lima")
    assert text.also_told == ("chat", "ben", "cai")
    assert text.answer_url == f"https://answer.example/{incident}/ana"
    [link] = text.links  # type: ignore[union-attr]
    assert link.url == f"https://logs.example/?q={incident.replace(' ', '%20')}&m=check%20out"


# On call -------------------------------------------------------------------------------------------------------------


def test_whoever_is_on_call_when_a_step_is_due_is_told() -> None:
    """The hand-over comes between the opening and the step: the old one's notice says so, and the new one is told."""
    rota = Rota("ana")
    team = Team(directory(rota=rota))
    incident = team.open()
    team.pass_(4 * MINUTE)
    rota.people = ("ben",)
    team.pass_(2 * MINUTE)
    assert team.at() == [CHAT, BEN_SMS]
    [old] = [one for one in team.notices(incident) if one.recipient == ANA.phone and one.step == 1]
    assert (old.state, old.suppression) == (NoticeState.SUPPRESSED, Suppression.HANDED_OVER)
    assert old.detail == "ben is on call for primary now"
    team.recover(incident)
    team.work()
    assert sorted(team.at(Change.RECOVERED)) == sorted([CHAT, BEN_SMS])


def test_who_was_told_stays_told_after_a_hand_over() -> None:
    """The next one on call is not told of what is under way with somebody else; the later steps reach everyone."""
    rota = Rota("ana")
    team = Team(directory(rota=rota))
    team.open()
    team.pass_(6 * MINUTE)
    rota.people = ("ben",)
    team.pass_(3 * MINUTE)
    assert team.at() == [CHAT, ANA_SMS]


def test_handed_over_and_back_is_told_once() -> None:
    """An override that is entered and ended again between two looks leaves exactly one notice, under its own ID."""
    rota = Rota("ana")
    team = Team(directory(rota=rota))
    incident = team.open()
    team.pass_(4 * MINUTE)
    [original] = [one for one in team.notices(incident) if one.step == 1]
    rota.people = ("ben",)
    team.clock.at += MINUTE
    with team.store.write() as transaction:
        team.claims.take(transaction, "sms")  # hands over to ben …
    rota.people = ("ana",)
    team.pass_(MINUTE)  # … and back, before ben was told
    assert team.at() == [CHAT, ANA_SMS]
    [told] = [one for one in team.notices(incident) if one.step == 1 and one.state is NoticeState.SENT]
    assert told.id == original.id


def test_an_outage_of_the_daemon_tells_whoever_is_on_call_by_now() -> None:
    """Down at night, back in the morning: ben has it now, so he is told of the late step, not ana."""
    rota = Rota("ana")
    team = Team(directory(rota=rota))
    team.open()
    team.pass_(MINUTE)
    rota.people = ("ben",)
    team.sleep(8 * HOUR)
    team.work()
    assert BEN_SMS in team.at()
    assert sum(to == ANA_SMS for to in team.at()) == 1  # as one of everyone


def test_a_changed_number_takes_the_waiting_notice_with_it() -> None:
    """Reloaded with another telephone: the text goes to that one."""
    team = Team(directory())
    team.open()
    team.pass_(MINUTE)
    team.configure(directory(people=(replace(ANA, phone="+51911111111"), BEN, CAI)))
    team.pass_(5 * MINUTE)
    assert team.at() == [CHAT, ("sms", "+51911111111")]


# Nobody falls silent -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fallback", "people", "told"),
    [
        (("mail",), (ANA, BEN, CAI), {TEAM}),
        ((), (ANA, BEN, CAI), {ANA_SMS, ANA_MAIL, BEN_MAIL, CAI_MAIL}),
        ((), (), {CHAT, TEAM}),
    ],
)
def test_an_empty_schedule_falls_to_somebody(
    fallback: tuple[str, ...], people: tuple[Person, ...], told: set[tuple[str, str]]
) -> None:
    """Nobody is on call: the policy's fallback, else everyone, else every channel; and the timeline says so."""
    policy = Policy("default", (Step(("primary",), 0, unless_acknowledged=False),), fallback=fallback)
    team = Team(directory(policy, rota=Rota(), people=people))
    incident = team.open()
    team.work()
    assert set(team.at()) == told
    [note] = [one.text for one in team.timeline(incident) if one.change is Change.REROUTED]
    assert note.startswith("step 1 of default: nobody is on call for primary: ")


def test_a_person_without_an_address_falls_to_somebody() -> None:
    """cai has no telephone and is on call by text: the fallback is told in the place of the step."""
    policy = Policy("default", (Step(("primary",), 0, unless_acknowledged=False, over=("sms",)),), fallback=("mail",))
    team = Team(directory(policy, rota=Rota("cai")))
    incident = team.open()
    team.work()
    assert team.at() == [TEAM]
    assert "cai (on call for primary) cannot be reached over sms" in team.timeline(incident)[1].text


@pytest.mark.parametrize(
    "error", [DeliveryError("revoked", permanent=True), DeliveryError("spent", permanent=True, cap=True)]
)
def test_a_step_that_fails_for_good_falls_to_the_policys_fallback(error: DeliveryError) -> None:
    """Chat's token is revoked, or the cap reached: the fallback is owed at once, and the end goes to it, too."""
    policy = replace(LADDER, fallback=("mail",))
    team = Team(directory(policy), answer=lambda channel, _: error if channel == "chat" else None)
    incident = team.open()
    team.work()
    assert team.at() == [TEAM]
    team.recover(incident)
    team.work()
    assert [one.changes for one in team.messages] == [(Change.OPENED,), (Change.RECOVERED,)]


def test_a_channels_own_fallback_comes_first() -> None:
    """The same person is told over the fallback, where it reaches people; the policy's fallback is not needed then."""
    policy = Policy("default", (Step(("ana",), 0, False, over=("sms",)),), fallback=("chat",))
    broken = DeliveryError("unreachable", permanent=True)
    team = Team(directory(policy), {"sms": "mail"}, answer=lambda channel, _: broken if channel == "sms" else None)
    team.open()
    team.work()
    assert team.at() == [ANA_MAIL]


def test_the_last_resort_of_a_critical_incident_is_every_channel() -> None:
    """Everything that was named fails for good: whatever else there is, is told."""
    policy = Policy("default", (Step(("ana",), 0, False, over=("sms",)),))
    dead = DeliveryError("no", permanent=True)
    team = Team(directory(policy), answer=lambda channel, _: None if channel == "chat" else dead)
    incident = team.open()
    team.work()
    assert team.at() == [CHAT]
    texts = [one.text for one in team.timeline(incident) if one.change is Change.REROUTED]
    assert texts == [
        "nothing of step 1 could be delivered: everyone is told instead",
        "nothing of step 1 could be delivered: every channel is told instead",
    ]


def test_a_policy_that_tells_nobody_says_so() -> None:
    """An empty list of steps is meant: it stands in the timeline."""
    team = Team(directory(Policy("default", ())))
    incident = team.open()
    team.work()
    assert team.messages == []
    assert team.timeline(incident)[-1].text == "nobody is told: the policy default has no steps"


# Which policy --------------------------------------------------------------------------------------------------------

WARNINGS = Policy("warnings", (Step(("mail",), 0, False),), Match(severity=Severity.WARNING))


def test_getting_worse_takes_another_policy() -> None:
    """Degraded goes by the policy of warnings; down takes the ladder, and what the first one still owed is dropped."""
    later = replace(WARNINGS, steps=(*WARNINGS.steps, Step(("cai",), 15 * MINUTE, False)))
    team = Team(directory(later, LADDER))
    incident = team.open(severity=Severity.WARNING)
    team.pass_(MINUTE)
    assert (team.at(), team.incident(incident).policy) == ([TEAM], "warnings")
    team.escalate(incident)
    team.pass_(18 * MINUTE)
    assert team.incident(incident).policy == "default"
    assert team.at() == [TEAM, CHAT, ANA_SMS, BEN_MAIL]
    [dropped] = [one for one in team.notices(incident) if one.suppression is Suppression.REROUTED]
    assert (dropped.recipient, dropped.step) == (CAI.email, 1)


def test_a_monitors_own_policy_wins() -> None:
    """Whatever else would fit."""
    own = Monitor("api", "http", None, "api", policy="default")
    team = Team(directory(WARNINGS, LADDER), monitors=[own])
    incident = team.open(severity=Severity.WARNING, policy=own.policy)
    assert team.incident(incident).policy == "default"


# Again and again -----------------------------------------------------------------------------------------------------

REPEATED = Policy(
    "default",
    (Step(("chat",), 0, False), Step(("ana",), 5 * MINUTE, unless_acknowledged=True, over=("sms",))),
    repeat=Repeat(30 * MINUTE, 2),
)


def test_the_steps_are_gone_through_again() -> None:
    """Half an hour after it opened, and once more after an hour; then no more."""
    team = Team(directory(REPEATED))
    incident = team.open()
    team.pass_(3 * HOUR)
    assert team.told() == [
        (0, *CHAT), (5, *ANA_SMS), (30, *CHAT), (35, *ANA_SMS), (60, *CHAT), (65, *ANA_SMS),
    ]  # fmt: skip
    assert team.incident(incident).rounds == 2
    assert team.at(Change.REMINDED) == [CHAT, ANA_SMS, CHAT, ANA_SMS]


def test_an_acknowledgement_ends_the_rounds_and_its_end_resumes_them() -> None:
    """Taken at ten minutes, given up at forty: told at once again, and the next round is the one at an hour."""
    team = Team(directory(REPEATED))
    incident = team.open()
    team.pass_(10 * MINUTE)
    team.acknowledge(incident)
    team.pass_(30 * MINUTE)
    team.unacknowledge(incident)
    team.pass_(25 * MINUTE)
    assert team.told()[2:] == [(40, *CHAT), (45, *ANA_SMS), (60, *CHAT), (65, *ANA_SMS)]


def test_a_night_without_the_daemon_is_one_reminder() -> None:
    """Away for five hours in which ten rounds would have begun: one begins when it is back, and nothing piles up."""
    often = replace(REPEATED, repeat=Repeat(30 * MINUTE, 20))
    team = Team(directory(often))
    incident = team.open()
    team.pass_(10 * MINUTE)
    team.sleep(5 * HOUR)
    team.pass_(2 * MINUTE)
    assert team.incident(incident).rounds == 1
    assert team.told()[2:] == [(310, *CHAT)]
    team.pass_(30 * MINUTE)
    assert team.told()[3:] == [(315, *ANA_SMS), (330, *CHAT), (335, *ANA_SMS)]


def test_what_nobody_could_be_told_is_tried_again_every_hour() -> None:
    """Every channel has failed for good; two hours later one is mended, and the next round reaches it."""
    dead = DeliveryError("revoked", permanent=True)
    team = Team(directory(), answer=lambda *_: dead)
    incident = team.open()
    team.pass_(2 * HOUR)
    assert team.messages == []
    team.answer = lambda *_: None
    team.pass_(70 * MINUTE)
    assert ANA_SMS in team.at(Change.REMINDED)
    texts = [one.text for one in team.timeline(incident) if one.change is Change.REMINDED]
    assert texts == ["nobody has heard of it: its policy is gone through again"] * len(texts)
    team.pass_(5 * HOUR)
    assert len([one for one in team.timeline(incident) if one.change is Change.REMINDED]) == len(texts)
