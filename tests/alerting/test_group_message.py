"""What people read of many incidents at once."""

from __future__ import annotations

import json
import os
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting import group_message as words
from saasobs.alerting import gsm7
from saasobs.alerting.channels.console import render_group
from saasobs.alerting.channels.email import compose_group
from saasobs.alerting.channels.slack_blocks import group_head, group_reply
from saasobs.alerting.channels.webhook import group_payload
from saasobs.core.groups import GroupBriefing, GroupKind, Member
from saasobs.core.incident import Change, Status
from saasobs.core.monitor import Severity
from saasobs.core.result import Reason
from saasobs.core.values import MINUTE
from support.briefings import INCIDENT, NOW, degraded, ended, many, member

GOLDEN = Path(__file__).parent / "golden" / "groups.txt"
WRITE = "SAASOBS_WRITE_GOLDEN=1 python -m pytest tests/alerting/test_group_message.py"

DOWN = (Change.OPENED,)
UP = (Change.RECOVERED,)
REFUSED = replace(INCIDENT, reason=Reason.CONNECT_FAILED, message="the connection was refused")


def downs(begin: int, end: int, *changes: Change) -> list[Member]:
    return [member(number, *changes, incident=REFUSED if number % 3 else INCIDENT) for number in range(begin, end)]


def ups(begin: int, end: int, *changes: Change, ending: Change = Change.RECOVERED) -> list[Member]:
    return [member(number, *changes, incident=ended(ending)) for number in range(begin, end)]


LATER = NOW + 6 * MINUTE
SAMPLES: dict[str, GroupBriefing] = {
    "twelve down": many(*downs(0, 12, *DOWN)),
    "one down, the sixth in a row": many(*downs(5, 6, *DOWN)),
    "down and degraded, some of them taken": many(
        *downs(0, 3, *DOWN),
        member(3, *DOWN, incident=replace(INCIDENT, acknowledged_at=NOW, acknowledged_by="ana")),
        *(member(number, *DOWN, incident=degraded()) for number in range(4, 9)),
    ),
    "all degraded": many(*(member(number, *DOWN, incident=degraded()) for number in range(7))),
    "grown to five hundred, late": many(*downs(7, 500, *DOWN), *downs(0, 7), first=False, late=7 * MINUTE),
    "nine of twelve are up again": many(*downs(0, 3), *ups(3, 12, *UP), first=False, now=LATER),
    "all are up again": many(*ups(10, 12, *UP), *ups(0, 10), first=False, now=LATER),
    "eight that failed one by one are up again": many(*ups(0, 8, *UP), kind=GroupKind.ENDINGS, now=LATER),
    "over before it could be told": many(*ups(0, 8, *DOWN, *UP), now=LATER, late=7 * MINUTE),
    "no longer watched": many(*ups(0, 8, Change.WITHDRAWN, ending=Change.WITHDRAWN), kind=GroupKind.ENDINGS, now=LATER),
}


@pytest.mark.parametrize(
    ("sample", "line"),
    [
        ("twelve down", "🔴 12 monitors are down: api, checkout, search, mail, billing, login and 6 more"),
        ("one down, the sixth in a row", "🔴 1 monitor is down: login"),
        (
            "down and degraded, some of them taken",
            "🔴 9 monitors are failing (4 down, 5 degraded): api, checkout, search, mail, billing, login and 3 more",
        ),
        ("all degraded", "🟡 7 monitors are degraded: api, checkout, search, mail, billing, login and 1 more"),
        ("nine of twelve are up again", "🔴 9 of 12 monitors are up again, still down: api, checkout, search"),
        (
            "all are up again",
            "🟢 all 12 monitors are up again: client-10, client-11, api, checkout, search, mail and 6 more",
        ),
        (
            "eight that failed one by one are up again",
            "🟢 8 monitors are up again: api, checkout, search, mail, billing, login and 2 more",
        ),
        (
            "over before it could be told",
            "🟢 8 monitors were down and are up again: api, checkout, search, mail, billing, login and 2 more",
        ),
        (
            "no longer watched",
            "⚪ 8 monitors are no longer watched: api, checkout, search, mail, billing, login and 2 more",
        ),
    ],
)
def test_headlines(sample: str, line: str) -> None:
    """How many, what of them, and the first of their names."""
    assert words.headline(SAMPLES[sample]) == line


@pytest.mark.parametrize(
    ("sample", "text"),
    [
        ("one down, the sixth in a row", "DOWN 1 monitor: login 14:02 UTC #g7q2m8zd"),
        (
            "twelve down",
            "DOWN 12 monitors: api, checkout, search, mail, billing, login, reports, invoices, webhooks, exports,"
            " client-10, client-11 14:01 UTC #g7q2m8zd",
        ),
        ("nine of twelve are up again", "UP 9 of 12, still DOWN: api, checkout, search 14:01 UTC #g7q2m8zd"),
    ],
)
def test_text_messages(sample: str, text: str) -> None:
    """The state and the numbers first, then as many names as fit."""
    assert words.sms(SAMPLES[sample]) == text


def test_what_is_new_is_told_apart() -> None:
    """The thread keeps what changed; the numbers of the whole are in the message above it."""
    [grown] = words.news(SAMPLES["grown to five hundred, late"])
    assert grown.startswith("🔴 493 more are down: invoices, webhooks")
    assert words.news(SAMPLES["nine of twelve are up again"]) == (
        "🟢 9 are up again: mail, billing, login, reports, invoices, webhooks and 3 more",
    )


def test_every_id_is_there_for_an_acknowledgement() -> None:
    """Each incident of a group can be taken by its own ID, and who has taken one is said."""
    group = SAMPLES["down and degraded, some of them taken"]
    rows = {row.incident_id: row.text for row in words.rows(group, 40)}
    assert rows.keys() == {one.incident.id for one in group.members}
    assert any("taken by ana" in text for text in rows.values())
    shown = json.dumps(group_head(group), ensure_ascii=False)
    assert all(identity in shown for identity in rows)


def test_a_list_says_what_it_leaves_out() -> None:
    """Nobody takes forty of five hundred for all."""
    group = SAMPLES["grown to five hundred, late"]
    assert "… and 460 more" in group_head(group)["blocks"][-1]["text"]["text"]
    assert "… and 490 more" in render_group(group)


def test_a_webhook_tells_only_what_is_new() -> None:
    """A receiver that adds up the messages of a group knows each of its incidents once."""
    said = group_payload(SAMPLES["nine of twelve are up again"])
    assert said["type"] == "group.updated"
    assert said["group"] == {"id": "g7q2m8zd", "total": 12, "down": 3, "degraded": 0, "ended": 9}
    assert [incident["monitor"] for incident in said["incidents"]][:2] == ["mail", "billing"]
    assert sorted(one for incident in said["incidents"] for one in incident["notice_ids"]) == sorted(said["notice_ids"])
    assert group_payload(SAMPLES["twelve down"])["type"] == "group.opened"
    assert group_payload(SAMPLES["all are up again"])["type"] == "group.ended"


# Whatever the names and answers are ---------------------------------------------------------------------------------

NASTY = [
    "<!channel> @here <https://evil.example|api> & co", "x\r\nBcc: everybody@acme.example", "\x1b[31mred \u202egnp",
    "half \ud800 a pair", "<script>alert(1)</script>", "long " * 500, "emoji 🔥 日本語 {}[]~^|€", "",
]  # fmt: skip
texts = st.sampled_from(NASTY) | st.text(max_size=200)
tales = st.sampled_from([(), DOWN, UP, (*DOWN, *UP), (Change.ESCALATED,), (Change.WITHDRAWN,)])


@st.composite
def hostile(draw: st.DrawFn) -> GroupBriefing:
    """A group in which every text that others write is anything at all."""
    members = []
    for number in range(draw(st.integers(1, 60))):
        changes = draw(tales)
        over = bool(changes) and changes[-1] in (Change.RECOVERED, Change.WITHDRAWN)
        incident = ended(changes[-1]) if over else draw(st.sampled_from([INCIDENT, degraded()]))
        one = member(number, *changes, incident=incident)
        about = replace(one.incident, monitor=draw(texts) or "x", message=draw(texts), acknowledged_by=draw(texts))
        members.append(replace(one, incident=about, target=draw(texts)))
    return many(*members, first=draw(st.booleans()), late=draw(st.integers(0, 50)) * MINUTE, now=LATER)


@given(hostile())
def test_any_text_message_is_one_segment(group: GroupBriefing) -> None:
    """At most 160 septets, in which the state, the time and the group's ID are whole."""
    text = words.sms(group)
    assert gsm7.septets(text) <= 160
    assert text.endswith("#g7q2m8zd")
    assert " UTC" in text


@given(hostile())
def test_nothing_breaks_out_of_its_line(group: GroupBriefing) -> None:
    """No control character and no line break gets through, whatever a server answered."""
    rows = words.rows(group, 100)
    lines = [words.headline(group), *words.news(group), *(row.text for row in rows)]
    for text in (*lines, *(detail.text for detail in words.details(group))):
        assert all(unicodedata.category(letter) not in ("Cc", "Cs") for letter in text), text
    assert "\x1b" not in render_group(group)
    assert json.dumps(group_payload(group), ensure_ascii=False).encode()


@given(hostile())
def test_slack_never_calls_everybody(group: GroupBriefing) -> None:
    """Nothing in it is a mention or a link that somebody else wrote; Slack's limits are kept."""
    whole = group_head(group)
    assert len(whole["blocks"]) <= 50
    for block in whole["blocks"]:
        kind, text = block["type"], block["text"]["text"]
        assert 0 < len(text) <= {"header": 150, "section": 3000}[kind]
        assert kind == "header" or not set(text) & {"<", ">"}
    for text in (whole["text"], group_reply(group)["text"], *(block["text"]["text"] for block in whole["blocks"])):
        assert "<!" not in text
        assert "@here" not in text.lower()


@given(hostile())
def test_no_header_can_be_forged(group: GroupBriefing) -> None:
    """An e-mail has exactly the headers that we set, each once."""
    letter = compose_group(replace(group, recipient="team@acme.example"), "alerts@acme.example")
    lines = letter.as_bytes().split(b"\n\n")[0].split(b"\n")
    found = [line.split(b":")[0] for line in lines if not line.startswith((b" ", b"\t"))]
    assert sorted(found) == sorted(
        b"Message-ID Date From To Subject In-Reply-To References Auto-Submitted X-Saasobs-Group MIME-Version"
        b" Content-Type".split()
    )


def test_severity_is_named_where_it_differs() -> None:
    """Three critical ones among warnings are counted in words."""
    mixed = [
        member(number, *DOWN, incident=replace(INCIDENT, severity=severity, status=Status.DOWN))
        for number, severity in enumerate([Severity.CRITICAL] * 3 + [Severity.WARNING] * 4)
    ]
    labels = {detail.label: detail.text for detail in words.details(many(*mixed))}
    assert labels["Severity"] == "3 critical, 4 warning"


# The golden page --------------------------------------------------------------------------------------------------


def page() -> str:
    """Every kind of group over every channel, as a person would see it."""
    parts = ["Groups of incidents over every channel. Made by: " + WRITE]
    for name, one in SAMPLES.items():
        parts += ["", "=" * 100, name, "=" * 100]
        parts += ["", "--- console", render_group(one).rstrip()]
        parts += ["", "--- slack, the group's message", _slack(one)]
        parts += ["", "--- slack, in its thread", group_reply(one)["text"]]
        parts += ["", "--- sms", words.sms(one)]
        parts += ["", "--- email", _mail(one)]
        parts += ["", "--- webhook", _webhook(one, whole=name == "one down, the sixth in a row")]
    return "\n".join(parts) + "\n"


def _slack(one: GroupBriefing) -> str:
    whole = group_head(one)
    texts = [block["text"]["text"] for block in whole["blocks"]]
    return "\n".join([f"(notification) {whole['text']}", *(_start(text, 12) for text in texts)])


def _mail(one: GroupBriefing) -> str:
    letter = compose_group(replace(one, recipient="team@acme.example"), "alerts@acme.example")
    body = letter.get_body(("plain",))
    assert body is not None
    headers = [f"{name}: {letter[name]}" for name in ("To", "Subject", "Message-ID", "References", "X-Saasobs-Group")]
    return "\n".join([*headers, "", _start(body.get_content().rstrip(), 25)])


def _webhook(one: GroupBriefing, *, whole: bool) -> str:
    said = group_payload(one)
    chosen = said if whole else {key: said[key] for key in ("type", "text", "group")}
    return json.dumps(chosen, indent=2, ensure_ascii=False)


def _start(text: str, lines: int) -> str:
    found = text.split("\n")
    return "\n".join(found[:lines] + ([f"(and {len(found) - lines} lines more)"] if len(found) > lines else []))


def test_the_golden_page() -> None:
    """What people read has not changed; when it was meant to, the page is written anew and read by a person."""
    if os.environ.get("SAASOBS_WRITE_GOLDEN"):
        GOLDEN.write_text(page(), encoding="utf-8")
    assert page() == GOLDEN.read_text(encoding="utf-8"), f"write it anew and read the difference: {WRITE}"
