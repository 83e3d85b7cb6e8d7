"""What people read."""

from __future__ import annotations

import json
import os
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting import gsm7, message
from saasobs.alerting.channels.console import render
from saasobs.alerting.channels.email import compose
from saasobs.alerting.channels.slack_blocks import head, reply
from saasobs.alerting.channels.webhook import payload
from saasobs.alerting.words import reader
from saasobs.core.incident import OWN_NETWORK, Briefing, Change, Event, Incident, Topic
from saasobs.core.result import Reason
from saasobs.core.values import HOUR, MINUTE, SECOND
from support.briefings import INCIDENT, NOW, OPENED, briefing, degraded, ended

GOLDEN = Path(__file__).parent / "golden" / "messages.txt"
WRITE = "SAASOBS_WRITE_GOLDEN=1 python -m pytest tests/alerting/test_message.py"

CERTIFICATE = replace(
    degraded(),
    reason=Reason.CERTIFICATE_EXPIRING,
    message="the certificate CN=api.acme.example is valid until 2026-12-05T14:03:00.000Z, 13.0 days from now",
    topic=Topic.CERTIFICATE,
)
BUDGET = replace(
    degraded(),
    reason=Reason.ERROR_BUDGET,
    message="4 checks failed within 1h: the error budget of 99.9 % over 30 days burns 66.7 times faster than it may",
    topic=Topic.SLO,
)
BLIND = replace(
    INCIDENT,
    monitor=OWN_NETWORK,
    reason=Reason.OWN_NETWORK,
    message="our own network is down: 2 of 2 anchors do not answer (1.1.1.1:53, 8.8.8.8:53); nothing is judged by it",
    topic=Topic.NETWORK,
)
OVER: dict[str, Any] = {"ended_at": NOW + 6 * MINUTE, "ending": Change.RECOVERED}

SAMPLES: dict[str, Briefing] = {
    "down": briefing(),
    "down, late, acknowledged, with everything": briefing(
        late=7 * MINUTE,
        incident=replace(INCIDENT, acknowledged_at=NOW, acknowledged_by="ana"),
        description="Clients book here.",
        runbook="https://wiki.acme.example/api-down",
        tags=("critical", "billing"),
    ),
    "degraded": briefing(
        incident=degraded(),
        timeline=(Event(INCIDENT.id, NOW, Change.OPENED, "degraded: took 1.4s, more than 1s"),),
    ),
    "escalated": briefing(Change.ESCALATED),
    "opened and escalated in one": briefing(Change.OPENED, Change.ESCALATED, late=3 * MINUTE),
    "eased": briefing(Change.EASED, incident=degraded()),
    "recovered": briefing(Change.RECOVERED, incident=ended(), now=NOW + 6 * MINUTE),
    "recovered before it could be told": briefing(
        Change.OPENED,
        Change.RECOVERED,
        incident=ended(after=2 * MINUTE),
        now=NOW + 12 * MINUTE,
        late=12 * MINUTE,
        timeline=(OPENED, Event(INCIDENT.id, NOW + 55 * SECOND, Change.RECOVERED, "up again after 2m")),
    ),
    "withdrawn": briefing(Change.WITHDRAWN, incident=ended(Change.WITHDRAWN), now=NOW + 6 * MINUTE),
    "withdrawn before it could be told": briefing(
        Change.OPENED, Change.WITHDRAWN, incident=ended(Change.WITHDRAWN), now=NOW + 6 * MINUTE
    ),
    "a certificate runs out": briefing(incident=CERTIFICATE),
    "reminded of the monitor's own incident": briefing(
        Change.REMINDED, incident=replace(CERTIFICATE, topic=Topic.HEALTH)
    ),
    "a certificate was renewed": briefing(
        Change.RECOVERED, incident=replace(CERTIFICATE, **OVER), now=NOW + 6 * MINUTE
    ),
    "an error budget burns": briefing(incident=BUDGET),
    "we are blind": briefing(incident=BLIND, target=""),
    "we were blind before it could be told": briefing(
        Change.OPENED,
        Change.RECOVERED,
        incident=replace(BLIND, **OVER),
        now=NOW + 6 * MINUTE,
        late=6 * MINUTE,
        target="",
    ),
}


@pytest.mark.parametrize(
    ("sample", "line"),
    [
        ("down", "🔴 api is down: expected status 200-299, got 500"),
        ("degraded", "🟡 api is degraded: took 1.4s, more than 1s"),
        ("escalated", "🔴 api is now down (it was degraded): expected status 200-299, got 500"),
        ("opened and escalated in one", "🔴 api is now down (it was degraded): expected status 200-299, got 500"),
        ("eased", "🟡 api is no longer down, but degraded: took 1.4s, more than 1s"),
        ("recovered", "🟢 api is up again after 7m"),
        ("recovered before it could be told", "🟢 api was down for 2m and is up again"),
        ("withdrawn", "⚪ api is no longer watched; its incident is closed"),
        (
            "withdrawn before it could be told",
            "⚪ api was down for 7m and is no longer watched; its incident is closed",
        ),
    ],
)
def test_headlines(sample: str, line: str) -> None:
    """Every change has one line that says what is the matter."""
    assert message.headline(SAMPLES[sample]) == line


def test_a_stale_opening_does_not_tell_a_falsehood() -> None:
    """When the incident is over by now, an opening's message says that it was, not that it is."""
    assert message.headline(briefing(Change.OPENED, incident=ended())) == "🟢 api was down for 7m and is up again"


@pytest.mark.parametrize(
    ("sample", "text"),
    [
        ("down", "DOWN api: expected status 200-299, got 500 14:01 UTC #k3v9m2xa"),
        ("degraded", "DEGRADED api: took 1.4s, more than 1s 14:01 UTC #k3v9m2xa"),
        ("escalated", "NOW DOWN api: expected status 200-299, got 500 14:01 UTC #k3v9m2xa"),
        ("eased", "NOW DEGRADED api: took 1.4s, more than 1s 14:01 UTC #k3v9m2xa"),
        ("recovered", "UP api after 7m 14:08 UTC #k3v9m2xa"),
        ("recovered before it could be told", "WAS DOWN, UP api after 2m 14:03 UTC (told 12m late) #k3v9m2xa"),
        ("withdrawn", "CLOSED api after 7m 14:08 UTC #k3v9m2xa"),
        ("a certificate was renewed", "OK api after 7m05s 14:09 UTC #k3v9m2xa"),
    ],
)
def test_text_messages(sample: str, text: str) -> None:
    """The state first, then what and why, and at the end since when and which incident."""
    assert message.sms(SAMPLES[sample]) == text


def test_late_is_said_from_a_minute_on() -> None:
    """A message that is a minute late says nothing of it, a later one says how late and when it was due."""
    assert message.late(briefing(late=60 * SECOND)) == ""
    assert message.late(briefing(late=7 * MINUTE)) == "told 7m late: it was due at 13:56 UTC"


def test_another_day_is_named() -> None:
    """A time of another day has its date."""
    assert reader("en", "UTC").clock(NOW - 15 * HOUR, NOW) == "2026-11-21 23:03 UTC"


def test_an_open_incident_says_how_to_acknowledge_it() -> None:
    """The hint is there until somebody has done it, or until it is over; then it says who."""
    labels = {detail.label: detail.text for detail in message.details(briefing())}
    assert labels["Acknowledge"] == "saasobs ack k3v9m2xa"
    taken = {
        detail.label: detail.text for detail in message.details(SAMPLES["down, late, acknowledged, with everything"])
    }
    assert "Acknowledge" not in taken
    assert taken["Acknowledged"] == "by ana at 14:03 UTC"
    assert "Acknowledge" not in {detail.label for detail in message.details(SAMPLES["recovered"])}


# Whatever the names and answers are -------------------------------------------------------------------------------

NASTY = [
    "<!channel> <!here> @channel @here <https://evil.example|api> & co",
    "x\r\nBcc: everybody@acme.example\r\n\r\nhello",
    "\x1b[31mred\x07\x00 \u202egnp.exe \u2066left",
    "half \ud800 a pair",
    "<script>alert(1)</script> \"quoted\" 'too'",
    "long " * 2_000,
    "emoji 🔥👩‍💻 日本語 עברית",
    "",
]
texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=400))
changes = st.sampled_from(
    [(Change.OPENED,), (Change.ESCALATED,), (Change.EASED,), (Change.RECOVERED,), (Change.OPENED, Change.WITHDRAWN)]
)


@st.composite
def hostile(draw: st.DrawFn) -> Briefing:
    """A briefing in which every text that others write is anything at all."""
    told = draw(changes)
    incident: Incident = replace(
        INCIDENT,
        monitor=draw(texts) or "x",
        message=draw(texts),
        reason=draw(st.sampled_from(list(Reason))),
        correlation_id=draw(texts),
        acknowledged_at=draw(st.sampled_from([0, NOW])),
        acknowledged_by=draw(texts),
    )
    if told[-1] in (Change.RECOVERED, Change.WITHDRAWN):
        incident = ended(told[-1], incident=incident)
    return briefing(
        *told,
        incident=incident,
        late=draw(st.integers(0, 40 * 24)) * HOUR,
        target=draw(texts),
        description=draw(texts),
        runbook=draw(texts),
        tags=tuple(draw(st.lists(texts, max_size=3))),
        timeline=(Event(INCIDENT.id, NOW, Change.OPENED, draw(texts), draw(texts)),),
    )


@given(hostile())
def test_any_text_message_is_one_segment(one: Briefing) -> None:
    """At most 160 septets of the alphabet, in which the state, the time and the incident's ID are whole."""
    text = message.sms(one)
    assert gsm7.septets(text) <= 160
    assert text.endswith("#k3v9m2xa")
    assert " UTC" in text
    assert text.startswith(("DOWN ", "NOW ", "UP ", "WAS DOWN, CLOSED "))


@given(hostile())
def test_nothing_breaks_out_of_its_line(one: Briefing) -> None:
    """No control character, line break or direction override gets through, whatever a server answered."""
    lines = [message.headline(one), *message.history(one), *(detail.text for detail in message.details(one))]
    for text in lines:
        assert all(unicodedata.category(letter) not in ("Cc", "Cs") for letter in text), text
        assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
    assert "\x1b" not in render(one)


@given(hostile())
def test_slack_never_calls_everybody(one: Briefing) -> None:
    """Nothing in a Slack message is a mention or a link that somebody else wrote; Slack's limits are kept."""
    whole = head(one)
    raw = [reply(one)["text"], whole["text"], *(block["text"]["text"] for block in whole["blocks"])]
    for text in raw:
        assert "<!" not in text
        for word in ("@channel", "@here", "@everyone"):
            assert word not in text.lower()
    for block in whole["blocks"]:
        kind, text = block["type"], block["text"]["text"]
        assert 0 < len(text) <= {"header": 150, "section": 3000}[kind]
        if kind == "section":
            assert not set(text) & {"<", ">"}
    assert len(whole["blocks"]) <= 50


@given(hostile())
def test_no_header_can_be_forged(one: Briefing) -> None:
    """An e-mail has exactly the headers that we set, each once, and goes through the wire's encoding."""
    letter = compose(replace(one, recipient="team@acme.example"), "alerts@acme.example")
    raw = letter.as_bytes()
    lines = raw.split(b"\n\n")[0].split(b"\n")
    names = [line.split(b":")[0] for line in lines if not line.startswith((b" ", b"\t"))]
    assert sorted(names) == sorted(
        b"Message-ID Date From To Subject In-Reply-To References Auto-Submitted X-Saasobs-Notices MIME-Version"
        b" Content-Type".split()
    )
    markup = letter.get_body(("html",))
    assert markup is not None
    assert "<script" not in markup.get_content()


def test_a_payload_of_anything_is_json() -> None:
    """Half a surrogate pair in a name cannot keep a webhook from being sent."""
    one = briefing(incident=replace(INCIDENT, monitor="half \ud800", message="\udfff"))
    assert json.dumps(payload(one), ensure_ascii=False).encode()


# The golden page --------------------------------------------------------------------------------------------------


def page() -> str:
    """Every change over every channel, as a person would see it."""
    parts = ["Every change over every channel. Made by: " + WRITE]
    for name, one in SAMPLES.items():
        parts += ["", "=" * 100, name, "=" * 100]
        parts += ["", "--- console", render(one).rstrip()]
        parts += ["", "--- slack, the incident's message", _slack(one)]
        parts += ["", "--- slack, in its thread", reply(one)["text"]]
        parts += ["", "--- sms", message.sms(one)]
        parts += ["", "--- email", _mail(one)]
        parts += ["", "--- webhook", _webhook(one, whole=name == "down")]
    return "\n".join(parts) + "\n"


def _webhook(one: Briefing, *, whole: bool) -> str:
    """The whole payload once; then only what is different each time."""
    said = payload(one)
    chosen = said if whole else {key: said[key] for key in ("type", "changes", "notice_ids", "text")}
    return json.dumps(chosen, indent=2, ensure_ascii=False)


def _slack(one: Briefing) -> str:
    whole = head(one)
    return "\n".join([f"(notification) {whole['text']}", *(block["text"]["text"] for block in whole["blocks"])])


def _mail(one: Briefing) -> str:
    letter = compose(replace(one, recipient="team@acme.example"), "alerts@acme.example")
    body = letter.get_body(("plain",))
    assert body is not None
    headers = [f"{name}: {letter[name]}" for name in ("From", "To", "Date", "Subject", "Message-ID", "References")]
    return "\n".join([*headers, "", body.get_content().rstrip()])


def test_the_golden_page() -> None:
    """What people read has not changed; when it was meant to, the page is written anew and read by a person."""
    if os.environ.get("SAASOBS_WRITE_GOLDEN"):
        GOLDEN.write_text(page(), encoding="utf-8")
    assert page() == GOLDEN.read_text(encoding="utf-8"), f"write it anew and read the difference: {WRITE}"
