"""How counters grow over a window: restarts, new and vanished series, several processes; and what Prometheus makes of
the same readings."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.values import MINUTE, SECOND
from saasobs.probes.metrics.window import (
    KEPT,
    PIECES,
    Counter,
    Counters,
    History,
    Part,
    Series,
    Window,
    advance,
    growth,
    look,
)
from support.needs import require_binary

INFINITE = (float("inf"),)
CELL = ("jobs", "")
CLOCK = 1_800_000_000.0


def counters(
    values: dict[str, float], *, started: float | None = None, at: int = 0, created: dict[str, float] | None = None
) -> Counters:
    """A page of plain counters by label; `at` in µs."""
    series: dict[Series, Counter] = {
        ("jobs_total", (("queue", name),)): Counter(INFINITE, (value,), (created or {}).get(name))
        for name, value in values.items()
    }
    return Counters(series, {each: (Part(CELL),) for each in series}, CLOCK + at / SECOND, started)


def history(pages: Sequence[Counters], window: int = 5 * MINUTE, every: int = MINUTE) -> History:
    found = History()
    for place, page in enumerate(pages):
        found = advance(found, page, place * every, window)
    return found


def grown(window: Window) -> float:
    return sum(counts[-1] for counts in window.growth.get(CELL, {}).values())


def over(values: Sequence[dict[str, float]]) -> float:
    """The growth of plain pages in a window that holds them all."""
    return grown(look(history([counters(each) for each in values], window=100 * MINUTE), 100 * MINUTE))


def test_a_counter_that_fell_has_started_again() -> None:
    """What it shows now has come since."""
    assert over([{"a": 10}, {"a": 14}, {"a": 3}, {"a": 3}, {"a": 5}]) == 4 + 3 + 0 + 2


def test_a_new_series_counts_from_zero_once_its_app_was_seen() -> None:
    """The first request to a route is not lost; what the first reading of all shows is only a beginning."""
    assert over([{"a": 1000}, {"a": 1000, "b": 1}, {"a": 1000, "b": 3}]) == 3


def test_a_vanished_series_goes_on_where_it_was() -> None:
    """It grows by nothing while it is away, and is not counted twice when it comes back."""
    assert over([{"a": 10}, {"a": 20}, {}, {}, {"a": 23}]) == 13
    assert over([{"a": 10}, {"a": 20}, {}, {"a": 2}]) == 12


def test_a_histogram_starts_again_as_a_whole() -> None:
    """One bucket that fell tells that all of them have."""
    edges = (0.5, 2.0, float("inf"))
    before, now = Counter(edges, (10, 20, 30)), Counter(edges, (9, 25, 40))
    assert growth(before, now) == (edges, (9, 25, 40))
    assert growth(before, Counter(edges, (10, 25, 40))) == (edges, (0, 5, 10))


def test_buckets_that_changed_are_compared_where_they_agree() -> None:
    """An app that shows an edge only once it counts keeps its growth."""
    before, now = Counter((2.0, float("inf")), (5, 9)), Counter((0.5, 2.0, float("inf")), (3, 8, 13))
    assert growth(before, now) == ((2.0, float("inf")), (3, 4))


def test_a_restart_is_seen_even_where_the_counters_are_higher_already() -> None:
    """A process that started since the last reading has counted everything since."""
    pages = [
        counters({"a": 10}, started=CLOCK - 100, at=0),
        counters({"a": 50}, started=CLOCK + 30, at=MINUTE),
    ]
    assert grown(look(history(pages), 5 * MINUTE)) == 50


def test_workers_that_answer_in_turn_are_told_apart() -> None:
    """Two processes behind one port: each is compared with itself, and its history before is not counted."""
    one, two = CLOCK - 100.0, CLOCK - 99.5
    turns = [(one, 1000), (two, 10), (one, 1004), (two, 13), (two, 14), (one, 1010)]
    pages = [counters({"a": value}, started=start, at=i * MINUTE) for i, (start, value) in enumerate(turns)]
    assert grown(look(history(pages, window=10 * MINUTE), 10 * MINUTE)) == 10 + 4


def test_workers_without_a_time_of_start_are_told_apart_by_created() -> None:
    """OpenMetrics' `_created` says which process's counter it is, and how old."""
    turns = [(CLOCK - 50, 100), (CLOCK - 60, 7), (CLOCK - 50, 103), (CLOCK - 60, 8), (CLOCK + 200, 5)]
    pages = [counters({"a": v}, created={"a": born}, at=i * MINUTE) for i, (born, v) in enumerate(turns)]
    assert grown(look(history(pages, window=10 * MINUTE), 10 * MINUTE)) == 3 + 1 + 5


def test_the_window_slides() -> None:
    """Only what grew within it counts, and it is full once it reaches back all the way."""
    found, seen = History(), []
    for minute in range(12):
        found = advance(found, counters({"a": 2.0**minute}), minute * MINUTE, 5 * MINUTE)
        window = look(found, 5 * MINUTE)
        seen.append((grown(window), window.length // MINUTE, window.full))
    assert seen[0] == (0, 0, False)
    assert seen[4] == (15, 4, False)
    assert seen[5] == (31, 5, True)
    assert seen[11] == (2**11 - 2**6, 5, True)


@given(st.lists(st.integers(-400_000, 400_000), min_size=30, max_size=30))
def test_checks_that_come_a_little_early_or_late_do_not_change_its_length(jitter: list[int]) -> None:
    """A window of five intervals holds five steps, whatever fractions of a second the checks are off by."""
    found = History()
    for minute, off in enumerate(jitter):
        found = advance(found, counters({"a": minute}), minute * MINUTE + off, 5 * MINUTE)
        if minute >= 5:
            window = look(found, 5 * MINUTE)
            assert (grown(window), window.full, window.readings) == (5, True, 6)


def test_after_a_long_gap_it_begins_anew() -> None:
    """What grew while nobody looked for longer than the window says nothing about the window."""
    found = history([counters({"a": 1}), counters({"a": 2})])
    found = advance(found, counters({"a": 1000}), 10 * MINUTE, 5 * MINUTE)
    assert look(found, 5 * MINUTE) == Window({}, 0, full=False, readings=1)
    found = advance(found, counters({"a": 1001}), 11 * MINUTE, 5 * MINUTE)
    assert grown(look(found, 5 * MINUTE)) == 1


def test_a_clock_that_stepped_back_begins_anew() -> None:
    """Nothing is told of time that did not pass."""
    found = history([counters({"a": 1}), counters({"a": 2})])
    assert look(advance(found, counters({"a": 3}), 0, 5 * MINUTE), 5 * MINUTE).readings == 1


def test_memory_is_bounded_in_time() -> None:
    """A day's window of checks every second is kept in a few hundred steps, and nothing is lost by joining them."""
    found = History()
    for second in range(3000):
        found = advance(found, counters({"a": second}), second * SECOND, 2000 * SECOND)
    assert len(found.steps) <= PIECES + 2
    assert abs(grown(look(found, 2000 * SECOND)) - 2000) <= 2000 / PIECES + 1


def test_memory_is_bounded_in_series() -> None:
    """Series that come and go do not pile up; those of the page itself are always kept."""
    found = History()
    for turn in range(5):
        page = counters({f"{turn}-{i}": 1 for i in range(KEPT // 3)})
        found = advance(found, page, turn * SECOND, 5 * MINUTE)
    assert len(found.counters) <= KEPT
    assert all((series, None) in found.counters for series in page.series)


READINGS = st.lists(st.integers(0, 60), min_size=2, max_size=20)


@given(READINGS)
def test_growth_is_the_sum_of_differences_with_resets(readings: list[int]) -> None:
    """Prometheus' rule for counters, by brute force."""
    expected = sum(now - before if now >= before else now for before, now in pairwise(readings))
    assert over([{"a": value} for value in readings]) == expected


PROMTOOL = """\
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series: [{series}]
    promql_expr_test: [{tests}]
"""


def test_growth_is_what_prometheus_calls_increase(tmp_path: Path) -> None:
    """Over readings that reach exactly from edge to edge of the range, where increase() extrapolates nothing."""
    promtool = require_binary("promtool", "prometheus")
    chance = random.Random(7)
    series, tests = [], []
    for number in range(60):
        value, readings = 0, []
        for _ in range(12):
            value = chance.randrange(5) if chance.random() < 0.2 else value + chance.randrange(100)
            readings.append(value)
        found = History()
        for minute, shown in enumerate(readings):
            found = advance(found, counters({"a": shown}), minute * MINUTE, 5 * MINUTE)
        values = " ".join(map(str, readings))
        series.append(f"{{series: 'jobs_total{{n=\"{number}\"}}', values: '{values}'}}")
        sample = f"{{labels: '{{n=\"{number}\"}}', value: {grown(look(found, 5 * MINUTE)):g}}}"
        expression = f'increase(jobs_total{{n="{number}"}}[5m])'
        tests.append(f"{{expr: '{expression}', eval_time: 11m, exp_samples: [{sample}]}}")
    file = tmp_path / "tests.yaml"
    file.write_text(PROMTOOL.format(series=",\n".join(series), tests=",\n".join(tests)))
    told = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_two_checks_at_one_moment_do_no_harm(steps: int) -> None:
    """A check on demand may fall on the schedule's own."""
    found = History()
    for _ in range(steps):
        found = advance(found, counters({"a": 1}), MINUTE, 5 * MINUTE)
    assert grown(look(found, 5 * MINUTE)) == 0
