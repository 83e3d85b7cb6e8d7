"""Somebody says that an incident is over: what it rested on is forgotten, and what still fails is told anew."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from saasobs.core.answers import Answer, AnswerKind, Via
from saasobs.core.incident import Change, Incident, MonitorState, Status, Topic
from saasobs.core.monitor import Flapping, Thresholds
from saasobs.core.values import HOUR, MINUTE, SECOND
from saasobs.daemon.answering import Answers, Forgotten
from support.answering_team import Counted, Readable
from support.quiet import House, monitor

RULE = Flapping(outages=3, within=30 * MINUTE, stable_after=15 * MINUTE, down_after=5 * MINUTE)
THREE = Thresholds(fail_after=3, recover_after=1, retry_interval=5 * SECOND)


class Answered:
    """A house whose incidents can be answered."""

    def __init__(self, house: House) -> None:
        self.house = house
        ledger: Any = Readable(house.store)
        pipeline = house.pipeline
        self.answers = Answers(house.clock, ledger, lambda: pipeline.directory, pipeline.owe, lambda: None, Counted())
        self.answers.forget = {Topic.HEALTH: pipeline.forget_judged, Topic.FLAPPING: pipeline.flaps.forget_resolved}

    async def resolve(self, incident: Incident) -> Incident:
        return (await self.answers.answer(incident.id, Answer(AnswerKind.RESOLVE, "ana", Via.API))).incident


async def test_a_monitor_that_still_fails_opens_a_new_one() -> None:
    """Resolved, it takes `fail_after` failures more, as after a pause; the new one is told like any other."""
    house = House([monitor("api", thresholds=THREE)])
    answered = Answered(house)
    for _ in range(3):
        await house.see("api", False)
    await house.pass_(MINUTE)
    [first] = house.incidents("api")
    over = await answered.resolve(first)
    assert (over.ending, house.board.states["api"].status) == (Change.RESOLVED, Status.NEW)
    for _ in range(2):
        await house.see("api", False)
    assert len(house.incidents("api")) == 1
    await house.see("api", False)
    await house.pass_(MINUTE)
    second = house.incidents("api")[1]
    assert (second.open, second.id != first.id) == (True, True)
    assert house.heard("api") == [(Change.OPENED,), (Change.RESOLVED,), (Change.OPENED,)]


async def test_what_is_forgotten_is_forgotten_for_good() -> None:
    """A restart right after it knows nothing of the old incident, and a recovery is not told a second time."""
    house = House([monitor("api")])
    await house.see("api", False)
    await house.pass_(MINUTE)
    await Answered(house).resolve(house.incidents("api")[0])
    house.start()
    assert house.board.states["api"].incident_id == ""
    await house.see("api", True)
    await house.pass_(MINUTE)
    assert house.heard("api") == [(Change.OPENED,), (Change.RESOLVED,)]


async def test_another_incident_of_the_monitor_is_left_alone() -> None:
    """What the judge holds on to now is not what was resolved: nothing is forgotten."""
    house = House([monitor("api")])
    await house.see("api", False)
    [incident] = house.incidents("api")
    other = replace(incident, id="another1")
    assert house.pipeline.forget_judged(other) == Forgotten()
    assert house.pipeline.forget_judged(replace(incident, monitor="gone")) == Forgotten()
    assert house.board.states["api"].status is Status.DOWN
    assert house.pipeline.flaps.forget_resolved(incident) == Forgotten()


async def test_flapping_is_counted_anew() -> None:
    """Resolved, the next outages are told one by one again, also after a restart."""
    house = House([monitor("api", flapping=RULE)])
    await house.see("api", True)
    for _ in range(5):
        await house.see("api", False)
        await house.pass_(MINUTE)
        await house.see("api", True)
        await house.pass_(MINUTE)
    [flapping] = house.incidents("api", Topic.FLAPPING)
    await Answered(house).resolve(flapping)
    house.start()
    assert house.board.flaps == {}
    before = len(house.heard("api"))
    await house.see("api", False)
    await house.pass_(MINUTE)
    assert house.heard("api")[before:] == [(Change.OPENED,)]


async def test_two_resolve_it_at_once() -> None:
    """One of them ends it; the other hears that it is over; nothing is forgotten twice."""
    house = House([monitor("api")])
    await house.see("api", False)
    await house.pass_(HOUR)
    [incident] = house.incidents("api")
    answered = Answered(house)
    outcomes = await asyncio.gather(answered.resolve(incident), answered.resolve(incident), return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["Incident", "Refused"]
    fresh = house.board.states["api"]
    assert fresh == MonitorState("api", since=fresh.since)
