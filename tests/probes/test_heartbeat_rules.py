"""The rules of a heartbeat, pure: when a ping is missing, and that our own absence never makes it so."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.core.heartbeat import HeartbeatState
from saasobs.core.result import Outcome, Reason
from saasobs.core.values import DAY, HOUR, MINUTE, SECOND, from_datetime, isoformat
from saasobs.probes.heartbeat import HeartbeatOptions, assess, next_deadline, next_occurrence

NOON = from_datetime(datetime.fromisoformat("2026-06-10T12:00:00+00:00"))


def read(**options: Any) -> HeartbeatOptions:
    return HeartbeatOptions.model_validate(options)


def state(**moments: Any) -> HeartbeatState:
    return HeartbeatState("job", **({"created_at": NOON} | moments))


def at(zone: str, text: str, fold: int = 0) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold))


EVERY_TEN = read(period="10m", grace="2m")
NIGHTLY = read(cron="0 3 * * *", timezone="America/Lima", grace="15m")

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "exactly one of period"),
    ({"period": "5m", "cron": "* * * * *"}, "exactly one of period"),
    ({"period": "0s"}, "longer than zero"),
    ({"cron": "0 3 * *"}, "is not a cron expression (Wrong number of fields): write minute, hour"),
    ({"cron": "61 3 * * *"}, "is not a cron expression (Bad minute)"),
    ({"cron": "0 0 30 2 *"}, "Bad day-of-month"),
    ({"cron": "0 0 */31 2 MON#5"}, "never happens: there is no such day"),
    ({"cron": "0 3 * * *", "timezone": "Lima"}, "is not a time zone"),
    ({"period": "5m", "token": "abc"}, "must be a UUID"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED, ids=[case[1][:25] for case in REFUSED])
def test_a_mistake_is_refused_with_words_that_help(options: dict[str, Any], words: str) -> None:
    """Schedules are read when the file is, and their faults told."""
    with pytest.raises(ValidationError) as refused:
        read(**options)
    assert words in str(refused.value)


@given(st.text(max_size=30))
def test_no_cron_text_breaks_the_reader(text: str) -> None:
    """Any text is a schedule or a fault of the configuration."""
    try:
        options = read(cron=text)
    except ValidationError:
        return
    assert next_occurrence(text, "UTC", NOON) > NOON
    assert options.cron == text


def test_the_grace_has_a_sensible_default() -> None:
    """A tenth of the period between one minute and one hour; five minutes with cron."""
    graces = [read(period=period).allowance for period in ("30s", "20m", "1d")]
    assert graces == [MINUTE, 2 * MINUTE, HOUR]
    assert read(cron="0 3 * * *").allowance == 5 * MINUTE
    assert read(period="1d", grace="0s").allowance == 0


def test_what_people_read_as_the_target() -> None:
    """The schedule in words."""
    assert EVERY_TEN.target() == "a ping every 10m"
    assert NIGHTLY.target() == "a ping at 0 3 * * * (America/Lima)"
    assert EVERY_TEN.host() == ""


def test_a_job_that_never_pinged_is_waited_for_then_missing() -> None:
    """Counted from the monitor's creation: unknown until the first deadline, missing from then on."""
    waiting = assess(EVERY_TEN, state(), (), NOON + 12 * MINUTE - 1)
    missing = assess(EVERY_TEN, state(), (), NOON + 12 * MINUTE)
    assert (waiting.outcome, waiting.reason) == (Outcome.UNKNOWN, None)
    assert waiting.message == "waiting for the first ping, due by 2026-06-10T12:12:00.000Z"
    assert (missing.outcome, missing.reason) == (Outcome.DOWN, Reason.HEARTBEAT_MISSING)
    assert missing.message == (
        "no ping ever came in the 12m since this monitor was created; one was due by 2026-06-10T12:12:00.000Z"
    )


def test_a_ping_is_missing_after_period_and_grace() -> None:
    """Up until the deadline to the microsecond, missing from it on, in words that name both times."""
    beating = state(last_success=NOON)
    assert assess(EVERY_TEN, beating, (), NOON + 12 * MINUTE - 1).outcome is Outcome.UP
    missing = assess(EVERY_TEN, beating, (), NOON + 13 * MINUTE)
    assert (missing.outcome, missing.reason) == (Outcome.DOWN, Reason.HEARTBEAT_MISSING)
    assert missing.message == (
        "no ping for 13m: the last came at 2026-06-10T12:00:00.000Z, the next was due by 2026-06-10T12:12:00.000Z"
    )
    assert missing.observations["expected_at"] == "2026-06-10T12:10:00.000Z"


def test_cron_counts_in_its_time_zone() -> None:
    """03:00 in Lima is 08:00 UTC, and the grace comes on top."""
    beating = state(last_success=at("America/Lima", "2026-06-10T03:00:07"))
    deadline = at("America/Lima", "2026-06-11T03:15:00")
    assert assess(NIGHTLY, beating, (), deadline - 1).outcome is Outcome.UP
    assert assess(NIGHTLY, beating, (), deadline).reason is Reason.HEARTBEAT_MISSING
    assert next_deadline(NIGHTLY, beating, (), NOON) == deadline


def test_a_reported_failure_is_down_at_once() -> None:
    """The job's own word counts, with exit code and the first line of what it said, secrets masked."""
    failed = state(last_success=NOON, last_fail=NOON + 1, last_exit_code=3, last_body="no space, token=abc\nmore")
    verdict = assess(EVERY_TEN, failed, (), NOON + 2)
    assert (verdict.outcome, verdict.reason) == (Outcome.DOWN, Reason.HEARTBEAT_FAILED)
    assert verdict.message == (
        "the job reported a failure with exit code 3 at 2026-06-10T12:00:00.000Z: no space, token=***"
    )
    assert next_deadline(EVERY_TEN, failed, (), NOON + 2) is None


def test_a_success_ends_a_failure() -> None:
    """Only what the job said last counts; a start in between says nothing yet."""
    again = state(last_fail=NOON, last_start=NOON + 1)
    assert assess(EVERY_TEN, again, (), NOON + 2).reason is Reason.HEARTBEAT_FAILED
    mended = state(last_fail=NOON, last_success=NOON + 3, last_exit_code=0)
    assert assess(EVERY_TEN, mended, (), NOON + 4).outcome is Outcome.UP


def test_a_success_with_an_exit_code_is_a_failure() -> None:
    """A non-zero exit code fails the job however it was filed."""
    assert assess(EVERY_TEN, state(last_success=NOON, last_exit_code=1), (), NOON).reason is Reason.HEARTBEAT_FAILED


def test_a_job_that_does_not_finish_overran() -> None:
    """A start without an end is down after `max_runtime`, and says how long it runs."""
    options = read(period="1h", grace="10m", max_runtime="20m")
    running = state(last_success=NOON, last_start=NOON + MINUTE)
    assert assess(options, running, (), NOON + 21 * MINUTE - 1).outcome is Outcome.UP
    overran = assess(options, running, (), NOON + 22 * MINUTE)
    assert (overran.outcome, overran.reason) == (Outcome.DOWN, Reason.HEARTBEAT_OVERRAN)
    assert overran.message == (
        "the job started at 2026-06-10T12:01:00.000Z and has not finished after 21m, allowed are 20m"
    )
    assert next_deadline(options, running, (), NOON + MINUTE) == NOON + 21 * MINUTE
    assert next_deadline(options, running, (), NOON + 30 * MINUTE) == NOON + 70 * MINUTE


def test_a_job_that_started_in_time_may_use_its_runtime() -> None:
    """A long run is not missing while it may run, but only when it began in time."""
    options = read(cron="0 3 * * *", grace="5m", max_runtime="2h")
    begun = at("UTC", "2026-06-11T03:01:00")
    running = state(last_success=NOON, last_start=begun)
    assert assess(options, running, (), begun + HOUR).outcome is Outcome.UP
    assert assess(options, running, (), begun + 2 * HOUR).reason is Reason.HEARTBEAT_OVERRAN
    late = state(last_success=NOON, last_start=at("UTC", "2026-06-11T04:00:00"))
    assert assess(options, late, (), at("UTC", "2026-06-11T04:01:00")).reason is Reason.HEARTBEAT_MISSING


def test_a_job_that_keeps_starting_is_missing_all_the_same() -> None:
    """Starts alone do not put the deadline off for ever."""
    options = read(period="10m", grace="2m", max_runtime="5m")
    crashing = state(last_success=NOON, last_start=NOON + 40 * MINUTE)
    assert assess(options, crashing, (), NOON + 41 * MINUTE).reason is Reason.HEARTBEAT_MISSING


def test_an_overrun_is_not_told_when_the_end_may_have_been_lost() -> None:
    """We were away while the job could have finished: silence about it proves nothing."""
    options = read(period="1h", max_runtime="5m")
    running = state(last_success=NOON, last_start=NOON + MINUTE)
    away = ((NOON + 2 * MINUTE, NOON + 3 * MINUTE),)
    assert assess(options, running, away, NOON + 7 * MINUTE).outcome is Outcome.UP


def test_observations_tell_the_story() -> None:
    """Last pings, exit code and the length of the last run are there for people."""
    seen = assess(EVERY_TEN, state(last_start=NOON, last_success=NOON + 90 * SECOND, last_exit_code=0), (), NOON + HOUR)
    assert seen.observations["runtime_us"] == 90 * SECOND
    assert seen.observations["exit_code"] == 0
    assert seen.observations["last_ping"] == isoformat(NOON + 90 * SECOND)
    assert seen.observations["running"] is False


# Daylight saving ---------------------------------------------------------------------------------------------------


def test_a_time_that_the_clocks_skip_is_not_missing() -> None:
    """Lisbon skips 01:00-02:00 on 2026-03-29: a job at 01:30 is not expected that night, by whatever scheduler."""
    options = read(cron="30 1 * * *", timezone="Europe/Lisbon", grace="10m")
    beating = state(last_success=at("Europe/Lisbon", "2026-03-28T01:30:05"))
    assert assess(options, beating, (), at("Europe/Lisbon", "2026-03-29T12:00:00")).outcome is Outcome.UP
    deadline = at("Europe/Lisbon", "2026-03-30T01:40:00")
    assert assess(options, beating, (), deadline - 1).outcome is Outcome.UP
    assert assess(options, beating, (), deadline).reason is Reason.HEARTBEAT_MISSING


def test_midnight_that_the_clocks_skip_is_not_missing() -> None:
    """Santiago skips 00:00-01:00 on 2026-09-06."""
    options = read(cron="0 0 * * *", timezone="America/Santiago", grace="10m")
    beating = state(last_success=at("America/Santiago", "2026-09-05T00:00:01"))
    assert next_deadline(options, beating, (), NOON) == at("America/Santiago", "2026-09-07T00:10:00")


@pytest.mark.parametrize(("zone", "night"), [("Europe/Lisbon", "2026-10-25"), ("America/Santiago", "2026-04-04")])
def test_a_time_that_comes_twice_is_expected_once(zone: str, night: str) -> None:
    """In the autumn night a job is due at the first of the two, and after the ping the next day, whichever it was."""
    hour = "01" if zone == "Europe/Lisbon" else "23"
    cron = f"30 {int(hour)} * * *"
    before = at(zone, f"{night}T{hour}:00:00")
    first, second = at(zone, f"{night}T{hour}:30:00"), at(zone, f"{night}T{hour}:30:00", fold=1)
    assert second - first == HOUR
    assert next_occurrence(cron, zone, before) == first
    for ping in (first, first + 5 * SECOND, second, second + 5 * SECOND):
        following = next_occurrence(cron, zone, ping)
        assert 22 * HOUR < following - ping < 26 * HOUR


@given(
    st.sampled_from(["Europe/Lisbon", "America/Santiago", "America/Lima", "Australia/Lord_Howe", "UTC"]),
    st.sampled_from(["30 2 * * *", "*/15 * * * *", "0 0 * * *", "30 1 * * 0", "15,45 1-3 * * *", "0 */6 * * *"]),
    st.integers(0, 366 * DAY),
)
def test_occurrences_are_always_ahead_and_real(zone: str, cron: str, after: int) -> None:
    """The next occurrence is after the moment asked about, and its wall clock shows what the expression says."""
    base = at("UTC", "2026-01-01T00:00:00") + after
    moment = next_occurrence(cron, zone, base)
    assert moment > base
    wall = datetime.fromtimestamp(moment // SECOND, ZoneInfo(zone))
    minute, hour = cron.split()[:2]
    assert minute.startswith("*") or str(wall.minute) in minute.split(",")
    assert not hour.isdigit() or str(wall.hour) == hour


# Our own absences --------------------------------------------------------------------------------------------------


@st.composite
def lives(draw: st.DrawFn) -> tuple[HeartbeatOptions, list[int], list[tuple[int, int]]]:
    """A schedule, the pings of a punctual job over some time, and when we were away."""
    if draw(st.booleans()):
        period, grace = draw(st.integers(30, 7200)), draw(st.integers(0, 1800))
        options = read(period=f"{period}s", grace=f"{grace}s")
        pings, moment = [], NOON
        for _ in range(draw(st.integers(3, 25))):
            moment += period * SECOND + draw(st.integers(0, grace * SECOND))
            pings.append(moment)
    else:
        cron = draw(st.sampled_from(["*/10 * * * *", "0 * * * *", "17 */3 * * *"]))
        grace = draw(st.integers(1, 900))
        options = read(cron=cron, grace=f"{grace}s")
        pings, moment = [], NOON
        for _ in range(draw(st.integers(3, 25))):
            moment = next_occurrence(cron, "UTC", moment)
            pings.append(moment + draw(st.integers(0, grace * SECOND - 1)))
        pings.sort()
    whole = pings[-1] - NOON
    edges = sorted(draw(st.lists(st.integers(0, whole), max_size=8, unique=True)))
    away = [(NOON + start, NOON + end) for start, end in zip(edges[::2], edges[1::2], strict=False)]
    return options, pings, away


@given(lives())
def test_a_punctual_job_is_never_missing_for_our_absence(
    life: tuple[HeartbeatOptions, list[int], list[tuple[int, int]]],
) -> None:
    """Pings that came while we were away are lost; at no moment does that make the job missing."""
    options, pings, away = life
    heard = [ping for ping in pings if not any(start <= ping <= end for start, end in away)]
    known = state()
    for ping in heard:
        past = [span for span in away if span[1] <= ping]
        assert assess(options, known, past, ping - 1).reason is None, "just before the ping it would be worst"
        known = state(last_success=ping)


@given(lives(), st.integers(0, 20))
def test_a_job_that_stopped_is_told_in_time(
    life: tuple[HeartbeatOptions, list[int], list[tuple[int, int]]], stopped: int
) -> None:
    """At the latest a period, a grace and the length of the absences after we came back."""
    options, pings, away = life
    last = pings[min(stopped, len(pings) - 1)]
    assume(not any(start <= last <= end for start, end in away))
    away = [span for span in away if span[1] > last]
    known = state(last_success=last)
    back = max([last, *(end for _, end in away)])
    lost = sum(end - start for start, end in away)
    period = options.period or next_occurrence(options.cron or "", "UTC", back) - back
    limit = back + period + options.allowance + lost
    assert assess(options, known, away, limit).reason is Reason.HEARTBEAT_MISSING


@given(lives())
def test_the_next_deadline_is_when_the_verdict_changes(
    life: tuple[HeartbeatOptions, list[int], list[tuple[int, int]]],
) -> None:
    """Nothing changes by time alone before it, and something does at it."""
    options, pings, away = life
    known = state(last_success=pings[0])
    away = [span for span in away if span[0] > pings[0]]
    deadline = next_deadline(options, known, away, pings[0])
    assert deadline is not None
    before, after = (assess(options, known, away, moment) for moment in (deadline - 1, deadline))
    assert (before.outcome, after.reason) == (Outcome.UP, Reason.HEARTBEAT_MISSING)
    assert next_deadline(options, known, away, deadline) is None


def test_an_absence_before_the_window_puts_the_deadline_off_by_its_length() -> None:
    """Grace as long as the outage, also where no ping can have been lost."""
    away = ((NOON + MINUTE, NOON + 4 * MINUTE),)
    assert next_deadline(EVERY_TEN, state(last_success=NOON), away, NOON) == NOON + 15 * MINUTE


def test_an_absence_in_the_window_waits_for_the_next() -> None:
    """The expected ping may have been lost: the next one counts, a period and a grace after we came back."""
    away = ((NOON + 9 * MINUTE, NOON + 11 * MINUTE),)
    assert next_deadline(EVERY_TEN, state(last_success=NOON), away, NOON) == NOON + 23 * MINUTE


def test_an_absence_over_a_nights_run_waits_for_the_next_night() -> None:
    """We were away at 03:00 and for longer than the grace: the job is not missing in the morning."""
    beating = state(last_success=at("America/Lima", "2026-06-10T03:00:00"))
    away = ((at("America/Lima", "2026-06-11T02:00:00"), at("America/Lima", "2026-06-11T08:00:00")),)
    assert next_deadline(NIGHTLY, beating, away, NOON) == at("America/Lima", "2026-06-12T03:15:00")
