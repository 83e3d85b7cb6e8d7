"""Objectives: budgets and burn rates against plain counting, and quiet on little traffic."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saasobs.alerting.slo import BUCKET, MIN_BAD, PAIRS, SPAN, Tally, budget_left, burns, summarize
from saasobs.core.monitor import Objective, Severity
from saasobs.core.ports import RollUp
from saasobs.core.result import Outcome
from saasobs.core.sketch import Sketch
from saasobs.core.values import DAY, HOUR, MINUTE, SECOND

NOW = 20_000 * DAY + 7 * HOUR
THREE_NINES = Objective(99.9, 30)


def tally(*checks: tuple[int, bool]) -> Tally:
    """Checks as (µs before now, good)."""
    made = Tally()
    for ago, good in checks:
        made.add(NOW - ago, good, not good)
    return made


def minutes(count: int, *, bad: frozenset[int] = frozenset()) -> Tally:
    """One check a minute, newest first; `bad` by how many minutes ago."""
    return tally(*((minute * MINUTE, minute not in bad) for minute in range(count)))


def fires(made: Tally, objective: Objective = THREE_NINES) -> list[bool]:
    return [burn.fires for burn in burns(made, objective, NOW)]


@pytest.mark.parametrize(("days", "rates"), [(30, (14.4, 6.0, 1.0)), (7, (3.36, 1.4, 1.0)), (90, (43.2, 18.0, 3.0))])
def test_the_rates_are_those_of_the_workbook(days: int, rates: tuple[float, ...]) -> None:
    """2 %, 5 % and 10 % of the budget in 1 h, 6 h and 3 d; never below 1."""
    assert tuple(pair.rate(days) for pair in PAIRS) == pytest.approx(rates)


def test_one_failed_check_is_no_alert() -> None:
    """At a check a minute it burns sixteen-fold, and means nothing."""
    (fast, *_) = burns(minutes(60, bad=frozenset({0})), THREE_NINES, NOW)
    assert fast.long_rate > 14.4
    assert not fast.fires


def test_failures_that_go_on_fire() -> None:
    """Four of the last hour's checks, the last of them just now."""
    assert fires(minutes(3 * 1440, bad=frozenset({0, 15, 30, 45})))[0]


@pytest.mark.parametrize("after", range(0, 300, 20))
def test_a_window_is_never_shorter_than_it_says(after: int) -> None:
    """Wherever in its five minutes the clock stands, a failure of four minutes ago is in the last five."""
    now = NOW + after * SECOND
    made = Tally()
    for minute in range(60):
        made.add(now - minute * MINUTE, minute != 4, minute == 4)
    (fast, *_) = burns(made, THREE_NINES, now)
    assert fast.short_rate > 0
    assert fast.bad == 1


def test_a_tally_does_not_grow() -> None:
    """A year of a monitor that never fails takes no more than three days of it, and old failures are forgotten."""
    made = Tally()
    made.add(NOW, 0, 1)
    for day in range(365):
        for five in range(288):
            made.add(NOW + day * DAY + five * BUCKET, 1, 0)
    assert made.spotless
    assert made.size <= 4 * 2 * (SPAN // BUCKET + 1) + 500
    assert made.within(SPAN, NOW + 365 * DAY) == (SPAN // BUCKET, 0)
    assert made.within(SPAN, NOW + 400 * DAY) == (0, 0)


@pytest.mark.parametrize("hours", [0.01, 1, 80, 9_000])
def test_a_clock_that_is_set_back_takes_the_tally_along(hours: float) -> None:
    """What was counted an hour ago was so by any clock, and what comes is counted as ever."""
    made, micros = minutes(3 * 1440, bad=frozenset({0, 15, 30, 45})), round(hours * HOUR)
    before = burns(made, THREE_NINES, NOW)
    made.set_back(micros)
    after = burns(made, THREE_NINES, NOW - micros)
    assert [burn.fires for burn in after] == [burn.fires for burn in before]
    assert after[0].bad == before[0].bad
    made.add(NOW - micros, 0, 1)
    assert burns(made, THREE_NINES, NOW - micros)[0].bad == before[0].bad + 1
    assert made.last_bad == NOW - micros


def test_what_is_over_is_quiet() -> None:
    """The long window still burns, the short one does not: nothing to do any more."""
    made = minutes(3 * 1440, bad=frozenset({20, 30, 40, 50}))
    (fast, *_) = burns(made, THREE_NINES, NOW)
    assert fast.long_rate > fast.limit
    assert fast.short_rate == 0
    assert not fast.fires


def test_a_slow_burn_is_a_warning() -> None:
    """A failure every three hours spends a tenth of the budget in three days."""
    made = minutes(3 * 1440, bad=frozenset(range(1, 3 * 1440, 180)))
    assert fires(made) == [False, False, True]
    assert burns(made, THREE_NINES, NOW)[2].severity is Severity.WARNING


def test_a_budget_is_spent_by_its_share() -> None:
    """One of ten thousand at 99.9 %: nine tenths are left; one of a hundred overspends it ten times."""
    assert budget_left(9_999, 1, THREE_NINES) == pytest.approx(0.9)
    assert budget_left(99, 1, THREE_NINES) == pytest.approx(-9)
    assert budget_left(0, 0, THREE_NINES) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4 * DAY), st.booleans()), max_size=200), st.sampled_from([50.0, 99.0, 99.99]))
def test_windows_count_like_counting(checks: list[tuple[int, bool]], target: float) -> None:
    """Every pair agrees with a plain count over the window, rounded out to whole five minutes."""
    made, objective = tally(*checks), Objective(target, 30)
    for pair, burn in zip(PAIRS, burns(made, objective, NOW), strict=True):
        rates = []
        for window in (pair.long, pair.short):
            first = (NOW - window) // BUCKET
            seen = [good for ago, good in checks if (NOW - ago) // BUCKET >= first]
            rates.append(seen.count(False) / len(seen) / (1 - target / 100) if seen else 0)
        first = (NOW - pair.long) // BUCKET
        bad = sum(not good for ago, good in checks if (NOW - ago) // BUCKET >= first)
        assert [burn.long_rate, burn.short_rate] == pytest.approx(rates)
        assert burn.bad == bad
        assert burn.fires == (bad >= MIN_BAD and min(rates) >= pair.rate(30))


def test_every_window_is_whole_buckets() -> None:
    """Or the tally could not answer for it."""
    assert all(window % BUCKET == 0 for pair in PAIRS for window in (pair.long, pair.short))
    assert max(pair.long for pair in PAIRS) == SPAN


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 60_000_000), max_size=50), min_size=1, max_size=10))
def test_a_range_is_the_sum_of_its_roll_ups(hours: list[list[int]]) -> None:
    """Availability is exact, quantiles are within 1 % of those of all values together."""
    rollups = [
        RollUp("api", hour, HOUR, {Outcome.UP: len(seen), Outcome.DOWN: 1, Outcome.UNKNOWN: 5}, Sketch(seen).encode())
        for hour, seen in enumerate(hours)
    ]
    found = summarize("api", rollups, 0, NOW, None, ())
    values = sorted(value for seen in hours for value in seen)
    assert found.availability == len(values) / (len(values) + len(hours))
    for q, seen in ((0.5, found.p50), (0.95, found.p95), (0.99, found.p99)):
        exact = values[int(q * (len(values) - 1))] if values else None
        assert seen == (None if exact is None else pytest.approx(exact, rel=0.0101))
