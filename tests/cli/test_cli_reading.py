"""The API's JSON is read back without loss."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from saasobs.cli.reading import ago, clock_time, to_moment, to_result
from saasobs.core.result import Check, Failure, Outcome, Reason, Result
from saasobs.core.values import DAY, SECOND
from saasobs.web.json import moment, result_json

MOMENTS = st.integers(1, 4_000_000_000 * SECOND)
DURATIONS = st.integers(0, 400 * DAY)
REASONS = st.sampled_from(Reason)


@st.composite
def results(draw: st.DrawFn) -> Result:
    words = st.text(max_size=9)
    check = Check(draw(words), draw(MOMENTS), draw(MOMENTS), "local", draw(st.integers(0, 5)), draw(words))
    failures = st.builds(Failure, words, words, words, REASONS, st.booleans())
    return Result(
        check,
        draw(st.sampled_from(Outcome)),
        draw(DURATIONS),
        draw(st.none() | REASONS),
        draw(st.text(max_size=30)),
        draw(st.dictionaries(st.text(max_size=9), DURATIONS, max_size=6)),
        draw(st.dictionaries(st.text(max_size=9), st.integers() | st.text(max_size=9), max_size=4)),
        tuple(draw(st.lists(failures, max_size=3))),
        draw(st.text(max_size=30)),
    )


@given(results())
def test_a_result_survives_the_way_through_json(result: Result) -> None:
    """What the daemon saw is what the command draws."""
    assert to_result(json.loads(json.dumps(result_json(result)))) == result


@given(st.just(0) | MOMENTS)
def test_a_moment_survives(micros: int) -> None:
    """To the microsecond, and null is never."""
    assert to_moment(moment(micros)) == micros


def test_ages_are_short() -> None:
    """An age has no fractions, is never negative, and never is a dash."""
    assert ago(moment(10 * SECOND), 252_700_000) == "4m02s"
    assert ago(moment(10 * SECOND), 5 * SECOND) == "0s"
    assert ago(None, 5) == "-"


def test_clock_times_are_utc_to_the_second() -> None:
    """Readable, and sortable as text."""
    assert clock_time("2026-11-22T14:03:07.120345Z") == "2026-11-22 14:03:07"
    assert clock_time(None) == "-"
