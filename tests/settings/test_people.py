"""People, policies and quiet hours as a file says them, and what stands where it says nothing."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from saasobs.alerting.oncall import Hours
from saasobs.alerting.steps import Match, Policy, Repeat, Step
from saasobs.core.monitor import Severity
from saasobs.core.people import Contact, Person, QuietHours
from saasobs.core.values import MINUTE
from saasobs.settings import Settings, describe, load

CHANNELS = """
channels:
  chat: {kind: slack, token: xoxb-1, channel: "#alerts"}
  texts: {kind: sms, provider: twilio, account_sid: AC1, auth_token: t, from: "+15005550006"}
  mail: {kind: email, host: smtp.acme.example, from: saasobs@acme.example, to: team@acme.example}
"""
PEOPLE = """
people:
  ana: {phone: "+51987654321", slack: U012AB3CD, email: ana@acme.example, telegram: 123, language: pt-BR,
        timezone: America/Lima, contact: [texts, mail], quiet_hours: {from: "22:00", to: "07:00", days: [friday]}}
  ben: {phone: "+5511987654321", timezone: America/Sao_Paulo}
  cai: {phone: "+5491187654321", timezone: America/Lima}
"""
DAYS = frozenset(range(7))


def settings(folder: Path, text: str) -> Settings:
    file = folder / "saasobs.yaml"
    file.write_text(text + "\nmonitors: []\n", encoding="utf-8")
    return load(file, {})


def told(policy: Policy) -> list[tuple[tuple[str, ...], int, bool, tuple[str, ...]]]:
    return [(step.notify, step.after // MINUTE, step.unless_acknowledged, step.over) for step in policy.steps]


def test_a_person_in_full(tmp_path: Path) -> None:
    """Addresses, language (Brazilian Portuguese is `pt`), zone, channels, and quiet hours in the person's own zone."""
    people = settings(tmp_path, CHANNELS + PEOPLE).people
    quiet = QuietHours(time(22), time(7), "America/Lima", frozenset({4}))
    assert people["ana"] == Person(
        "ana", "+51987654321", "U012AB3CD", "ana@acme.example", "123", "pt", "America/Lima", ("texts", "mail"), quiet
    )
    assert [people["ana"].address(contact) for contact in Contact] == [
        "+51987654321", "U012AB3CD", "ana@acme.example", "123",
    ]  # fmt: skip
    assert (people["ben"].language, people["ben"].contact, people["ben"].quiet_hours) == ("en", (), None)


def test_a_policy_in_full(tmp_path: Path) -> None:
    """Every key of a policy, one name or a list, and its quiet hours."""
    text = """
quiet_hours: {from: "23:00", to: "06:30", timezone: America/Lima}
links: {logs: "https://logs.acme.example/?q={correlation_id}"}
policies:
  night:
    match: {tags: batch, severity: warning, monitors: ["nightly-*"], tenants: [acme], labels: {team: core},
            hours: "22:00-07:00", days: [saturday, sunday], timezone: America/Lima}
    steps: [{notify: chat}, {notify: [ana, everyone], over: texts, after: 5m, unless: acknowledged}]
    repeat: {every: 30m}
    fallback: mail
  default: [{notify: chat}]
"""
    found = settings(tmp_path, CHANNELS + PEOPLE + text)
    hours = Hours(time(22), time(7), frozenset({5, 6}))
    match = Match(
        frozenset({"batch"}),
        Severity.WARNING,
        ("nightly-*",),
        frozenset({"acme"}),
        {"team": "core"},
        hours,
        "America/Lima",
    )
    steps = (Step(("chat",), 0, False), Step(("ana", "everyone"), 5 * MINUTE, True, ("texts",)))
    assert found.policies["night"] == Policy("night", steps, match, Repeat(30 * MINUTE, 3), ("mail",))
    assert list(found.policies) == ["night", "default"]
    assert found.quiet_hours == QuietHours(time(23), time(6, 30), "America/Lima", DAYS)
    assert found.links == {"logs": "https://logs.acme.example/?q={correlation_id}"}


def test_a_team_without_policies_has_a_ladder(tmp_path: Path) -> None:
    """Critical: chat, then the first schedule, the second, everyone. Warnings: chat, and the night of most people."""
    oncall = """
oncall:
  primary: {layers: [{people: ana}]}
  secondary: {layers: [{people: ben}]}
"""
    found = settings(tmp_path, CHANNELS + PEOPLE + oncall)
    assert told(found.policies["default"]) == [
        (("chat",), 0, False, ()),
        (("primary",), 5, True, ("texts",)),
        (("secondary",), 10, True, ("texts",)),
        (("everyone",), 20, True, ()),
    ]
    assert told(found.policies["warnings"]) == [(("chat",), 0, False, ())]
    assert found.policies["warnings"].match == Match(severity=Severity.WARNING)
    assert list(found.policies) == ["warnings", "default"]
    assert found.quiet_hours == QuietHours(time(22), time(7), "America/Lima", DAYS)


@pytest.mark.parametrize(
    ("oncall", "names"),
    [
        ("", ["ana", "ben"]),
        ("oncall: {primary: {layers: [{people: cai}]}}", ["primary", "ben"]),
    ],
)
def test_with_fewer_schedules_people_stand_in(tmp_path: Path, oncall: str, names: list[str]) -> None:
    """Without a second schedule the second person, without any the first two."""
    found = settings(tmp_path, CHANNELS + PEOPLE + oncall)
    assert [step.notify[0] for step in found.policies["default"].steps[1:3]] == names


def test_without_a_chat_whoever_is_on_call_is_told_at_once(tmp_path: Path) -> None:
    """Only texts, to people: the first at once, the second at five minutes, everyone at twenty."""
    texts = 'channels: {texts: {kind: sms, provider: twilio, account_sid: AC1, auth_token: t, from: "+15005550006"}}'
    people = 'people: {ana: {phone: "+51987654321"}, ben: {phone: "+5511987654321"}}'
    found = settings(tmp_path, f"{texts}\n{people}")
    assert told(found.policies["default"]) == [
        (("ana",), 0, False, ("texts",)),
        (("ben",), 5, True, ("texts",)),
        (("everyone",), 20, True, ()),
    ]
    assert told(found.policies["warnings"]) == [(("ana",), 0, False, ())]


def test_what_is_configured_stays(tmp_path: Path) -> None:
    """With policies there is no ladder and no night; without people neither, and every channel is told at once."""
    mine = settings(tmp_path, CHANNELS + PEOPLE + "policies: {default: [{notify: chat}]}")
    assert (list(mine.policies), mine.quiet_hours) == (["default"], None)
    bare = settings(tmp_path, CHANNELS)
    assert told(bare.policies["default"]) == [(("chat", "mail"), 0, False, ())]
    assert bare.quiet_hours is None


def test_what_is_shown_of_a_person(tmp_path: Path) -> None:
    """How somebody can be reached is shown, their number and addresses are not."""
    shown = str(describe(settings(tmp_path, CHANNELS + PEOPLE))["people"])
    assert "reached_by" in shown
    assert "987654321" not in shown
    assert "ana@" not in shown
