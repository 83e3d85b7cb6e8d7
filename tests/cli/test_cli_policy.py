"""`saasobs policy test` from a file alone, and `saasobs explain` as it is drawn."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from saasobs.cli.command import Exit, UsageError
from saasobs.cli.explain import draw
from saasobs.cli.main import main
from saasobs.cli.policy import read_moment
from saasobs.cli.screen import PlainScreen
from saasobs.core.values import isoformat

FILE = """\
channels:
  chat: {kind: slack, token: xoxb-1, channel: "#alerts"}
  texts: {kind: sms, provider: twilio, account_sid: AC1, auth_token: t, from: "+15005550006"}
people:
  ana: {phone: "+51987654321", timezone: America/Lima}
  ben: {phone: "+5511987654321", timezone: America/Lima}
  cai: {email: cai@acme.example, timezone: America/Lima}
oncall:
  primary:
    timezone: America/Lima
    layers: [{people: [ana, ben], every: 1w, handover: "monday 09:00", start: 2026-11-02}]
  nights: {timezone: America/Lima, layers: [{people: ana, hours: "22:00-07:00"}]}
quiet_hours: {from: "22:00", to: "07:00", timezone: America/Lima}
policies:
  batch: {match: {tags: [batch]}, steps: [{notify: chat}]}
  default:
    steps:
      - {notify: chat}
      - {notify: primary, over: texts, after: 5m, unless: acknowledged}
      - {notify: nights, after: 90s, unless: acknowledged}
      - {notify: everyone, after: 10m, unless: acknowledged}
    repeat: {every: 1h, times: 1}
    fallback: chat
maintenance: [{name: deploy, monitors: [checkout], start: "2026-12-25 00:00", end: "2026-12-25 01:00"}]
monitors:
  - {name: checkout, kind: http, url: https://shop.acme.example/, tags: [shop]}
"""


Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    file = tmp_path / "saasobs.yaml"
    file.write_text(FILE)

    def run(*words: str) -> str:
        assert main(["policy", "test", "--config", str(file), *words]) == Exit.OK
        return capsys.readouterr().out

    return run


def test_minute_by_minute(run: Run) -> None:
    """Steps, people by way of schedules, rounds, and what is told unless somebody acknowledges."""
    shown = run("--monitor", "checkout", "--at", "2026-11-23 12:00 America/Lima")
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[:3] == [
        "checkout, critical, opens 2026-11-23 12:00 -05",
        "Policy default: no other fits.",
        "not batch: it is for monitors with the tag batch",
    ]
    assert "+0m 12:00 1 chat chat #alerts" in lines
    assert "+5m 12:05 2 ben (on call: primary) texts +5511987654321 unless acknowledged" in lines
    assert "+1m30s 12:01:30 3 nights - - not told: nobody is on call for nights" in lines
    assert "step 3: nobody is on call for nights: chat is told instead" in lines
    assert "+10m 12:10 4 cai - - not told: cannot be reached" in lines
    assert "+65m 13:05 2, round 2 ben (on call: primary) texts +5511987654321 unless acknowledged" in lines


def test_a_warning_in_the_night_waits(run: Run) -> None:
    """It says until when, for machines too; and a window that holds everything stands on top."""
    shown = json.loads(
        run("--monitor", "checkout", "--severity", "warning", "--at", "2026-12-24 03:00 America/Lima", "--json")
    )
    first = shown["told"][0]
    assert (first["told"], first["after_seconds"]) == (False, 0)
    assert first["why_not"] == "quiet hours until 07:00 (America/Lima): told in the digest then"
    held = json.loads(run("--monitor", "checkout", "--at", "2026-12-25T00:30:00+00:00", "--json"))
    assert held["notes"][0].startswith("maintenance 'deploy' holds all of it")


def test_a_monitor_that_is_not_there_yet(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Described by its tags it is taken; a mistyped name is told."""
    assert "Policy batch: it is the first whose `match` fits." in run("--monitor", "new", "--tag", "batch")
    assert main(["policy", "test", "--config", str(tmp_path / "saasobs.yaml"), "--monitor", "chekout"]) == Exit.USAGE
    assert "did you mean `checkout`?" in capsys.readouterr().err


def test_moments() -> None:
    """With a zone's name, with an offset, or now; nothing else."""
    now = datetime(2026, 11, 23, tzinfo=UTC)
    at, zone = read_moment("2026-12-24 03:00 America/Lima", now)
    assert (isoformat(at), str(zone)) == ("2026-12-24T08:00:00.000Z", "America/Lima")
    assert isoformat(read_moment("2026-12-24T03:00:00-05:00", now)[0]) == "2026-12-24T08:00:00.000Z"
    assert read_moment(None, now) == (read_moment("2026-11-23T00:00:00+00:00", now)[0], None)
    for wrong in ("tomorrow", "2026-12-24 03:00 Lima", "2026-12-24T03:00:00-05:00 America/Lima"):
        with pytest.raises(UsageError):
            read_moment(wrong, now)


def test_an_explanation_is_a_table() -> None:
    """Who, over what, when, and why; notes first."""
    stream = io.StringIO()
    row = {"due_at": "2026-11-22T14:03:00.000000Z", "at": None, "change": "opened", "person": None, "why": "step 1"}
    told = [{**row, "recipient": "#alerts", "channel": "chat", "fate": "waits"}]
    note = {"at": "2026-11-22T14:03:00.000000Z", "text": "held: db is down"}
    incident = {"id": "k3v9m2xa", "monitor": "api", "message": "status 500"}
    draw(PlainScreen(stream), {"incident": incident, "notes": [note], "told": told})
    shown = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    assert shown[0] == "k3v9m2xa api status 500"
    assert shown[1].endswith("held: db is down")
    assert shown[-1].endswith("opened #alerts chat waits - step 1")
