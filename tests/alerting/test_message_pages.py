"""Every message of every channel in every language, on pages that a person can read (golden/messages.*.html)."""

from __future__ import annotations

import html
import os
from pathlib import Path

import pytest

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.words import LANGUAGES
from saasobs.core.groups import GroupBriefing, GroupKind
from saasobs.core.incident import Briefing, Change, Topic
from support.message_scenes import SCENES, ZONES, scene
from support.shown import SHOWN, Card, Told

GOLDEN = Path(__file__).parent / "golden"
WRITE = "SAASOBS_WRITE_GOLDEN=1 python -m pytest tests/alerting/test_message_pages.py"
UNTOLD = {Change.HELD, Change.RELEASED, Change.REROUTED}
"""What stands in timelines only."""

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1500px; padding: 0 1rem; }
nav a { margin-right: 1em; white-space: nowrap; }
section { border-top: 2px solid #444; margin-top: 2rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(440px, 1fr)); gap: 1rem; align-items: start; }
article { border: 1px solid #ccc; border-radius: 6px; padding: .2rem .8rem .6rem; overflow-wrap: anywhere; }
h3 { margin: .4rem 0; font-size: 1rem; } h4 { margin: .5rem 0 0; font-size: .8rem; color: #666; font-weight: normal; }
pre { white-space: pre-wrap; margin: .1rem 0; font: 13px/1.4 ui-monospace, monospace; }
"""


def page(language: str) -> str:
    links = "".join(f'<a href="#{_anchor(name)}">{html.escape(name)}</a>\n' for name in SCENES)
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head><meta charset="utf-8"><title>Messages: {language}</title>\n'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>Every message over every channel: {language}, "
        f"{ZONES[language]}</h1>\n<p>Made by: <code>{WRITE}</code></p>\n<nav>{links}</nav>\n"
        + "".join(_section(name, scene(name, language)) for name in SCENES)
        + "</body>\n</html>\n"
    )


def _section(name: str, told: Told) -> str:
    cards = {kind: SHOWN[kind](told) for kind in sorted(CHANNELS)}
    articles = "".join(_article(kind, shown) for kind, shown in cards.items())
    title = f'<section id="{_anchor(name)}">\n<h2>{html.escape(name)}</h2>\n'
    return f'{title}<div class="cards">\n{articles}</div></section>\n'


def _article(kind: str, cards: list[Card] | object) -> str:
    assert isinstance(cards, list)
    shown = "".join(f"<h4>{html.escape(title)}</h4><pre>{html.escape(text.rstrip())}</pre>" for title, text in cards)
    return f"<article><h3>{kind}</h3>{shown}</article>\n"


def _anchor(name: str) -> str:
    return name.replace(" ", "-").replace(",", "").replace("'", "")


def test_every_channel_has_its_place_on_the_pages() -> None:
    """A new kind of channel says in support/shown.py what a person sees of it."""
    assert set(CHANNELS) <= SHOWN.keys()


def test_every_change_topic_and_kind_of_group_has_a_scene() -> None:
    """Whatever can be told is on the pages."""
    singles = [told for told in SCENES.values() if isinstance(told, Briefing)]
    assert {change for told in singles for change in told.changes} == set(Change) - UNTOLD
    assert {told.incident.topic for told in singles} == set(Topic)
    kinds = {told.kind for told in SCENES.values() if isinstance(told, GroupBriefing)}
    assert kinds >= {GroupKind.FAILURES, GroupKind.DIGEST}
    assert any(told.test for told in singles)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_golden_page(language: str) -> None:
    """What people read has not changed; when it was meant to, the page is written anew and read by a person."""
    file = GOLDEN / f"messages.{language}.html"
    made = page(language)
    if os.environ.get("SAASOBS_WRITE_GOLDEN"):
        file.write_text(made, encoding="utf-8")
    assert made == file.read_text(encoding="utf-8"), f"write it anew and read the difference: {WRITE}"
