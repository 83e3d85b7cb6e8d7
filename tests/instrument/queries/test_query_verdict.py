"""Two signals, kept apart: too many queries, and the same one over and over from one place."""

from __future__ import annotations

import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.instrument import names
from saasobs.instrument.queries import log
from saasobs.instrument.queries.limiter import Limiter
from saasobs.instrument.queries.log import KNOWN_LIMIT, STATEMENTS_LIMIT, note, record, source_of
from saasobs.instrument.queries.spans import attributes
from saasobs.instrument.state import Operation, enter, leave
from support.capture import Captured, captured
from support.operations import Observed, operation

SQLALCHEMY = source_of("postgresql", "sqlalchemy")
HERE = str(Path(__file__).relative_to(Path.cwd()))


def different(count: int) -> None:
    for number in range(count):
        record(f"SELECT column_{number} FROM orders WHERE id = %s", 0.001, "postgresql")


def same(count: int, statement: str = "SELECT a FROM customers WHERE id = %(id)s") -> int:
    """Returns the line that asks."""
    for _ in range(count):
        note(statement, 0.002, SQLALCHEMY)
    return sys._getframe().f_lineno - 1


@pytest.mark.parametrize(("count", "told"), [(20, 0), (21, 1)])
def test_twenty_are_quiet_and_twenty_one_fire(out: Captured, count: int, told: int) -> None:
    """More than 20 queries in one request is a `queries.too_many`, once."""
    with operation(out) as observed:
        different(count)
    assert observed.queries.count == count
    assert len(observed.told(names.TOO_MANY_EVENT)) == told
    assert out.value(names.TOO_MANY_QUERIES, operation="/orders") == (1.0 if told else None)


def test_many_different_ones_are_no_n_plus_one(out: Captured) -> None:
    """25 different queries from one line are too many, and nothing else."""
    with operation(out) as observed:
        different(25)
    (event,) = observed.events
    assert event["event"] == names.TOO_MANY_EVENT
    assert (event["operation"], event["kind"], event["level"]) == ("/orders", "request", "warning")
    assert (event["count"], event["limit"], event["distinct"], event["total_ms"]) == (25, 20, 25, 25.0)
    assert event["correlation_id"] == "a-correlation-id"
    assert event["top"][0] == {
        "statement": "SELECT column_0 FROM orders WHERE id = ?", "count": 1, "total_ms": 1.0,
    }  # fmt: skip


def test_ten_of_one_kind_are_an_n_plus_one_and_not_too_many(out: Captured) -> None:
    """The same statement from one place tells what, how often, how long, where, and what to do."""
    with operation(out) as observed:
        line = same(10)
    (event,) = observed.events
    assert event["event"] == names.N_PLUS_ONE_EVENT
    assert event["statement"] == "SELECT a FROM customers WHERE id = ?"
    assert (event["count"], event["total_ms"], event["system"]) == (10, 20.0, "postgresql")
    assert event["location"] == f"{HERE}:{line}"
    assert "selectinload" in event["advice"]
    assert out.value(names.N_PLUS_ONE, operation="/orders") == 1.0
    assert out.value(names.TOO_MANY_QUERIES, operation="/orders") is None


@pytest.mark.parametrize(("count", "told"), [(4, 0), (5, 1)])
def test_from_the_fifth_on(out: Captured, count: int, told: int) -> None:
    """Four repeats are quiet, the fifth fires."""
    with operation(out) as observed:
        same(count)
    assert len(observed.told(names.N_PLUS_ONE_EVENT)) == told


def test_from_several_places_it_is_no_n_plus_one(out: Captured) -> None:
    """The same statement once each from five places is no loop."""
    with operation(out) as observed:
        same(1)
        same(1)
        same(1)
        statement = "SELECT a FROM customers WHERE id = %(id)s"
        note(statement, 0.001, SQLALCHEMY)
        note(statement, 0.001, SQLALCHEMY)
        note(statement, 0.001, SQLALCHEMY)
    assert observed.queries.count == 6
    assert not observed.events


def test_values_in_the_text_do_not_hide_a_loop(out: Captured) -> None:
    """Statements that differ by literals, lists or comments only are the same one."""
    with operation(out) as observed:
        for number in range(1, 8):
            numbers = ", ".join(map(str, range(number)))
            record(f"SELECT a FROM t WHERE b IN ({numbers}) AND c = 'x{number}' /* trace={number} */", 0.001, "sqlite")
    (event,) = observed.events
    assert (event["count"], event["statement"]) == (7, "SELECT a FROM t WHERE b IN (?) AND c = ?")
    assert "DataLoader" in event["advice"]


def test_both_at_once(out: Captured) -> None:
    """30 in a loop are both signals."""
    with operation(out) as observed:
        same(30)
    assert sorted(line["event"] for line in observed.events) == [names.N_PLUS_ONE_EVENT, names.TOO_MANY_EVENT]
    assert observed.told(names.N_PLUS_ONE_EVENT)[0]["count"] == 30


def test_limits_by_route_and_none_at_all() -> None:
    """A route or a task has a limit of its own; 0 is no limit, for each signal."""
    with captured(max_queries_by_route={"/reports": 100, "/off": 0}, repeated_queries=0) as out:
        assert not judged(out, "/reports", 100).events
        assert judged(out, "/reports", 101).told(names.TOO_MANY_EVENT)[0]["limit"] == 100
        assert not judged(out, "/off", 300).events
        assert judged(out, "/other", 21).events
    with captured(max_queries=0) as out:
        assert not judged(out, "/other", 100).told(names.TOO_MANY_EVENT)


def judged(out: Captured, name: str, count: int) -> Observed:
    with operation(out, name) as observed:
        same(count)
    return observed


def test_a_hot_route_does_not_flood(out: Captured) -> None:
    """The same verdict is a line once a minute, with how often it happened since; the counter has them all."""
    watch = out.instrumentation.queries
    for moment in (100.0, 101.0, 159.0, 161.0):
        current = Operation("a-correlation-id", "request", "/hot")
        token = enter(current)
        different(21)
        leave(token)
        watch.judge(current, moment)
    first, second = out.lines(names.TOO_MANY_EVENT)
    assert "times" not in first
    assert second["times"] == 3
    assert out.value(names.TOO_MANY_QUERIES, operation="/hot") == 4.0


def test_redis_is_counted_apart(out: Captured) -> None:
    """25 look-ups in Redis are no 25 queries, and it takes four times as many to be an N+1."""
    source = source_of("redis", "redis")
    with operation(out) as observed:
        for _ in range(19):
            note("GET user:*", 0.0001, source)
    assert (observed.queries.count, observed.queries.cache_count, observed.events) == (0, 19, [])
    assert observed.queries.cache_seconds == pytest.approx(0.0019)
    with operation(out) as observed:
        for _ in range(25):
            note("GET user:*", 0.0001, source)
    (event,) = observed.events
    assert (event["event"], event["count"], event["system"]) == (names.N_PLUS_ONE_EVENT, 25, "redis")
    assert "MGET" in event["advice"]


def test_writes_get_other_advice(out: Captured) -> None:
    """A loop of INSERTs is told to write them at once."""
    with operation(out) as observed:
        same(6, "INSERT INTO t (a) VALUES (%(a)s)")
    assert "add_all" in observed.events[0]["advice"]


def test_a_slow_query_has_a_line_without_values() -> None:
    """As slow as the limit: a line with statement, time and place, at most one in ten seconds for each statement."""
    with captured(slow_query=0.5) as out:
        with operation(out, "/slow"):
            for _ in range(3):
                record("SELECT a FROM t WHERE b = 'secret'", 0.5, "sqlite")
            record("SELECT a FROM t WHERE b = 'secret'", 0.499, "sqlite")
        (line,) = out.lines(names.SLOW_QUERY_EVENT)
        assert (line["statement"], line["duration_ms"], line["system"]) == (
            "SELECT a FROM t WHERE b = ?", 500.0, "sqlite",
        )  # fmt: skip
        assert line["location"].startswith(f"{HERE}:")
        assert line["correlation_id"] == "a-correlation-id"
        assert "secret" not in out.text()
        assert out.value(names.SLOW_QUERIES, operation="/slow") == 3.0
    with captured(slow_query=0) as out:
        record("SELECT a FROM t", 100.0, "sqlite")
        assert not out.lines(names.SLOW_QUERY_EVENT)


def test_slow_queries_count_for_the_route_that_is_known_at_the_end() -> None:
    """A request learns its route after its queries: its slow ones are counted under that name."""
    with captured(slow_query=0.5) as out:
        with operation(out, "") as observed:
            record("SELECT a FROM t", 0.5, "sqlite")
            observed.operation.name = "/reports/{month}"
        record("SELECT a FROM t", 0.5, "sqlite")
        assert out.value(names.SLOW_QUERIES, operation="/reports/{month}") == 1.0
        assert out.value(names.SLOW_QUERIES, operation="") == 1.0


def test_durations_are_measured_everywhere(out: Captured) -> None:
    """The histogram takes queries outside of an operation too, but no transactions and pings."""
    record("SELECT a FROM t", 0.02, "oracle.db")
    record("COMMIT", 0.02, "oracle.db")
    record("SELECT 1", 0.02, "oracle.db")
    assert out.value(f"{names.QUERY_DURATION}_count", db_system_name="oracle.db") == 1.0


def test_threads_of_one_operation_add_up(out: Captured) -> None:
    """What several threads ask for one operation is all counted."""
    with operation(out) as observed:

        def ask() -> None:
            token = enter(observed.operation)
            for _ in range(500):
                record("SELECT a FROM t", 0.0, "sqlite")
            leave(token)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert observed.queries.count == 4000


def test_memory_is_bounded(out: Captured) -> None:
    """However many statements, however long: so many are told apart, so much of their text is kept; all are counted."""
    with operation(out) as observed:
        for number in range(STATEMENTS_LIMIT * 3):
            record(f"SELECT c{number} FROM t WHERE b = '{'x' * 5000}'", 0.0, "sqlite")
    assert observed.queries.count == STATEMENTS_LIMIT * 3
    assert len(observed.queries.statements) == STATEMENTS_LIMIT
    assert all(len(known.statement) <= log.TEXT_LIMIT for known in observed.queries.statements)
    texts = source_of("sqlite").by_text
    assert len(texts) <= KNOWN_LIMIT
    assert all(len(text) <= log.TEXT_LIMIT for text in texts)


@given(st.lists(st.tuples(st.text(max_size=40), st.floats(0, 10)), max_size=60))
def test_hostile_statements_are_only_counted(asked: list[tuple[str, float]]) -> None:
    """Nothing that an app may ask raises in it."""
    current = Operation("a-correlation-id", "request", "/x")
    token = enter(current)
    for statement, seconds in asked:
        record(statement, seconds, "postgresql")
    record(None, 1.0, "postgresql")  # type: ignore[arg-type]
    leave(token)
    assert current.queries is None or current.queries.count <= len(asked)


@given(st.lists(st.floats(0, 100, allow_nan=False), max_size=50).map(sorted))
def test_the_limiter_loses_nothing(moments: list[float]) -> None:
    """What is told adds up to what happened, but for what is still to come; never two tellings within the interval."""
    limiter = Limiter(10.0)
    told = [(moment, times) for moment in moments if (times := limiter.times("key", moment))]
    assert sum(times for _, times in told) <= len(moments)
    assert all(later - earlier >= 10.0 for (earlier, _), (later, _) in pairwise(told))
    assert bool(told) == bool(moments)


def test_the_limiter_forgets_the_oldest() -> None:
    """A route for each ID does not fill the memory."""
    limiter = Limiter(10.0)
    for number in range(10_000):
        assert limiter.times(number, 1.0) == 1
    assert len(limiter._told) <= 2_000


@pytest.mark.parametrize(
    ("statement", "operation_name", "collection"),
    [
        ("SELECT a FROM \"orders\" WHERE b = 'secret'", "SELECT", "orders"),
        ("INSERT INTO shop.orders (a) VALUES (1)", "INSERT", "shop.orders"),
        ("UPDATE orders SET a = 1", "UPDATE", "orders"),
        ("DELETE FROM orders", "DELETE", "orders"),
        ("SELECT a FROM orders JOIN customers ON 1 = 1", "SELECT", None),
        ("SELECT a FROM (SELECT b FROM orders) AS x", "SELECT", None),
    ],
)
def test_a_span_says_what_was_asked(statement: str, operation_name: str, collection: str | None) -> None:
    """OpenTelemetry's names, no values, and no table where there is doubt."""
    said = attributes(log.Known(statement, SQLALCHEMY))
    assert said["db.system.name"] == "postgresql"
    assert said["db.operation.name"] == operation_name
    assert said.get("db.collection.name") == collection
    assert "secret" not in said["db.query.text"]


def test_a_repeated_statement_of_another_place_first_is_told_by_its_loop(out: Captured) -> None:
    """Where two places ask the same, the loop among them is the one that is told."""
    with operation(out) as observed:
        note("SELECT a FROM customers WHERE id = %(id)s", 0.002, SQLALCHEMY)
        note("SELECT a FROM customers WHERE id = %(id)s", 0.002, SQLALCHEMY)
        line = same(7)
    (event,) = observed.events
    assert (event["count"], event["location"]) == (7, f"{HERE}:{line}")


def test_a_loop_that_comes_late_is_found(out: Captured) -> None:
    """After single questions from several places, a long loop is the place that is told."""
    statement = "SELECT a FROM customers WHERE id = %(id)s"
    with operation(out) as observed:
        note(statement, 0.001, SQLALCHEMY)
        note(statement, 0.001, SQLALCHEMY)
        note(statement, 0.001, SQLALCHEMY)
        note(statement, 0.001, SQLALCHEMY)
        note(statement, 0.001, SQLALCHEMY)
        note(statement, 0.001, SQLALCHEMY)
        note(statement, 0.001, SQLALCHEMY)
        line = same(100)
    (event,) = observed.told(names.N_PLUS_ONE_EVENT)
    assert event["location"] == f"{HERE}:{line}"
    assert 90 <= event["count"] <= 107
