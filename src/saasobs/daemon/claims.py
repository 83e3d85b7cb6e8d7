"""From what is owed to messages that can be sent, within one transaction.

1. What is due over a channel is leased: all of it, so that a storm is seen whole.
2. What need not be told any more, or not to them, or not now, is taken out (`vetting`).
3. For each recipient, incidents get a message of their own or share one with others (`alerting.grouping`). What a group
   has to tell later is put off until then; it is in nobody's hands meanwhile. What has waited for the morning is told
   in one message of its own: a digest.
4. Nobody gets more than a few messages a minute about something new (`pace`): what comes after waits for a minute at
   most, and is then told together.
5. The rest becomes deliveries, critical ones first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from saasobs.alerting import grouping
from saasobs.alerting.grouping import News, Rule, Told
from saasobs.core.groups import Group, GroupKind, Member, Recent, Untold, group_id
from saasobs.core.incident import Briefing, Notice, NoticeState, delivery_id
from saasobs.core.monitor import Severity
from saasobs.core.ports import Clock, Transaction
from saasobs.core.values import MINUTE, SECOND
from saasobs.daemon import briefings, vetting
from saasobs.daemon.briefings import Briefings
from saasobs.daemon.delivery import Delivery, Route
from saasobs.daemon.pace import Pace, Turnstile
from saasobs.daemon.settling import Settling
from saasobs.daemon.vetting import Owing, Vetting

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


class Context(vetting.Context, briefings.Context, Protocol):
    """What the outbox asks of the rest of the daemon."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one claim found."""

    deliveries: Sequence[Delivery]
    next_due: int | None
    full: bool = False
    """There may be more that is due."""


class Claims:
    """Makes deliveries of what is owed."""

    def __init__(self, clock: Clock, context: Context, settling: Settling, owner: str) -> None:
        self._clock = clock
        self._settling = settling
        self._owner = owner
        self._context = context
        self._vetting = Vetting(context, settling)
        self._briefings = Briefings(context)
        self._pace = Pace()

    def take(self, transaction: Transaction, name: str) -> Claimed:
        """Inside one transaction: lease, suppress, expire, put off, and make deliveries of the rest."""
        route = self._settling.routes.get(name)
        if route is None:
            return Claimed((), None)
        now = self._clock.now()
        turnstile = Turnstile(self._pace, self._context.directory, name, now)
        desk = _Desk(self._vetting, self._briefings, turnstile, transaction, route, self._owner, now)
        deliveries = desk.take()
        return Claimed(deliveries, transaction.next_due(name), desk.full)

    def look_again(self, transaction: Transaction) -> bool:
        """The quiet hours may have changed. :returns: whether anything comes up for that."""
        return self._vetting.look_again(transaction, self._clock.now())

    def refused(self, delivery_id: str) -> None:
        """The provider did not take it: it is no message that anybody got."""
        self._pace.give_back(delivery_id)


@dataclass(slots=True)
class _Desk:
    """One claim over one channel."""

    vetting: Vetting
    briefings: Briefings
    turnstile: Turnstile
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
        by_recipient: dict[str, list[Owing]] = {}
        for case in self._owing(claimed):
            by_recipient.setdefault(case.recipient, []).append(case)
        singles: list[Owing] = []
        groups: list[Delivery] = []
        for recipient, cases in by_recipient.items():
            alone, together = self._apart(recipient, cases)
            singles += alone
            for group, members in together:
                groups += self._group(group, members)
        singles.sort(key=lambda case: (not case.critical, case.due_at))
        self._leave([notice for case in singles[SINGLES:] for notice in case.notices])
        deliveries = [*groups, *(one for case in singles[:SINGLES] for one in self._single(case))]
        return sorted(deliveries, key=_urgency)

    def _owing(self, claimed: Sequence[Notice]) -> list[Owing]:
        return self.vetting.owing(self.transaction, self.route.name, claimed, self.now)

    def _leave(self, notices: Sequence[Notice]) -> None:
        """For the next claim."""
        self.transaction.save_notices([replace(notice, lease_owner="", lease_until=0) for notice in notices])

    def _single(self, case: Owing) -> Iterator[Delivery]:
        """Its message, or nothing when that is for later."""
        grave, known = case.is_grave, self._goes_on(case)
        if self.rule.over and not known and not self.turnstile.room(case.person, critical=grave):
            at = self.turnstile.free_at(case.person, critical=grave)
            self._leave([replace(notice, next_at=at) for notice in case.notices])
            return
        reference = self.transaction.reference(self.route.name, case.recipient, case.incident.id)
        briefing = self._briefing(case)
        if not known:
            self.turnstile.note(case.person, briefing.delivery_id, critical=grave)
        yield Delivery(case.notices, briefing, reference)

    def _goes_on(self, case: Owing) -> bool:
        """Whether its recipient has had a message of its own about it, or may have had this one."""
        if not case.person or any(notice.attempts for notice in case.notices):
            return True
        mine = (self.route.name, case.recipient)
        return any(
            one.state is NoticeState.SENT and not one.group_id and (one.channel, one.recipient) == mine
            for one in self.transaction.notices(case.incident.id)
        )

    def _briefing(self, case: Owing) -> Briefing:
        return self.briefings.single(self.transaction, case, self.now)

    # Who shares a message --------------------------------------------------------------------------------------

    def _apart(self, recipient: str, cases: Sequence[Owing]) -> tuple[list[Owing], Iterable[tuple[Group, list[Owing]]]]:
        """Those with a message of their own, and those of each group; whoever is new to a group has joined it."""
        digests = [case for case in cases if case.digest]
        alone, together = self._sorted(recipient, [case for case in cases if not case.digest])
        return alone, [*together, *self._digest(recipient, digests)]

    def _digest(self, recipient: str, cases: Sequence[Owing]) -> Iterator[tuple[Group, list[Owing]]]:
        """One group for all; nobody joins it, for what happens to its incidents later is told like anything else."""
        if cases:
            name, kind = self.route.name, GroupKind.DIGEST
            identity = group_id(name, recipient, kind, [notice.id for case in cases for notice in case.notices])
            group = Group(identity, name, recipient, kind, self.now, self.now)
            self.transaction.save_group(group)
            yield group, list(cases)

    def _sorted(self, recipient: str, cases: Sequence[Owing]) -> tuple[list[Owing], list[tuple[Group, list[Owing]]]]:
        homes = self.transaction.homes(self.route.name, recipient, (case.incident.id for case in cases))
        news = {case.incident.id: case.news(homes) for case in cases}
        recent: Sequence[Recent] = ()
        if self.rule.over:
            recent = self.transaction.recent(self.route.name, recipient, self.now - self.rule.window, self.now)
        alone = self._few(cases, grouping.alone(tuple(news.values()), recent, self.rule))
        groups: dict[str, tuple[Group, list[Owing]]] = {}
        homeless: dict[GroupKind, list[Owing]] = {}
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

    def _few(self, cases: Sequence[Owing], alone: set[str]) -> set[str]:
        """Without those that share a message because there are more than one person is told one by one."""
        new = [case for case in cases if case.incident.id in alone and case.person and self.rule.over]
        room = self.turnstile.room(new[0].person, critical=any(case.is_grave for case in new)) if new else 0
        if len(new) <= max(1, room):
            return alone
        return alone - {case.incident.id for case in new if not self._goes_on(case)}

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

    def _group(self, group: Group, cases: Sequence[Owing]) -> Iterator[Delivery]:
        """The group's next message, or nothing when that is for later."""
        before = [notice for case in cases for notice in case.notices]
        notices = [replace(notice, group_id=group.id) for notice in before]
        if self.grouped >= GROUPED:
            self._leave(notices)
            return
        at = self._send_at(group, notices, incomplete=self.full and not all(notice.group_id for notice in before))
        person, grave = cases[0].person, any(case.is_grave for case in cases)
        if not self.turnstile.room(person, critical=grave):
            at = max(at, self.turnstile.free_at(person, critical=grave))
        if at > self.now and not any(notice.delivery_id for notice in notices):
            self._leave([replace(notice, next_at=at) for notice in notices])
            return
        waiting = self.transaction.claim_group(group.id, self.owner, self.now, self.now + LEASE)
        mine = {notice.id for notice in notices}
        rest = [notice for notice in waiting if notice.id not in mine]
        whole = _merged([*cases, *self._owing(rest)])
        told, left = _interrupted(whole) or (whole, [])
        self._leave([replace(notice, group_id=group.id) for case in left for notice in case.notices])
        delivery = self._delivery(group, told)
        self.turnstile.note(person, delivery.briefing.delivery_id, critical=grave)
        self.grouped += len(delivery.notices)
        yield delivery

    def _send_at(self, group: Group, notices: Sequence[Notice], *, incomplete: bool) -> int:
        """When to tell these, together with what the group has to tell already."""
        if group.kind is GroupKind.DIGEST:
            return self.now
        if incomplete:
            return self.now + GATHER
        untold = _untold(notices)
        if (before := self.transaction.untold(group.id)) is not None:
            untold = untold.with_(before)
        told = Told(group.told_at, group.critical_told_at)
        return grouping.send_at(untold, told, self.rule, edits=self.route.channel.edits, now=self.now)

    def _delivery(self, group: Group, cases: Sequence[Owing]) -> Delivery:
        notices = [notice for case in cases for notice in case.notices]
        identity = delivery_id(tuple(notice.id for notice in notices))
        marked = tuple(replace(notice, group_id=group.id, delivery_id=identity) for notice in notices)
        self.transaction.save_notices(marked)
        members = self._members(group, {case.incident.id: case for case in cases})
        briefing = self.briefings.group(self.transaction, group, cases, members, self.now)
        return Delivery(marked, briefing, group.reference)

    def _members(self, group: Group, told: Mapping[str, Owing]) -> list[Member]:
        """Everybody of whom this message speaks: critical first, then what is new, then as they opened."""
        members = [Member(one) for one in self.transaction.members(group.id) if one.id not in told]
        for case in told.values():
            target = self.briefings.target(case.incident)
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


def _merged(cases: Sequence[Owing]) -> list[Owing]:
    """One case for each incident, its notices in their order."""
    merged: dict[str, Owing] = {}
    for case in cases:
        known = merged.get(case.incident.id)
        notices = (*known.notices, *case.notices) if known else case.notices
        ordered = sorted(notices, key=lambda notice: (notice.due_at, notice.occurrence, notice.step))
        merged[case.incident.id] = Owing(case.incident, tuple(ordered), case.digest)
    return list(merged.values())


def _interrupted(cases: Sequence[Owing]) -> tuple[list[Owing], list[Owing]] | None:
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


def _only(case: Owing, marks: set[str]) -> Owing:
    return replace(case, notices=tuple(notice for notice in case.notices if notice.delivery_id in marks))


def _untold(notices: Sequence[Notice]) -> Untold:
    every = [notice.due_at for notice in notices]
    critical = [notice.due_at for notice in notices if notice.severity is Severity.CRITICAL]
    return Untold(min(every), max(every), min(critical, default=0), max(critical, default=0))


def _urgency(delivery: Delivery) -> tuple[bool, int]:
    critical = any(notice.severity is Severity.CRITICAL for notice in delivery.notices)
    return (not critical, delivery.notices[0].due_at)
