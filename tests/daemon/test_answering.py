"""People answer while steps wait, messages are tried again, and time passes: over a real store, minute by minute."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saasobs.alerting.steps import Match, Policy, Step
from saasobs.core.answers import AnswerKind, NoOffer, Offer, RefusedLink, Standing
from saasobs.core.errors import DeliveryError, NotFound, Refused
from saasobs.core.incident import ENDINGS, Change, Notice, NoticeState, Suppression
from saasobs.core.monitor import Severity
from saasobs.core.signing import ANSWER_TOKEN_LENGTH, answer_token
from saasobs.core.values import HOUR, MINUTE, SECOND
from saasobs.daemon.answer_links import GUESSES, PEERS, Guessing
from support.answering_team import (
    ANA_MAIL,
    ANA_SMS,
    BEN_MAIL,
    BEN_SMS,
    CHAT,
    LADDER,
    AnsweringTeam,
    directory,
)

ANSWERED = {Change.ACKNOWLEDGED, Change.SNOOZED, Change.ASSIGNED, Change.UNACKNOWLEDGED}


def team(*steps: Step, **more: Any) -> AnsweringTeam:
    return AnsweringTeam(directory(*steps), **more)


def test_an_acknowledgement_stops_the_ladder() -> None:
    """Ana takes it after a minute: the chat says so, no telephone rings, and only the chat hears of the end."""
    it = team()
    incident = it.open()
    it.pass_(MINUTE)
    it.acknowledge(incident)
    it.pass_(3 * HOUR)
    it.recover(incident)
    it.pass_(HOUR)
    assert [(one.to, one.changes) for one in it.messages] == [
        (CHAT, (Change.OPENED,)),
        (CHAT, (Change.ACKNOWLEDGED,)),
        (CHAT, (Change.RECOVERED,)),
    ]
    assert it.pending() == []
    assert it.counted.taken == [("acknowledge", "api", MINUTE)]


def test_a_try_in_back_off_is_stopped_too() -> None:
    """Slack is down and is being tried again: acknowledged, it is tried no more, though that step was unconditional."""
    broken = DeliveryError("Slack answered 500")
    it = team(answer=lambda channel, _: broken if channel == "chat" else None)
    incident = it.open()
    it.pass_(MINUTE)
    assert it.notices(incident)[0].attempts > 1
    it.acknowledge(incident)
    it.pass_(HOUR)
    assert it.messages == []
    assert {one.suppression for one in it.notices(incident)} == {Suppression.ACKNOWLEDGED}


def test_what_comes_back_undelivered_is_not_tried_again() -> None:
    """The text was being sent when ana took it, and failed: it is neither tried again nor told by the fallback."""
    for error in (DeliveryError("busy"), DeliveryError("unknown number", permanent=True)):
        it = team(fallbacks={"sms": "mail"})
        incident = it.open()

        def take_it(
            channel: str, _: str, it: AnsweringTeam = it, incident: str = incident, error: DeliveryError = error
        ) -> Exception | None:
            if channel != "sms":
                return None
            it.acknowledge(incident)
            return error

        it.answer = take_it
        it.pass_(3 * HOUR)
        assert it.at() == [CHAT, CHAT]
        assert it.pending() == []


def test_handed_back_in_time_it_goes_on_as_if_nothing_had_been() -> None:
    """Taken and handed back before anything came due: each is told by the minute that the policy says."""
    it = team()
    incident = it.open()
    it.pass_(MINUTE)
    it.acknowledge(incident)
    it.pass_(2 * MINUTE)
    it.unacknowledge(incident)
    it.pass_(HOUR)
    told = [(minute, channel, to) for minute, channel, to in it.told() if (channel, to) != CHAT]
    assert told == [(5, *ANA_SMS), (10, *BEN_MAIL), (20, *ANA_SMS), (20, *BEN_SMS)]


def test_handed_back_late_it_is_no_burst() -> None:
    """An hour later three things are due: each recipient hears once, at once, and nothing follows."""
    it = team()
    incident = it.open()
    it.pass_(MINUTE)
    it.acknowledge(incident)
    it.pass_(HOUR)
    before = len(it.messages)
    it.unacknowledge(incident)
    it.pass_(3 * HOUR)
    after = it.messages[before:]
    assert Counter(one.to for one in after) == Counter([CHAT, ANA_SMS, BEN_MAIL, BEN_SMS])
    assert {one.at for one in after} == {it._began + 61 * MINUTE}


def test_nobody_being_on_it_is_never_silent() -> None:
    """Everybody was told before it was taken: handed back, the policy begins anew, step by step."""
    it = team()
    incident = it.open()
    it.pass_(30 * MINUTE)
    it.acknowledge(incident)
    it.pass_(10 * MINUTE)
    before = len(it.messages)
    it.unacknowledge(incident)
    it.pass_(HOUR)
    told = [((one.at - it._began) // MINUTE, one.to) for one in it.messages[before:]]
    assert sorted(told) == [(40, CHAT), (45, ANA_SMS), (50, BEN_MAIL), (60, ANA_SMS), (60, BEN_SMS)]
    assert {one.changes for one in it.messages[before:]} == {(Change.UNACKNOWLEDGED,)}


def test_a_snooze_ends_by_itself() -> None:
    """Half an hour of quiet, then what came due meanwhile."""
    it = team()
    incident = it.open()
    it.pass_(MINUTE)
    it.snooze(incident, 30 * MINUTE)
    it.pass_(29 * MINUTE)
    assert it.at() == [CHAT, CHAT]
    it.pass_(MINUTE)
    assert {(minute, (channel, to)) for minute, channel, to in it.told()[2:]} == {
        (31, CHAT), (31, ANA_SMS), (31, BEN_MAIL), (31, BEN_SMS)
    }  # fmt: skip
    changes = [event.change for event in it.timeline(incident)]
    assert changes == [Change.OPENED, Change.SNOOZED, Change.UNACKNOWLEDGED]


@pytest.mark.parametrize("away", [10 * MINUTE, 5 * HOUR])
def test_a_snooze_outlives_the_daemon(away: int) -> None:
    """Killed while it lasts, it still ends in its minute; away until long after, it ends at the first look."""
    it = team()
    incident = it.open()
    it.pass_(MINUTE)
    it.snooze(incident, 30 * MINUTE)
    it.sleep(away)
    it.pass_(30 * MINUTE)
    ended = next(event.at for event in it.timeline(incident) if event.change is Change.UNACKNOWLEDGED)
    assert (ended - it._began) // MINUTE == max(31, 1 + away // MINUTE)
    assert ANA_SMS in it.at()


def test_an_acknowledgement_within_a_snooze_lasts() -> None:
    """Ben takes for good what ana has put off: nothing wakes anybody."""
    it = team()
    incident = it.open()
    it.pass_(MINUTE)
    it.snooze(incident, 30 * MINUTE)
    it.acknowledge(incident, "ben")
    it.pass_(3 * HOUR)
    assert it.at() == [CHAT, CHAT]
    assert it.incident(incident).acknowledged_by == "ben"


def test_a_snooze_moves_with_a_clock_that_is_set_back() -> None:
    """Half an hour stays half an hour."""
    it = team()
    incident = it.open()
    it.snooze(incident, 30 * MINUTE)
    it.clock.at -= 2 * HOUR
    with it.store.write() as transaction:
        transaction.set_back(2 * HOUR)
    it.answers.set_back(2 * HOUR)
    it.pass_(31 * MINUTE)
    assert it.incident(incident).acknowledged_at == 0


def test_it_gets_worse_while_somebody_is_on_it() -> None:
    """Unconditional steps tell the escalation; the conditional ones are told when it is handed back, and only then."""
    it = team()
    incident = it.open(severity=Severity.WARNING)
    it.pass_(MINUTE)
    it.acknowledge(incident)
    it.pass_(MINUTE)
    it.escalate(incident)
    it.pass_(30 * MINUTE)
    assert it.at() == [CHAT, CHAT, CHAT]
    it.unacknowledge(incident)
    it.pass_(HOUR)
    assert Counter(it.at()[3:]) == Counter([CHAT, ANA_SMS, BEN_MAIL, BEN_SMS])


def test_another_policy_takes_it_over_while_somebody_is_on_it() -> None:
    """Critical by now, and another policy's: handed back, its steps are told, and nothing of the old one's."""
    calm = Policy("calm", (LADDER[0], Step(("ben",), HOUR, unless_acknowledged=True)))
    grave = Policy("grave", LADDER[:2], match=Match(severity=Severity.CRITICAL))
    who = replace(directory(), policies={"grave": grave, "default": calm})
    it = AnsweringTeam(who)
    incident = it.open(severity=Severity.WARNING)
    it.pass_(MINUTE)
    it.acknowledge(incident)
    it.pass_(MINUTE)
    it.escalate(incident)
    it.pass_(30 * MINUTE)
    before = len(it.messages)
    it.unacknowledge(incident)
    it.pass_(3 * HOUR)
    assert Counter(one.to for one in it.messages[before:]) == Counter([CHAT, ANA_SMS])


def test_an_assignment_reaches_whom_it_names() -> None:
    """Ben hears over his own channel that it is his, the chat says so, and nobody else is called."""
    it = team()
    incident = it.open()
    it.pass_(MINUTE)
    it.say(AnswerKind.ASSIGN, incident, to="ben")
    it.pass_(3 * HOUR)
    assert Counter(it.at()) == Counter([CHAT, CHAT, BEN_MAIL])
    assert it.at(Change.ASSIGNED) == [CHAT, BEN_MAIL]


def test_resolving_by_hand_is_told_to_those_who_heard() -> None:
    """Chat and ana were told: they hear of the end; ben, whose step was still to come, hears nothing."""
    it = team()
    incident = it.open()
    it.pass_(7 * MINUTE)
    it.say(AnswerKind.RESOLVE, incident, text="rolled back")
    it.pass_(3 * HOUR)
    assert Counter(it.at(Change.RESOLVED)) == Counter([CHAT, ANA_SMS])
    assert BEN_MAIL not in it.at()
    with pytest.raises(Refused, match="is over"):
        it.acknowledge(incident)


def test_an_answer_to_nothing() -> None:
    """An ID that is nobody's is said to be so, and what makes no sense is refused before anything is written."""
    it = team()
    incident = it.open()
    with pytest.raises(NotFound):
        it.acknowledge("zzzz")
    with pytest.raises(Refused, match="future"):
        it.snooze(incident, 0)
    assert [event.change for event in it.timeline(incident)] == [Change.OPENED]


# Any sequence of answers -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deed:
    """One thing that happens, after some minutes."""

    what: str
    after: int


DEEDS = st.builds(
    Deed,
    st.sampled_from(["acknowledge", "unacknowledge", "snooze", "assign", "note", "escalate", "kill", "nothing"]),
    st.integers(0, 12),
)


def do(it: AnsweringTeam, incident: str, deed: Deed) -> None:
    it.pass_(deed.after * MINUTE)
    kind = {one.value: one for one in AnswerKind}.get(deed.what)
    if kind is not None:
        it.say(kind, incident, to="ben", text="looking", lasting=7 * MINUTE)
    elif deed.what == "escalate":
        it.escalate(incident)
    elif deed.what == "kill":
        it.kill()


def is_told_of_an_answer(notice: Notice) -> bool:
    return notice.change in ANSWERED or notice.change in ENDINGS


@settings(max_examples=25, deadline=None)
@given(st.lists(DEEDS, max_size=7), st.booleans())
def test_whatever_people_answer(deeds: list[Deed], flaky: bool) -> None:
    """Right after somebody has taken it nothing is pending but the news of that; nothing goes out twice under one ID;
    in the end the incident is over, nothing is pending, and whoever hears of the end had heard of it before."""
    it = team(fallbacks={"sms": "mail"})
    tries = iter(range(10_000))
    if flaky:
        it.answer = lambda *_: DeliveryError("busy") if next(tries) % 3 == 1 else None
    incident = it.open()
    for deed in deeds:
        do(it, incident, deed)
        if deed.what in ("acknowledge", "snooze", "assign") and it.incident(incident).acknowledged_at == it.clock.at:
            assert all(is_told_of_an_answer(one) for one in it.pending())
    it.recover(incident)
    it.pass_(48 * HOUR)
    assert it.pending() == []
    told = [identity for one in it.messages for identity in one.told.notice_ids]
    assert len(told) == len(set(told))
    heard = {one.to for one in it.messages if not set(one.changes) <= ENDINGS}
    assert set(it.at(Change.RECOVERED)) <= heard


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from([("chat",), ("ana",), ("ben",), ("everyone",), ("chat", "ana")]),
        st.integers(0, 40).map(lambda minutes: minutes * MINUTE),
        st.booleans(),
        st.sampled_from([(), ("sms",), ("mail",)]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None)
@given(STEPS, st.integers(0, 50), st.integers(0, 60))
def test_handing_back_owes_exactly_what_would_have_been(steps: list[Step], taken: int, held: int) -> None:
    """Beside a team where nobody took it: those who would have been told by then are told, once, and what waits there
    waits here until the same moment."""
    it, twin = team(*steps), team(*steps)
    incident = it.open()
    twin.open()
    for one in (it, twin):
        one.pass_(taken * MINUTE)
    before = [one.to for one in it.messages]
    it.acknowledge(incident)
    it.pass_(held * MINUTE)
    it.unacknowledge(incident)
    resumed = any(one.state is NoticeState.PENDING and one.change is Change.OPENED for one in it.notices(incident))
    it.work()
    twin.pass_(held * MINUTE)
    if not resumed:
        assert Counter(twin.at()) == Counter(before)  # there was nothing left, so it has begun anew
        assert twin.pending() == []
        return
    missed = Counter(twin.at()) - Counter(before)
    caught_up = Counter(one.to for one in it.messages[len(before) :] if Change.OPENED in one.changes)
    assert set(caught_up) == set(missed)
    assert set(caught_up.values()) <= {1}
    waiting = [{(one.step, one.channel, one.recipient, one.due_at) for one in house.pending()} for house in (it, twin)]
    assert waiting[0] == waiting[1]


# The links -------------------------------------------------------------------------------------------------------

SECRET = b"s" * 32


def linked() -> tuple[AnsweringTeam, str]:
    """A team with links, and an incident that ana's telephone was told of."""
    it = team()
    it.answers.links.configure(SECRET, "https://in.example", lasting=24 * HOUR)
    incident = "k3v9m2xa"
    it.open()
    with it.store.write() as transaction:
        [made] = transaction.incidents()
        transaction.save_incident(replace(made, id=incident))
        for notice in transaction.notices(made.id):
            transaction.save_notice(replace(notice, state=NoticeState.SUPPRESSED))
            transaction.owe([replace(notice, id=f"x{notice.id}", incident_id=incident)])
    it.pass_(6 * MINUTE)
    return it, incident


def open_link(it: AnsweringTeam, token: str, peer: str = "192.0.2.1", language: str = "pt") -> Offer | NoOffer:
    return asyncio.run(it.answers.links.offer(token, peer, language))


def test_a_link_leads_to_its_incident_in_its_persons_words() -> None:
    """Ana's is Spanish, on her wall's clock; it changes nothing, and a recipient's works as well as a person's."""
    it, incident = linked()
    url = it.answers.links.url(incident, "ana")
    assert url.startswith("https://in.example/a/")
    token = url.rpartition("/")[2]
    assert len(token) == ANSWER_TOKEN_LENGTH <= 32
    offer = open_link(it, token)
    assert isinstance(offer, Offer)
    assert (offer.who, offer.identity, offer.page.language) == ("ana", incident, "es")
    assert offer.page.standing is Standing.OPEN
    assert "api" in offer.page.headline
    assert it.incident(incident).acknowledged_at == 0
    shared = open_link(it, it.answers.links.url(incident, "#alerts").rpartition("/")[2])
    assert isinstance(shared, Offer)
    assert (shared.who, shared.page.language) == ("#alerts", "pt")


def test_the_page_says_who_was_first() -> None:
    """Ben has it: ana reads that; ben reads that it is his; once it is over, it says so."""
    it, incident = linked()
    it.acknowledge(incident, "ben")
    pages = {}
    for who in ("ana", "ben"):
        offer = open_link(it, it.answers.links.url(incident, who).rpartition("/")[2])
        assert isinstance(offer, Offer)
        pages[who] = offer.page
    assert pages["ana"].standing is pages["ben"].standing is Standing.TAKEN
    assert "ben" in pages["ana"].said
    assert pages["ana"].said != pages["ben"].said
    it.recover(incident)
    over = open_link(it, it.answers.links.url(incident, "ana").rpartition("/")[2])
    assert isinstance(over, Offer)
    assert over.page.standing is Standing.OVER


def test_a_link_expires() -> None:
    """A day later it leads nowhere, and says nothing of the incident."""
    it, incident = linked()
    token = it.answers.links.url(incident, "ana").rpartition("/")[2]
    it.clock.at += 24 * HOUR - SECOND
    assert isinstance(open_link(it, token), Offer)
    it.clock.at += 2 * SECOND
    none = open_link(it, token)
    assert isinstance(none, NoOffer)
    assert (none.why, none.language) == (RefusedLink.EXPIRED, "es")
    assert "api" not in none.title + none.sentence


@given(st.integers(0, ANSWER_TOKEN_LENGTH - 1), st.sampled_from("0Az9"))
@settings(max_examples=20, deadline=None)
def test_a_changed_link_leads_nowhere(place: int, letter: str) -> None:
    """Whichever letter is changed, it looks like any other link that is none."""
    it, incident = linked()
    token = it.answers.links.url(incident, "ana").rpartition("/")[2]
    forged = token[:place] + letter + token[place + 1 :]
    if forged == token:
        return
    none = open_link(it, forged)
    assert isinstance(none, NoOffer)
    assert none == open_link(it, "nonsense")


def test_other_peoples_links() -> None:
    """Another secret, somebody whom we would never have sent one, an incident that is not there: all alike."""
    it, incident = linked()
    ends = it.clock.at + HOUR
    forged = [
        answer_token(b"t" * 32, incident, "ana", ends),
        answer_token(SECRET, incident, "mallory", ends),
        answer_token(SECRET, "zzzzzzzz", "ana", ends),
        "",
        "a" * 500,
        "é" * ANSWER_TOKEN_LENGTH,
    ]
    answers = {open_link(it, token) for token in forged}
    assert len(answers) == 1
    [none] = answers
    assert isinstance(none, NoOffer)
    assert none.why is RefusedLink.INVALID


def test_guessing_is_slowed_down() -> None:
    """After twenty wrong ones a peer waits, even with a right one; others do not, and a minute later nor does it."""
    it, incident = linked()
    token = it.answers.links.url(incident, "ana").rpartition("/")[2]
    for _ in range(GUESSES):
        assert isinstance(open_link(it, "nonsense"), NoOffer)
    waits = open_link(it, token)
    assert isinstance(waits, NoOffer)
    assert waits.why is RefusedLink.WAIT
    assert isinstance(open_link(it, token, peer="192.0.2.2"), Offer)
    it.clock.steady += 60 * SECOND
    assert isinstance(open_link(it, token), Offer)


def test_guessers_are_forgotten() -> None:
    """However many peers guess, no more than so many are remembered."""
    guessing = Guessing()
    for peer in range(3 * PEERS):
        guessing.failed(str(peer), 1.0)
    assert len(guessing._left) == PEERS
    assert guessing.may_try("anybody", 1.0)


def test_where_nobody_is_reached_there_are_no_links() -> None:
    """Without an address that telephones reach, for nobody in particular, and for an ID that is none of ours."""
    it, incident = linked()
    assert it.answers.links.url(incident, "") == ""
    assert it.answers.links.url("test", "ana") == ""
    it.answers.links.configure(SECRET, "", lasting=HOUR)
    assert it.answers.links.url(incident, "ana") == ""


def test_the_ladder_is_what_the_tests_say() -> None:
    """Left alone, everybody hears in turn."""
    it = team()
    it.open()
    it.pass_(HOUR)
    assert sorted(it.told()) == [(0, *CHAT), (5, *ANA_SMS), (10, *BEN_MAIL), (20, *ANA_SMS), (20, *BEN_SMS)]
    assert len(LADDER) == 4
    assert ANA_MAIL not in it.at()
