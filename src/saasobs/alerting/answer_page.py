"""The page behind a one-tap link, in the words of whom it was sent to. Pure; the web room lays it out.

It says what is the matter and who has it already, so that nobody takes on what somebody else is doing. Nothing on it is
news: it is for whoever has the message in their hands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from saasobs.alerting import details, group_message, message
from saasobs.alerting.details import Fact
from saasobs.alerting.headline import person, reader_of
from saasobs.alerting.words import Reader, reader
from saasobs.core.answers import LINK_SNOOZE, AnswerPage, NoOffer, RefusedLink, Standing
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Incident

_SHOWN: Final = frozenset(
    {
        Fact.SINCE,
        Fact.LASTED,
        Fact.REASON,
        Fact.PHASES,
        Fact.TARGET,
        Fact.AFFECTED,
        Fact.NOTE,
        Fact.ACKNOWLEDGED,
        Fact.ASSIGNED,
        Fact.INCIDENT,
        Fact.REASONS,
        Fact.GROUP,
    }
)
_ROWS: Final = 20
"""Incidents that the page about many lists."""


def standing(incident: Incident) -> Standing:
    """How things stand with it."""
    if not incident.open:
        return Standing.OVER
    if incident.acknowledged_at:
        return Standing.SNOOZED if incident.snoozed_until else Standing.TAKEN
    return Standing.OPEN


def answer_page(briefing: Briefing) -> AnswerPage:
    """For whoever holds a valid link. `briefing` tells the incident as it is now, in the language of that person."""
    who = reader_of(briefing)
    said = who.words.answer_page
    return AnswerPage(
        language=who.words.code,
        standing=standing(briefing.incident),
        title=said.title,
        headline=message.headline(briefing),
        facts=tuple((one.label, one.text) for one in details.details(briefing) if one.fact in _SHOWN),
        said=_said(briefing, who),
        question=said.question,
        acknowledge=said.acknowledge,
        snooze=who.words.snooze_for(who.span(LINK_SNOOZE)),
        note=said.note,
    )


def group_page(group: GroupBriefing) -> AnswerPage:
    """The same about many: one tap answers for every one of them that is open."""
    who = reader_of(group)
    said = who.words.answer_page
    facts = [(one.label, one.text) for one in group_message.details(group) if one.fact in _SHOWN]
    rows = [(f"{row.symbol} {row.incident_id}", row.text) for row in group_message.rows(group, _ROWS)]
    left = group_message.left_out(group, _ROWS)
    return AnswerPage(
        language=who.words.code,
        standing=_standing_of([member.incident for member in group.open]),
        title=said.title,
        headline=group_message.headline(group),
        facts=tuple(facts),
        said=_said_of_many(group, who),
        question=said.question,
        acknowledge=said.acknowledge,
        snooze=who.words.snooze_for(who.span(LINK_SNOOZE)),
        note=said.note,
        rows=(*rows, *([("", left)] if left else [])),
    )


def _standing_of(open_: Sequence[Incident]) -> Standing:
    """Open as long as nobody is on one of them."""
    each = {standing(incident) for incident in open_}
    return next((one for one in (Standing.OPEN, Standing.SNOOZED, Standing.TAKEN) if one in each), Standing.OVER)


def _said_of_many(group: GroupBriefing, who: Reader) -> str:
    """Who has all of them, or that they are over; nothing while nobody is on one."""
    takers = {member.incident.acknowledged_by for member in group.open}
    if not takers:
        return who.words.answer_page.over
    if "" in takers:
        return ""
    if takers <= {group.person, group.recipient}:
        return who.words.answer_page.done
    return who.words.taken(", ".join(sorted(person(taker, who) for taker in takers)))


def no_offer(why: RefusedLink, language: str) -> NoOffer:
    """For anybody else."""
    words = reader(language, "UTC").words
    said = words.answer_page
    title, sentence = {
        RefusedLink.INVALID: (said.invalid_title, said.invalid),
        RefusedLink.EXPIRED: (said.expired_title, said.expired),
        RefusedLink.WAIT: (said.later_title, said.wait),
        RefusedLink.UNAVAILABLE: (said.later_title, said.unavailable),
    }[why]
    return NoOffer(why, words.code, title, sentence)


def _said(briefing: Briefing, who: Reader) -> str:
    """Who has it, or that it is over."""
    incident, words = briefing.incident, who.words
    if not incident.open:
        return words.answer_page.over
    if not incident.acknowledged_at:
        return ""
    taker = person(incident.acknowledged_by, who)
    if incident.snoozed_until:
        return words.snoozed(taker, who.clock(incident.snoozed_until, briefing.now))
    is_mine = incident.acknowledged_by in (briefing.person, briefing.recipient)
    return words.answer_page.done if is_mine else words.taken(taker)
