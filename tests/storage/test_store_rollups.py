"""Roll-ups, retention and history."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saasobs.core.incident import Change, Event, NoticeState
from saasobs.core.ports import RollUp, Store
from saasobs.core.result import Outcome
from saasobs.core.sketch import Sketch
from saasobs.core.values import DAY, HOUR, MINUTE
from saasobs.storage import Retention, open_store, rollups
from support.storing import NOW, attempt, ended, incident, notice, result


def roll_up(store: Store, now: int) -> int:
    """As the calendar does: until nothing is left."""
    total = 0
    while True:
        with store.write() as transaction:
            count = transaction.roll_up(now)
        total += count
        if not count:
            return total


def prune(store: Store, now: int) -> int:
    total = 0
    while True:
        with store.write() as transaction:
            count = transaction.prune(now)
        total += count
        if not count:
            return total


def history(store: Store, since: int = 0, until: int = 2**62, monitor: str = "api") -> list[RollUp]:
    with store.read() as transaction:
        return transaction.history(monitor, since, until)


def add(store: Store, *moments: int, outcome: Outcome = Outcome.UP, duration: int = 1000) -> None:
    with store.write() as transaction:
        transaction.add_results([result(at, outcome, duration=duration) for at in moments])


def test_only_whole_hours_are_folded(store: Store) -> None:
    """An hour that is still going on waits; when it is over it is folded, once."""
    add(store, NOW, NOW + MINUTE, NOW + HOUR - 1)
    assert roll_up(store, NOW + HOUR - 1) == 0
    assert roll_up(store, NOW + HOUR) == 1
    assert roll_up(store, NOW + HOUR) == 0
    assert history(store) == [RollUp("api", NOW, HOUR, {Outcome.UP: 3}, Sketch([1000] * 3).encode())]


def test_an_hour_counts_every_outcome_and_the_speed_of_answers(store: Store) -> None:
    """A refused connection is fast, and a time-out is slow: neither is an answer."""
    for number, outcome in enumerate(Outcome):
        add(store, NOW + number, outcome=outcome, duration=1000 * (number + 1))
    roll_up(store, NOW + HOUR)
    (hour,) = history(store)
    assert hour.counts == dict.fromkeys(Outcome, 1)
    assert Sketch.decode(hour.sketch) == Sketch([1000, 2000])


def test_a_late_result_is_not_lost(store: Store) -> None:
    """One that comes after its hour and its day were folded is in both after the next time."""
    add(store, NOW)
    roll_up(store, NOW + DAY)
    add(store, NOW + MINUTE, outcome=Outcome.DOWN)
    assert roll_up(store, NOW + DAY) == 2
    assert [one.counts for one in history(store)] == [{Outcome.UP: 1, Outcome.DOWN: 1}]
    assert prune(store, NOW + 200 * DAY) > 0
    assert history(store)[0].length == DAY
    assert history(store)[0].counts == {Outcome.UP: 1, Outcome.DOWN: 1}


def test_writing_a_result_again_folds_nothing_anew(store: Store) -> None:
    """A batch that is written twice changes no roll-up."""
    add(store, NOW)
    roll_up(store, NOW + DAY)
    before = history(store)
    add(store, NOW)
    assert roll_up(store, NOW + DAY) == 0
    assert history(store) == before


def test_a_long_outage_is_caught_up_in_bites(store: Store) -> None:
    """Whatever waited is folded, a bounded piece at a time, each call going on where the last one stopped."""
    add(store, *(NOW + hour * HOUR for hour in range(500)))
    with store.write() as transaction:
        first = transaction.roll_up(NOW + 501 * HOUR)
    assert 0 < first <= 200
    rest = roll_up(store, NOW + 501 * HOUR)
    assert first + rest == 500 + 20  # the last, unfinished day is left
    assert sum(one.counts[Outcome.UP] for one in history(store)) == 500


def test_history_overlaps_the_range(store: Store) -> None:
    """Every roll-up that touches the range, oldest first, none that only borders on it."""
    add(store, *(NOW + hour * HOUR for hour in range(5)))
    roll_up(store, NOW + DAY)
    found = history(store, NOW + HOUR + 1, NOW + 3 * HOUR)
    assert [one.start for one in found] == [NOW + HOUR, NOW + 2 * HOUR]
    assert history(store, monitor="nobody") == []


def test_history_is_hourly_where_it_can_be(store: Store) -> None:
    """Days whose hours are gone are told as days; no day is told twice."""
    add(store, *(NOW + hour * HOUR for hour in range(72)))
    roll_up(store, NOW + 3 * DAY)
    assert len(history(store)) == 72
    prune(store, NOW + 92 * DAY)
    found = history(store)
    assert [(one.start, one.length) for one in found[:3]] == [(NOW, DAY), (NOW + DAY, DAY), (NOW + 2 * DAY, HOUR)]
    assert sum(one.counts[Outcome.UP] for one in found) == 72
    assert [one.length for one in history(store, NOW, NOW + DAY)] == [DAY]


def test_a_day_that_is_half_pruned_is_whole_in_its_history(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retention works in bites: between two of them, or after a kill, a day has lost some of its hours."""
    add(store, *(NOW + hour * HOUR for hour in range(72)))
    roll_up(store, NOW + 3 * DAY)
    prune(store, NOW + 20 * DAY)
    monkeypatch.setattr(rollups, "ROWS", 7)
    for _ in range(12):
        with store.write() as transaction:
            transaction.prune(NOW + 400 * DAY)
        assert sum(one.counts[Outcome.UP] for one in history(store)) == 72
    assert {one.length for one in history(store)} == {DAY}


def test_a_result_for_a_day_that_is_folded_hides_nothing(store: Store) -> None:
    """A clock that was wrong by months writes into days of which only the sum is left; the sum stays."""
    add(store, *(NOW + hour * HOUR for hour in range(24)))
    roll_up(store, NOW + DAY)
    prune(store, NOW + 400 * DAY)
    add(store, NOW + 5 * HOUR + MINUTE)
    roll_up(store, NOW + 400 * DAY)
    assert [one.counts for one in history(store)] == [{Outcome.UP: 24}]


def test_a_tally_knows_hours_whose_results_are_gone(store: Store) -> None:
    """By five minutes where the results are there, by the hour where only its roll-up is left; nothing twice."""
    add(store, *(NOW + minute * MINUTE for minute in range(0, 180, 10)))
    roll_up(store, NOW + 3 * HOUR)
    prune(store, NOW + 7 * DAY + 2 * HOUR)
    with store.read() as transaction:
        counted = transaction.tally("api", NOW)
        later = transaction.tally("api", NOW + 1)
    assert counted == [
        (NOW, {Outcome.UP: 6}),
        (NOW + HOUR, {Outcome.UP: 6}),
        *((NOW + 2 * HOUR + minute * MINUTE, {Outcome.UP: 1}) for minute in range(0, 60, 10)),
    ]
    assert later == counted[1:]


def test_nothing_goes_before_it_is_rolled_up(store: Store) -> None:
    """However old: first folded, then deleted."""
    add(store, NOW, NOW + HOUR)
    assert prune(store, NOW + 1000 * DAY) == 0
    roll_up(store, NOW + HOUR)
    assert prune(store, NOW + 1000 * DAY) == 1
    roll_up(store, NOW + 1000 * DAY)
    assert prune(store, NOW + 1000 * DAY) == 3  # the other result and both hours
    assert [(one.length, one.counts) for one in history(store)] == [(DAY, {Outcome.UP: 2})]


def test_what_is_within_its_retention_stays(store: Store) -> None:
    """Raw results for seven days by whole hours, and the newest result always with them."""
    add(store, NOW, NOW + HOUR, NOW + 2 * HOUR)
    roll_up(store, NOW + DAY)
    assert prune(store, NOW + 7 * DAY + HOUR - 1) == 0
    assert prune(store, NOW + 7 * DAY + HOUR) == 1
    with store.read() as transaction:
        assert [one.check.started_at for one in transaction.results("api")] == [NOW + 2 * HOUR, NOW + HOUR]


def test_a_result_for_an_hour_that_is_gone_destroys_nothing(store: Store) -> None:
    """When its fellows are deleted already, the fuller roll-up stays."""
    add(store, NOW, NOW + 1, NOW + 2)
    roll_up(store, NOW + DAY)
    prune(store, NOW + 30 * DAY)
    before = history(store)
    add(store, NOW + 3, outcome=Outcome.DOWN)
    assert roll_up(store, NOW + 30 * DAY) == 0
    assert history(store) == before
    assert prune(store, NOW + 30 * DAY) == 1


def test_one_call_deletes_a_bite(store: Store) -> None:
    """However much is due: the writer is not held for long."""
    add(store, *(NOW + number for number in range(6000)))
    roll_up(store, NOW + DAY)
    with store.write() as transaction:
        assert transaction.prune(NOW + 30 * DAY) == 5000
    assert prune(store, NOW + 30 * DAY) == 1000


def test_retention_is_the_callers(tmp_path: Path) -> None:
    """Shorter periods delete sooner."""
    store = open_store(f"sqlite:///{tmp_path}/x.db", retention=Retention(raw=DAY, hourly=2 * DAY, incidents=HOUR))
    store.open()
    add(store, NOW)
    with store.write() as transaction:
        transaction.save_incident(ended("i1", NOW))
    roll_up(store, NOW + DAY)
    assert prune(store, NOW + DAY) == 1
    assert prune(store, NOW + DAY + HOUR) == 1
    assert prune(store, NOW + 3 * DAY) == 1
    store.close()


def test_pruning_gives_the_room_back(path: Path, file_store: Store) -> None:
    """The file shrinks when most of what it held is deleted."""
    for start in range(0, 30_000, 5000):
        add(file_store, *(NOW + number for number in range(start, start + 5000)))
    roll_up(file_store, NOW + DAY)
    file_store.close()
    before = path.stat().st_size
    prune(file_store, NOW + 30 * DAY)
    file_store.close()
    assert before > 1_300_000
    assert path.stat().st_size < before * 0.75


def test_old_incidents_go_with_all_that_is_theirs(store: Store) -> None:
    """A year after their end; open ones and those that still owe a notice stay."""
    with store.write() as transaction:
        for name in ("old", "owing", "new"):
            transaction.save_incident(ended(name, NOW + (name == "new")))
            state = NoticeState.PENDING if name == "owing" else NoticeState.SENT
            transaction.owe([notice(name, state=state)])
            transaction.add_event(Event(name, NOW, Change.OPENED, "down"))
            transaction.record_attempt(attempt(notice(name).id))
            transaction.keep_reference("slack", "#ops", name, "ts")
        transaction.save_incident(incident("open", opened_at=NOW - 1000 * DAY))
    assert prune(store, NOW + 365 * DAY + 1) == 5
    with store.read() as transaction:
        assert {one.id for one in transaction.incidents()} == {"owing", "new", "open"}
        assert transaction.notices("old") == []
        assert transaction.events("old") == []
        assert transaction.reference("slack", "#ops", "old") == ""
        assert transaction.count_sent("slack", 0) == 2
        assert len(transaction.attempts("new")) == 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 72 * 60 - 1), st.sampled_from(Outcome), st.integers(0, 10**7)), max_size=30),
        max_size=6,
    )
)
def test_roll_ups_hold_every_result_whenever_it_came(batches: list[list[tuple[int, Outcome, int]]]) -> None:
    """In whatever order results come between foldings, the days add up to all of them, latencies included."""
    store = open_store("sqlite://")
    store.open()
    kept: dict[int, tuple[Outcome, int]] = {}
    for batch in batches:
        with store.write() as transaction:
            transaction.add_results(
                [result(NOW + at * MINUTE, outcome, duration=duration) for at, outcome, duration in batch]
            )
        for at, outcome, duration in batch:
            kept.setdefault(at, (outcome, duration))
        roll_up(store, NOW + (batch[0][0] * MINUTE if batch else 0))
    roll_up(store, NOW + 3 * DAY)
    hours = history(store)
    prune(store, NOW + 200 * DAY)
    days = history(store)
    store.close()
    answers = [duration for outcome, duration in kept.values() if outcome in (Outcome.UP, Outcome.DEGRADED)]
    for told in (hours, days):
        assert sum(sum(one.counts.values()) for one in told) == len(kept)
        whole = Sketch()
        for one in told:
            whole.merge(Sketch.decode(one.sketch))
        assert whole == Sketch(answers)
    assert {one.length for one in days} <= {DAY}


def test_monitors_are_folded_apart(store: Store) -> None:
    """Each has its own hours and days."""
    with store.write() as transaction:
        transaction.add_results([result(NOW + number, monitor=f"m{number % 3}") for number in range(9)])
    assert roll_up(store, NOW + DAY) == 6
    assert [one.counts for one in history(store, monitor="m1")] == [{Outcome.UP: 3}]
