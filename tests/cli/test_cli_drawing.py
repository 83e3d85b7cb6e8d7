"""One result as a person reads it, as golden text on a plain screen."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.cli.drawing import TONES, draw_result, lay_out
from saasobs.cli.expectations import Expectation, expectations_of, met
from saasobs.cli.screen import PlainScreen
from saasobs.core.incident import Status
from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Failure, Outcome, Reason, Result
from saasobs.core.values import SECOND
from saasobs.probes.http.expect import Answer, judge_content, judge_plain
from saasobs.probes.http.options import HttpOptions
from saasobs.probes.verdict import verdict

MONITOR = Monitor("api", "http", None, "https://api.acme.example/health")
CERTIFICATE = {
    "subject": "CN=api.acme.example",
    "issuer": "O=Example Trust,CN=R3",
    "not_after": "2027-01-03T00:00:00.000Z",
    "days_left": 41.6,
    "expires_first": "CN=api.acme.example",
}
UP = Result(
    Check("api", 0, 0),
    Outcome.UP,
    duration=143_000,
    phases={"dns": 10_000, "connect": 20_000, "tls": 40_000, "first_byte": 60_000, "transfer": 0},
    observations={"status": 200, "address": "192.0.2.7:443", "http_version": "2", "certificate": CERTIFICATE},
)
EXPECTED = (Expectation("status", "200-299"), Expectation("json $.status", '"ok"'))


def drawn(result: Result, expectations: Sequence[Expectation] = ()) -> str:
    stream = io.StringIO()
    draw_result(PlainScreen(stream), MONITOR, result, expectations)
    return stream.getvalue()


def test_a_good_answer() -> None:
    """Verdict, phases as bars one after the other, facts, certificate, and each expectation that was met."""
    assert drawn(UP, EXPECTED) == (
        "UP  https://api.acme.example/health  in 143ms\n"
        "\n"
        "  dns             10ms  #####\n"
        "  connect         20ms       #########\n"
        "  tls             40ms                ##################\n"
        "  first byte      60ms                                  ############################\n"
        "  transfer         0ms\n"
        "\n"
        "  status       200\n"
        "  address      192.0.2.7:443\n"
        "  http version 2\n"
        "  certificate  CN=api.acme.example\n"
        "  issuer       O=Example Trust,CN=R3\n"
        "  expires      2027-01-03, 42 days left\n"
        "\n"
        "  ok    status         200-299\n"
        '  ok    json $.status  "ok"\n'
    )


def test_a_wrong_answer() -> None:
    """Failed expectations come first, with what was expected and seen, and the answer's beginning follows."""
    failed = replace(
        UP,
        outcome=Outcome.DOWN,
        reason=Reason.STATUS_MISMATCH,
        message="status: expected 200-299, got 500",
        failures=(
            Failure("status", "200-299", "500", Reason.STATUS_MISMATCH),
            Failure("degraded_over", "100ms", "143ms", Reason.TOO_SLOW, degraded=True),
        ),
        phases={},
        observations={"status": 500},
        excerpt="Traceback\nOperationalError",
    )
    assert drawn(failed, EXPECTED) == (
        "DOWN  https://api.acme.example/health\n"
        "  status: expected 200-299, got 500\n"
        "\n"
        "  status       500\n"
        "\n"
        "  FAIL  status         expected 200-299, seen 500\n"
        "  weak  degraded_over  expected 100ms, seen 143ms\n"
        '  ok    json $.status  "ok"\n'
        "\n"
        "  the answer began:\n"
        "    Traceback\n"
        "    OperationalError\n"
    )


def test_no_answer_at_all() -> None:
    """When nothing was judged, no expectation is called met; without a message the reason's own sentence is shown."""
    refused = Result(Check("api", 0, 0), Outcome.DOWN, 300, Reason.CONNECT_REFUSED, phases={"dns": 100, "connect": 200})
    assert drawn(refused, EXPECTED) == (
        "DOWN  https://api.acme.example/health  in 300us\n"
        "  the connection was refused: nothing listens there\n"
        "\n"
        "  dns            100us  ####################\n"
        "  connect        200us                      ########################################\n"
    )


def test_a_heartbeat() -> None:
    """When the job last reported, and until when it must again."""
    seen = {"expected_at": "2026-11-22T03:00:00.000Z", "deadline": "2026-11-23T03:15:00.000Z"}
    beat = Result(Check("api", 0, 0), Outcome.UP, observations={**seen, "last_ping": "2026-11-22T03:02:11.500Z"})
    assert drawn(beat).splitlines()[2:] == [
        "  last ping    2026-11-22 03:02:11 UTC",
        "  due before   2026-11-23 03:15:00 UTC",
    ]


def test_certificates_that_end() -> None:
    """An expired certificate says since when, and which one of the chain it is that ends first."""
    ended = {**CERTIFICATE, "days_left": -3.2, "expires_first": "CN=R3"}
    assert "  expires      2027-01-03, expired 3 days ago (CN=R3)\n" in drawn(
        replace(UP, observations={"certificate": ended})
    )


def test_hostile_answers_do_not_reach_the_terminal() -> None:
    """Escape sequences, carriage returns and bidirectional marks in an answer are written out, not obeyed."""
    shown = drawn(replace(UP, outcome=Outcome.DOWN, message="\x1b]0;owned\x07", excerpt="a\x1b[2Jb\rc\u202ed"))
    assert not set(shown) & set("\x1b\x07\r\u202e")
    assert r"a\x1b[2Jb" in shown


def test_every_outcome_and_status_has_a_tone() -> None:
    """Whatever state there is can be shown."""
    assert {*Outcome, *Status, "paused"} <= set(TONES)


@given(st.lists(st.integers(0, 10**9), max_size=8), st.integers(10, 200))
def test_bars_are_proportional_and_stay_inside(durations: list[int], width: int) -> None:
    """Bars lie one after the other within the width; only what took no time has no bar."""
    bars = lay_out(durations, width)
    total = sum(durations) or 1
    for duration, (start, length) in zip(durations, bars, strict=True):
        assert 0 <= start <= start + length <= width
        assert (length > 0) == (duration > 0)
        assert abs(length - duration * width / total) <= 1
    starts = [start for start, _ in bars]
    assert starts == sorted(starts)


# Which expectations were met ------------------------------------------------------------------------------------

FULL = {
    "url": "https://api.acme.example/",
    "expect": {
        "status": 200,
        "degraded_over": "1s",
        "down_over": "5s",
        "headers": {"Content-Type": "json"},
        "body_contains": ["alpha", "beta"],
        "body_not_matches": "err.r",
        "json": {"$.status": "ok", "$.age": {">": 3, "<": 9}},
    },
}


def full_monitor() -> Monitor:
    options = HttpOptions.model_validate(FULL)
    return Monitor("api", "http", options, options.target())


def answered(**changes: Any) -> Answer:
    """An answer that meets everything in FULL, but for `changes`."""
    body = b'{"status": "ok", "age": 5, "words": "alpha beta"}'
    good = {"status": 200, "headers": (("content-type", "application/json"),), "body": body, "duration": 5}
    return Answer(**{**good, **changes})


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({}, set()),
        ({"status": 500}, {"status"}),
        ({"duration": 2 * SECOND}, {"degraded_over"}),
        ({"duration": 7 * SECOND}, {"degraded_over", "down_over"}),
        ({"headers": ()}, {"header Content-Type"}),
        ({"body": b'{"status": "ok", "age": 5, "words": "alpha"}'}, {"body_contains beta"}),
        (
            {"body": b'{"status": "no", "age": 9, "words": "alpha beta error"}'},
            {"body_not_matches", "json $.status", "json $.age"},
        ),
        ({"body": b"alpha beta"}, {"json $.status", "json $.age"}),
    ],
)
def test_each_expectation_is_either_met_or_failed(changes: dict[str, Any], lost: set[str]) -> None:
    """Held against the real judge: whatever it does not complain of is shown as met, and nothing else."""
    monitor = full_monitor()
    expect, answer = monitor.options.expect, answered(**changes)
    complaints = [*judge_plain(expect, answer, 0), *judge_content(expect, answer)]
    outcome, reason, message = verdict(complaints)
    result = Result(Check("api", 0, 0), outcome, 5, reason, message, failures=tuple(one.failure for one in complaints))
    expectations = expectations_of(monitor)
    kept = met(expectations, result)
    missing = [each for each in expectations if each not in kept]
    assert {f"{each.name} {each.expected}" if each.name == "body_contains" else each.name for each in missing} == lost


def test_other_kinds_expect_nothing_of_an_answer() -> None:
    """A heartbeat has no answer to judge."""
    assert expectations_of(MONITOR) == ()
