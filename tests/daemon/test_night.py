"""Quiet hours: what can wait is told in the morning, all at once; what cannot, at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from saasobs.alerting.directory import Directory
from saasobs.alerting.steps import Policy, Step
from saasobs.core.errors import DeliveryError
from saasobs.core.groups import GroupKind
from saasobs.core.incident import Change, Suppression
from saasobs.core.monitor import Severity
from saasobs.core.people import Contact, Person, QuietHours
from saasobs.core.values import DAY, HOUR, MINUTE, from_datetime
from support.quiet import TwoClocks
from support.team import Team

LIMA, TOKYO = "America/Lima", "Asia/Tokyo"
NIGHT = QuietHours(time(22), time(7), LIMA)
ANA = Person("ana", phone="+51987654321", email="ana@acme.example", timezone=LIMA)
KEN = Person("ken", email="ken@acme.example", timezone=TOKYO, quiet_hours=QuietHours(time(22), time(7), TOKYO))
POLICY = Policy(
    "default",
    (
        Step(("chat",), 0, unless_acknowledged=False),
        Step(("ana",), 5 * MINUTE, unless_acknowledged=True, over=("sms",)),
    ),
)
CHAT, ANA_SMS, KEN_MAIL = ("chat", "#alerts"), ("sms", ANA.phone), ("mail", KEN.email)


def lima(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(LIMA)))


def team(at: str, policy: Policy = POLICY, **facts: object) -> Team:
    directory = Directory(
        policies={policy.name: policy},
        recipients={"chat": ("#alerts",), "sms": (), "mail": (), "hook": ("machine",)},
        max_age=dict.fromkeys(("chat", "sms", "mail", "hook"), DAY),
        contacts={"sms": Contact.PHONE, "mail": Contact.EMAIL},
        people={"ana": ANA, "ken": KEN},
        quiet_hours=NIGHT,
        never_quiet=frozenset({"hook"}),
    )
    return Team(directory, clock=TwoClocks(lima(at)), **facts)  # type: ignore[arg-type]


def test_a_night_is_one_message_in_the_morning() -> None:
    """Three warnings: one is over, one goes on, one came and went twice as bad; the chat hears of all at seven."""
    night = team("2026-11-22 23:00")
    over = night.open("api", Severity.WARNING)
    night.pass_(2 * MINUTE)
    night.recover(over)
    night.pass_(HOUR)
    still = night.open("search", Severity.WARNING)
    night.pass_(5 * HOUR)
    assert night.messages == []
    assert {one.suppression for one in night.notices(still)} == {Suppression.QUIET_HOURS}
    assert next(one.detail for one in night.notices(still)) == (
        "quiet hours (22:00 to 07:00 America/Lima) until 2026-11-23 12:00 UTC"
    )
    night.pass_(2 * HOUR)
    [text, chat] = sorted(night.messages, key=lambda one: one.channel, reverse=True)
    assert (chat.to, chat.at, chat.digest.kind) == (CHAT, lima("2026-11-23 07:00"), GroupKind.DIGEST)
    told = {member.incident.monitor: member for member in chat.digest.members}
    assert told["api"].ended_unheard
    assert told["api"].changes == (Change.OPENED, Change.RECOVERED)
    assert told["search"].changes == (Change.OPENED,)
    assert (chat.digest.late_by, chat.digest.first) == (0, True)
    assert (text.to, [one.incident.monitor for one in text.digest.members]) == (ANA_SMS, ["search"])
    assert not night.pending()


def test_what_the_digest_told_ends_in_a_message_of_its_own() -> None:
    """At nine it is over: told like any other end."""
    night = team("2026-11-23 06:00")
    still = night.open("search", Severity.WARNING)
    night.pass_(3 * HOUR)
    night.messages.clear()
    night.recover(still)
    night.work()
    assert sorted(night.at(Change.RECOVERED)) == sorted([CHAT, ANA_SMS])


def test_critical_knows_no_night() -> None:
    """Told at once, to the chat and to ana."""
    night = team("2026-11-23 03:00")
    night.open("api")
    night.pass_(6 * MINUTE)
    assert night.at() == [CHAT, ANA_SMS]


def test_a_warning_that_turns_critical_is_told_at_once_and_whole() -> None:
    """One message with its beginning and its escalation; nothing of it is left for the morning."""
    night = team("2026-11-23 01:00")
    incident = night.open("api", Severity.WARNING)
    night.pass_(2 * HOUR)
    night.escalate(incident)
    night.pass_(6 * MINUTE)
    assert [(one.to, one.changes) for one in night.messages] == [
        (CHAT, (Change.OPENED, Change.ESCALATED)),
        (ANA_SMS, (Change.OPENED, Change.ESCALATED)),
    ]
    night.pass_(5 * HOUR)
    assert not [one for one in night.messages if one.at >= lima("2026-11-23 07:00")]


def test_whoever_was_woken_hears_how_it_goes_on() -> None:
    """Critical at three, degraded at four, over at five: all of it is told in the night."""
    night = team("2026-11-23 03:00")
    incident = night.open("api")
    night.pass_(HOUR)
    night.ease(incident)
    night.pass_(HOUR)
    night.recover(incident)
    night.pass_(MINUTE)
    assert night.at(Change.EASED) == [CHAT, ANA_SMS]
    assert night.at(Change.RECOVERED) == [CHAT, ANA_SMS]


def test_a_persons_own_night_counts_for_that_person() -> None:
    """It is night in Lima and day in Tokyo: ken is told, the chat is not; and machines have no night."""
    policy = Policy("default", (Step(("chat", "ken", "hook"), 0, unless_acknowledged=False),))
    night = team("2026-11-22 23:00", policy)
    night.open("api", Severity.WARNING)
    night.work()
    assert sorted(night.at()) == sorted([KEN_MAIL, ("hook", "machine")])


def test_an_acknowledgement_in_the_night_stops_what_waits() -> None:
    """Somebody saw it on the page: nobody is told in the morning, and it says why."""
    night = team("2026-11-22 23:00")
    incident = night.open("api", Severity.WARNING)
    night.pass_(HOUR)
    night.acknowledge(incident)
    night.pass_(9 * HOUR)
    assert night.messages == []
    assert {one.suppression for one in night.notices(incident)} == {Suppression.ACKNOWLEDGED}


def test_kills_in_the_night_and_in_the_morning_change_nothing() -> None:
    """Killed while it waits, and after the provider took the digest: it comes again under the same ID, as it was."""
    night = team("2026-11-22 23:00")
    night.open("api", Severity.WARNING)
    night.open("search", Severity.WARNING)
    night.pass_(4 * HOUR)
    night.kill()
    night.lost_receipts = 1
    night.pass_(5 * HOUR)
    chat = [one for one in night.messages if one.to == CHAT]
    assert len(chat) == 2
    assert len({one.told.delivery_id for one in chat}) == 1
    assert chat[0].told.notice_ids == chat[1].told.notice_ids


def test_a_digest_that_is_refused_comes_again_whole() -> None:
    """And if its channel fails for good, its fallback tells it."""
    dead = DeliveryError("revoked", permanent=True)
    night = team(
        "2026-11-22 23:00", answer=lambda channel, _: dead if channel == "chat" else None, fallbacks={"chat": "hook"}
    )
    night.open("api", Severity.WARNING)
    night.pass_(9 * HOUR)
    assert ("hook", "machine") in night.at()
    assert not night.pending()


def test_a_morning_that_the_daemon_sleeps_through_is_told_late() -> None:
    """Down from midnight to ten: the digest comes then, and says that it is late."""
    night = team("2026-11-22 23:00")
    night.open("api", Severity.WARNING)
    night.pass_(HOUR)
    night.sleep(10 * HOUR)
    night.work()
    [chat] = [one for one in night.messages if one.to == CHAT]
    assert chat.told.late_by == 3 * HOUR


def test_without_quiet_hours_any_more_what_waited_is_told_now() -> None:
    """A reload takes them away: what waited is told at once, and so is what comes from then on."""
    night = team("2026-11-22 23:00")
    night.open("api", Severity.WARNING)
    night.pass_(HOUR)
    night.configure(replace(night.directory, quiet_hours=None))
    night.work()
    assert [[one.monitor for one in message.incidents] for message in night.messages] == [["api"], ["api"]]
    night.open("search", Severity.WARNING)
    night.pass_(6 * MINUTE)
    assert {one.told.incident.monitor for one in night.messages[2:]} == {"search"}  # type: ignore[union-attr]
    assert not night.pending()


@pytest.mark.parametrize(("end", "minutes"), [(time(5), 300), (time(9), 540)])
def test_a_morning_that_is_moved_takes_what_waits_with_it(end: time, minutes: int) -> None:
    """A reload at midnight, to five or to nine: one digest, then, and it is not late; and not before."""
    night = team("2026-11-23 00:00")
    still = night.open("api", Severity.WARNING)
    night.pass_(10 * MINUTE)
    night.configure(replace(night.directory, quiet_hours=replace(NIGHT, end=end)))
    night.pass_((minutes - 11) * MINUTE)
    assert night.messages == []
    assert {one.suppression for one in night.notices(still)} == {Suppression.QUIET_HOURS}
    night.pass_(2 * MINUTE)
    assert [(one.at, one.digest.late_by) for one in night.messages] == [
        (lima("2026-11-23 00:00") + minutes * MINUTE, 0)
    ] * 2


def test_a_channel_that_has_no_night_any_more_tells_what_waited() -> None:
    """`quiet_hours: false` at the chat: the chat hears, ana's telephone does not."""
    night = team("2026-11-22 23:00")
    night.open("api", Severity.WARNING)
    night.pass_(HOUR)
    night.configure(replace(night.directory, never_quiet=frozenset({"hook", "chat"})))
    night.pass_(MINUTE)
    assert night.at() == [CHAT]


def test_a_reload_that_changes_no_night_wakes_nobody() -> None:
    """Nothing is touched in the outbox."""
    night = team("2026-11-22 23:00")
    still = night.open("api", Severity.WARNING)
    night.pass_(HOUR)
    before = night.notices(still)
    night.configure(night.directory)
    assert night.notices(still) == before
    night.work()
    assert night.messages == []


def test_the_day_is_as_ever() -> None:
    """At noon a warning is told at once, alone."""
    day = team("2026-11-22 12:00")
    day.open("api", Severity.WARNING)
    day.work()
    assert day.at(Change.OPENED) == [CHAT]
