"""Every command against a running API: the real web app on a Unix socket, with an operator that holds known facts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from saasobs.cli.command import Exit
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import NoticeState, Suppression
from saasobs.core.values import SECOND, to_datetime
from support.asking import Ask
from support.operator import TOKEN, FakeOperator, a_window


def test_status_shows_everything(ask: Ask) -> None:
    """A row for each monitor, a summary, the open incidents, and exit code 1 since something is down."""
    code, told = ask("status")
    assert code == Exit.FAILED
    lines = told.splitlines()
    assert lines[0].startswith("saasobs 1.2.3 on config/saasobs.yaml, up for ")
    states = {line.split()[0]: line.split()[1] for line in lines[3:8]}
    assert states == {
        "api": "up",
        "checkout": "down",
        "search": "degraded",
        "old-shop": "paused",
        "nightly-invoices": "new",
    }
    assert "5 monitors: 1 down, 1 degraded, 1 up, 1 new, 1 paused" in lines
    assert any(line.startswith("k3v9m2xa") and "checkout" in line for line in lines)
    assert "b7n2p8qd" not in told  # it has ended


def test_status_is_ok_when_nothing_is_down(ask: Ask, operator: FakeOperator) -> None:
    """Degraded, new and paused monitors are no reason for a script to fail."""
    operator.views = [view for view in operator.views if view.monitor.name != "checkout"]
    operator.incident_views = []
    assert ask("status")[0] == Exit.OK


@pytest.mark.parametrize("broken", [{"ready": False}, {"problems": ("the database is locked",)}])
def test_a_daemon_with_a_problem_is_not_ok(ask: Ask, operator: FakeOperator, broken: dict[str, object]) -> None:
    """A problem of the daemon itself is told, and fails."""
    operator.views, operator.incident_views = [], []
    for name, value in broken.items():
        setattr(operator, name, value)
    code, told = ask("status")
    assert code == Exit.FAILED
    assert all(problem in told for problem in operator.problems)
    assert "no monitors" in told


def test_status_for_machines(ask: Ask) -> None:
    """--json holds the daemon, every monitor with its ping URL, and the open incidents."""
    answer = json.loads(ask("status", "--json")[1])
    assert answer["daemon"]["version"] == "1.2.3"
    urls = {monitor["name"]: monitor["ping_url"] for monitor in answer["monitors"]}
    assert urls["nightly-invoices"] == f"http://127.0.0.1:9110/ping/{TOKEN}"
    assert [incident["id"] for incident in answer["open_incidents"]] == ["k3v9m2xa"]


def test_status_of_one_monitor(ask: Ask) -> None:
    """Its state, what it is, its last results; exit code 1 since it is down."""
    code, told = ask("status", "checkout")
    assert code == Exit.FAILED
    assert told.startswith("DOWN  checkout  for ")
    assert "  target       https://api.acme.example/health\n" in told
    assert told.count("down     130ms  expected status 200-299, got 500") == 5


def test_status_of_a_heartbeat_has_its_ping_url(ask: Ask) -> None:
    """That is where a job finds out where to report."""
    code, told = ask("status", "nightly-invoices")
    assert (code, f"ping URL     http://127.0.0.1:9110/ping/{TOKEN}" in told) == (Exit.OK, True)
    assert json.loads(ask("status", "nightly-invoices", "--json")[1])["name"] == "nightly-invoices"


def test_no_such_monitor(ask: Ask) -> None:
    """A name that is not there is wrong usage, told in the daemon's words, with the name that may have been meant."""
    unknown = "saasobs: there is no monitor 'nope'; `saasobs status` lists them\n"
    assert ask("status", "nope") == (Exit.USAGE, unknown)
    close = "saasobs: there is no monitor 'chekout'; did you mean 'checkout'?\n"
    for command in ("status", "pause", "resume"):
        assert ask(command, "chekout") == (Exit.USAGE, close)


def test_slo_shows_figures_and_budgets(ask: Ask, operator: FakeOperator) -> None:
    """A row for each monitor; a budget that is not spent is no reason for a script to fail."""
    code, told = ask("slo", "api", "--days", "7")
    assert code == Exit.OK
    assert told.splitlines()[1].split() == [
        *("api", "99.931%", "1440", "80ms", "210ms", "-"),
        *("99.9%", "over", "30", "d", "31%"),
    ]
    assert json.loads(ask("slo", "--json")[1])["monitors"][0]["budget_left"] == 0.31


def test_incidents_newest_first(ask: Ask) -> None:
    """Open ones with their state, ended ones with how they ended."""
    code, told = ask("incidents")
    assert code == Exit.OK
    assert [line.split()[:2] for line in told.splitlines()[1:]] == [["k3v9m2xa", "down"], ["b7n2p8qd", "recovered"]]


def test_only_open_incidents(ask: Ask, operator: FakeOperator) -> None:
    """--open and --limit reach the daemon; none is a sentence, not an empty table."""
    operator.incident_views = []
    assert ask("incidents", "--open", "--limit", "7") == (Exit.OK, "No incidents.\n")
    assert ("incidents", "True", "7") in operator.calls


def test_one_incident_with_its_story(ask: Ask) -> None:
    """What happened when, and for every notice over which channel, to whom and how it went."""
    code, told = ask("incidents", "k3v9")
    assert code == Exit.OK
    assert told.startswith("k3v9m2xa  down  checkout\n  expected status 200-299, got 500\n")
    rows = [line.split() for line in told.splitlines()]
    assert any(row[3:5] == ["team-slack", "#alerts"] and row[5:7] == ["sent", "2"] for row in rows)
    assert any(row[3:4] == ["oncall-sms"] and row[5] == "suppressed" and row[-1] == "acknowledged" for row in rows)
    assert any(row[5:6] == ["pending"] for row in rows)


def test_maintenance_start(ask: Ask, operator: FakeOperator) -> None:
    """Says what waits until when, and how to end it."""
    words = ("--monitor", "api", "--tag", "shop", "--for", "30m", "--reason", "deploy", "--by", "ana")
    code, told = ask("maintenance", "start", *words)
    assert (code, told) == (
        Exit.OK,
        "Alerts of api wait until 2026-11-22 14:28:07 UTC.\n`saasobs maintenance end w4k2mx` ends it before.\n",
    )
    [wanted] = operator.wanted
    assert (wanted.monitors, wanted.tags, wanted.reason) == (("api",), ("shop",), "deploy")
    assert (wanted.duration, wanted.start, wanted.end) == (1800 * SECOND, 0, 0)
    assert ("start_maintenance", "ana") in operator.calls


def test_maintenance_at_a_time(ask: Ask, operator: FakeOperator) -> None:
    """A moment with its offset is that moment; a time of day is the next one here."""
    ask("maintenance", "start", "--all", "--at", "2026-11-22T22:00-05:00", "--until", "2026-11-23T01:00-05:00")
    ask("maintenance", "start", "--all", "--at", "23:00", "--for", "2h")
    ask("maintenance", "start", "--all", "--at", "2026-11-22T22:00-05:00", "--until", "23:00")
    first, second, third = operator.wanted
    assert (first.end - first.start, to_datetime(first.start).hour) == (3 * 3600 * SECOND, 3)
    local = to_datetime(second.start).astimezone()
    assert (local.hour, local.minute, second.duration) == (23, 0, 2 * 3600 * SECOND)
    assert 0 < third.end - third.start <= 25 * 3600 * SECOND


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("start", "--for", "30m"), "say what it covers: --monitor NAME, --tag TAG or --all"),
        (("start", "--all"), "say how long: --for 30m, or --until 23:00"),
        (("start", "--all", "--for", "30m", "--until", "23:00"), "say how long"),
        (("start", "--all", "--for", "soon"), "'soon' is not a duration"),
        (("start", "--all", "--until", "25:00"), "'25:00' is not a moment"),
        (("start", "api", "--for", "30m"), "what is 'api'? Name monitors with --monitor"),
        (("end",), "say which one: `saasobs maintenance list` shows their IDs"),
        (("list", "api"), "`list` shows every window"),
    ],
)
def test_maintenance_that_is_not_understood(ask: Ask, words: tuple[str, ...], said: str) -> None:
    """Wrong usage, with what to write instead."""
    code, told = ask("maintenance", *words)
    assert (code, said in told) == (Exit.USAGE, True), told


def test_maintenance_list(ask: Ask, operator: FakeOperator) -> None:
    """A row for each window, open or to come; none is a sentence."""
    assert ask("maintenance", "list")[1].startswith("No maintenance")
    operator.windows = [
        a_window(reason="1.2 goes live"),
        a_window(id="nightly", name="nightly", active=False, all=True, by="", schedule="0 3 * * * (UTC) for 1h"),
    ]
    code, told = ask("maintenance", "list")
    assert code == Exit.OK
    _, first, second = told.splitlines()
    assert first.startswith("w4k2mx")
    assert "api" in first
    assert first.endswith("deploy, 1.2 goes live")
    assert "every monitor" in second
    assert second.endswith("the configuration  nightly, 0 3 * * * (UTC) for 1h")
    assert len(json.loads(ask("maintenance", "list", "--json")[1])["windows"]) == 2


def test_maintenance_end(ask: Ask, operator: FakeOperator) -> None:
    """By the beginning of its ID."""
    code, told = ask("maintenance", "end", "w4k", "--by", "ana")
    assert (code, told) == (Exit.OK, "Maintenance deploy is over: what is down now is told.\n")
    assert ("end_maintenance", "w4k", "ana") in operator.calls


def test_a_held_notice_says_what_it_waits_for(ask: Ask, operator: FakeOperator) -> None:
    """In the incident's table: held, why, and in words."""
    view = operator.incident_views[0]
    held = replace(
        view.notices[2], state=NoticeState.PENDING, suppression=Suppression.DEPENDENCY, detail="gateway is down"
    )
    operator.incident_views = [replace(view, notices=[held])]
    told = ask("incidents", "k3v9")[1]
    assert told.splitlines()[-1].split()[5:] == ["held", "0", "dependency:", "gateway", "is", "down"]


def test_ack(ask: Ask, operator: FakeOperator) -> None:
    """Says which incident, of which monitor, and since when."""
    code, told = ask("ack", "k3v9", "--by", "ana")
    assert code == Exit.OK
    assert told.startswith("Incident k3v9m2xa (checkout) is acknowledged by ana since 20")
    assert ("acknowledge", "k3v9m2xa", "ana") in operator.calls


def test_ack_of_what_is_over(ask: Ask) -> None:
    """There is nothing left to acknowledge: a failure, in the daemon's words."""
    code, told = ask("ack", "b7n2")
    assert (code, told) == (Exit.FAILED, "saasobs: incident b7n2p8qd is over: there is nothing left to acknowledge\n")


def test_who_acts_is_never_nobody(ask: Ask, operator: FakeOperator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --by it is the person behind sudo, else the user."""
    monkeypatch.setenv("SUDO_USER", "bo")
    ask("pause", "api")
    monkeypatch.delenv("SUDO_USER")
    ask("resume", "api")
    who = [call[2] for call in operator.calls if call[0] in ("pause", "resume")]
    assert who[0] == "bo"
    assert who[1]


def test_pause_and_resume(ask: Ask) -> None:
    """Each says what holds now; --json gives the state."""
    assert ask("pause", "api") == (Exit.OK, "api is paused: `saasobs resume` lets it be checked again.\n")
    assert ask("resume", "api") == (Exit.OK, "api is checked again.\n")
    assert json.loads(ask("pause", "api", "--json")[1])["paused"] is True


def test_notify_test(ask: Ask, operator: FakeOperator) -> None:
    """What the provider answered is told; a refusal is a failure with the reason."""
    code, told = ask("notify", "test", "team-slack")
    assert (code, "the provider took 1 test message." in told, "provider-1" in told) == (Exit.OK, True, True)
    assert ask("notify", "test", "oncall-sms", "--to", "ana")[0] == Exit.OK
    assert operator.calls[-1] == ("notify_test", "oncall-sms", "ana")
    operator.failure = DeliveryError("slack: invalid_auth", permanent=True)
    assert ask("notify", "test", "team-slack") == (Exit.FAILED, "saasobs: slack: invalid_auth\n")


def test_check_of_a_heartbeat_asks_the_daemon(ask: Ask, operator: FakeOperator, tmp_path: Path) -> None:
    """Only the daemon knows the pings, so its result is what is drawn."""
    file = tmp_path / "saasobs.yaml"
    file.write_text("monitors:\n  - {name: nightly-invoices, kind: heartbeat, period: 1h, grace: 5m}\n")
    operator.views = [replace(operator.views[-1])]
    code, told = ask("check", "nightly-invoices", "--config", str(file))
    assert code == Exit.OK
    assert told.startswith("UP  ")
    assert ("check", "nightly-invoices") in operator.calls
