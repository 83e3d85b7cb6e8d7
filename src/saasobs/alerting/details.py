"""What stands below the headline of a message about one incident: labelled facts, the most helpful first. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from saasobs.alerting.headline import (
    ending,
    lasted,
    name,
    newest,
    person,
    reader_of,
    sentence_of,
)
from saasobs.alerting.hygiene import one_line
from saasobs.alerting.words import Reader
from saasobs.core.incident import Briefing, Change, Event
from saasobs.core.monitor import Severity
from saasobs.core.values import MINUTE

LATE: Final = MINUTE
"""A message that is later than this says so."""
_LISTED: Final = 8
"""Names in a list of others."""
_SHORT: Final = 60
_SLOW_SHARE: Final = 0.5


class Fact(StrEnum):
    """What a detail is about, whatever its label says in the reader's language."""

    LATE = "late"
    SINCE = "since"
    LASTED = "lasted"
    REASON = "reason"
    REASONS = "reasons"
    PHASES = "phases"
    TARGET = "target"
    AFFECTED = "affected"
    ABOUT = "about"
    NOTE = "note"
    TAGS = "tags"
    SEVERITY = "severity"
    TENANT = "tenant"
    CORRELATION_ID = "correlation_id"
    INCIDENT = "incident"
    GROUP = "group"
    PAGE = "page"
    RUNBOOK = "runbook"
    LINK = "link"
    ALSO_TOLD = "also_told"
    ASSIGNED = "assigned"
    SNOOZED = "snoozed"
    ACKNOWLEDGED = "acknowledged"
    ACKNOWLEDGE = "acknowledge"
    """A link (`url`), or a command."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One labelled line; `url` when the text is one that a person opens."""

    fact: Fact
    label: str
    text: str
    url: bool = False


def details(briefing: Briefing) -> tuple[Detail, ...]:
    """Empty facts are left out."""
    made = _of_test(briefing) if briefing.test else _details(briefing)
    return tuple(detail for detail in made if detail.text)


def late(due_at: int, now: int, who: Reader) -> str:
    """``told 7m late: it was due at 14:03 UTC``, or nothing when it is not late."""
    return who.words.told_late(who.span(now - due_at), who.clock(due_at, now)) if now - due_at > LATE else ""


def phases(briefing: Briefing) -> str:
    """``DNS 12ms · connect 30ms · first byte 3.2s (slow)``: where the failed check's time went."""
    who, whole = reader_of(briefing), sum(micros for _, micros in briefing.phases)
    said = []
    for phase, micros in briefing.phases:
        known = who.words.phases.get(phase, one_line(phase.replace("_", " "), _SHORT))
        part = f"{known} {who.fine(micros)}"
        slow = len(briefing.phases) > 1 and micros > _SLOW_SHARE * whole
        said.append(who.words.slow(part) if slow else part)
    return " · ".join(said)


def page_of(incident_id: str, page_url: str) -> str:
    """An incident's own page, or nothing where there is no page."""
    return f"{page_url.rstrip('/')}/incidents/{incident_id}" if page_url else ""


def line(briefing: Briefing, event: Event) -> str:
    """One line of the timeline: ``14:03 UTC opened: down: …``; its day too when that is not today."""
    who = reader_of(briefing)
    by = f" ({one_line(event.actor, _SHORT)})" if event.actor and event.actor not in event.text else ""
    said = one_line(who.sentence(one_line(event.text), briefing.now))
    return f"{who.clock(event.at, briefing.now)} {who.words.changes.get(event.change, event.change)}: {said}{by}"


def listed(names: tuple[str, ...], who: Reader) -> str:
    shown = [text for one in names[:_LISTED] if (text := one_line(one, _SHORT))]
    return who.words.names(shown, max(0, len(names) - _LISTED)) if shown else ""


def severity(briefing: Briefing, who: Reader) -> str:
    said = briefing.incident.severity
    return who.words.severities[said] if said is not Severity.CRITICAL else ""


def _details(briefing: Briefing) -> Iterator[Detail]:
    incident, who = briefing.incident, reader_of(briefing)
    labels, now = who.words.labels, briefing.now
    yield Detail(Fact.LATE, labels.late, late(briefing.due_at, now, who))
    yield _times(briefing, who)
    yield Detail(Fact.REASON, labels.reason, _explanation(briefing, who))
    yield Detail(Fact.PHASES, labels.phases, phases(briefing))
    yield Detail(Fact.TARGET, labels.target, one_line(briefing.target, 300))
    yield Detail(Fact.AFFECTED, labels.affected, listed(briefing.affected, who))
    yield Detail(Fact.ABOUT, labels.about, one_line(briefing.description))
    yield Detail(Fact.TAGS, labels.tags, one_line(", ".join(briefing.tags), 200))
    yield Detail(Fact.SEVERITY, labels.severity, severity(briefing, who))
    tenant = "" if incident.tenant in briefing.affected else one_line(incident.tenant, _SHORT)
    yield Detail(Fact.TENANT, labels.tenant, tenant)
    yield Detail(Fact.CORRELATION_ID, labels.correlation_id, one_line(incident.correlation_id, 128))
    yield Detail(Fact.INCIDENT, labels.incident, incident.id)
    yield Detail(Fact.PAGE, labels.page, one_line(page_of(incident.id, briefing.page_url)), url=True)
    yield Detail(Fact.RUNBOOK, labels.runbook, one_line(briefing.runbook), url=True)
    for link in briefing.links:
        label = who.words.links.get(link.label.lower(), one_line(link.label, _SHORT))
        yield Detail(Fact.LINK, label, one_line(link.url, 2_000), url=True)
    yield Detail(Fact.ALSO_TOLD, labels.also_told, listed(briefing.also_told, who))
    yield from _answers(briefing, who)


def _times(briefing: Briefing, who: Reader) -> Detail:
    incident, now, words = briefing.incident, briefing.now, who.words
    began, span = who.clock(incident.started_at, now), lasted(incident, now, who)
    if incident.open:
        return Detail(Fact.SINCE, words.labels.since, words.since(began, span))
    return Detail(Fact.LASTED, words.labels.lasted, words.lasted(began, who.clock(incident.ended_at, now), span))


def _explanation(briefing: Briefing, who: Reader) -> str:
    """What the headline does not say: the kind of failure while it is open, the failure itself once it is over."""
    said, kind = sentence_of(briefing), who.reason(briefing.incident.reason)
    if ending(briefing) is not None:
        return said
    return kind if kind not in said else ""


def _answers(briefing: Briefing, who: Reader) -> Iterator[Detail]:
    """Who is on it, or how to take it on."""
    incident, words, now = briefing.incident, who.words, briefing.now
    if note := newest(briefing, Change.NOTED):
        yield Detail(Fact.NOTE, words.labels.note, f"{person(note.actor, who)}: {one_line(note.text, 300)}")
    yield Detail(Fact.ASSIGNED, words.labels.assigned, one_line(incident.assigned_to, _SHORT))
    if incident.acknowledged_at:
        taker = words.acknowledged(person(incident.acknowledged_by, who), who.clock(incident.acknowledged_at, now))
        yield Detail(Fact.ACKNOWLEDGED, words.labels.acknowledged, taker)
        if incident.open and incident.snoozed_until:
            until = words.snoozed_until(who.clock(incident.snoozed_until, now))
            yield Detail(Fact.SNOOZED, words.labels.snoozed, until)
    elif incident.open and briefing.answer_url:
        yield Detail(Fact.ACKNOWLEDGE, words.labels.acknowledge, one_line(briefing.answer_url, 2_000), url=True)
    elif incident.open:
        yield Detail(Fact.ACKNOWLEDGE, words.labels.acknowledge, f"saasobs ack {incident.id}")


def _of_test(briefing: Briefing) -> Iterator[Detail]:
    who = reader_of(briefing)
    command = f"saasobs notify test {name(briefing.incident, who)}"
    yield Detail(Fact.REASON, who.words.labels.reason, command)
