"""When everything fails at once: few messages, and still every notice told."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from saasobs.alerting.grouping import BREATH
from saasobs.core.errors import DeliveryError
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Attempt, Change, Incident, Notice, NoticeState, Status, Suppression, notice_id
from saasobs.core.monitor import Severity
from saasobs.core.ports import Transaction
from saasobs.core.values import DAY, MINUTE, SECOND
from saasobs.daemon.claims import CLAIM_LIMIT
from support.owing import INCIDENT, NOW, WINDOW, House, Provider

WARNING = (Severity.WARNING, Status.DEGRADED)


class Storm:
    """Many monitors that fail and recover, and what is owed for it over the channels of a house."""

    def __init__(self, house: House, *channels: str) -> None:
        self.house = house
        self.channels = channels or ("chat",)
        self.incidents: dict[int, Incident] = {}

    async def fail(
        self, numbers: range, severity: Severity = Severity.CRITICAL, status: Status = Status.DOWN, **changes: Any
    ) -> None:
        """All at once, in one transaction."""
        for number in numbers:
            self.incidents[number] = replace(
                INCIDENT,
                id=f"i{number:04}",
                monitor=f"m{number:04}",
                severity=severity,
                status=status,
                started_at=self.house.clock.at,
                opened_at=self.house.clock.at,
            )
        await self._owe(numbers, Change.OPENED, **changes)

    async def recover(self, numbers: range, channel: str = "") -> None:
        for number in numbers:
            before, now = self.incidents[number], self.house.clock.at
            self.incidents[number] = replace(
                before, ended_at=now, ending=Change.RECOVERED, occurrence=before.occurrence + 1
            )
        await self._owe(numbers, Change.RECOVERED, channel=channel)

    async def worsen(self, number: int) -> None:
        before = self.incidents[number]
        self.incidents[number] = replace(
            before, severity=Severity.CRITICAL, status=Status.DOWN, occurrence=before.occurrence + 1
        )
        await self._owe(range(number, number + 1), Change.ESCALATED)

    async def _owe(self, numbers: range, change: Change, *, channel: str = "", **changes: Any) -> None:
        at = self.house.clock.at
        found = [self.incidents[number] for number in numbers]
        owed = [
            replace(_notice(incident, name, change, at), **changes)
            for incident in found
            for name in ([channel] if channel else self.channels)
        ]

        def work(transaction: Transaction) -> None:
            for incident in found:
                transaction.save_incident(incident)
            transaction.owe(owed)

        await self.house.ledger.run(work)
        self.house.outbox.poke()

    async def notices(self) -> list[Notice]:
        return await self.house.ledger.run(
            lambda transaction: [
                notice for incident in self.incidents.values() for notice in transaction.notices(incident.id)
            ]
        )

    async def settled(self, *states: NoticeState) -> list[Notice]:
        wanted = states or (NoticeState.SENT,)
        async with asyncio.timeout(20):
            while True:
                found = await self.notices()
                if all(notice.state in wanted for notice in found):
                    return found
                await asyncio.sleep(0.01)

    async def attempts(self, number: int) -> list[Attempt]:
        return await self.house.ledger.run(lambda transaction: transaction.attempts(self.incidents[number].id))


def _notice(incident: Incident, channel: str, change: Change, at: int) -> Notice:
    identity = notice_id(incident.id, 0, incident.occurrence, channel, "team")
    return Notice(
        identity, incident.id, 0, incident.occurrence, channel, "team", change, at, at + DAY, incident.severity,
        next_at=at,
    )  # fmt: skip


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    await made.close()


@pytest.fixture
def storm(house: House) -> Storm:
    return Storm(house)


async def quiet() -> None:
    """Long enough for a message that should not come to come."""
    await asyncio.sleep(0.15)


def told(group: GroupBriefing) -> list[str]:
    """The monitors of which a message tells something new, in its order."""
    return [member.incident.monitor for member in group.news]


# How many messages ---------------------------------------------------------------------------------------------------


async def test_up_to_the_limit_each_incident_has_its_message(house: House, storm: Storm) -> None:
    """Five at once are five messages, at once."""
    chat = Provider()
    await house.routes(chat=chat)
    await storm.fail(range(5))
    await storm.settled()
    assert (len(chat.sent), chat.groups) == (5, [])


async def test_five_hundred_in_one_claim_are_one_message(house: House, storm: Storm) -> None:
    """All are told in it, each notice is sent, and the attempt that told it is found from any of the incidents."""
    chat = Provider()
    await house.routes(chat=chat)
    await storm.fail(range(500))
    notices = await storm.settled()
    [group] = chat.groups
    assert chat.sent == []
    assert len(group.members) == 500
    assert set(group.notice_ids) == {notice.id for notice in notices}
    [attempt] = await storm.attempts(321)
    assert (attempt.outcome, attempt.delivery_id) == ("sent", group.delivery_id)
    assert set(attempt.notice_ids) == set(group.notice_ids)


async def test_the_group_counts_those_that_were_told_just_before(house: House, storm: Storm) -> None:
    """Five have their messages when the sixth fails: its message speaks of six, and is new about one."""
    chat = Provider()
    await house.routes(chat=chat)
    await storm.fail(range(5))
    await storm.settled()
    await storm.fail(range(5, 6))
    await storm.settled()
    [group] = chat.groups
    assert len(group.members) == 6
    assert told(group) == ["m0005"]


async def test_a_group_is_edited_as_it_grows(house: House, storm: Storm) -> None:
    """A channel that can edit shows each growth, a breath apart, under the group's one reference."""
    chat = Provider()
    await house.routes(chat=chat)
    await storm.fail(range(6))
    await storm.settled()
    await storm.fail(range(6, 8))
    await quiet()
    assert len(chat.groups) == 1
    await storm.fail(range(8, 10))
    await house.pass_(BREATH)
    await storm.settled()
    first, second = chat.groups
    assert first.group_id == second.group_id
    assert (first.first, second.first) == (True, False)
    assert told(second) == ["m0006", "m0007", "m0008", "m0009"]
    assert chat.references == ["", "thread-1"]


async def test_what_cannot_be_edited_waits_until_the_storm_has_settled(house: House, storm: Storm) -> None:
    """A text goes out once nothing came for a breath; what comes later has one more, a window after the first."""
    sms = Provider(edits=False)
    await house.routes(chat=sms)
    await storm.fail(range(10))
    await quiet()
    await house.pass_(BREATH - SECOND)
    await storm.fail(range(10, 20))
    await house.pass_(BREATH - SECOND)
    await quiet()
    assert sms.groups == []
    await house.pass_(SECOND)
    await storm.settled()
    for begin in (20, 22, 24):
        await storm.fail(range(begin, begin + 2))
        await house.pass_(5 * SECOND)
        await quiet()
    assert [len(group.news) for group in sms.groups] == [20]
    await house.pass_(WINDOW - 15 * SECOND)
    await storm.settled()
    assert [len(group.news) for group in sms.groups] == [20, 6]


async def test_a_storm_that_never_settles_is_told_after_a_window(house: House, storm: Storm) -> None:
    """However it goes on, the first word comes within `group_window`."""
    sms = Provider(edits=False)
    await house.routes(chat=sms)
    await storm.fail(range(6))
    for number in range(6, 20):
        await house.pass_(BREATH - SECOND)
        await storm.fail(range(number, number + 1))
        await asyncio.sleep(0.03)
    assert not sms.groups
    await house.pass_(BREATH - SECOND)
    await house.until(lambda: sms.groups)
    assert house.clock.at - NOW == WINDOW


async def test_after_the_storm_the_next_one_has_its_own_message(house: House, storm: Storm) -> None:
    """A window later a single failure is told by itself, whatever came before."""
    chat = Provider()
    await house.routes(chat=chat)
    await storm.fail(range(50))
    await storm.settled()
    await house.pass_(WINDOW)
    await storm.fail(range(50, 51))
    await storm.settled()
    assert [briefing.incident.monitor for briefing in chat.sent] == ["m0050"]


async def test_each_recipient_is_counted_alone(house: House) -> None:
    """Two channels, one storm: one message over each."""
    storm = Storm(house, "chat", "mail")
    chat, mail = Provider(), Provider()
    await house.routes(chat=chat, mail=mail)
    await storm.fail(range(30))
    await storm.settled()
    assert [len(group.members) for group in (*chat.groups, *mail.groups)] == [30, 30]


async def test_zero_never_groups(house: House, storm: Storm) -> None:
    """`group_over: 0` is a message for each incident, in bites."""
    chat = Provider()
    await house.routes(chat=chat, over=0)
    await storm.fail(range(50))
    await storm.settled()
    assert (len(chat.sent), chat.groups) == (50, [])


# What is critical ----------------------------------------------------------------------------------------------------


async def test_a_critical_one_has_its_own_message_amid_warnings(house: House, storm: Storm) -> None:
    """A pile of warnings takes it neither its message nor its time, and it goes out first."""
    sms = Provider(edits=False)
    await house.routes(chat=sms)
    await storm.fail(range(40), *WARNING)
    await storm.fail(range(40, 42))
    await house.until(lambda: len(sms.sent) == 2)
    assert {briefing.incident.monitor for briefing in sms.sent} == {"m0040", "m0041"}
    assert sms.groups == []
    await house.pass_(BREATH)
    await storm.settled()
    assert [len(group.members) for group in sms.groups] == [40]


async def test_critical_ones_are_named_first_and_do_not_wait_for_warnings(house: House, storm: Storm) -> None:
    """When a storm of warnings turns critical, that is told at once, though warnings were told just before."""
    sms = Provider(edits=False)
    await house.routes(chat=sms)
    await storm.fail(range(10), *WARNING)
    await house.pass_(BREATH)
    await storm.settled()
    await storm.fail(range(10, 12), *WARNING)
    await storm.fail(range(12, 22))
    await house.pass_(BREATH)
    await storm.settled()
    _, second = sms.groups
    assert second.graver
    assert told(second) == [f"m{number:04}" for number in (*range(12, 22), 10, 11)]
    assert [member.incident.severity for member in second.members[:11]] == [Severity.CRITICAL] * 10 + [Severity.WARNING]


async def test_a_member_that_turns_critical_is_told_by_itself(house: House, storm: Storm) -> None:
    """One of many degraded monitors goes down: its own message, at once."""
    chat = Provider()
    await house.routes(chat=chat)
    await storm.fail(range(10), *WARNING)
    await storm.settled()
    await storm.worsen(3)
    await storm.settled()
    assert [briefing.changes for briefing in chat.sent] == [(Change.ESCALATED,)]
    await house.pass_(BREATH)
    await storm.recover(range(3, 4))
    await storm.settled()
    news = chat.groups[-1].news[0]
    assert news.alone is not None
    assert news.reference == "thread-2"


# Recoveries ----------------------------------------------------------------------------------------------------------


async def test_a_group_tells_the_end_of_its_incidents(house: House, storm: Storm) -> None:
    """Some recover, then all: the group's message says so, and the last one is the last."""
    chat = Provider()
    await house.routes(chat=chat)
    await storm.fail(range(5))
    await storm.settled()
    await storm.fail(range(5, 12))
    await storm.settled()
    await house.pass_(MINUTE)
    await storm.recover(range(9))
    await storm.settled()
    await house.pass_(MINUTE)
    await storm.recover(range(9, 12))
    await storm.settled()
    _, some, every = chat.groups
    assert (len(some.ended), len(some.open), len(some.news)) == (9, 3, 9)
    assert {member.reference for member in some.news if member.alone} == {f"thread-{n}" for n in range(1, 6)}
    assert (len(every.ended), len(every.open), len(every.news)) == (12, 0, 3)
    assert len(chat.sent) == 5


async def test_many_recoveries_at_once_are_one_message(house: House, storm: Storm) -> None:
    """Eight that failed one by one recover together: one message, which keeps their own ones up to date."""
    chat = Provider()
    await house.routes(chat=chat)
    for number in range(8):
        await storm.fail(range(number, number + 1))
        await storm.settled()
        await house.pass_(MINUTE)
    assert len(chat.sent) == 8
    await storm.recover(range(8))
    await storm.settled()
    [group] = chat.groups
    assert len(group.ended) == 8
    assert {member.reference for member in group.members} == {f"thread-{n}" for n in range(1, 9)}


async def test_what_was_over_before_it_could_be_told_says_so(house: House, storm: Storm) -> None:
    """The channel was dead through the whole storm: one message tells its beginning and its end."""
    chat = Provider(DeliveryError("dead"))
    await house.routes(chat=chat)
    await storm.fail(range(20))
    await house.until(lambda: chat.tried_groups and house.observer.outcomes)
    house.clock.at += SECOND
    await storm.recover(range(20))
    await house.pass_(BREATH)
    await storm.settled()
    [group] = chat.groups
    assert all(member.ended_unheard for member in group.members)
    assert len(group.notice_ids) == 40


# Whatever the provider does ------------------------------------------------------------------------------------------


async def test_a_refused_group_comes_again_whole_under_its_id(house: House, storm: Storm) -> None:
    """The same message, all its notices together, the tries counted with each of them."""
    chat = Provider(DeliveryError("503"))
    await house.routes(chat=chat)
    await storm.fail(range(30))
    await house.until(lambda: house.observer.outcomes)
    await house.pass_(10 * MINUTE)
    notices = await storm.settled()
    assert {notice.attempts for notice in notices} == {2}
    assert {group.delivery_id for group in chat.tried_groups} == {chat.groups[0].delivery_id}
    assert chat.groups[0].late_by == 10 * MINUTE


async def test_the_fallback_of_a_group_is_a_group(house: House, storm: Storm) -> None:
    """A token is revoked in the storm: the phones get one text, of the failures and of their end."""
    chat, sms = Provider(DeliveryError("token_revoked", permanent=True)), Provider(edits=False)
    await house.routes(chat=chat, sms=sms, fallback="sms")
    await storm.fail(range(30))
    async with asyncio.timeout(20):
        while {one.channel for one in await storm.notices()} != {"chat", "sms"}:
            await asyncio.sleep(0.01)
    await house.pass_(BREATH)
    await storm.settled(NoticeState.FAILED, NoticeState.SENT)
    assert [len(group.members) for group in sms.groups] == [30]
    await house.pass_(MINUTE)
    await storm.recover(range(30), channel="sms")
    await house.pass_(BREATH)
    await house.until(lambda: len(sms.groups) == 2)
    assert sms.groups[1].open == ()
    assert sms.sent == []


async def test_a_killed_run_is_taken_up_with_the_very_same_message(house: House, storm: Storm) -> None:
    """Nobody knows whether it went out: it goes again as it was, and what came since goes after it."""
    chat = Provider()
    chat.hold = asyncio.Event()
    await house.routes(chat=chat)
    await storm.fail(range(20))
    await house.until(lambda: chat.tried_groups)
    await house.outbox.close(0.05)  # as after a kill: nothing is settled, the leases are freed
    await storm.fail(range(20, 30))
    await storm.recover(range(2))
    house.outbox = house.new_outbox("second")
    heir = Provider()
    await house.routes(chat=heir)
    await house.until(lambda: heir.groups)
    again = heir.groups[0]
    assert again.delivery_id == chat.tried_groups[0].delivery_id
    assert again.notice_ids == chat.tried_groups[0].notice_ids
    assert len(again.members) == 20
    await house.pass_(BREATH)
    await storm.settled()
    assert len(heir.groups) == 2
    assert heir.groups[1].group_id == again.group_id
    assert len(heir.groups[1].notice_ids) == 12


async def test_a_restart_goes_on_editing(house: House, storm: Storm) -> None:
    """The group and its reference are in the store, not in memory."""
    chat, heir = Provider(), Provider()
    await house.routes(chat=chat)
    await storm.fail(range(20))
    await storm.settled()
    await house.outbox.close(1)
    house.outbox = house.new_outbox("second")
    await house.routes(chat=heir)
    await house.pass_(BREATH)
    await storm.fail(range(20, 22))
    await storm.settled()
    assert heir.references == ["thread-1"]
    assert heir.groups[0].group_id == chat.groups[0].group_id
    assert len(heir.groups[0].members) == 22


async def test_an_acknowledged_incident_of_a_group_is_not_escalated(house: House, storm: Storm) -> None:
    """Somebody took three of the ten: the conditional step tells of the other seven."""
    chat, sms = Provider(), Provider()
    await house.routes(chat=chat, sms=sms)
    await storm.fail(range(10), unless_acknowledged=True, due_at=NOW + 5 * MINUTE, next_at=NOW + 5 * MINUTE)

    def acknowledge(transaction: Transaction) -> None:
        for number in range(3):
            transaction.save_incident(replace(storm.incidents[number], acknowledged_at=NOW, acknowledged_by="ana"))

    await house.ledger.run(acknowledge)
    await house.pass_(5 * MINUTE)
    await storm.settled(NoticeState.SENT, NoticeState.SUPPRESSED)
    assert [len(group.members) for group in chat.groups] == [7]


async def test_what_is_held_back_leaves_its_group(house: House, storm: Storm) -> None:
    """A dependency explains four of ten before they are told: the message speaks of six; released, they are news."""
    sms = Provider(edits=False)
    await house.routes(chat=sms)
    await storm.fail(range(10))
    await quiet()
    held = [notice for notice in await storm.notices() if notice.incident_id >= "i0006"]
    waiting = [
        replace(one, suppression=Suppression.DEPENDENCY, next_at=house.clock.at + MINUTE, group_id="") for one in held
    ]
    await house.ledger.run(lambda transaction: transaction.save_notices(waiting))
    await house.pass_(BREATH)
    await house.until(lambda: sms.groups)
    assert len(sms.groups[0].members) == 6
    await house.pass_(MINUTE)
    released = [replace(one, suppression=None, due_at=house.clock.at, next_at=house.clock.at) for one in waiting]
    await house.ledger.run(lambda transaction: transaction.save_notices(released))
    house.outbox.poke()
    await storm.settled()
    assert {briefing.incident.monitor for briefing in sms.sent} == {"m0006", "m0007", "m0008", "m0009"}


async def test_a_group_expires_as_its_notices_do(house: House, storm: Storm) -> None:
    """A day of refusals ends in `expired` for each, and the fallback gets one message."""
    chat, mail = Provider(DeliveryError("dead")), Provider()
    await house.routes(chat=chat, mail=mail, fallback="mail")
    await storm.fail(range(10))
    await house.until(lambda: house.observer.outcomes)
    await house.pass_(DAY + SECOND)
    await storm.settled(NoticeState.SENT, NoticeState.EXPIRED)
    assert [len(group.members) for group in mail.groups] == [10]


async def test_a_clock_that_is_set_back_delays_no_group(house: House, storm: Storm) -> None:
    """What was told by a clock that ran ahead holds nothing up for longer than a window."""
    chat = Provider()
    await house.routes(chat=chat)
    await storm.fail(range(10))
    await storm.settled()
    house.clock.at -= 300 * MINUTE
    await storm.recover(range(10))
    await quiet()
    await house.pass_(WINDOW)
    await storm.settled()
    assert chat.groups[-1].open == ()


async def test_more_than_one_claim_can_hold_is_one_message(house: House, storm: Storm) -> None:
    """Where more is due than is looked at together, the group waits until it has seen the rest."""
    chat = Provider()
    await house.routes(chat=chat)
    await storm.fail(range(CLAIM_LIMIT + 100))
    await storm.settled()
    assert [len(group.members) for group in chat.groups] == [CLAIM_LIMIT + 100]


class Chance:
    """Steps at random, as a seed has them."""

    def __init__(self, house: House, storm: Storm, chat: Provider, seed: int) -> None:
        self._house, self._storm, self._chat = house, storm, chat
        self._random = random.Random(seed)
        self._up = list(range(60))
        self._down: list[int] = []

    async def step(self) -> None:
        steps = [self.fail, self.fail, self.recover, self.worsen, self.refuse, self.restart]
        await self._random.choice(steps)()
        await self._house.pass_(self._random.choice([0, 1, 4, 40]) * SECOND)
        await asyncio.sleep(self._random.choice([0, 0.02]))

    async def fail(self) -> None:
        for number in self._some(self._up):
            await self._storm.fail(range(number, number + 1), self._random.choice(list(Severity)))
            self._down.append(number)

    async def recover(self) -> None:
        self._random.shuffle(self._down)
        for number in self._some(self._down):
            await self._storm.recover(range(number, number + 1))

    async def worsen(self) -> None:
        for number in self._down[:1]:
            await self._storm.worsen(number)

    async def refuse(self) -> None:
        self._chat.script.append(DeliveryError("503"))

    async def restart(self) -> None:
        await self._house.outbox.close(self._random.choice([0.0, 1.0]))
        self._house.outbox = self._house.new_outbox(f"run {self._house.clock.at}")
        await self._house.routes(chat=self._chat)

    async def calm(self) -> None:
        """Everything recovers and the provider takes everything."""
        self._chat.script.clear()
        for number in self._down:
            await self._storm.recover(range(number, number + 1))
        async with asyncio.timeout(20):
            while any(notice.state is not NoticeState.SENT for notice in await self._storm.notices()):
                await self._house.pass_(WINDOW)
                await asyncio.sleep(0.02)

    def _some(self, numbers: list[int]) -> list[int]:
        return [numbers.pop() for _ in range(min(len(numbers), self._random.choice([1, 1, 2, 9])))]


@pytest.mark.parametrize("edits", [True, False], ids=["edits", "cannot edit"])
@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happens_everything_is_told(house: House, storm: Storm, seed: int, edits: bool) -> None:
    """Failures, recoveries, refusals and restarts in any order: each notice is sent, and by one message only."""
    chat = Provider(edits=edits)
    await house.routes(chat=chat)
    chance = Chance(house, storm, chat, seed)
    for _ in range(30):
        await chance.step()
    await chance.calm()
    every = [*(briefing.notice_ids for briefing in chat.sent), *(group.notice_ids for group in chat.groups)]
    accepted = Counter(one for ids in every for one in ids)
    assert accepted == Counter(notice.id for notice in await storm.notices())
    assert all(len(set(group.notice_ids)) == sum(len(one.notice_ids) for one in group.news) for group in chat.groups)
