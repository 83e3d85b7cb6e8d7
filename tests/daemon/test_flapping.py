"""Flapping: too many outages are told once, then nothing until the monitor is stable."""

from __future__ import annotations

from collections.abc import Sequence

from saasobs.core.incident import Change, Notice, Suppression, Topic
from saasobs.core.monitor import Flapping
from saasobs.core.values import HOUR, MINUTE, SECOND
from support.quiet import House, Told, monitor

RULE = Flapping(outages=3, within=30 * MINUTE, stable_after=15 * MINUTE, down_after=5 * MINUTE)
OPENED, RECOVERED, WITHDRAWN = (Change.OPENED,), (Change.RECOVERED,), (Change.WITHDRAWN,)


async def house_with(rule: Flapping | None = RULE, *parents: str) -> House:
    house = House([monitor("db"), monitor("api", *parents, flapping=rule)])
    for one in house.monitors:
        await house.see(one.name, True)
    await house.pass_(HOUR)
    return house


async def flap(house: House, times: int) -> None:
    """Down for a minute, up for a minute."""
    for _ in range(times):
        await house.see("api", False)
        await house.pass_(MINUTE)
        await house.see("api", True)
        await house.pass_(MINUTE)


def of(house: House, topic: Topic) -> Sequence[Told]:
    return [told for told in house.told if told.topic is topic]


async def test_too_many_outages_are_told_once() -> None:
    """Three are told one by one; with the fourth it flaps, which is told, and nothing more."""
    house = await house_with()
    await flap(house, 3)
    assert house.heard("api") == [OPENED, RECOVERED] * 3
    await flap(house, 10)
    assert house.heard("api") == [OPENED, RECOVERED] * 3
    [told] = of(house, Topic.FLAPPING)
    assert told.changes == OPENED
    [incident] = house.incidents("api", Topic.FLAPPING)
    assert incident.message == "4 outages in 6m"
    assert len(house.incidents("api")) == 13
    quiet = [notice for one in house.incidents("api")[3:] for notice in notices(house, one.id)]
    assert {notice.suppression for notice in quiet} == {Suppression.FLAPPING}
    assert {notice.detail for notice in quiet} == {f"flapping, told as incident {incident.id}"}


def notices(house: House, incident: str) -> list[Notice]:
    with house.store.read() as transaction:
        return list(transaction.notices(incident))


async def test_stable_again_is_told_once() -> None:
    """Up for a quarter of an hour: over, and the next outage is told like any first one."""
    house = await house_with()
    await flap(house, 6)
    await house.pass_(14 * MINUTE - SECOND)
    assert len(of(house, Topic.FLAPPING)) == 1
    await house.pass_(2 * SECOND)
    assert [told.changes for told in of(house, Topic.FLAPPING)] == [OPENED, RECOVERED]
    [incident] = house.incidents("api", Topic.FLAPPING)
    assert incident.message == "flapping: 6 outages in 26m01s"
    before = len(house.told)
    await flap(house, 3)
    assert [told.changes for told in house.told[before:]] == [OPENED, RECOVERED] * 3


async def test_a_real_outage_is_not_swallowed() -> None:
    """It stays down for five minutes: the flapping is over, and the outage is told after one more look."""
    house = await house_with()
    await flap(house, 5)
    await house.see("api", False)
    began = house.clock.at
    for _ in range(4):
        await house.pass_(MINUTE)
        await house.see("api", False)
    assert len(house.told) == 7
    await house.pass_(MINUTE)
    await house.pass_(SECOND)
    assert "api" in house.asked()
    await house.see("api", False)
    await house.pass_(0)
    assert [told.changes for told in of(house, Topic.FLAPPING)] == [OPENED, WITHDRAWN]
    assert house.heard("api")[-1] == OPENED
    assert house.told[-1].started_at == began
    await house.see("api", True)
    await house.pass_(SECOND)
    assert house.heard("api")[-1] == RECOVERED


async def test_a_good_check_in_between_makes_it_no_real_outage() -> None:
    """Confirmed down throughout, but one check of many was good: it still flaps."""
    house = await house_with()
    await flap(house, 5)
    for _ in range(4):
        await house.see("api", False)
        await house.pass_(3 * MINUTE)
        await house.see("api", True)
        await house.pass_(SECOND)
    assert [told.changes for told in of(house, Topic.FLAPPING)] == [OPENED]


async def test_flapping_survives_a_restart() -> None:
    """Neither is it told again, nor is its end forgotten."""
    house = await house_with()
    await flap(house, 2)
    house.start()
    await flap(house, 3)
    assert len(of(house, Topic.FLAPPING)) == 1
    house.start()
    await flap(house, 2)
    await house.pass_(10 * MINUTE)
    house.start()
    await house.pass_(5 * MINUTE)
    assert [told.changes for told in of(house, Topic.FLAPPING)] == [OPENED, RECOVERED]


async def test_slow_outages_are_not_flapping() -> None:
    """One every ten minutes never comes to four in half an hour."""
    house = await house_with()
    for _ in range(8):
        await flap(house, 1)
        await house.pass_(8 * MINUTE)
    assert of(house, Topic.FLAPPING) == []
    assert house.heard("api") == [OPENED, RECOVERED] * 8


async def test_what_something_else_explains_is_not_counted() -> None:
    """The database flaps and takes the API with it: the database is told, the API is not heard of at all."""
    house = await house_with(RULE, "db")
    for _ in range(6):
        await house.see("db", False)
        await house.see("api", False)
        await house.pass_(MINUTE)
        await house.see("db", True)
        await house.pass_(SECOND)
        await house.see("api", True)
        await house.pass_(MINUTE)
    assert [told for told in house.told if told.monitor == "api"] == []
    assert house.incidents("api", Topic.FLAPPING) == []


async def test_what_is_explained_too_late_is_taken_out_of_the_count_again() -> None:
    """The API is confirmed before the database is, each time; it is counted only while nobody knows better."""
    house = await house_with(RULE, "db")
    for _ in range(6):
        await house.see("api", False)
        await house.pass_(SECOND)
        await house.see("db", False)
        await house.pass_(MINUTE)
        await house.see("db", True)
        await house.pass_(SECOND)
        await house.see("api", True)
        await house.pass_(MINUTE)
    assert [told for told in house.told if told.monitor == "api"] == []
    assert house.board.flaps["api"].since == 0


async def test_a_child_with_healthy_parents_flaps_like_any_other() -> None:
    """Its first failure opens an incident before its parents have answered: it counts all the same."""
    house = await house_with(RULE, "db")
    for _ in range(5):
        await house.see("api", False)
        await house.pass_(SECOND)
        await house.see("db", True)
        await house.pass_(MINUTE)
        await house.see("api", True)
        await house.pass_(MINUTE)
    assert [told.changes for told in of(house, Topic.FLAPPING)] == [OPENED]
    assert house.heard("api") == [OPENED, RECOVERED] * 3


async def test_switched_off_every_outage_is_told() -> None:
    """`flapping: false`."""
    house = await house_with(None)
    await flap(house, 9)
    assert house.heard("api") == [OPENED, RECOVERED] * 9


async def test_switching_it_off_while_it_flaps_ends_it() -> None:
    """A reload: the flapping is over, and what is down is told."""
    house = await house_with()
    await flap(house, 4)
    await house.see("api", False)
    await house.pass_(SECOND)
    house.configure([monitor("db"), monitor("api", flapping=None)])
    await house.pass_(SECOND)
    await house.see("api", False)
    await house.pass_(SECOND)
    assert [told.changes for told in of(house, Topic.FLAPPING)] == [OPENED, WITHDRAWN]
    assert house.heard("api")[-1] == OPENED


async def test_a_monitor_that_is_paused_or_removed_flaps_no_more() -> None:
    """Its flapping ends, as its incidents do."""
    for how in ("pause", "remove"):
        house = await house_with()
        await flap(house, 4)
        if how == "pause":
            await house.pipeline.set_paused("api", pause=True, by="ana")
        else:
            house.configure([monitor("db")])
        await house.pass_(SECOND)
        assert [told.changes for told in of(house, Topic.FLAPPING)] == [OPENED, WITHDRAWN]
        with house.store.read() as transaction:
            assert transaction.facts("flapping:") == {}


async def test_a_clock_that_is_set_back_does_not_prolong_it() -> None:
    """Two hours back while it is up: it is stable after a quarter of an hour all the same."""
    house = await house_with()
    await flap(house, 5)
    house.clock.at -= 2 * HOUR
    for _ in range(16):
        await house.pass_(MINUTE)
    assert [told.changes for told in of(house, Topic.FLAPPING)] == [OPENED, RECOVERED]
