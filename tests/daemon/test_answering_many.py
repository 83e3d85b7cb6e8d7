"""One answer to a message about many incidents: by its ID, its buttons and its link."""

from __future__ import annotations

import asyncio

import pytest

from saasobs.core.answers import Answer, AnswerKind, NoOffer, Offer, RefusedLink, Standing, Via
from saasobs.core.errors import NotFound, Refused
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Change, Incident
from saasobs.core.values import HOUR, MINUTE
from saasobs.daemon.answering import AT_ONCE
from support.answering_team import ANA_SMS, CHAT, AnsweringTeam, directory

STORM = AT_ONCE * 2 + 7
SECRET = b"s" * 32


def storm(count: int = STORM) -> tuple[AnsweringTeam, str, list[str]]:
    """So many monitors failed a minute ago: the team, the ID of what the chat was told, and the incidents."""
    it = AnsweringTeam(directory(), over=2)
    identities = [it.open(f"m{number:03}") for number in range(count)]
    it.pass_(MINUTE)
    return it, groups_to(it, CHAT)[-1].group_id, identities


def groups_to(it: AnsweringTeam, to: tuple[str, str]) -> list[GroupBriefing]:
    return [one.told for one in it.messages if one.to == to and isinstance(one.told, GroupBriefing)]


def of(it: AnsweringTeam, identities: list[str]) -> list[Incident]:
    return [it.incident(identity) for identity in identities]


def test_one_answer_takes_a_whole_storm() -> None:
    """Ana takes it by the ID that the message shows: nobody is called for any of it, and the chat says whose it is."""
    it, group, identities = storm()
    taken = it.say_to(f"#{group.upper()}", Answer(AnswerKind.ACKNOWLEDGE, "ana", Via.SLACK))
    assert taken.group == group
    assert sorted(one.id for one in taken.incidents) == sorted(identities)
    assert {one.acknowledged_by for one in of(it, identities)} == {"ana"}
    it.pass_(3 * HOUR)
    assert {one.to for one in it.messages} == {CHAT}
    last = groups_to(it, CHAT)[-1]
    assert all(member.incident.acknowledged_by == "ana" for member in last.members)
    assert last.answer_url == ""
    assert it.counted.taken == [("acknowledge", "slack", MINUTE)] * STORM


def test_it_can_be_given_back() -> None:
    """Nobody is on any of it any more: the ladder goes on where it was."""
    it, group, _ = storm(10)
    it.say(AnswerKind.ACKNOWLEDGE, group)
    it.pass_(HOUR)
    assert ANA_SMS not in it.at()
    it.say(AnswerKind.UNACKNOWLEDGE, group)
    it.pass_(MINUTE)
    assert len(groups_to(it, ANA_SMS)) == 1


def test_what_is_over_is_left_out() -> None:
    """Three of them have recovered: the others are taken. Once all are over there is nothing left, which is said."""
    it, group, identities = storm(10)
    for identity in identities[:3]:
        it.recover(identity)
    assert len(it.say_to(group, Answer(AnswerKind.SNOOZE, "ana", Via.CLI, lasting=HOUR)).incidents) == 7
    assert [bool(one.snoozed_until) for one in of(it, identities)] == [False] * 3 + [True] * 7
    for identity in identities[3:]:
        it.recover(identity)
    with pytest.raises(Refused, match=f"all of {group} is over"):
        it.say(AnswerKind.ACKNOWLEDGE, group)


@pytest.mark.parametrize("kind", [AnswerKind.RESOLVE, AnswerKind.ASSIGN, AnswerKind.NOTE])
def test_some_answers_are_for_one_alone(kind: AnswerKind) -> None:
    """To end two thousand incidents by one word is no answer; it says how to find one of them."""
    it, group, identities = storm(5)
    with pytest.raises(Refused, match="give the ID of one of them"):
        it.say(kind, group, to="ben", text="why")
    assert all(one.open and not one.assigned_to for one in of(it, identities))
    with pytest.raises(NotFound):
        it.say(kind, "zzzzzzzz", text="why")


def test_the_link_of_a_group_takes_all_of_it() -> None:
    """Ana's text message has one link for everything; its page says what it is about, and who was first."""
    it, _, identities = storm(30)
    it.answers.links.configure(SECRET, "https://in.example", lasting=24 * HOUR)
    it.pass_(5 * MINUTE)
    [text] = groups_to(it, ANA_SMS)
    token = it.answers.links.url(text.group_id, "ana").rpartition("/")[2]
    offer = open_link(it, token)
    assert isinstance(offer, Offer)
    assert (offer.identity, offer.who, offer.page.language) == (text.group_id, "ana", "es")
    assert offer.page.standing is Standing.OPEN
    assert "30" in offer.page.headline
    assert sum(row.startswith("🔴") for row, _ in offer.page.rows) == 20
    assert all(not one.acknowledged_at for one in of(it, identities))
    it.say(AnswerKind.ACKNOWLEDGE, offer.identity, "ben")
    assert {one.acknowledged_by for one in of(it, identities)} == {"ben"}
    after = open_link(it, token)
    assert isinstance(after, Offer)
    assert after.page.standing is Standing.TAKEN
    assert "ben" in after.page.said


def test_the_page_of_many_follows_what_happens() -> None:
    """Somebody's, somebody's for now, nobody's as soon as one of them is nobody's, and over."""
    it, group, identities = storm(4)
    it.answers.links.configure(SECRET, "https://in.example", lasting=24 * HOUR)
    token = it.answers.links.url(group, "ana").rpartition("/")[2]

    def standing() -> tuple[Standing, str]:
        offer = open_link(it, token)
        assert isinstance(offer, Offer)
        return offer.page.standing, offer.page.said

    assert standing() == (Standing.OPEN, "")
    it.snooze(group, HOUR)
    assert standing()[0] is Standing.SNOOZED
    it.acknowledge(group)
    mine = standing()
    assert mine[0] is Standing.TAKEN
    it.unacknowledge(identities[0])
    assert standing() == (Standing.OPEN, "")
    for identity in identities:
        it.recover(identity)
    assert standing()[0] is Standing.OVER
    it.pass_(25 * HOUR)
    late = open_link(it, token)
    assert isinstance(late, NoOffer)
    assert late.why is RefusedLink.EXPIRED


def test_a_link_of_a_group_is_for_whom_it_was_sent_to() -> None:
    """Somebody whom we would not have sent one has none, whatever they are called."""
    it, group, _ = storm(4)
    it.answers.links.configure(SECRET, "https://in.example", lasting=24 * HOUR)
    token = it.answers.links.url(group, "#alerts").rpartition("/")[2]
    assert isinstance(open_link(it, token), Offer)
    stranger = it.answers.links.url(group, "mallory").rpartition("/")[2]
    refused = open_link(it, stranger)
    assert isinstance(refused, NoOffer)
    assert refused.why is RefusedLink.INVALID


def open_link(it: AnsweringTeam, token: str) -> Offer | NoOffer:
    return asyncio.run(it.answers.links.offer(token, "192.0.2.1", "en"))


def test_news_of_each_are_told_once() -> None:
    """Two take it at the same time: the second hears who was first, and the timeline of each has one line of it."""
    it, group, identities = storm(6)
    it.acknowledge(group, "ana")
    taken = it.say_to(group, Answer(AnswerKind.ACKNOWLEDGE, "ben", Via.SLACK))
    assert {one.acknowledged_by for one in taken.incidents} == {"ana"}
    for identity in identities:
        assert [event.change for event in it.timeline(identity)].count(Change.ACKNOWLEDGED) == 1
