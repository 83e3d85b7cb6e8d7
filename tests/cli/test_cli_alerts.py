"""`saasobs alerts` and `saasobs silence` against a running API."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from saasobs.cli.alerts import asked_for, read_matcher
from saasobs.cli.command import Exit, UsageError
from saasobs.core.alert import AlertView, Matcher
from support.asking import Ask
from support.fake_reports import AT, SILENCE, an_alert
from support.operator import FakeOperator

HERE = datetime.fromisoformat("2026-12-24T10:00:00-05:00")


@pytest.fixture
def operator() -> FakeOperator:
    return FakeOperator()


def test_alerts_with_their_incidents(ask: Ask, operator: FakeOperator) -> None:
    """Which, since when, by whom, and whether anybody still speaks of them."""
    stale = AlertView(replace(an_alert("Stale"), stale_at=AT), (SILENCE,))
    operator.reports.views.append(stale)
    code, told = ask("alerts", "service=~a.*", "HighErrorRate")
    assert code == Exit.OK
    first, second = (next(line for line in told.splitlines() if name in line) for name in ("HighErrorRate", "Stale"))
    assert "prometheus" in first
    assert "service=api" in first
    assert "k3v9m2xa" in first
    assert "stale, " in second
    assert "k3v9m2xa, silenced" in second
    assert operator.reports.asked[-1][0] == ['service=~"a.*"', 'alertname="HighErrorRate"']
    assert json.loads(ask("alerts", "--json")[1])["alerts"][1]["stale"] is True
    operator.reports.views.clear()
    assert ask("alerts")[1] == "No alert fires.\n"


def test_silences_from_the_command_line(ask: Ask, operator: FakeOperator) -> None:
    """Made, listed and ended, with the words to do so."""
    code, told = ask("silence", "add", "HighErrorRate", "service=~api|web", "--for", "2h", "--by", "ana")
    assert code == Exit.OK, told
    assert 'Alerts with alertname="HighErrorRate", service=~"api|web" are not told' in told
    assert "`saasobs silence expire 51c79d83`" in told
    [made] = operator.reports.kept
    assert made.created_by == "ana"
    assert made.matchers == (Matcher("alertname", "HighErrorRate"), Matcher("service", "api|web", is_regex=True))
    code, told = ask("silence", "list")
    assert SILENCE[:8] in told
    assert "deploy" in told
    assert ask("silence", "expire", "51c79d83", "--by", "ana")[0] == Exit.OK
    assert operator.reports.expired == [("51c79d83", "ana")]
    operator.reports.book.clear()
    assert ask("silence", "list")[1] == "No silences: every alert that fires is told.\n"


def test_what_makes_no_sense_is_said_at_once(ask: Ask) -> None:
    """Before anybody is asked."""
    for words in (("add",), ("list", "x"), ("expire",), ("add", "a=~("), ("add", "a=b", "--for", "soon")):
        code, _ = ask("silence", *words)
        assert code == Exit.USAGE, words


def test_when_a_silence_begins_and_ends() -> None:
    """From now on for an hour unless it says otherwise."""

    def asked(**said: str | None) -> dict[str, object]:
        options = {"matchers": ["a=b"], "reason": "", "at": None, "until": None, "lasting": None}
        return asked_for(Namespace(**{**options, **said}), HERE)

    assert asked()["endsAt"] == (HERE + timedelta(hours=1)).isoformat()
    assert asked(lasting="30m")["endsAt"] == (HERE + timedelta(minutes=30)).isoformat()
    assert asked(at="2026-12-25T09:00-05:00")["startsAt"] != HERE.isoformat()
    with pytest.raises(UsageError):
        asked(lasting="1h", until="23:00")
    with pytest.raises(UsageError):
        read_matcher("a=~(")
