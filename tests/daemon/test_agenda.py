"""The agenda: which monitor is due when."""

from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.monitor import Monitor
from saasobs.core.values import SECOND
from saasobs.daemon.agenda import Agenda, Due, next_slot

NOW = 1_763_800_000 * SECOND


def monitor(name: str, interval: int = 60) -> Monitor:
    return Monitor(name, "http", options=None, target="", interval=interval * SECOND)


def agenda(*monitors: Monitor, now: int = NOW) -> Agenda:
    made = Agenda()
    made.set(monitors, now)
    return made


@given(st.text(min_size=1), st.integers(1, 86_400), st.integers(0, 2**40))
def test_slots_are_later_than_now_within_one_interval_and_an_interval_apart(
    name: str, interval: int, after: int
) -> None:
    """Every monitor is first checked within one interval, and its slots stand on a fixed grid."""
    watched = monitor(name, interval)
    first = next_slot(watched, after)
    assert after < first <= after + watched.interval
    assert next_slot(watched, first) == first + watched.interval
    assert next_slot(watched, first - 1) == first


def test_slots_spread_evenly() -> None:
    """A thousand monitors do not start together: no second of the minute holds more than 40 of them."""
    seconds = [next_slot(monitor(f"m{i}"), NOW) // SECOND % 60 for i in range(1000)]
    assert max(seconds.count(second) for second in range(60)) <= 40


def test_each_slot_comes_up_once() -> None:
    """Ten minutes of rounds give ten checks of a one-minute monitor, each at its slot."""
    watched = monitor("api")
    made = agenda(watched)
    seen = [due for second in range(600) for due in made.pop_due(NOW + second * SECOND)]
    first = next_slot(watched, NOW)
    expected = range(first, NOW + 600 * SECOND, watched.interval)
    assert [due.scheduled_at for due in seen] == [at for at in expected if at <= NOW + 599 * SECOND]
    assert all(due.skipped == 0 and not due.extra for due in seen)


def test_slots_that_went_by_are_counted_not_replayed() -> None:
    """After ten minutes asleep one check is due, which says how many slots went by."""
    made = agenda(monitor("api"))
    late = made.pop_due(NOW + 600 * SECOND)
    assert [due.skipped for due in late] == [9]


def test_an_extra_check_never_shifts_the_slot() -> None:
    """A confirmation between two slots leaves the next slot where it was."""
    watched = monitor("api")
    made = agenda(watched)
    slot = next_slot(watched, NOW)
    made.expedite("api", NOW + 1)
    assert made.pop_due(NOW + 1) == [Due("api", NOW + 1, extra=True)]
    assert made.pop_due(slot) == [Due("api", slot)]


def test_the_earliest_extra_stands() -> None:
    """Of several wishes for one monitor the earliest is kept and the others fall away."""
    made = agenda(monitor("api", 3600))
    for wish in (30, 10, 20):
        made.expedite("api", NOW + wish)
    assert [due.scheduled_at for due in made.pop_due(NOW + 60) if due.extra] == [NOW + 10]


def test_a_removed_monitor_is_never_due_again() -> None:
    """Neither its slot nor its extra check comes up after a reload without it."""
    made = agenda(monitor("api"), monitor("web"))
    made.expedite("web", NOW + 5)
    made.set([monitor("api")], NOW)
    assert {due.monitor for due in made.pop_due(NOW + 3600 * SECOND)} == {"api"}


def test_a_reload_keeps_slots_and_extras() -> None:
    """A monitor whose name and interval stay is due when it was before."""
    made = agenda(monitor("api"))
    made.expedite("api", NOW + 7)
    before = made.next_at()
    made.set([monitor("api"), monitor("new")], NOW)
    assert made.next_at() == before == NOW + 7


def test_wishes_for_strangers_are_ignored() -> None:
    """Nothing is due for a name that is not watched."""
    made = agenda()
    made.expedite("ghost", NOW)
    assert made.pop_due(NOW + SECOND) == []
    assert made.next_at() is None
