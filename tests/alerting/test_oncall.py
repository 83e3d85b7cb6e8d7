"""Who is on call: turns, hours, layers, overrides, and clocks that are changed."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting.oncall import Hours, Layer, Schedule, on_call, shifts
from saasobs.core.oncall import Override
from saasobs.core.values import DAY, HOUR, SECOND, from_datetime

LIMA, SANTIAGO = "America/Lima", "America/Santiago"
MONDAY = datetime.fromisoformat("2026-11-02 09:00")
WEEKLY = Layer(("ana", "bruno"), MONDAY)
WORKDAYS = frozenset(range(5))


def at(wall: str, timezone: str = LIMA, fold: int = 0) -> int:
    return from_datetime(datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(timezone), fold=fold))


def schedule(*layers: Layer, timezone: str = LIMA, overrides: tuple[Override, ...] = ()) -> Schedule:
    return Schedule("primary", timezone, layers, overrides)


def test_people_take_turns_from_hand_over_to_hand_over() -> None:
    """The turn ends to the microsecond at the hand-over, and nobody has it before the first one."""
    weekly = schedule(WEEKLY)
    assert on_call(weekly, at("2026-11-02 09:00") - 1) == ()
    assert on_call(weekly, at("2026-11-02 09:00")) == ("ana",)
    assert on_call(weekly, at("2026-11-09 09:00") - 1) == ("ana",)
    assert on_call(weekly, at("2026-11-09 09:00")) == ("bruno",)
    assert on_call(weekly, at("2027-11-01 08:59")) == ("bruno",)  # the 52nd turn, 0-based 51


def test_a_later_layer_wins_where_it_applies() -> None:
    """Carla has office hours on two days, and the rotation the rest."""
    office = Layer(("carla",), MONDAY.replace(hour=0), hours=Hours(time(9), time(18), frozenset({0, 1})))
    both = schedule(WEEKLY, office)
    assert on_call(both, at("2026-11-03 08:59:59")) == ("ana",)
    assert on_call(both, at("2026-11-03 09:00")) == ("carla",)
    assert on_call(both, at("2026-11-03 18:00")) == ("ana",)
    assert on_call(both, at("2026-11-04 12:00")) == ("ana",)


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    """Friday's night goes on into Saturday's morning, and Sunday's evening has none."""
    night = schedule(Layer(("ana",), MONDAY, hours=Hours(time(22), time(7), WORKDAYS)))
    assert on_call(night, at("2026-11-07 06:59")) == ("ana",)
    assert on_call(night, at("2026-11-07 07:00")) == ()
    assert on_call(night, at("2026-11-08 23:00")) == ()
    assert on_call(night, at("2026-11-09 06:00")) == ()
    assert on_call(night, at("2026-11-09 22:00")) == ("ana",)


def test_an_override_decides_and_of_two_the_one_that_begins_later() -> None:
    """Those of the configuration and those entered by hand are held against each other."""
    planned = Override("o1", "primary", "carla", at("2026-11-05 00:00"), at("2026-11-07 00:00"))
    by_hand = Override("o2", "primary", "diego", at("2026-11-06 12:00"), at("2026-11-06 13:00"), "ana")
    other = Override("o3", "secondary", "elsa", 0, 2**62, "ana")
    holidays = schedule(WEEKLY, overrides=(planned,))
    assert on_call(holidays, at("2026-11-06 12:30"), [by_hand, other]) == ("diego",)
    assert on_call(holidays, at("2026-11-06 13:00"), [by_hand, other]) == ("carla",)
    assert on_call(holidays, at("2026-11-07 00:00"), [by_hand, other]) == ("ana",)
    days = shifts(holidays, at("2026-11-04 00:00"), at("2026-11-08 00:00"), [by_hand])
    assert [(shift.people, shift.override) for shift in days] == [
        (("ana",), ""),
        (("carla",), "o1"),
        (("diego",), "o2"),
        (("carla",), "o1"),
        (("ana",), ""),
    ]


@pytest.mark.parametrize(
    ("first", "change"),
    [
        (datetime.fromisoformat("2026-03-30 09:00"), "2026-04-04"),  # Chile sets its clocks back at midnight
        (datetime.fromisoformat("2026-08-31 09:00"), "2026-09-05"),  # and forward
    ],
)
def test_a_hand_over_keeps_its_time_of_day_across_a_change_of_the_clocks(first: datetime, change: str) -> None:
    """Nine in the morning stays nine; only the turn is an hour longer or shorter."""
    rota = schedule(Layer(("ana", "bruno"), first), timezone=SANTIAGO)
    turn = shifts(rota, at(str(first), SANTIAGO), at(f"{first + timedelta(days=8)}", SANTIAGO))[0]
    assert turn.end == at(f"{first + timedelta(days=7)}", SANTIAGO)
    assert turn.start < at(change, SANTIAGO) < turn.end
    assert abs(turn.end - turn.start - 7 * DAY) == HOUR


def test_an_hour_that_comes_twice_is_handed_over_once() -> None:
    """At 23:30, which comes twice on the night of the change, Bruno takes over the first time and keeps it."""
    rota = schedule(Layer(("ana", "bruno"), datetime.fromisoformat("2026-04-03 23:30"), turn=1), timezone=SANTIAGO)
    first, second = (at("2026-04-04 23:30", SANTIAGO, fold=fold) for fold in (0, 1))
    assert second - first == HOUR
    assert on_call(rota, first - 1) == ("ana",)
    assert on_call(rota, first) == ("bruno",)
    assert on_call(rota, at("2026-04-04 23:15", SANTIAGO, fold=1)) == ("bruno",)
    assert on_call(rota, second) == ("bruno",)


names = st.sampled_from(["ana", "bruno", "carla", "diego"])
clock = st.times().map(lambda moment: moment.replace(microsecond=0))
layers = st.builds(
    Layer,
    people=st.lists(names, min_size=1, max_size=4).map(tuple),
    first=st.integers(0, 700 * 24 * 60).map(lambda minutes: MONDAY - timedelta(minutes=minutes)),
    turn=st.sampled_from([1, 2, 7, 14]),
    hours=st.none() | st.builds(Hours, clock, clock, st.frozensets(st.integers(0, 6), min_size=1)),
)
zones = st.sampled_from([LIMA, SANTIAGO, "America/Sao_Paulo", "Europe/Madrid", "Australia/Lord_Howe", "UTC"])
START = st.integers(from_datetime(datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC"))) // SECOND, 1_800_000_000)


@given(zones, st.lists(layers, max_size=3), START, st.integers(1, 30 * 24 * 3600), st.data())
def test_shifts_are_what_is_asked_at_each_moment(
    zone: str, chosen: list[Layer], start: int, length: int, data: st.DataObject
) -> None:
    """They cover the range without a gap or an overlap, and say at every moment what `on_call` says then."""
    since, until = start * SECOND, (start + length) * SECOND
    lent = st.builds(
        lambda name, begin, lasting: Override(f"o{begin}", "primary", name, begin, begin + lasting, "ana"),
        names, st.integers(since - DAY, until), st.integers(1, 3 * DAY),
    )  # fmt: skip
    overrides = data.draw(st.lists(lent, max_size=3))
    rota = schedule(*chosen, timezone=zone)
    found = shifts(rota, since, until, overrides)
    assert (found[0].start, found[-1].end) == (since, until)
    for before, after in pairwise(found):
        assert before.end == after.start
        assert (before.people, before.override) != (after.people, after.override)
    for shift in found:
        moment = data.draw(st.integers(shift.start, shift.end - 1))
        for at_ in (shift.start, moment, shift.end - 1):
            assert on_call(rota, at_, overrides) == shift.people
