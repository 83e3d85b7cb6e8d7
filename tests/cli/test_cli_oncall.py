"""`saasobs oncall` against a running API."""

from __future__ import annotations

import json
from argparse import Namespace
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from saasobs.cli.command import Exit, UsageError
from saasobs.cli.oncall import asked_for
from saasobs.core.values import DAY, to_datetime
from support.asking import Ask
from support.operator import NOW, FakeOperator
from support.rotas import VIEW

HERE = datetime.fromisoformat("2026-12-24T10:00:00-05:00")


@pytest.fixture
def operator() -> FakeOperator:
    return FakeOperator(schedules=[VIEW])


@pytest.fixture
def oncall(ask: Ask) -> Ask:
    """`saasobs oncall` with these words."""
    return partial(ask, "oncall")


def test_turns_are_told_in_the_schedules_time_zone(oncall: Ask) -> None:
    """Who has it now, who stands in and why, where nobody is on call, and the address of the feed."""
    code, told = oncall()
    lines = told.splitlines()
    until = to_datetime(NOW + 2 * DAY).astimezone(ZoneInfo("America/Lima")).strftime("%a %Y-%m-%d %H:%M")
    assert code == Exit.OK
    assert lines[0].startswith("primary  ana now")
    assert any(until in line and "carla" in line and "stands in: feriado" in line for line in lines)
    assert any("nobody" in line for line in lines)
    assert lines[-1].endswith(VIEW.calendar_url)
    assert json.loads(oncall("--json")[1])["schedules"][0]["now"] == ["ana"]


def test_without_schedules_it_says_how_to_make_one(oncall: Ask, operator: FakeOperator) -> None:
    """A sentence, not an empty table."""
    operator.schedules = []
    assert "`oncall` in the configuration" in oncall()[1]


def test_an_override_from_the_command_line(oncall: Ask, operator: FakeOperator) -> None:
    """Entered and ended, with the words to do so."""
    code, told = oncall("primary", "--override", "carla", "--for", "2d", "--reason", "holidays", "--by", "ana")
    assert (code, "carla stands in for primary until" in told) == (Exit.OK, True)
    assert "`saasobs oncall --end w4k2mx`" in told
    assert (operator.overrides[0].created_by, operator.overrides[0].reason) == ("ana", "holidays")
    assert oncall("--end", "w4k2mx", "--by", "ana")[1] == "carla no longer stands in for primary.\n"


def asked(**said: str | None) -> dict[str, object]:
    options = {"schedule": "primary", "override": "carla", "reason": "", "at": None, "until": None, "lasting": None}
    return asked_for(Namespace(**{**options, **said}), HERE)


def test_when_an_override_begins_and_ends() -> None:
    """From now on unless --at says otherwise; a time of day is the next one."""
    assert asked(lasting="2d")["end"] == (HERE + timedelta(days=2)).isoformat()
    assert "start" not in asked(lasting="2d")
    later = asked(at="2026-12-25T09:00-05:00", lasting="4h")
    assert datetime.fromisoformat(str(later["end"])) - datetime.fromisoformat(str(later["start"])) == timedelta(hours=4)
    for wrong in ({}, {"lasting": "2d", "until": "23:00"}, {"lasting": "soon"}, {"schedule": None, "lasting": "2d"}):
        with pytest.raises(UsageError):
            asked(**wrong)
