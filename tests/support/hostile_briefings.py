"""Briefings in which everything that others write, and everything that may be configured, is anything at all."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from saasobs.alerting.words import LANGUAGES
from saasobs.core.incident import Briefing, Change, Event, Topic
from saasobs.core.result import Reason
from saasobs.core.values import DAY, HOUR
from support.briefings import INCIDENT, NOW, briefing, ended

LINK = "https://alerts.acme.example/a/k3v9m2xa.QmFzZTY0dG9rZW4"
languages = st.sampled_from(sorted(LANGUAGES))
hostile = st.one_of(
    st.text(max_size=300),
    st.sampled_from(
        [
            "long " * 400,
            "\u202eevil",
            "a\r\nb",
            "[]{}|^~€" * 40,
            "日本語" * 50,
            "É" * 200,
            "",
            "status 500, expected 200",
        ]
    ),
)
zones = st.one_of(st.sampled_from(["UTC", "America/Lima", "Asia/Kathmandu", "Europe/Lisbon"]), st.text(max_size=20))
links = st.sampled_from(
    ["", LINK, "https://x.example/" + "a" * 90, "https://x.example/" + "a" * 300, "https://ñandú.example/é?ã"]
)


@st.composite
def briefings(draw: st.DrawFn) -> Briefing:
    changes = draw(
        st.sampled_from(
            [*((change,) for change in Change), (Change.OPENED, Change.RECOVERED), (Change.OPENED, Change.ESCALATED)]
        )
    )
    incident = replace(
        INCIDENT,
        monitor=draw(hostile) or "x",
        message=draw(hostile),
        reason=draw(st.sampled_from(Reason)),
        topic=draw(st.sampled_from(Topic)),
        acknowledged_at=draw(st.sampled_from([0, NOW])),
        acknowledged_by=draw(hostile),
        assigned_to=draw(hostile),
        snoozed_until=draw(st.sampled_from([0, NOW + HOUR])),
    )
    if changes[-1] in (Change.RECOVERED, Change.WITHDRAWN, Change.RESOLVED):
        incident = ended(changes[-1], after=draw(st.integers(0, 400)) * DAY, incident=incident)
    events = st.builds(Event, st.just("k3v9m2xa"), st.just(NOW), st.sampled_from(Change), hostile, hostile)
    return briefing(
        *changes,
        incident=incident,
        late=draw(st.integers(0, 40 * 24)) * HOUR,
        language=draw(languages),
        timezone=draw(zones),
        answer_url=draw(links),
        summary=draw(hostile),
        rounds=draw(st.integers(0, 99)),
        test=draw(st.booleans()),
        timeline=tuple(draw(st.lists(events, max_size=3))),
    )
