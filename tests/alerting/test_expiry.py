"""The marks of a certificate's last days: each once for each certificate, in whatever order the days are seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saasobs.alerting.expiry import MARKS, Health, Step, Told, due_mark, next_step
from saasobs.core.values import DAY, HOUR

NOW = 20_000 * DAY
ABOUT_IT = Health(is_about_certificate=True, changed_at=NOW - 3 * DAY)


@pytest.mark.parametrize(
    ("left", "mark"), [(31.0, 0), (30.0, 30), (14.1, 30), (14, 14), (7.5, 14), (6, 7), (2.9, 3), (1, 1), (-2, 1)]
)
def test_the_mark_is_the_nearest_one_passed(left: float, mark: int) -> None:
    """Days left come down to a mark when they reach it."""
    assert due_mark(NOW + round(left * DAY), NOW) == mark


def step(told: Told, not_after: int, health: Health, now: int) -> Step:
    return next_step(told, not_after, due_mark(not_after, now), health, now)


def test_the_first_mark_opens_an_incident_of_its_own() -> None:
    """At 30 days the check itself is content: the advisory speaks."""
    assert step(Told(), NOW + 29 * DAY, Health(), NOW) is Step.OPEN


def test_a_mark_is_told_once() -> None:
    """Seen again, it says nothing; the next mark reminds of the same incident."""
    told = Told(((NOW + 29 * DAY, 30),), NOW, "abc")
    assert step(told, NOW + 29 * DAY, Health(), NOW + HOUR) is Step.NOTHING
    assert step(told, NOW + 29 * DAY, Health(), NOW + 16 * DAY) is Step.REMIND


def test_the_monitors_own_incident_counts_as_its_mark() -> None:
    """Degraded at 14 days is told by the monitor's incident, and not twice; at 7 days that incident is reminded of."""
    not_after = NOW + 13 * DAY
    told = Told(((not_after, 30),), NOW - 16 * DAY)
    assert step(told, not_after, Health(is_about_certificate=True, changed_at=NOW), NOW) is Step.COUNT
    later = told.plus(not_after, 14, NOW)
    assert step(later, not_after, ABOUT_IT, NOW + 7 * DAY) is Step.REMIND_HEALTH


@pytest.mark.parametrize("is_about", [False, True])
def test_an_unconfirmed_failure_is_waited_for(is_about: bool) -> None:
    """While the check's own finding, or a worse one, is being confirmed nothing is said beside it."""
    health = Health(is_about_certificate=is_about, changed_at=NOW - 3 * DAY, confirming=True)
    assert step(Told(), NOW + 13 * DAY, health, NOW) is Step.NOTHING


def test_each_certificate_of_a_name_is_known() -> None:
    """Two servers, two certificates: what was told of one says nothing of the other, and is not forgotten for it."""
    one, other = NOW + 5 * DAY, NOW + 12 * DAY
    told = Told().plus(one, 7, NOW).plus(other, 14, NOW)
    assert (told.mark(one, NOW), told.mark(other, NOW), told.mark(NOW + 9 * DAY, NOW)) == (7, 14, 0)
    assert told.mark(one + HOUR, NOW) == 7  # renewed together


def test_another_certificate_waits_a_day_unless_it_is_more_urgent() -> None:
    """However many certificates a name has, nobody is told of each as it comes along."""
    told = Told(((NOW + 12 * DAY, 14),), NOW, "abc")
    assert step(told, NOW + 9 * DAY, Health(), NOW + HOUR) is Step.NOTHING
    assert step(told, NOW + 9 * DAY, Health(), NOW + DAY) is Step.REMIND
    assert step(told, NOW + 5 * DAY, Health(), NOW + HOUR) is Step.REMIND


def test_what_a_wrong_clock_told_is_told_again() -> None:
    """More days left than a mark that was told, by more than the edge of it: that was another time's."""
    told = Told(((NOW + 20 * DAY, 1),), NOW + 19 * DAY)
    assert step(told, NOW + 20 * DAY, Health(), NOW) is Step.OPEN
    assert told.mark(NOW + 3 * DAY, NOW) == 0
    assert Told(((NOW + 3 * DAY, 1),), NOW).mark(NOW + 3 * DAY, NOW) == 1


@pytest.mark.parametrize(("life", "marks"), [(1, ()), (6, (1,)), (10, (3, 1)), (11, MARKS), (90, MARKS), (0, MARKS)])
def test_a_short_life_has_few_marks(life: int, marks: tuple[int, ...]) -> None:
    """A certificate of six days is never told at seven: it was born with less."""
    seen = {due_mark(NOW + hour * HOUR, NOW, life * DAY) for hour in range(31 * 24)}
    assert seen - {0} == set(marks)


@settings(deadline=None)
@given(st.lists(st.integers(0, 45 * 24), min_size=1, max_size=60))
def test_no_mark_is_told_twice(hours: list[int]) -> None:
    """However often and whenever one looks: each mark is told at most once, the last one in any case."""
    not_after, told, steps = NOW + 40 * DAY, Told(), []
    for hour in sorted(hours):
        now = NOW + hour * HOUR
        if step(told, not_after, Health(), now) is not Step.NOTHING:
            mark = due_mark(not_after, now)
            told = replace(told.plus(not_after, mark, now), incident_id="abc")
            steps.append(mark)
    assert steps == sorted(set(steps), reverse=True)
    assert set(steps) <= set(MARKS)
    assert (steps[-1:] or [0]) == [due_mark(not_after, NOW + max(hours) * HOUR)]
