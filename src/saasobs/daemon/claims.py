"""From what is owed to messages that can be sent, within one transaction.

1. What is due over a channel is leased: all of it, so that a storm is seen whole.
2. What need not be told any more is suppressed, and what is too old expires (its fallback is owed).
3. For each recipient, incidents get a message of their own or share one with others (`alerting.grouping`). What a group
   has to tell later is put off until then; it is in nobody's hands meanwhile.
4. The rest becomes deliveries, critical ones first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from saasobs.alerting import grouping
from saasobs.alerting.grouping import News, Rule, Told
from saasobs.core.groups import Group, GroupBriefing, GroupKind, Member, Recent, Untold, group_id
from saasobs.core.incident import Briefing, Change, Incident, Notice, NoticeState, Suppression, delivery_id
from saasobs.core.monitor import Monitor, Severity
from saasobs.core.ports import Clock, Transaction
from saasobs.core.values import MINUTE, SECOND
from saasobs.daemon.delivery import Delivery, Route, freed
from saasobs.daemon.settling import Settling

LEASE = 2 * MINUTE
CLAIM_LIMIT = 2_000
"""Notices that are looked at together; where more are due, those that are new to a group wait for the rest of it."""
GATHER = 20 * SECOND
"""So long they wait at the most: the claim that finds no more sends what it touches."""
GROUPED = 3_000
"""Notices that one claim puts into groups' messages, give or take one group: the writer is not held for long."""
SINGLES = 20
"""Messages about one incident that one claim hands out; more are left for the next one, which may find a storm."""
OWN_MESSAGES = 20
"""Earlier messages of single incidents that a group's message brings up to date."""

log = structlog.get_logger("saasobs.outbox")


class Context(Protocol):
    """What the outbox asks of the rest of the daemon."""

    def monitor_or_none(self, name: str) -> Monitor | None: ...

    def holds_back(self, transaction: Transaction, notice: Notice, incident: Incident) -> bool:
        """Whether it must not be sent now; what becomes of it is written down then."""
        ...

    @property
    def page_url(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one claim found."""

    deliveries: Sequence[Delivery]
    next_due: int | None
    full: bool = False
    """There may be more that is due."""


@dataclass(frozen=True, slots=True)
class _Case:
    """What is owed to one recipient about one incident."""

    incident: Incident
    notices: tuple[Notice, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(dict.fromkeys(notice.change for notice in self.notices))

    @property
    def critical(self) -> bool:
        return any(notice.severity is Severity.CRITICAL for notice in self.notices)

    @property
    def is_grave(self) -> bool:
        return self.critical and self.incident.open

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(notice.id for notice in self.notices)

    @property
    def due_at(self) -> int:
        return self.notices[0].due_at

    def news(self, homes: Mapping[str, str]) -> News:
        promised = next((notice.group_id for notice in self.notices if notice.group_id), "")
        home = homes.get(self.incident.id, promised)
        return News(self.incident.id, self.changes, self.critical, home, assigned=bool(promised))


class Claims:
    """Makes deliveries of what is owed."""

    def __init__(self, clock: Clock, context: Context, settling: Settling, owner: str) -> None:
        self._clock = clock
        self._context = context
        self._settling = settling
        self._owner = owner

    def take(self, transaction: Transaction, name: str) -> Claimed:
        """Inside one transaction: lease, suppress, expire, put off, and make deliveries of the rest."""
        route = self._settling.routes.get(name)
        if route is None:
            return Claimed((), None)
        desk = _Desk(self, transaction, route, self._owner, self._clock.now())
        deliveries = desk.take()
        return Claimed(deliveries, transaction.next_due(name), desk.full)

    def cases(self, transaction: Transaction, name: str, claimed: Sequence[Notice], now: int) -> list[_Case]:
        """What is left of it to tell, by recipient and incident; the rest is closed."""
        incidents = transaction.incidents_of(notice.incident_id for notice in claimed)
        by_case: dict[tuple[str, str], list[Notice]] = {}
        for notice in sorted(claimed, key=lambda notice: (notice.due_at, notice.occurrence, notice.step)):
            incident = incidents.get(notice.incident_id)
            if incident is None:
                log.error("outbox.incident_missing", incident=notice.incident_id)
                self._settling.close(transaction, notice, NoticeState.FAILED, "its incident is missing")
            elif self._is_live(transaction, notice, incident, name, now):
                by_case.setdefault((notice.recipient, notice.incident_id), []).append(notice)
        return [_Case(incidents[about], tuple(notices)) for (_, about), notices in by_case.items()]

    def _is_live(self, transaction: Transaction, notice: Notice, incident: Incident, name: str, now: int) -> bool:
        """Whether it is still to be told; closes it otherwise."""
        if notice.unless_acknowledged and incident.acknowledged_at:
            settled = replace(freed(notice), state=NoticeState.SUPPRESSED, suppression=Suppression.ACKNOWLEDGED)
            transaction.save_notice(settled)
            return False
        if self._context.holds_back(transaction, notice, incident):
            return False
        if self._is_over(notice, incident, name, now):
            detail = notice.detail or "could not be delivered in time"
            self._settling.close(transaction, notice, NoticeState.EXPIRED, detail)
            self._settling.fall_back(transaction, notice, name, now)
            return False
        return True

    def _is_over(self, notice: Notice, incident: Incident, name: str, now: int) -> bool:
        """Too old to be told: never before it was tried, nor while the outage goes on and nobody else could tell it."""
        routes = self._settling.routes
        route = routes.get(name)
        somebody_else = bool(route and route.fallback in routes)
        return now >= notice.expires_at and notice.attempts > 0 and (somebody_else or not incident.open)

    def briefing(self, transaction: Transaction, case: _Case, now: int) -> Briefing:
        """What a message about one incident has to say."""
        incident = case.incident
        monitor = self._context.monitor_or_none(incident.monitor)
        return Briefing(
            delivery_id=delivery_id(case.ids),
            notice_ids=case.ids,
            recipient=case.notices[0].recipient,
            incident=incident,
            changes=case.changes,
            timeline=tuple(transaction.events(incident.id)),
            now=now,
            due_at=case.due_at,
            target=monitor.target if monitor else "",
            description=monitor.description if monitor else "",
            runbook=monitor.runbook if monitor else "",
            page_url=self.page_url,
            tags=monitor.tags if monitor else (),
        )

    def target(self, incident: Incident) -> str:
        monitor = self._context.monitor_or_none(incident.monitor)
        return monitor.target if monitor else ""

    @property
    def page_url(self) -> str:
        return self._context.page_url


@dataclass(slots=True)
class _Desk:
    """One claim over one channel."""

    claims: Claims
    transaction: Transaction
    route: Route
    owner: str
    now: int
    full: bool = False
    grouped: int = 0

    @property
    def rule(self) -> Rule:
        return self.route.grouping

    def take(self) -> list[Delivery]:
        until = self.now + LEASE
        limit = CLAIM_LIMIT if self.rule.over else SINGLES
        claimed = self.transaction.claim(self.route.name, self.owner, self.now, until, limit)
        self.full = len(claimed) >= limit
        by_recipient: dict[str, list[_Case]] = {}
        for case in self.claims.cases(self.transaction, self.route.name, claimed, self.now):
            by_recipient.setdefault(case.notices[0].recipient, []).append(case)
        singles: list[_Case] = []
        groups: list[Delivery] = []
        for recipient, cases in by_recipient.items():
            alone, together = self._apart(recipient, cases)
            singles += alone
            for group, members in together:
                groups += self._group(group, members)
        singles.sort(key=lambda case: (not case.critical, case.due_at))
        self._leave([notice for case in singles[SINGLES:] for notice in case.notices])
        deliveries = [*groups, *(self._single(case) for case in singles[:SINGLES])]
        return sorted(deliveries, key=_urgency)

    def _leave(self, notices: Sequence[Notice]) -> None:
        """For the next claim."""
        self.transaction.save_notices([replace(notice, lease_owner="", lease_until=0) for notice in notices])

    def _single(self, case: _Case) -> Delivery:
        recipient = case.notices[0].recipient
        reference = self.transaction.reference(self.route.name, recipient, case.incident.id)
        return Delivery(case.notices, self._briefing(case), reference)

    def _briefing(self, case: _Case) -> Briefing:
        return self.claims.briefing(self.transaction, case, self.now)

    # Who shares a message --------------------------------------------------------------------------------------

    def _apart(self, recipient: str, cases: Sequence[_Case]) -> tuple[list[_Case], Iterable[tuple[Group, list[_Case]]]]:
        """Those with a message of their own, and those of each group; whoever is new to a group has joined it."""
        homes = self.transaction.homes(self.route.name, recipient, (case.incident.id for case in cases))
        news = {case.incident.id: case.news(homes) for case in cases}
        recent: Sequence[Recent] = ()
        if self.rule.over:
            recent = self.transaction.recent(self.route.name, recipient, self.now - self.rule.window, self.now)
        alone = grouping.alone(tuple(news.values()), recent, self.rule)
        groups: dict[str, tuple[Group, list[_Case]]] = {}
        homeless: dict[GroupKind, list[_Case]] = {}
        for case in cases:
            one = news[case.incident.id]
            group = self.transaction.group(one.home) if one.home and one.home not in groups else None
            if group is not None:
                groups[group.id] = (group, [])
            if one.incident_id in alone:
                continue
            if one.home in groups:
                groups[one.home][1].append(case)
            else:
                homeless.setdefault(one.kind, []).append(case)
        for kind, newcomers in homeless.items():
            joined = self._join(recipient, kind, [news[case.incident.id] for case in newcomers], recent)
            groups.setdefault(joined.id, (joined, []))[1].extend(newcomers)
        together = [(group, members) for group, members in groups.values() if members]
        return [case for case in cases if case.incident.id in alone], together

    def _join(self, recipient: str, kind: GroupKind, newcomers: Sequence[News], recent: Sequence[Recent]) -> Group:
        """The group that is growing just now, or a new one."""
        ids = [one.incident_id for one in newcomers]
        name, now = self.route.name, self.now
        group = self.transaction.growing_group(name, recipient, kind, now - self.rule.window)
        if group is None:
            group = Group(group_id(name, recipient, kind, ids), name, recipient, kind, now, now)
        self.transaction.save_group(replace(group, joined_at=now))
        if kind is GroupKind.FAILURES:
            before = self.transaction.incidents_of(grouping.counted_in(newcomers, recent))
            elsewhere = self.transaction.homes(name, recipient, before)
            ids += [identity for identity, one in before.items() if one.open and identity not in elsewhere]
        self.transaction.join_group(group, ids)
        return group

    # A group's message -----------------------------------------------------------------------------------------

    def _group(self, group: Group, cases: Sequence[_Case]) -> Iterator[Delivery]:
        """The group's next message, or nothing when that is for later."""
        before = [notice for case in cases for notice in case.notices]
        notices = [replace(notice, group_id=group.id) for notice in before]
        if self.grouped >= GROUPED:
            self._leave(notices)
            return
        at = self._send_at(group, notices, incomplete=self.full and not all(notice.group_id for notice in before))
        if at > self.now and not any(notice.delivery_id for notice in notices):
            self._leave([replace(notice, next_at=at) for notice in notices])
            return
        waiting = self.transaction.claim_group(group.id, self.owner, self.now, self.now + LEASE)
        mine = {notice.id for notice in notices}
        rest = [notice for notice in waiting if notice.id not in mine]
        whole = _merged([*cases, *self.claims.cases(self.transaction, self.route.name, rest, self.now)])
        told, left = _interrupted(whole) or (whole, [])
        self._leave([replace(notice, group_id=group.id) for case in left for notice in case.notices])
        delivery = self._delivery(group, told)
        self.grouped += len(delivery.notices)
        yield delivery

    def _send_at(self, group: Group, notices: Sequence[Notice], *, incomplete: bool) -> int:
        """When to tell these, together with what the group has to tell already."""
        if incomplete:
            return self.now + GATHER
        untold = _untold(notices)
        if (before := self.transaction.untold(group.id)) is not None:
            untold = untold.with_(before)
        told = Told(group.told_at, group.critical_told_at)
        return grouping.send_at(untold, told, self.rule, edits=self.route.channel.edits, now=self.now)

    def _delivery(self, group: Group, cases: Sequence[_Case]) -> Delivery:
        notices = [notice for case in cases for notice in case.notices]
        ids = tuple(notice.id for notice in sorted(notices, key=lambda notice: (notice.due_at, notice.id)))
        identity = delivery_id(ids)
        marked = tuple(replace(notice, group_id=group.id, delivery_id=identity) for notice in notices)
        self.transaction.save_notices(marked)
        members = self._members(group, {case.incident.id: case for case in cases})
        briefing = GroupBriefing(
            group_id=group.id,
            delivery_id=identity,
            notice_ids=ids,
            recipient=group.recipient,
            kind=group.kind,
            members=tuple(members),
            now=self.now,
            due_at=min(case.due_at for case in cases),
            first=not group.told_at,
            graver=bool(group.told_at) and not group.critical_told_at and any(case.is_grave for case in cases),
            page_url=self.claims.page_url,
        )
        return Delivery(marked, briefing, group.reference)

    def _members(self, group: Group, told: Mapping[str, _Case]) -> list[Member]:
        """Everybody of whom this message speaks: critical first, then what is new, then as they opened."""
        members = [Member(one) for one in self.transaction.members(group.id) if one.id not in told]
        for case in told.values():
            target = self.claims.target(case.incident)
            members += [Member(case.incident, case.changes, case.ids, target)]
        members.sort(key=_rank)
        own = self.transaction.own_references(group.id)
        stale = [member.incident.id for member in members if member.changes and member.incident.id in own]
        briefings = {identity: self._briefing(told[identity]) for identity in stale[:OWN_MESSAGES]}
        return [
            replace(member, alone=briefings[member.incident.id], reference=own[member.incident.id])
            if member.incident.id in briefings
            else member
            for member in members
        ]


def _rank(member: Member) -> tuple[bool, bool, int, str]:
    incident = member.incident
    return (incident.severity is not Severity.CRITICAL, not member.changes, incident.opened_at, incident.monitor)


def _merged(cases: Sequence[_Case]) -> list[_Case]:
    """One case for each incident, its notices in their order."""
    merged: dict[str, _Case] = {}
    for case in cases:
        known = merged.get(case.incident.id)
        notices = (*known.notices, *case.notices) if known else case.notices
        ordered = sorted(notices, key=lambda notice: (notice.due_at, notice.occurrence, notice.step))
        merged[case.incident.id] = _Case(case.incident, tuple(ordered))
    return list(merged.values())


def _interrupted(cases: Sequence[_Case]) -> tuple[list[_Case], list[_Case]] | None:
    """The message that was on its way when the last run ended, and what is not part of it; None: there was none.

    It is sent again as it was, under the same ID, so that whoever got it already knows it again.
    """
    marks = {notice.delivery_id for case in cases for notice in case.notices if notice.delivery_id}
    for mark in sorted(marks):
        told = [_only(case, {mark}) for case in cases]
        again = [case for case in told if case.notices]
        if delivery_id(tuple(identity for case in again for identity in case.ids)) == mark:
            left = [_only(case, {"", *marks} - {mark}) for case in cases]
            return again, [case for case in left if case.notices]
    return None


def _only(case: _Case, marks: set[str]) -> _Case:
    return replace(case, notices=tuple(notice for notice in case.notices if notice.delivery_id in marks))


def _untold(notices: Sequence[Notice]) -> Untold:
    every = [notice.due_at for notice in notices]
    critical = [notice.due_at for notice in notices if notice.severity is Severity.CRITICAL]
    return Untold(min(every), max(every), min(critical, default=0), max(critical, default=0))


def _urgency(delivery: Delivery) -> tuple[bool, int]:
    critical = any(notice.severity is Severity.CRITICAL for notice in delivery.notices)
    return (not critical, delivery.notices[0].due_at)
