"""depends_on: a parent's outage holds its children's alerts, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from saasobs.alerting.dependencies import PATIENCE, Family
from saasobs.alerting.policy import Step
from saasobs.core.incident import ENDINGS, Change, NoticeState, Status, Suppression
from saasobs.core.monitor import Monitor, Thresholds
from saasobs.core.result import Outcome
from saasobs.core.values import MINUTE, SECOND
from support.quiet import House, monitor

OPENED, RECOVERED = (Change.OPENED,), (Change.RECOVERED,)


def chain() -> Sequence[Monitor]:
    """api depends on db, db on the host."""
    return [monitor("host"), monitor("db", "host"), monitor("api", "db")]


async def healthy(*monitors: Monitor) -> House:
    """Every monitor was seen up a minute ago."""
    house = House(monitors or chain())
    for one in house.monitors:
        await house.see(one.name, True)
    await house.pass_(MINUTE)
    return house


async def test_ancestors_are_asked_at_the_first_failure() -> None:
    """A child fails for the first time, unconfirmed: all that it depends on is checked at once."""
    slow = Thresholds(fail_after=2)
    house = await healthy(monitor("host"), monitor("db", "host"), monitor("api", "db", thresholds=slow))
    await house.see("api", False)
    assert {"host", "db"} <= house.asked()


async def test_a_child_waits_for_its_ancestors_and_is_told_when_they_are_well() -> None:
    """Nothing is told before every ancestor has answered to a check that began after the failure."""
    house = await healthy()
    await house.see("api", False)
    await house.pass_(0)
    assert house.heard("api") == []
    await house.pass_(SECOND)
    await house.see("db", True)
    await house.pass_(0)
    assert house.heard("api") == []
    await house.see("host", True)
    await house.pass_(0)
    assert house.heard("api") == [OPENED]
    assert Change.HELD not in {event.change for event in house.timeline("api")}


async def test_an_answer_from_before_the_failure_proves_nothing() -> None:
    """The parent's check began before the child's did and ended after it."""
    house = await healthy(monitor("db"), monitor("api", "db"))
    await house.pass_(10 * SECOND)
    await house.see("api", False)
    await house.pass_(SECOND)
    await house.see("db", True, took=2 * SECOND)
    await house.pass_(0)
    assert house.heard("api") == []


async def test_a_child_that_is_confirmed_first_is_held_once_its_parent_is() -> None:
    """The race: the child is down before its parent is known to be; the parent alone is told, of both ends."""
    house = await healthy(monitor("db"), monitor("api", "db"))
    await house.see("api", False)
    await house.pass_(SECOND)
    await house.see("db", False)
    await house.pass_(SECOND)
    assert (house.heard("api"), house.heard("db")) == ([], [OPENED])
    assert house.suppressions("api") == [Suppression.DEPENDENCY]
    [held] = house.notices("api")
    assert (held.state, held.detail) == (NoticeState.PENDING, "db is down")
    await house.pass_(10 * MINUTE)
    assert house.heard("api") == []
    await house.see("db", True)
    await house.pass_(SECOND)
    await house.see("api", True)
    await house.pass_(SECOND)
    assert (house.heard("api"), house.heard("db")) == ([], [OPENED, RECOVERED])
    assert [notice.state for notice in house.notices("api")] == [NoticeState.SUPPRESSED]
    assert [event.change for event in house.timeline("api")] == [
        Change.OPENED, Change.HELD, Change.RECOVERED, Change.RELEASED,
    ]  # fmt: skip


async def test_a_grandparent_counts_through_a_healthy_middle() -> None:
    """host is down, db looks well: api is held all the same."""
    house = await healthy()
    await house.see("host", False)
    await house.see("api", False)
    await house.pass_(MINUTE)
    assert (house.heard("api"), house.heard("host")) == ([], [OPENED])
    assert house.notices("api")[0].detail == "host is down"


async def test_a_paused_parent_explains_nothing() -> None:
    """It was down and is paused now: nobody looks at it."""
    house = await healthy(monitor("db"), monitor("api", "db"))
    await house.see("db", False)
    await house.see("api", False)
    await house.pass_(SECOND)
    await house.pipeline.set_paused("db", pause=True, by="ana")
    await house.see("api", False)
    await house.pass_(SECOND)
    await house.see("api", False)
    await house.pass_(SECOND)
    assert house.heard("api") == [OPENED]


async def test_a_degraded_parent_explains_nothing() -> None:
    """A slow database does not take the API down."""
    house = await healthy(monitor("db"), monitor("api", "db"))
    await house.see("db", Outcome.DEGRADED)
    await house.see("api", False)
    await house.pass_(SECOND)
    await house.see("db", Outcome.DEGRADED)
    await house.pass_(SECOND)
    await house.see("api", False)
    await house.pass_(SECOND)
    assert house.heard("api") == [OPENED]


async def test_a_silent_parent_is_not_waited_for_for_ever() -> None:
    """No conclusive answer in time: the child is told."""
    house = await healthy(monitor("db"), monitor("api", "db"))
    await house.see("api", False)
    for _ in range(PATIENCE // (2 * SECOND)):
        await house.see("db", Outcome.UNKNOWN)
        await house.pass_(2 * SECOND)
        assert "db" in house.asked()
    await house.pass_(3 * SECOND)
    assert house.heard("api") == [OPENED]


async def test_a_child_that_is_still_down_after_its_parent_is_told_then() -> None:
    """Not at once, but when its own next check has failed again; since when is the true beginning."""
    house = await healthy(monitor("db"), monitor("api", "db"))
    await house.see("db", False)
    await house.see("api", False)
    began = house.clock.at
    await house.pass_(20 * MINUTE)
    house.asked()
    await house.see("db", True)
    await house.pass_(0)
    assert house.asked() == {"api"}
    assert house.heard("api") == []
    await house.pass_(SECOND)
    await house.see("api", False)
    await house.pass_(SECOND)
    assert house.heard("api") == [OPENED]
    [told] = [one for one in house.told if one.monitor == "api"]
    assert told.started_at == began
    [notice] = house.notices("api")
    assert notice.due_at > began + 20 * MINUTE


async def test_a_child_that_says_nothing_after_its_parent_is_told_in_time() -> None:
    """Its checks are inconclusive: what was last known counts."""
    house = await healthy(monitor("db"), monitor("api", "db"))
    await house.see("db", False)
    await house.see("api", False)
    await house.pass_(MINUTE)
    await house.see("db", True)
    await house.pass_(PATIENCE // 2)
    assert house.heard("api") == []
    await house.pass_(PATIENCE)
    assert house.heard("api") == [OPENED]


async def test_a_promised_recovery_is_told_during_the_parents_outage() -> None:
    """Whoever heard of the child's opening hears of its end, whatever the parent does."""
    house = await healthy(monitor("db"), monitor("api", "db"))
    await house.see("api", False)
    await house.pass_(SECOND)
    await house.see("db", True)
    await house.pass_(SECOND)
    assert house.heard("api") == [OPENED]
    await house.see("db", False)
    await house.see("api", True)
    await house.pass_(SECOND)
    assert house.heard("api") == [OPENED, RECOVERED]


async def test_later_steps_wait_too_and_keep_their_distance() -> None:
    """SMS five minutes after chat: held with it, and five minutes after it once it is told."""
    house = await healthy(monitor("db"), monitor("api", "db"))
    house.steps = (Step(("chat",), 0, False), Step(("sms",), 5 * MINUTE, True))
    house.start()
    await house.see("db", False)
    await house.see("api", False)
    for _ in range(20):
        await house.pass_(MINUTE)
    assert [one.channel for one in house.notices("api")] == ["chat", "sms"]
    await house.see("db", True)
    await house.pass_(SECOND)
    await house.see("api", False)
    await house.pass_(SECOND)
    assert house.heard("api") == [OPENED]
    await house.pass_(4 * MINUTE)
    assert house.heard("api") == [OPENED]
    await house.pass_(MINUTE + SECOND)
    assert house.heard("api") == [OPENED, OPENED]


async def test_a_reload_that_drops_the_dependency_lets_go() -> None:
    """What is held is looked at again when the configuration changes."""
    house = await healthy(monitor("db"), monitor("api", "db"))
    await house.see("db", False)
    await house.see("api", False)
    await house.pass_(MINUTE)
    house.configure([monitor("db"), monitor("api")])
    await house.pass_(SECOND)
    await house.see("api", False)
    await house.pass_(SECOND)
    assert house.heard("api") == [OPENED]


async def test_a_clock_that_is_set_back_keeps_nobody_waiting() -> None:
    """Five hours back in the middle of the wait: the child is told all the same."""
    house = await healthy(monitor("db"), monitor("api", "db"))
    await house.see("db", False)
    await house.see("api", False)
    await house.pass_(MINUTE)
    await house.see("db", True)
    await house.pass_(SECOND)
    house.clock.at -= 5 * 60 * MINUTE
    with house.store.write() as transaction:
        transaction.set_back(5 * 60 * MINUTE)
    await house.see("api", False)
    for _ in range(60):
        await house.pass_(2 * SECOND)
    assert house.heard("api") == [OPENED]


def test_a_circle_comes_to_an_end() -> None:
    """The configuration refuses one; should it come about all the same, nothing hangs."""
    family = Family({name: monitor(name, parent) for name, parent in (("a", "b"), ("b", "c"), ("c", "a"))})
    assert family.ancestors("a") == ("b", "c")


# Any family, any order of events -------------------------------------------------------------------------------------

NAMES = ("a", "b", "c", "d", "e")


@st.composite
def families(draw: st.DrawFn) -> list[Monitor]:
    """Any graph without a circle: each depends only on those before it."""
    made = []
    for number, name in enumerate(NAMES):
        parents = draw(st.sets(st.sampled_from(NAMES[:number]), max_size=2)) if number else set()
        thresholds = Thresholds(*draw(st.sampled_from([(1, 1), (2, 1), (2, 2)])), 5 * SECOND)
        made.append(monitor(name, *sorted(parents), thresholds=thresholds, flapping=None))
    return made


events = st.one_of(
    st.tuples(st.sampled_from(NAMES), st.sampled_from([Outcome.UP, Outcome.DOWN, Outcome.DOWN, Outcome.DEGRADED])),
    st.tuples(st.just("pass"), st.sampled_from([SECOND, 4 * SECOND, 40 * SECOND])),
    st.tuples(st.just("restart"), st.just(0)),
)


async def play(monitors: list[Monitor], story: list[tuple[str, object]]) -> House:
    """Live through it; at the end all is as it last was, and stays so for long enough."""
    house = House(monitors)
    family = Family({one.name: one for one in monitors})
    world = dict.fromkeys(NAMES, Outcome.UP)
    for name in NAMES:
        await house.see(name, True)
    for what, value in [*story, *[("pass", 3 * SECOND)] * 60]:
        if what == "restart":
            house.start()
        elif what == "pass":
            for name in sorted(house.asked()):
                await house.see(name, world[name])
            told = len(house.told)
            await house.pass_(value)  # type: ignore[arg-type]
            for message in house.told[told:]:
                alert = not ENDINGS.issuperset(message.changes)
                down = [one for one in family.ancestors(message.monitor) if is_down(house, one)]
                untold = Change.OPENED in message.changes
                assert not (alert and untold and down), f"{message.monitor} was told while {down} was down"
        else:
            world[what] = value  # type: ignore[assignment]
            await house.see(what, world[what])
    return house


def is_down(house: House, name: str) -> bool:
    return house.board.states[name].status is Status.DOWN


@settings(max_examples=30, deadline=None)
@given(families(), st.lists(events, max_size=25))
def test_whatever_happens_nobody_is_left_in_the_dark(monitors: list[Monitor], story: list[tuple[str, object]]) -> None:
    """No child is told of while an ancestor is confirmed down; what is down at the end of all holds was told; an end is
    told to those who heard of the beginning, and to nobody else."""
    house = asyncio.run(play(monitors, story))
    family = Family({one.name: one for one in monitors})
    heard: dict[str, list[tuple[Change, ...]]] = {}
    for message in house.told:
        heard.setdefault(message.incident, []).append(message.changes)
    for name in NAMES:
        explained = any(is_down(house, one) for one in family.ancestors(name))
        for incident in house.incidents(name):
            changes = [change for told in heard.get(incident.id, []) for change in told]
            assert not changes or changes[0] is Change.OPENED, "nothing is told of what was never opened"
            assert changes.count(Change.OPENED) <= 1
            if incident.open and not explained:
                assert Change.OPENED in changes, f"{name} is down and nobody knows"
            if not incident.open:
                assert (Change.RECOVERED in changes) is (Change.OPENED in changes)
