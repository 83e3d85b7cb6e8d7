"""Maintenance windows against a clock on the wall, minute by minute, across every change of that clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saasobs.alerting.windows import Recurring, Span, Window, covering, next_span, span_at
from saasobs.core.values import DAY, HOUR, MINUTE, SECOND, from_datetime

ZONES = ("America/New_York", "America/Lima", "America/Santiago", "Europe/Madrid", "Australia/Lord_Howe", "UTC")


def at(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text))


def nightly(timezone: str = "America/Lima", cron: str = "0 3 * * *", duration: int = HOUR) -> Window:
    return Window("w", "nightly", Recurring(cron, timezone, duration), all=True)


def once(start: int, end: int, **covers: object) -> Window:
    return Window(f"w{start}-{end}", "once", Span(start, end), **(covers or {"all": True}))  # type: ignore[arg-type]


def test_a_window_begins_at_its_start_and_ends_just_before_its_end() -> None:
    """Half open, to the microsecond."""
    window = once(10 * SECOND, 20 * SECOND)
    seen = [moment for moment in range(8 * SECOND, 22 * SECOND, SECOND // 2) if span_at(window, moment)]
    assert (min(seen), max(seen)) == (10 * SECOND, 20 * SECOND - SECOND // 2)
    assert span_at(window, 20 * SECOND - 1)
    assert not span_at(window, 10 * SECOND - 1)


def test_it_covers_what_it_names() -> None:
    """A monitor by its name, by any of its tags, or every one."""
    assert once(0, 1, monitors=frozenset({"api"})).covers("api", ())
    assert not once(0, 1, monitors=frozenset({"api"})).covers("db", ("api",))
    assert once(0, 1, tags=frozenset({"shop", "eu"})).covers("db", ("eu",))
    assert once(0, 1, all=True).covers("anything", ())


def test_of_overlapping_windows_the_longest_counts() -> None:
    """Ten to twelve and eleven to one: at half past eleven it is the second one's end that matters."""
    first, second = once(10, 12), once(11, 13)
    assert covering([first, second], "api", (), 11) == (second, Span(11, 13))
    assert covering([first, second], "api", (), 10) == (first, Span(10, 12))
    assert covering([first, second], "api", (), 13) is None


def test_in_spring_a_time_that_is_skipped_begins_after_the_gap() -> None:
    """02:30 does not exist in New York on 9 March 2025: the window begins at 03:00, and lasts its hour."""
    window = nightly("America/New_York", "30 2 * * *")
    assert span_at(window, at("2025-03-09T03:10-04:00")) == Span(
        at("2025-03-09T03:00-04:00"), at("2025-03-09T04:00-04:00")
    )
    assert span_at(window, at("2025-03-10T02:40-04:00")) is not None


def test_in_autumn_a_time_that_comes_twice_begins_once() -> None:
    """01:30 comes twice in New York on 2 November 2025: the first one counts, and lasts its hour of real time."""
    window = nightly("America/New_York", "30 1 * * *")
    assert span_at(window, at("2025-11-02T01:40-04:00"))
    assert span_at(window, at("2025-11-02T01:29-05:00"))
    assert span_at(window, at("2025-11-02T01:40-05:00")) is None


def test_the_next_one_is_the_one_under_way_or_to_come() -> None:
    """A window that comes once and is over has none."""
    window = nightly("UTC")
    assert next_span(window, at("2025-06-01T03:10+00:00")) == Span(
        at("2025-06-01T03:00+00:00"), at("2025-06-01T04:00+00:00")
    )
    following = next_span(window, at("2025-06-01T04:00+00:00"))
    assert following is not None
    assert following.start == at("2025-06-02T03:00+00:00")
    assert next_span(once(1, 2), 2) is None
    assert next_span(once(1, 2), 0) == Span(1, 2)


def test_a_window_longer_than_its_rhythm_never_ends() -> None:
    """Every hour for ninety minutes: the end that is told is that of the last one that has begun."""
    window = nightly("UTC", "0 * * * *", 90 * MINUTE)
    found = span_at(window, at("2025-06-01T12:10+00:00"))
    assert found is not None
    assert found.end == at("2025-06-01T13:30+00:00")


# The oracle ----------------------------------------------------------------------------------------------------------


def beginnings(
    hour: int, minute: int, weekdays: Iterable[int], zone: ZoneInfo, first: datetime, days: int
) -> list[int]:
    """Every local day: what its wall clock shows at a time that exists, moved to after the gap when it does not."""
    found = []
    for number in range(-2, days + 2):
        wall = (first + timedelta(days=number)).replace(hour=hour, minute=minute, second=0, microsecond=0, tzinfo=None)
        if wall.isoweekday() % 7 not in weekdays:
            continue
        real = wall.replace(tzinfo=zone, fold=0)
        while real.astimezone(ZoneInfo("UTC")).astimezone(zone).replace(tzinfo=None) != real.replace(tzinfo=None):
            real = (real.replace(tzinfo=None) + timedelta(minutes=1)).replace(tzinfo=zone)
        found.append(from_datetime(real))
    return found


@st.composite
def recurring(draw: st.DrawFn) -> tuple[Window, int, int, tuple[int, ...], str]:
    hour, minute = draw(st.integers(0, 4)), draw(st.sampled_from([0, 15, 30, 59]))
    weekdays = tuple(sorted(draw(st.sets(st.integers(0, 6), min_size=1))))
    timezone = draw(st.sampled_from(ZONES))
    duration = draw(st.sampled_from([5, 60, 90, 24 * 60, 30 * 60])) * MINUTE
    cron = f"{minute} {hour} * * {','.join(map(str, weekdays))}"
    return nightly(timezone, cron, duration), hour, minute, weekdays, timezone


CHANGES = (
    "2025-03-09",
    "2025-11-02",
    "2025-04-06",
    "2025-09-07",
    "2025-03-30",
    "2025-10-26",
    "2025-10-05",
    "2025-07-01",
)
"""Days on which one of the zones' clocks change, and one on which none does."""


@settings(max_examples=60, deadline=None)
@given(recurring(), st.sampled_from(CHANGES), st.integers(0, 59))
def test_recurring_windows_are_right_minute_by_minute(
    made: tuple[Window, int, int, tuple[int, ...], str], day: str, second: int
) -> None:
    """Three days around a change of the clock: open exactly where the calendar on the wall says."""
    window, hour, minute, weekdays, timezone = made
    assert isinstance(window.when, Recurring)
    first = datetime.fromisoformat(day) - timedelta(days=1)
    starts = beginnings(hour, minute, weekdays, ZoneInfo(timezone), first, 3)
    begin = from_datetime(first.replace(tzinfo=ZoneInfo("UTC")))
    for moment in range(begin + second * SECOND, begin + 3 * DAY, 7 * MINUTE):
        expected = any(start <= moment < start + window.when.duration for start in starts)
        found = span_at(window, moment)
        assert (found is not None) is expected, (window.when, moment)
        if found is not None:
            assert found.end == max(start for start in starts if start <= moment) + window.when.duration


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30), st.sampled_from(["api", "db", "eu", "*"])), max_size=6)
)
def test_any_overlap_of_windows_is_their_union(drawn: list[tuple[int, int, str]]) -> None:
    """A monitor is covered in exactly the minutes that some window of its own covers."""
    windows = []
    for number, (start, length, what) in enumerate(drawn):
        covers = {"all": True} if what == "*" else {("tags" if what == "eu" else "monitors"): frozenset({what})}
        span = Span(start * MINUTE, (start + length) * MINUTE)
        windows.append(Window(str(number), what, span, **covers))
    for moment in range(0, 95 * MINUTE, MINUTE // 2):
        minute = moment / MINUTE
        ends = [start + length for start, length, what in drawn if start <= minute < start + length and what != "db"]
        found = covering(windows, "api", ("eu", "shop"), moment)
        assert (found[1].end if found else None) == (max(ends) * MINUTE if ends else None)


@pytest.mark.parametrize("timezone", ZONES)
def test_every_minute_for_a_day_is_always(timezone: str) -> None:
    """A silly rhythm takes no more than a moment to look at."""
    window = nightly(timezone, "* * * * *", DAY)
    assert span_at(window, at("2025-03-09T12:00:30+00:00")) is not None
