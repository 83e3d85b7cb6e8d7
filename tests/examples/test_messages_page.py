"""docs/messages.md shows what is really sent, in three languages."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from saasobs.alerting import group_message, message, spoken, template
from saasobs.alerting.words import LANGUAGES
from saasobs.core.groups import GroupBriefing
from support.message_scenes import SCENES, scene
from support.shown import SHOWN

PAGE = Path(__file__).parents[2] / "docs" / "messages.md"
WRITE = "SAASOBS_WRITE_GOLDEN=1 python -m pytest tests/examples/test_messages_page.py"
_BLOCK = re.compile(r"<!-- (message|template): (.+?) -->\n```text\n(.*?)```", re.DOTALL)
_TABLE = re.compile(r"(<!-- headlines -->\n\|[^\n]+\n\|[^\n]+\n)((?:\|[^\n]*\n)*)")
HEADLINES = (
    "degraded", "worse than was told", "better than was told", "reminded", "acknowledged", "handed back", "snoozed",
    "a snooze is over", "assigned", "noted", "recovered", "recovered before it could be told", "resolved by hand",
    "no longer watched", "a heartbeat that did not come", "a certificate runs out", "an error budget burns", "flapping",
    "our own network is down", "a channel gets nothing through", "a received alert", "a source has gone silent",
    "a test",
)  # fmt: skip


def rendered(kind: str, wanted: str) -> str:
    if kind == "template":
        return template.TEXTS[wanted]
    name, channel, language = wanted.rsplit(", ", 2)
    told = scene(name, language)
    if channel == "spoken":
        return spoken.voice(told)
    cards = SHOWN[channel](told)
    return "\n\n".join(text.strip() for _, text in cards)


def headlines() -> str:
    rows = []
    for name in HEADLINES:
        told = [scene(name, language) for language in ("en", "es", "pt")]
        lines = [(group_message if isinstance(one, GroupBriefing) else message).headline(one) for one in told]
        rows.append(f"| {name} | {' | '.join(line.replace('|', chr(92) + '|') for line in lines)} |\n")
    return "".join(rows)


def _block(found: re.Match[str]) -> str:
    return f"<!-- {found[1]}: {found[2]} -->\n```text\n{rendered(found[1], found[2])}\n```"


def page(text: str) -> str:
    """The page with what is really sent in its blocks."""
    text = _BLOCK.sub(_block, text)
    return _TABLE.sub(lambda found: found[1] + headlines(), text)


def test_the_page_shows_what_is_sent() -> None:
    """Word for word; when the words were meant to change, the page is written anew and read by a person."""
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("SAASOBS_WRITE_GOLDEN"):
        PAGE.write_text(page(text), encoding="utf-8")
        text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, f"write it anew and read the difference: {WRITE}"


def test_every_language_is_on_the_page() -> None:
    """Each way of telling is shown in all of them."""
    wanted = {found[2] for found in _BLOCK.finditer(PAGE.read_text(encoding="utf-8"))}
    for language in LANGUAGES:
        assert {language, f"down, email, {language}", f"down, spoken, {language}"} <= wanted
    assert set(HEADLINES) <= SCENES.keys()


@pytest.mark.parametrize("name", HEADLINES)
def test_no_headline_is_left_in_english(name: str) -> None:
    """Each differs between the languages."""
    assert len({rendered("message", f"{name}, sms, {language}") for language in LANGUAGES}) == len(LANGUAGES)
