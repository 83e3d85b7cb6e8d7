"""Everything fails at once, and ten people are on call over three channels each: what each of them gets.

SAASOBS_STORM sets how many monitors fail (300 by default; 2800 for the long run).
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from saasobs.alerting.directory import Directory
from saasobs.alerting.steps import Policy, Step
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Change, NoticeState
from saasobs.core.monitor import Severity
from saasobs.core.people import Contact, Person
from saasobs.core.values import DAY, MINUTE, SECOND
from saasobs.daemon.pace import Pace, Reader
from support.team import Team

MONITORS = int(os.environ.get("SAASOBS_STORM", "300"))
PEOPLE = tuple(
    Person(f"p{number}", phone=f"+5198765432{number}", email=f"p{number}@acme.example", slack=f"U00{number}")
    for number in range(10)
)
CHANNELS = {"sms": Contact.PHONE, "mail": Contact.EMAIL, "chat": Contact.SLACK}


def team(*people: Person, **facts: object) -> Team:
    everyone = Policy("default", (Step(("everyone",), 0, unless_acknowledged=False),))
    directory = Directory(
        policies={"default": everyone},
        recipients=dict.fromkeys(CHANNELS, ()),
        max_age=dict.fromkeys(CHANNELS, DAY),
        contacts=CHANNELS,
        people={one.name: one for one in people},
    )
    return Team(directory, over=5, **facts)  # type: ignore[arg-type]


def per_person(told: Team, since: int = 0) -> Counter[str]:
    return Counter(message.told.person for message in told.messages if message.at >= since)


@pytest.mark.parametrize("burst", [1, 10, 60])
def test_a_storm_is_three_messages_a_minute_for_each(burst: int) -> None:
    """They fail one by one, or ten by ten, over a minute: nobody gets more than three; then the rest, in one each."""
    storm = team(*PEOPLE[:4])
    began = storm.clock.at
    for number in range(60):
        storm.open(f"m{number}")
        if not (number + 1) % burst:
            storm.pass_(burst * SECOND - 1)
    storm.pass_(began + MINUTE - 1 - storm.clock.at)
    assert set(per_person(storm).values()) == {3}
    storm.pass_(2 * MINUTE)
    assert not storm.pending()
    assert max(per_person(storm, began + MINUTE).values(), default=0) <= 6
    for number in range(60):
        [identity] = {one.id for message in storm.messages for one in message.incidents if one.monitor == f"m{number}"}
        assert {one.state for one in storm.notices(identity)} == {NoticeState.SENT}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_everything_at_once_and_ten_people_on_call() -> None:
    """Each of the ten gets three messages, one over each channel, and every notice is told by them."""
    storm = team(*PEOPLE)
    for number in range(MONITORS):
        storm.open(f"m{number}")
    storm.pass_(MINUTE - SECOND)
    assert per_person(storm) == dict.fromkeys((one.name for one in PEOPLE), 3)
    assert {len(message.digest.members) for message in storm.messages} == {MONITORS}
    assert not storm.pending()


def test_a_second_incident_waits_its_minute_and_a_recovery_does_not() -> None:
    """Told over three channels at once; another one ten seconds later waits, and the end of the first is told."""
    two = team(PEOPLE[0])
    began = two.clock.at
    first = two.open("api")
    two.pass_(10 * SECOND)
    two.open("search")
    two.pass_(10 * SECOND)
    two.recover(first)
    two.pass_(SECOND)
    assert [one.changes for one in two.messages] == [(Change.OPENED,)] * 3 + [(Change.RECOVERED,)] * 3
    two.pass_(MINUTE)
    assert [(one.at - began, one.incidents[0].monitor) for one in two.messages[6:]] == [(MINUTE, "search")] * 3


def test_warnings_take_nothing_from_what_is_critical() -> None:
    """After three warnings in a minute a critical failure is told at once, over every channel."""
    storm = team(PEOPLE[0])
    storm.open("slow", Severity.WARNING)
    storm.work()
    storm.open("down")
    storm.work()
    assert [one.incidents[0].monitor for one in storm.messages] == ["slow"] * 3 + ["down"] * 3


def test_what_no_provider_took_is_no_message() -> None:
    """The text is refused: the next one does not wait for it."""
    dead = DeliveryError("refused", permanent=True)
    one = team(PEOPLE[0], answer=lambda channel, _: dead if channel == "sms" else None, fallbacks={"sms": "mail"})
    one.open("api")
    one.work()
    assert sorted(message.channel for message in one.messages) == ["chat", "mail"]


def test_room_is_shared_by_the_channels_of_a_person() -> None:
    """Over one channel three, over two one each, over five three in all; and a minute later again."""
    for channels, each, total in ((1, 3, 3), (2, 1, 2), (3, 1, 3), (5, 1, 3)):
        pace, taken = Pace(), Counter[str]()
        for number in range(20):
            reader = Reader("ana", f"c{number % channels}", channels)
            if pace.room(reader, 1_000, critical=True):
                pace.note(reader, str(number), 1_000, critical=True)
                taken[reader.channel] += 1
        assert (max(taken.values()), taken.total()) == (each, total)
        assert pace.free_at(Reader("ana", "c0", channels), 1_000, critical=True) == 1_000 + MINUTE
        assert pace.room(Reader("ana", "c0", channels), 1_000 + MINUTE, critical=True)
