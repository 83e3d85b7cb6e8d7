"""One noisy event cannot drown the others, and what was held back is told."""

from __future__ import annotations

import logging
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

import saasobs
from saasobs.instrument.logs.limits import RateLimit
from support.capture import captured


def test_ten_seconds_worth_at_once_then_the_rate() -> None:
    """A quiet event may burst; afterwards as many lines a second pass as were configured."""
    limit = RateLimit(2)
    assert sum(limit.allows(("x", "a"), 100.0) for _ in range(100)) == 21
    assert sum(limit.allows(("x", "a"), 100.0 + second) for second in range(1, 11) for _ in range(50)) == 20
    assert limit.pending
    ((logger, event, lines),) = limit.told()
    assert (logger, event, lines) == ("x", "a", 79 + 480)
    assert limit.told() == []


def test_events_do_not_share_a_bucket() -> None:
    """A storm of one event takes nothing from another, nor from the same one of another logger."""
    limit = RateLimit(1)
    while limit.allows(("x", "storm"), 5.0):
        pass
    assert limit.allows(("x", "calm"), 5.0)
    assert limit.allows(("y", "storm"), 5.0)


def test_the_important_may_be_ten_times_as_many() -> None:
    """Errors and access lines have a higher limit, but they have one."""
    limit = RateLimit(2)
    assert sum(limit.allows(("x", "a"), 7.0, important=True) for _ in range(1000)) in (200, 201)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 1)), max_size=300))
def test_the_table_stays_small(arrivals: list[tuple[int, float]]) -> None:
    """However many different events there are, memory is bounded and each is still answered."""
    limit = RateLimit(1)
    now = 1.0
    for number, passed in arrivals:
        now += passed
        limit.allows(("x", number), now)
    for number in range(2500):
        limit.allows(("y", number), now)
    assert len(limit._full_at) <= 2049


def test_a_line_tells_how_many_were_suppressed() -> None:
    """One line for each event says what is missing; other events are whole."""
    with captured(log_rate=1.0) as out:
        for number in range(50):
            saasobs.get_logger("x").info("storm", number=number)
            logging.getLogger("y").info("storm %d of many", number)
        saasobs.get_logger("x").info("calm")
        lines = out.lines()
    assert len([line for line in lines if line["event"] == "storm"]) == 11
    assert len([line for line in lines if line["logger"] == "y"]) == 11
    assert [line["event"] for line in lines].count("calm") == 1
    told = {line["suppressed_logger"]: line for line in lines if line["event"] == "log.suppressed"}
    assert (told["x"]["suppressed_event"], told["x"]["count"]) == ("storm", 39)
    assert (told["y"]["suppressed_event"], told["y"]["count"]) == ("storm %d of many", 39)


def test_errors_have_more_room() -> None:
    """What is suppressed first is never an error."""
    with captured(log_rate=1.0) as out:
        for _ in range(90):
            saasobs.get_logger("x").error("bad")
        assert len(out.lines("bad")) == 90


_STORM = """
import saasobs
saasobs.instrument(log_rate=1)
for number in range(100):
    saasobs.get_logger("x").info("storm")
"""


def test_the_end_of_the_process_tells_too() -> None:
    """A process that ends in a storm says at its exit what it held back."""
    ran = subprocess.run([sys.executable, "-c", _STORM], capture_output=True, text=True, timeout=60, check=True)
    *storm, last = ran.stdout.splitlines()
    assert len(storm) == 11
    assert '"event":"log.suppressed"' in last
    assert '"count":89' in last
