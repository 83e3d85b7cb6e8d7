"""What a message has to say, gathered as facts: from the incident, its timeline, its monitor, and who is told.

Pure but for the transaction that it reads; the words are made in alerting/.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from saasobs.alerting.directory import Directory
from saasobs.alerting.links import render
from saasobs.alerting.received.about import About
from saasobs.core.groups import Group, GroupBriefing, Member
from saasobs.core.incident import Briefing, Incident, Link, Notice, NoticeState, Topic, delivery_id
from saasobs.core.monitor import Monitor
from saasobs.core.people import Person
from saasobs.core.ports import Transaction
from saasobs.core.result import Outcome, Result
from saasobs.daemon.vetting import Owing
from saasobs.probes.http.request import trace_id

TOLD = (NoticeState.SENT, NoticeState.PENDING)
ASKED = 5
"""Incidents of a group of which it is looked up who else is told: they fail together, and are mostly told alike."""


class Context(Protocol):
    """What it asks of the rest of the daemon."""

    @property
    def directory(self) -> Directory: ...

    @property
    def page_url(self) -> str: ...

    @property
    def links(self) -> Mapping[str, str]:
        """Templates, by what they lead to."""
        ...

    def monitor_or_none(self, name: str) -> Monitor | None: ...

    def reported(self, transaction: Transaction, incident: Incident) -> About | None:
        """What its alerts say; None: no others reported it."""
        ...

    def last_result(self, monitor: str) -> Result | None: ...

    def dependants(self, monitor: str) -> Sequence[str]:
        """The monitors that depend on it."""
        ...

    def answer_url(self, identity: str, who: str) -> str:
        """Where one tap of a person (else: a recipient) acknowledges an incident or a group; empty: nowhere."""
        ...


@dataclass(frozen=True, slots=True)
class Matter:
    """What an incident is about: a monitor of ours, or what others reported."""

    service: str
    monitor: str
    """Ours; empty: none."""
    target: str = ""
    description: str = ""
    runbook: str = ""
    tags: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    summary: str = ""
    """What others reported, where they say it in the reader's language."""


class Briefings:
    """Makes them, for the claims of every channel."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def single(self, transaction: Transaction, owing: Owing, now: int) -> Briefing:
        """A message about one incident."""
        incident, context = owing.incident, self._context
        person = self._person(owing.person, owing.notices[0].channel)
        matter = self._matter(transaction, incident, person.language)
        open_ = incident.open and not incident.acknowledged_at
        return Briefing(
            delivery_id=delivery_id(owing.ids),
            notice_ids=owing.ids,
            recipient=owing.recipient,
            incident=incident,
            changes=owing.changes,
            timeline=tuple(transaction.events(incident.id)),
            now=now,
            due_at=owing.due_at,
            target=matter.target,
            description=matter.description,
            runbook=matter.runbook,
            page_url=context.page_url,
            tags=matter.tags,
            person=person.name,
            language=person.language,
            timezone=person.timezone,
            answer_url=context.answer_url(incident.id, person.name or owing.recipient) if open_ else "",
            links=(*matter.links, *self._links(incident, matter)),
            also_told=also_told(owing, transaction.notices(incident.id)),
            affected=tuple(self._affected(incident, matter)),
            phases=self._phases(incident),
            rounds=self._rounds(incident),
            summary=matter.summary,
        )

    def group(
        self, transaction: Transaction, group: Group, owings: Sequence[Owing], members: Sequence[Member], now: int
    ) -> GroupBriefing:
        """A message about many."""
        notices = sorted((one for owing in owings for one in owing.notices), key=lambda one: (one.due_at, one.id))
        ids = tuple(one.id for one in notices)
        others = (name for owing in owings[:ASKED] for name in also_told(owing, transaction.notices(owing.incident.id)))
        person = self._person(next((owing.person for owing in owings if owing.person), ""), group.channel)
        grave = any(owing.is_grave for owing in owings)
        unclaimed = any(one.incident.open and not one.incident.acknowledged_at for one in members)
        return GroupBriefing(
            group_id=group.id,
            delivery_id=delivery_id(ids),
            notice_ids=ids,
            recipient=group.recipient,
            kind=group.kind,
            members=tuple(members),
            now=now,
            due_at=min(owing.due_at for owing in owings),
            first=not group.told_at,
            graver=bool(group.told_at) and not group.critical_told_at and grave,
            page_url=self._context.page_url,
            person=person.name,
            language=person.language,
            timezone=person.timezone,
            answer_url=self._context.answer_url(group.id, person.name or group.recipient) if unclaimed else "",
            also_told=tuple(dict.fromkeys(others)),
        )

    def target(self, incident: Incident) -> str:
        monitor = self._monitor(incident)
        return monitor.target if monitor else ""

    # The parts of a briefing ---------------------------------------------------------------------------------

    def _monitor(self, incident: Incident) -> Monitor | None:
        """What others reported may be called like a monitor of ours, and is not about it."""
        return self._context.monitor_or_none(incident.monitor) if incident.topic is not Topic.ALERT else None

    def _matter(self, transaction: Transaction, incident: Incident, language: str) -> Matter:
        if (about := self._context.reported(transaction, incident)) is not None:
            service = about.shared.get("service", incident.monitor)
            description = about.annotation("description", language) or about.description
            summary = about.annotation("summary", language)
            return Matter(
                service, about.monitor, about.source, description, about.runbook, about.tags, about.links, summary
            )
        monitor = self._monitor(incident)
        if monitor is None:
            return Matter(incident.monitor, incident.monitor)
        return Matter(monitor.name, monitor.name, monitor.target, monitor.description, monitor.runbook, monitor.tags)

    def _person(self, name: str, channel: str) -> Person:
        """Of a recipient who is nobody in particular: the language and the time zone of the channel."""
        directory = self._context.directory
        return directory.people.get(name) or directory.readers.get(channel) or Person("")

    def _rounds(self, incident: Incident) -> int:
        """How often its policy is gone through again at the most."""
        policy = self._context.directory.policies.get(incident.policy)
        return policy.repeat.times if policy is not None and policy.repeat is not None else 0

    def _links(self, incident: Incident, matter: Matter) -> Iterable[Link]:
        trace = trace_id(incident.correlation_id) if incident.correlation_id else ""
        facts = {
            "service": matter.service,
            "monitor": incident.monitor,
            "incident": incident.id,
            "correlation_id": incident.correlation_id,
            "trace_id": trace,
            "tenant": incident.tenant,
        }
        for label, template in self._context.links.items():
            if url := render(template, facts):
                yield Link(label, url)

    def _affected(self, incident: Incident, matter: Matter) -> Iterable[str]:
        """What depends on it, and whose it is."""
        yield from self._context.dependants(matter.monitor)
        if incident.tenant:
            yield incident.tenant

    def _phases(self, incident: Incident) -> tuple[tuple[str, int], ...]:
        """Of the check that failed last."""
        last = self._context.last_result(incident.monitor) if incident.topic is not Topic.ALERT else None
        if not incident.open or last is None or last.outcome not in (Outcome.DOWN, Outcome.DEGRADED):
            return ()
        return tuple(last.phases.items())


def also_told(owing: Owing, existing: Iterable[Notice]) -> tuple[str, ...]:
    """Who else hears of it, or will: people by their names, else channels, in the order in which they are told."""
    me = owing.person or owing.notices[0].channel
    told = sorted((one for one in existing if one.state in TOLD), key=lambda one: (one.due_at, one.step, one.channel))
    return tuple(name for name in dict.fromkeys(one.person or one.channel for one in told) if name != me)
