"""The same question with other values has the same fingerprint, and values never show."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.instrument.queries.fingerprint import LENGTH_LIMIT, READ_LIMIT, fingerprint, is_question, skeleton

SAME = [
    ("SELECT * FROM t WHERE id = 1", "select *\n  from t where id=22 ;"),
    ("SELECT a FROM t WHERE b IN (1, 2)", "SELECT a FROM t WHERE b IN ($1, $2, $3)"),
    ("SELECT a FROM t WHERE b IN ($1::INTEGER)", "SELECT a FROM t WHERE b IN ($1::INTEGER, $2::INTEGER)"),
    ("SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = %(b_1)s::VARCHAR"),
    ("SELECT a FROM t WHERE b = E'it\\'s'", "SELECT a FROM t WHERE b = $tag$it's$tag$"),
    ("SELECT a FROM t /*traceparent='00-aa-bb-01'*/", "SELECT a -- of the shop\nFROM t"),
    ("INSERT INTO t (a, b) VALUES (%s, %s)", "INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s), (%s, %s)"),
    ("SELECT a FROM t WHERE (b, c) IN ((1, 2))", "SELECT a FROM t WHERE (b, c) IN ((1, 2), (3, 4))"),
    ("SELECT a FROM t WHERE b > -1.5e-3", "SELECT a FROM t WHERE b > :limit"),
    ("SELECT a FROM t LIMIT 10 OFFSET 20", "SELECT a FROM t LIMIT ? OFFSET ?"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_values_do_not_matter(one: str, other: str) -> None:
    """Literals, placeholders, lengths of lists, comments, white space and the case of keywords fold together."""
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_counting_compares_folds_the_same(one: str, other: str) -> None:
    """The cheap key folds what the fingerprint folds."""
    assert skeleton(one) == skeleton(other) or "$tag$" in other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t", "SELECT b FROM t"),
        ("SELECT a FROM t1", "SELECT a FROM t2"),
        ("SELECT 1 AS c1", "SELECT 1 AS c2"),
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b > 1"),
        ('SELECT "a" FROM t', 'SELECT "b" FROM t'),
        ("SELECT a - 5 FROM t", "SELECT a + 5 FROM t"),
    ],
)
def test_other_questions_stay_apart(one: str, other: str) -> None:
    """Columns, tables and operators tell statements apart, digits in names too."""
    assert fingerprint(one) != fingerprint(other)
    assert skeleton(one) != skeleton(other)


def test_it_reads_well() -> None:
    """A person can read it."""
    statement = "select users.id, count (*) from users where users.name = 'Ana' and a->>'k' in ('x','y') limit 3"
    assert fingerprint(statement) == (
        "SELECT users.id, count(*) FROM users WHERE users.name = ? AND a ->> ? IN (?) LIMIT ?"
    )


def test_mysql_quotes_in_its_own_way() -> None:
    """Backslashes and double quotes hold a value in MySQL, and it does not show."""
    statement = "SELECT `a` FROM t WHERE b = \"se\\\"cret\" AND c = 'it\\'s secret' # secret"
    for system in ("mysql", "mariadb"):
        assert fingerprint(statement, system) == "SELECT `a` FROM t WHERE b = ? AND c = ?"


@pytest.mark.parametrize(
    "statement",
    [
        "BEGIN", "begin;", "BEGIN ISOLATION LEVEL SERIALIZABLE;", "COMMIT", "ROLLBACK", "ROLLBACK TO SAVEPOINT s1",
        'SAVEPOINT "s1234_x1"', "RELEASE SAVEPOINT sa_savepoint_1", "START TRANSACTION", "SELECT 1", " select  1 ; ",
        "SELECT 1 /* ping */", "-- a comment\nSELECT 1", "", ";", "select pg_catalog.version()",
        "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;",
    ],
)  # fmt: skip
def test_transactions_and_pings_are_no_questions(statement: str) -> None:
    """What only keeps a connection or a transaction is not counted."""
    assert not is_question(statement)


@pytest.mark.parametrize(
    "statement", ["SELECT 1, 2", "SELECT 11", "/* x */ SELECT a FROM t", "INSERT INTO t VALUES (1)"]
)
def test_questions_are(statement: str) -> None:
    """All else is."""
    assert is_question(statement)


SECRETS = st.text(string.ascii_letters + string.digits + " -_;()", min_size=8, max_size=40)


@given(SECRETS, st.sampled_from(["postgresql", "sqlite", "mysql", ""]))
def test_a_literal_never_shows(secret: str, system: str) -> None:
    """Whatever stands between quotes is gone, from the fingerprint and from the key."""
    marked = "xq" + secret + "qx"
    statement = f"SELECT a FROM t WHERE b = '{marked}' AND c = 1"
    assert fingerprint(statement, system) == "SELECT a FROM t WHERE b = ? AND c = ?"
    assert marked.upper() not in skeleton(statement, system)


@given(
    st.text(max_size=300) | st.lists(st.sampled_from(list("'\"`$/*-?%:()[],.;eE\\ \n1aN")), max_size=300).map("".join)
)
def test_any_text_has_one(text: str) -> None:
    """Hostile text is taken as it is: nothing raises, the length is bounded, and a fingerprint is its own."""
    for system in ("postgresql", "mysql"):
        found = fingerprint(text, system)
        assert len(found) <= LENGTH_LIMIT
        assert skeleton(text, system)
    is_question(text)


@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from(["?", "%s", "$1", ":x_1", "'a'", "42"]))
def test_lists_of_any_length_are_one(one: int, other: int, item: str) -> None:
    """How many there are says nothing."""
    first, second = (f"SELECT a FROM t WHERE b IN ({', '.join([item] * count)})" for count in (one, other))
    assert fingerprint(first) == fingerprint(second) == "SELECT a FROM t WHERE b IN (?)"
    assert skeleton(first) == skeleton(second)


@pytest.mark.parametrize(
    "part",
    [
        "'",
        '"',
        "`",
        "/*",
        "$a$",
        "$a",
        "$",
        "--",
        "(?, ",
        "?, ",
        "(a), ",
        "((",
        "E'\\",
        "::a with ",
        "%(",
        "1e",
        "[a",
        "\\",
        "a.",
        "'/*",
    ],
)
def test_it_is_linear(part: str) -> None:
    """No text takes long: twice as much takes about twice as long, and a megabyte no longer than what is read of it."""
    hostile = (part * READ_LIMIT)[:READ_LIMIT]
    begun = time.process_time()
    for system in ("postgresql", "mysql"):
        fingerprint.__wrapped__(hostile + part * 250_000, system)
        skeleton(hostile, system)
    is_question(hostile)
    assert time.process_time() - begun < 0.5  # it takes 10 ms at most; exponential and cubic would take minutes
