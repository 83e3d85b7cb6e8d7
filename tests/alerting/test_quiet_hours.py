"""When what can wait waits until the morning, by the clock on the wall of wherever that is."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting.quiet_hours import quiet_until
from saasobs.core.people import QuietHours
from saasobs.core.values import MINUTE, from_datetime, to_datetime

LIMA, BERLIN, SANTIAGO = "America/Lima", "Europe/Berlin", "America/Santiago"
NIGHT = QuietHours(time(22), time(7), LIMA)


def moment(text: str, zone: str = LIMA, fold: int = 0) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold))


def wall(micros: int, zone: str) -> str:
    return to_datetime(micros).astimezone(ZoneInfo(zone)).strftime("%d %H:%M") if micros else ""


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-22 21:59", ""),
        ("2026-11-22 22:00", "23 07:00"),
        ("2026-11-23 03:00", "23 07:00"),
        ("2026-11-23 06:59:59.999999", "23 07:00"),
        ("2026-11-23 07:00", ""),
        ("2026-11-23 12:00", ""),
    ],
)
def test_over_midnight(at: str, until: str) -> None:
    """From its beginning until just before its end."""
    assert wall(quiet_until(NIGHT, moment(at)), LIMA) == until


def test_within_a_day() -> None:
    """A siesta ends on the day on which it began."""
    siesta = QuietHours(time(13), time(15), LIMA)
    assert wall(quiet_until(siesta, moment("2026-11-22 13:00")), LIMA) == "22 15:00"
    assert quiet_until(siesta, moment("2026-11-22 15:00")) == 0


def test_days_are_those_on_which_it_begins() -> None:
    """Quiet from Friday evening to Saturday morning: Saturday's early hours are quiet, Friday's are not."""
    friday = QuietHours(time(22), time(7), LIMA, frozenset({4}))
    assert quiet_until(friday, moment("2026-11-28 03:00"))
    assert not quiet_until(friday, moment("2026-11-27 03:00"))
    assert not quiet_until(friday, moment("2026-11-28 23:00"))


def test_a_night_that_is_an_hour_longer_or_shorter() -> None:
    """22:00 to 07:00 on the wall, also when the clock is set within: ten hours in October, eight in March."""
    night = QuietHours(time(22), time(7), BERLIN)
    for begins, hours in (("2026-10-24 22:00", 10), ("2026-03-28 22:00", 8)):
        at = moment(begins, BERLIN)
        assert to_datetime(quiet_until(night, at)) - to_datetime(at) == timedelta(hours=hours)


def test_an_edge_within_the_hour_that_comes_twice_or_never() -> None:
    """An end at 02:30 is the second one; one that is skipped is when it would have been."""
    night = QuietHours(time(22), time(2, 30), BERLIN)
    twice = quiet_until(night, moment("2026-10-25 00:00", BERLIN))
    assert to_datetime(twice) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    skipped = quiet_until(night, moment("2026-03-29 00:00", BERLIN))
    assert to_datetime(skipped) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    doubled = QuietHours(time(2, 30), time(5), BERLIN)
    assert quiet_until(doubled, moment("2026-10-25 02:45", BERLIN))
    assert quiet_until(doubled, moment("2026-10-25 02:15", BERLIN, fold=1))


clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
moments = st.integers(moment("2026-01-01 00:00"), moment("2027-12-31 00:00"))


@given(clocks, clocks, st.sampled_from([LIMA, BERLIN, SANTIAGO, "Pacific/Apia", "UTC"]), moments)
def test_it_always_ends_at_its_end(begin: time, end: time, zone: str, at: int) -> None:
    """Within a day and an hour, at its end on the wall (but where the clocks skip that), and it is not quiet then."""
    if begin == end:
        return
    quiet = QuietHours(begin, end, zone)
    until = quiet_until(quiet, at)
    clock = to_datetime(at).astimezone(ZoneInfo(zone)).time()
    inside = begin <= clock < end if begin < end else clock >= begin or clock < end
    if inside:
        assert until > at
    if until:
        assert until - at <= 25 * 60 * MINUTE
        assert quiet_until(quiet, until - 1) == until
        assert not quiet_until(quiet, until) or quiet_until(quiet, until) > until
