"""A message as the parameters of a template that a provider has approved beforehand (WhatsApp Business). Pure.

The template's own text is fixed with the provider, once for each language (docs/messages.md has it); a parameter is
plain: one line, no tab, never more than four blanks in a row, never empty, and all of them with the template's text
within its 1024 characters. https://developers.facebook.com/docs/whatsapp/message-templates/guidelines
"""

from __future__ import annotations

from typing import Final

from saasobs.alerting import details, group_message, message
from saasobs.alerting.details import Detail, Fact
from saasobs.alerting.headline import reader_of
from saasobs.alerting.hygiene import one_line
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing

COUNT: Final = 4
_HEADLINE: Final = 300
_PART: Final = 200
_NOTHING: Final = "-"

TEXTS: Final = {
    "en": "saasobs: {{1}}\n\nSince: {{2}}\nIncident: {{3}}\nTo take it on: {{4}}\n\n"
    "You get this because you are on call.",
    "es": "saasobs: {{1}}\n\nDesde: {{2}}\nIncidente: {{3}}\nPara tomarlo: {{4}}\n\nTe llega porque estás de guardia.",
    "pt": "saasobs: {{1}}\n\nDesde: {{2}}\nIncidente: {{3}}\nPara assumir: {{4}}\n\n"
    "Você recebe isto porque está de plantão.",
}
"""What to have approved, by language."""


def template_parameters(told: Briefing | GroupBriefing) -> tuple[str, ...]:
    """Always `COUNT` of them: the headline, since when, the ID, how to take it on."""
    if isinstance(told, GroupBriefing):
        headline, below, identity = group_message.headline(told), group_message.details(told), told.group_id
    else:
        headline, below, identity = message.headline(told), details.details(told), told.incident.id
    times = _text(below, Fact.SINCE) or _text(below, Fact.LASTED)
    answer = _text(below, Fact.ACKNOWLEDGE) or _text(below, Fact.ACKNOWLEDGED)
    parts = ((headline, _HEADLINE), (times, _PART), (f"#{identity}", _PART), (answer, _PART))
    return tuple(one_line(text, limit) or _NOTHING for text, limit in parts)


def language(told: Briefing | GroupBriefing) -> str:
    """The code of the template: ``pt_BR``."""
    return reader_of(told).words.template


def _text(below: tuple[Detail, ...], fact: Fact) -> str:
    return next((detail.text for detail in below if detail.fact is fact), "")
