"""Maintenance windows: checks and incidents go on, alerts wait, and what is still down at the end is told then."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saasobs.alerting.answers import stopped
from saasobs.alerting.dependencies import PATIENCE
from saasobs.alerting.policy import Step
from saasobs.alerting.windows import Span, Window
from saasobs.core.errors import NotFound, Refused
from saasobs.core.incident import Change, NoticeState, Suppression
from saasobs.core.maintenance import WindowRequest
from saasobs.core.monitor import Thresholds
from saasobs.core.result import Outcome
from saasobs.core.values import HOUR, MINUTE, SECOND
from support.quiet import NOW, House, monitor

OPENED, RECOVERED = (Change.OPENED,), (Change.RECOVERED,)


def window(start: int, end: int, name: str = "deploy", **covers: object) -> Window:
    """Moments count from NOW."""
    return Window(name, name, Span(NOW + start, NOW + end), **(covers or {"all": True}))  # type: ignore[arg-type]


async def house_in(*windows: Window) -> House:
    house = House([monitor("api", tags=("shop",)), monitor("db")], windows)
    for name in ("api", "db"):
        await house.see(name, True)
    return house


async def until(house: House, moment: int) -> None:
    """Minute by minute to NOW + moment; whoever is asked meanwhile says nothing."""
    while house.clock.at < NOW + moment:
        await house.pass_(min(MINUTE, NOW + moment - house.clock.at))


async def test_what_recovers_inside_a_window_is_never_told() -> None:
    """The incident and its results are there, with why nobody heard of it."""
    house = await house_in(window(0, HOUR))
    await house.pass_(MINUTE)
    await house.see("api", False)
    await house.pass_(MINUTE)
    [held] = house.notices("api")
    assert (held.state, held.suppression) == (NoticeState.PENDING, Suppression.MAINTENANCE)
    assert "maintenance 'deploy' until 2025-11-22 09:26 UTC" in held.detail
    await house.see("api", True)
    await until(house, 2 * HOUR)
    assert house.told == []
    [incident] = house.incidents("api")
    assert incident.ending is Change.RECOVERED
    [notice] = house.notices("api")
    assert (notice.state, notice.suppression) == (NoticeState.SUPPRESSED, Suppression.MAINTENANCE)
    last = house.timeline("api")[-1]
    assert last.text.startswith("over before anybody was told: maintenance 'deploy' until")


async def test_what_is_still_down_at_the_end_is_told_then_once() -> None:
    """Asked once more at the end; told with the true beginning, and not as a late message."""
    house = await house_in(window(0, HOUR))
    await house.pass_(MINUTE)
    await house.see("api", False)
    began = house.clock.at
    await until(house, HOUR - SECOND)
    house.asked()
    assert house.told == []
    await until(house, HOUR + SECOND)
    assert house.asked() == {"api"}
    assert house.told == []
    await house.see("api", False)
    await house.pass_(SECOND)
    await until(house, 2 * HOUR)
    [told] = house.told
    assert (told.changes, told.started_at) == (OPENED, began)
    assert house.notices("api")[0].due_at >= NOW + HOUR
    assert [event.change for event in house.timeline("api")] == [Change.OPENED, Change.HELD, Change.RELEASED]


async def test_a_monitor_that_says_nothing_at_the_end_is_told_in_time() -> None:
    """No conclusive check after the window: what was last known counts, half a minute later."""
    house = await house_in(window(0, HOUR))
    await house.see("api", False)
    await until(house, HOUR + PATIENCE + 30 * SECOND)
    assert house.heard("api") == [OPENED]


async def test_a_promised_recovery_is_told_inside_a_window() -> None:
    """Down and told before the window: its end inside is told at once."""
    house = await house_in(window(MINUTE, HOUR))
    await house.see("api", False)
    await house.pass_(0)
    await house.pass_(2 * MINUTE)
    await house.see("api", True)
    await house.pass_(0)
    assert house.heard("api") == [OPENED, RECOVERED]


async def test_later_steps_and_escalations_wait_inside_a_window() -> None:
    """Told as degraded before the window: that it is down now, and the step for the night, wait for the end."""
    house = await house_in(window(MINUTE, HOUR))
    house.steps = (Step(("chat",), 0, False), Step(("sms",), 10 * MINUTE, False))
    house.start()
    await house.see("api", Outcome.DEGRADED)
    await house.pass_(0)
    await house.pass_(2 * MINUTE)
    await house.see("api", False)
    await until(house, HOUR - SECOND)
    assert house.heard("api") == [OPENED]
    await until(house, HOUR + SECOND)
    await house.see("api", False)
    await house.pass_(SECOND)
    assert house.heard("api") == [OPENED, (Change.ESCALATED,), (Change.OPENED,)]


async def test_overlapping_windows_hold_to_the_end_of_the_last() -> None:
    """One window ends while another still covers the monitor."""
    house = await house_in(window(0, HOUR), window(30 * MINUTE, 90 * MINUTE, "other", tags=frozenset({"shop"})))
    await house.see("api", False)
    await until(house, HOUR + 10 * MINUTE)
    await house.see("api", False)
    await house.pass_(MINUTE)
    assert house.told == []
    await until(house, 90 * MINUTE + SECOND)
    await house.see("api", False)
    await house.pass_(SECOND)
    assert house.heard("api") == [OPENED]


async def test_only_what_is_covered_waits() -> None:
    """A window by tag leaves the others alone."""
    house = await house_in(window(0, HOUR, tags=frozenset({"shop"})))
    await house.see("api", False)
    await house.see("db", False)
    await house.pass_(SECOND)
    assert (house.heard("api"), house.heard("db")) == ([], [OPENED])


async def test_a_window_that_a_reload_takes_away_lets_go() -> None:
    """Removed while it runs: what is down is told after one more look."""
    house = await house_in(window(0, HOUR))
    await house.see("api", False)
    await house.pass_(MINUTE)
    house.configure(house.monitors, ())
    await house.pass_(SECOND)
    await house.see("api", False)
    await house.pass_(0)
    assert house.heard("api") == [OPENED]


async def test_a_restart_in_the_middle_changes_nothing() -> None:
    """Held before, held after, told at the end."""
    house = await house_in(window(0, HOUR))
    await house.see("api", False)
    await house.pass_(MINUTE)
    house.start()
    await until(house, HOUR - SECOND)
    assert house.told == []
    house.start()
    await until(house, HOUR + SECOND)
    await house.see("api", False)
    await house.pass_(SECOND)
    assert house.heard("api") == [OPENED]


async def test_a_restart_over_the_end_tells_after_one_more_look() -> None:
    """The daemon was off when the window ended: it does not tell what may be over since."""
    house = await house_in(window(0, HOUR))
    await house.see("api", False)
    await house.pass_(MINUTE)
    house.clock.at += 2 * HOUR
    house.start()
    await house.pass_(SECOND)
    assert house.asked() == {"api"}
    assert house.told == []
    await house.see("api", True)
    await until(house, 4 * HOUR)
    assert house.told == []
    assert house.suppressions("api") == [Suppression.MAINTENANCE]


async def test_what_a_dead_run_had_in_its_hands_may_have_been_heard() -> None:
    """Sent, killed before that was written down, and a window opens meanwhile: its end is owed, so it is told again."""
    house = await house_in(window(MINUTE, HOUR))
    await house.see("api", False)
    with house.store.write() as transaction:
        assert transaction.claim("chat", "dead", house.clock.at, house.clock.at + HOUR, 10)
    await house.pass_(2 * MINUTE)
    house.start()
    await house.pass_(SECOND)
    await house.see("api", True)
    await house.pass_(SECOND)
    assert house.heard("api") == [OPENED, RECOVERED]


async def test_somebody_who_takes_a_held_incident_need_not_be_told() -> None:
    """Acknowledged inside the window: nothing goes out at its end."""
    house = await house_in(window(0, HOUR))
    await house.see("api", False)
    await house.pass_(MINUTE)
    [incident] = house.incidents("api")
    with house.store.write() as transaction:
        transaction.save_incident(replace(incident, acknowledged_at=house.clock.at, acknowledged_by="ana"))
        transaction.save_notices(tuple(stopped(transaction.notices(incident.id), house.clock.at)))
    await until(house, HOUR + SECOND)
    await house.see("api", False)
    await until(house, 2 * HOUR)
    assert house.told == []
    assert house.suppressions("api") == [Suppression.ACKNOWLEDGED]


async def test_what_is_held_is_not_overdue() -> None:
    """The outbox's age is about what cannot be sent, not about what may not be."""
    house = await house_in(window(0, HOUR))
    await house.see("api", False)
    await house.pass_(10 * MINUTE)
    with house.store.read() as transaction:
        assert transaction.outbox(house.clock.at) == []
        assert [notice.channel for notice in transaction.held()] == ["chat"]


# Windows that people open --------------------------------------------------------------------------------------------


async def open_window(house: House, **wanted: object) -> str:
    request = WindowRequest(**{"monitors": ("api",), "reason": "deploy", **wanted})  # type: ignore[arg-type]
    return (await house.holding.maintenance.start(request, "ana")).id


async def test_a_window_from_now_on_holds_and_survives_a_restart() -> None:
    """Opened for half an hour, listed, still there after a restart, over after half an hour."""
    house = await house_in()
    await open_window(house, duration=30 * MINUTE)
    house.start()
    [view] = house.holding.maintenance.views()
    assert (view.name, view.monitors, view.active, view.by) == ("deploy", ("api",), True, "ana")
    await house.see("api", False)
    await until(house, 30 * MINUTE - SECOND)
    assert house.told == []
    await until(house, 30 * MINUTE + SECOND)
    await house.see("api", False)
    await house.pass_(SECOND)
    assert house.heard("api") == [OPENED]
    assert house.holding.maintenance.views() == []


async def test_a_window_that_is_ended_early_lets_go() -> None:
    """`maintenance end`: told after one more look; the window is gone from the list, also after a restart."""
    house = await house_in()
    identity = await open_window(house, duration=HOUR)
    await house.see("api", False)
    await house.pass_(MINUTE)
    ended = await house.holding.maintenance.end(identity[:3], "ana")
    assert (ended.end, ended.active) == (house.clock.at, False)
    await house.pass_(SECOND)
    await house.see("api", False)
    await house.pass_(0)
    assert house.heard("api") == [OPENED]
    house.start()
    assert house.holding.maintenance.views() == []


async def test_a_window_to_come_is_listed_and_can_be_taken_back() -> None:
    """Ended before it began, it never was."""
    house = await house_in()
    identity = await open_window(house, start=NOW + HOUR, duration=HOUR)
    [view] = house.holding.maintenance.views()
    assert (view.start, view.end, view.active) == (NOW + HOUR, NOW + 2 * HOUR, False)
    await house.holding.maintenance.end(identity, "ana")
    await until(house, HOUR + MINUTE)
    await house.see("api", False)
    await house.pass_(SECOND)
    assert house.heard("api") == [OPENED]


async def test_a_clock_that_is_set_back_shortens_no_window_and_lengthens_none() -> None:
    """ "For thirty minutes" means thirty minutes; "until ten" means ten by the clock as it is then."""
    house = await house_in()
    began = house.clock.at
    await open_window(house, duration=30 * MINUTE)
    await open_window(house, monitors=("db",), end=NOW + 30 * MINUTE)
    await house.pass_(10 * MINUTE)
    house.clock.at -= 2 * HOUR
    house.holding.maintenance.set_back(2 * HOUR)
    ends = {view.monitors: view.end for view in house.holding.maintenance.views()}
    assert ends == {("api",): began + 30 * MINUTE - 2 * HOUR, ("db",): NOW + 30 * MINUTE}
    await house.see("api", False)
    await house.pass_(MINUTE)
    assert house.told == []


@pytest.mark.parametrize(
    ("wanted", "error", "words"),
    [
        ({"monitors": ("apj",)}, NotFound, "no monitor is called 'apj'"),
        ({"monitors": (), "tags": ("shopp",)}, NotFound, "no monitor has the tag 'shopp'"),
        ({"monitors": ()}, Refused, "say what it is for: monitors, tags, or all"),
        ({"end": NOW - HOUR, "start": NOW - 2 * HOUR, "duration": 0}, Refused, "not in the past"),
        ({"duration": 0}, Refused, "must end after it begins"),
        ({"duration": 2000 * HOUR * 24}, Refused, "90 days at the most"),
    ],
)
async def test_a_window_that_makes_no_sense_is_refused(wanted: dict[str, object], error: type, words: str) -> None:
    """With a sentence that says why."""
    house = await house_in()
    with pytest.raises(error, match=words):
        await open_window(house, **{"duration": HOUR, **wanted})


async def test_a_window_of_the_configuration_is_ended_there() -> None:
    """And an unknown one is not found."""
    house = await house_in(window(0, HOUR))
    with pytest.raises(Refused, match="stands in the configuration"):
        await house.holding.maintenance.end("deploy", "ana")
    with pytest.raises(NotFound, match="no maintenance window's ID begins with 'zz'"):
        await house.holding.maintenance.end("zz", "ana")


async def test_old_windows_are_forgotten() -> None:
    """A week after their end they leave the store."""
    house = await house_in()
    await open_window(house, duration=MINUTE)
    house.clock.at += 8 * 24 * HOUR
    house.start()
    with house.store.read() as transaction:
        assert transaction.facts("maintenance:") == {}


# Any windows, any story ----------------------------------------------------------------------------------------------

spans = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=4)
story = st.lists(
    st.one_of(
        st.tuples(st.just("see"), st.sampled_from([Outcome.UP, Outcome.DOWN, Outcome.DEGRADED])),
        st.tuples(st.just("pass"), st.integers(1, 15)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=20,
)


async def live(drawn: list[tuple[int, int]], told: list[tuple[str, object]]) -> House:
    windows = [window(a * MINUTE, (a + length) * MINUTE, f"w{n}") for n, (a, length) in enumerate(drawn)]
    thresholds = Thresholds(1, 1 + len(told) % 2, 5 * SECOND)
    house = House([monitor("api", flapping=None, thresholds=thresholds)], windows)
    world = Outcome.UP
    await house.see("api", world)
    end = [("pass", 5)] * 20 + [("pass", 1 / 6)] * 12
    for what, value in [*told, *end]:
        if what == "see":
            world = value  # type: ignore[assignment]
            await house.see("api", world)
            await house.pass_(0)
        elif what == "restart":
            house.start()
        else:
            if house.asked():
                await house.see("api", world)
            await house.pass_(round(value * MINUTE))  # type: ignore[operator]
    return house


@settings(max_examples=40, deadline=None)
@given(spans, story)
def test_nothing_is_told_inside_a_window_and_nothing_stays_untold(
    drawn: list[tuple[int, int]], told: list[tuple[str, object]]
) -> None:
    """No alert in any minute of any window; at the end what is down was told; every end to whom the beginning was."""
    house = asyncio.run(live(drawn, told))
    for message in house.told:
        minute = (message.at - NOW) / MINUTE
        inside = any(start <= minute < start + length for start, length in drawn)
        assert not inside or message.changes == RECOVERED, (minute, message)
    for incident in house.incidents("api"):
        heard = [change for message in house.told if message.incident == incident.id for change in message.changes]
        assert heard.count(Change.OPENED) <= 1
        assert incident.open <= (Change.OPENED in heard)
        assert incident.open or (Change.OPENED in heard) == (Change.RECOVERED in heard)
