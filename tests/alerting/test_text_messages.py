"""Text messages in every language: one segment whatever has to go in, and what gives way for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting import group_message, gsm7, message
from saasobs.alerting.text_message import TextMessage, fitting_link, one_segment
from saasobs.alerting.words import LANGUAGES
from saasobs.core.groups import GroupBriefing, GroupKind
from saasobs.core.incident import Briefing, Change, Topic
from saasobs.core.values import MINUTE
from support.briefings import INCIDENT, ended, many, member
from support.hostile_briefings import LINK, briefings, hostile, languages, links, zones
from support.message_scenes import SCENES, scene


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("name", list(SCENES))
def test_every_scene_is_one_segment(language: str, name: str) -> None:
    """Whatever there is to tell, in any language; with nothing in it that a phone would show as a question mark."""
    told = scene(name, language)
    text = group_message.sms(told) if isinstance(told, GroupBriefing) else message.sms(told)
    assert gsm7.septets(text) <= gsm7.SEGMENT
    assert "?" not in text


@pytest.mark.parametrize(
    ("name", "spanish", "portuguese"),
    [
        (
            "down",
            f"CAIDO checkout: respondio 503, se esperaba 200-299 08:51 UTC-5 #k3v9m2xa {LINK}",
            f"FORA DO AR checkout: respondeu 503 (esperado: 200-299) 10:51 UTC-3 #k3v9m2xa {LINK}",
        ),
        (
            "recovered",
            "RECUPERADO checkout tras 19 min 09:10 UTC-5 #k3v9m2xa",
            "NO AR checkout apos 19 min 11:10 UTC-3 #k3v9m2xa",
        ),
        (
            "acknowledged",
            "CAIDO checkout: ana se esta encargando #k3v9m2xa",
            "FORA DO AR checkout: ana esta cuidando disso #k3v9m2xa",
        ),
    ],
)  # fmt: skip
def test_texts(name: str, spanish: str, portuguese: str) -> None:
    """Letters that the alphabet has stay (`é`, `ñ`, `à`), the others lose their marks."""
    for language, wanted in (("es", spanish), ("pt", portuguese)):
        told = scene(name, language)
        assert isinstance(told, Briefing)
        assert message.sms(told) == wanted


def test_the_order_in_which_things_give_way() -> None:
    """First the details of a sentence, then the middles of name and sentence, the lateness, the time, the sentence."""
    whole = TextMessage(
        state="DOWN",
        identity="#k3v9m2xa",
        name="checkout",
        sentence="the host did not accept the connection in time (checkout.acme.example:443 at 203.0.113.7, 10s)",
        plainer="the host did not accept the connection in time",
        time="14:01 UTC",
        late="(told 7m late)",
    )
    texts = [one_segment(replace(whole, link="https://a.example/" + "x" * more)) for more in range(128)]
    assert all(gsm7.septets(text) <= gsm7.SEGMENT and text.startswith("DOWN ") for text in texts)
    assert all("#k3v9m2xa https://a.example/x" in text for text in texts[1:])
    lost = [
        next(more for more, text in enumerate(texts) if part not in text)
        for part in ("203.0.113.7", whole.plainer, whole.late, whole.time, ": the", whole.name)
    ]
    assert lost == sorted(set(lost)), lost


def test_a_link_stands_whole_or_not_at_all() -> None:
    """Half a link opens nothing, and neither does one whose letters were replaced."""
    assert fitting_link(LINK, 120) == LINK
    assert fitting_link(LINK, len(LINK) - 1) == ""
    assert fitting_link("https://ñandú.example/", 120) == ""
    assert fitting_link("https://x.example/a b", 120) == ""


@given(briefings())
def test_any_text_is_one_segment(one: Briefing) -> None:
    """At most 160 septets; the incident's ID is whole, and so is the link, or it is not there."""
    text = message.sms(one)
    assert gsm7.septets(text) <= gsm7.SEGMENT
    assert f"#{one.incident.id}" in text
    assert "http" not in text.partition("#k3v9m2xa")[2] or text.endswith(one.answer_url)
    if one.answer_url == LINK and one.incident.open and not one.test:
        assert text.endswith(f"#{one.incident.id} {LINK}")


@given(
    st.lists(st.tuples(st.integers(0, 400), hostile, st.booleans(), st.sampled_from(Topic)), min_size=1, max_size=9),
    languages,
    zones,
    links,
    st.sampled_from(GroupKind),
    st.booleans(),
)
def test_any_text_about_many_is_one_segment(
    ones: list[Any], language: str, zone: str, link: str, kind: GroupKind, first: bool
) -> None:
    """The same of a group."""
    members = [
        member(number, Change.OPENED, incident=replace(ended() if over else INCIDENT, topic=topic))
        for number, _, over, topic in ones
    ]
    members = [
        replace(one, incident=replace(one.incident, monitor=name or "x"))
        for one, (_, name, _, _) in zip(members, ones, strict=True)
    ]
    group = many(*members, kind=kind, first=first, late=7 * MINUTE, language=language, timezone=zone, answer_url=link)
    text = group_message.sms(group)
    assert gsm7.septets(text) <= gsm7.SEGMENT
    assert f"#{group.group_id}" in text
    if link == LINK and group.open:
        assert text.endswith(LINK)
