"""What a person answers on the command line, against the real web app on a Unix socket."""

from __future__ import annotations

import json
from argparse import Namespace
from datetime import UTC, datetime
from typing import Any

import pytest

from saasobs.cli.answers import until
from saasobs.cli.command import Exit, UsageError
from saasobs.core.answers import Answer, AnswerKind, Via
from saasobs.core.values import HOUR, MINUTE
from support.asking import Ask
from support.operator import FakeOperator


@pytest.mark.parametrize(
    ("words", "answer", "said"),
    [
        (("ack",), Answer(AnswerKind.ACKNOWLEDGE, "ana", Via.CLI), "is acknowledged by ana since 20"),
        (
            ("snooze",),
            Answer(AnswerKind.SNOOZE, "ana", Via.CLI, lasting=30 * MINUTE),
            "is snoozed until 2026-11-22 14:33:07 UTC, acknowledged by ana since",
        ),
        (
            ("snooze", "--for", "2h", "--why", "deploy"),
            Answer(AnswerKind.SNOOZE, "ana", Via.CLI, text="deploy", lasting=2 * HOUR),
            "is snoozed until 2026-11-22 16:03:07 UTC",
        ),
        (
            ("assign", "--to", "bruno"),
            Answer(AnswerKind.ASSIGN, "ana", Via.CLI, to="bruno"),
            "is assigned to bruno, acknowledged by ana since",
        ),
        (
            ("note", "watching", "it"),
            Answer(AnswerKind.NOTE, "ana", Via.CLI, text="watching it"),
            "has the note in its timeline.",
        ),
        (("resolve",), Answer(AnswerKind.RESOLVE, "ana", Via.CLI), "is resolved since 2026-11-22 14:03:07 UTC."),
        (("unack",), Answer(AnswerKind.UNACKNOWLEDGE, "ana", Via.CLI), "is nobody's: its policy goes on."),
    ],
)
def test_every_answer(ask: Ask, operator: FakeOperator, words: tuple[str, ...], answer: Answer, said: str) -> None:
    """Says which incident, of which monitor, and how things stand now; --json prints the incident."""
    name, *rest = words
    code, told = ask(name, "k3v9", *rest, "--by", "ana")
    assert code == Exit.OK, told
    assert told.startswith("Incident k3v9m2xa (checkout) ")
    assert said in told
    assert operator.answers == [answer]
    shown: dict[str, Any] = json.loads(ask(name, "k3v9", *rest, "--by", "ana", "--json")[1])
    assert shown["id"] == "k3v9m2xa"


@pytest.mark.parametrize("words", [("note", "b7n2", "late"), ("resolve", "b7n2"), ("snooze", "b7n2")])
def test_what_is_over(ask: Ask, words: tuple[str, ...]) -> None:
    """A failure, in the daemon's words."""
    code, told = ask(*words)
    assert code == Exit.FAILED
    assert "incident b7n2p8qd is over" in told


def test_until_when() -> None:
    """A duration, a moment or neither; not both, and nothing that is no time."""
    now = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
    assert until(Namespace(lasting=None, until=None), now) == {"duration_seconds": 1800.0}
    assert until(Namespace(lasting="1h30m", until=None), now) == {"duration_seconds": 5400.0}
    moment = until(Namespace(lasting=None, until="2026-11-22T23:00-05:00"), now)["until"]
    assert datetime.fromisoformat(str(moment)) == datetime.fromisoformat("2026-11-22T23:00-05:00")
    with pytest.raises(UsageError, match="not both"):
        until(Namespace(lasting="1h", until="23:00"), now)
    with pytest.raises(UsageError, match="not a duration"):
        until(Namespace(lasting="soon", until=None), now)
