"""Groups of incidents that one recipient is told of in one message: the part of a transaction that storms work on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, literal_column, or_, select, update

from saasobs.core.groups import Group, GroupKind, Recent, Untold
from saasobs.core.incident import Change, Incident, Notice, NoticeState
from saasobs.core.monitor import Severity
from saasobs.storage.part import Part
from saasobs.storage.rows import from_row, known, to_row
from saasobs.storage.session import Columns
from saasobs.storage.tables import group_members, incidents, message_groups, message_references, notices

_CHUNK = 500
"""Values in one IN list: databases bound their number."""

# Spelt out rather than bound: a partial index is used only when the planner can see that its condition holds.
_PENDING: ColumnElement[str] = literal_column(f"'{NoticeState.PENDING.value}'")
_SENT: ColumnElement[str] = literal_column(f"'{NoticeState.SENT.value}'")
_NONE: ColumnElement[str] = literal_column("''")

_told = notices.alias()
# The channel as an expression, so that SQLite goes by the incident and does not read all that the channel ever sent.
_HEARD = exists().where(
    _told.c.incident_id == group_members.c.incident_id,
    _told.c.channel.concat("") == group_members.c.channel,
    _told.c.recipient == group_members.c.recipient,
    _told.c.state == NoticeState.SENT.value,
)
_MEMBERS = (
    select(incidents)
    .join(group_members, group_members.c.incident_id == incidents.c.id)
    .where(group_members.c.group_id == bindparam("group"), _HEARD)
)
_kept = message_references.c
_OWN_REFERENCES = (
    select(_kept.incident_id, _kept.reference)
    .join(
        group_members,
        and_(
            group_members.c.channel == _kept.channel,
            group_members.c.recipient == _kept.recipient,
            group_members.c.incident_id == _kept.incident_id,
        ),
    )
    .where(group_members.c.group_id == bindparam("group"))
)
_IS_OPEN = exists().where(
    group_members.c.group_id == message_groups.c.id,
    incidents.c.id == group_members.c.incident_id,
    incidents.c.ended_at == 0,
)
_OF_GROUP = (notices.c.state == _PENDING, notices.c.group_id == bindparam("group"), notices.c.group_id != _NONE)
_UNTOLD = (
    select(notices.c.severity, func.min(notices.c.due_at), func.max(notices.c.due_at))
    .where(*_OF_GROUP)
    .group_by(notices.c.severity)
)
_LEASE = (
    update(notices)
    .where(notices.c.id == bindparam("notice"))
    .values(lease_owner=bindparam("owner"), lease_until=bindparam("until"))
)


class Groups(Part):
    """Methods of core.ports.Transaction."""

    def group(self, group_id: str) -> Group | None:
        row = self._session.one(select(message_groups).where(message_groups.c.id == group_id))
        return from_row(Group, row) if row is not None else None

    def growing_group(self, channel: str, recipient: str, kind: GroupKind, since: int) -> Group | None:
        """The newest group that an incident has joined since then; of failures, one that still has an open incident."""
        found = message_groups.c
        wanted = select(message_groups).where(
            found.channel == channel, found.recipient == recipient, found.kind == kind.value, found.joined_at > since
        )
        if kind is GroupKind.FAILURES:
            wanted = wanted.where(_IS_OPEN)
        row = self._session.one(wanted.order_by(found.joined_at.desc(), found.id).limit(1))
        return from_row(Group, row) if row is not None else None

    def save_group(self, group: Group) -> None:
        self._session.put(message_groups, to_row(group))

    def join_group(self, group: Group, incident_ids: Iterable[str]) -> None:
        """An incident that belonged to another group of this channel and recipient leaves that."""
        key = {"channel": group.channel, "recipient": group.recipient, "group_id": group.id}
        self._session.put_all(group_members, [{**key, "incident_id": identity} for identity in incident_ids])

    def homes(self, channel: str, recipient: str, incident_ids: Iterable[str]) -> dict[str, str]:
        """The group of each incident that belongs to one and was told of, by the incident's ID."""
        of = group_members.c
        found = self._chunks(
            incident_ids,
            lambda chunk: select(of.incident_id, of.group_id).where(
                of.channel == channel, of.recipient == recipient, of.incident_id.in_(chunk), _HEARD
            ),
        )
        return {row.incident_id: row.group_id for row in found}

    def members(self, group_id: str) -> list[Incident]:
        """Those of its incidents that its recipient was told of, in this group's message or before."""
        return [from_row(Incident, row) for row in self._session.all(_MEMBERS, {"group": group_id})]

    def own_references(self, group_id: str) -> dict[str, str]:
        """What was kept of the messages that a group's incidents had of their own, by the incident's ID."""
        return {row.incident_id: row.reference for row in self._session.all(_OWN_REFERENCES, {"group": group_id})}

    def incidents_of(self, incident_ids: Iterable[str]) -> dict[str, Incident]:
        """Those that exist, by their IDs."""
        found = self._chunks(incident_ids, lambda chunk: select(incidents).where(incidents.c.id.in_(chunk)))
        return {row.id: from_row(Incident, row) for row in found}

    def recent(self, channel: str, recipient: str, since: int, now: int) -> list[Recent]:
        """What was told in (since, now], and what groups have still to tell."""
        told = (notices.c.state == _SENT, notices.c.sent_at > since, notices.c.sent_at <= now)
        promised = (notices.c.state == _PENDING, notices.c.group_id != _NONE)
        theirs = (
            select(notices.c.incident_id, notices.c.change, notices.c.severity, message_groups.c.kind)
            .outerjoin(message_groups, message_groups.c.id == notices.c.group_id)
            .where(notices.c.channel == channel, notices.c.recipient == recipient)
        )
        # Two questions, since each has a partial index of its own.
        return [_recent(row) for which in (told, promised) for row in self._session.all(theirs.where(*which))]

    def untold(self, group_id: str) -> Untold | None:
        """How long its pending notices have waited; None when there are none."""
        rows = {severity: (first, last) for severity, first, last in self._session.all(_UNTOLD, {"group": group_id})}
        if not rows:
            return None
        critical = rows.get(Severity.CRITICAL.value, (0, 0))
        return Untold(min(first for first, _ in rows.values()), max(last for _, last in rows.values()), *critical)

    def claim_group(self, group_id: str, owner: str, now: int, until: int) -> list[Notice]:
        """Lease every pending notice of a group that no live lease holds, whatever it waits for."""
        free = or_(notices.c.lease_owner == _NONE, notices.c.lease_until <= now)
        wanted = select(notices).where(*_OF_GROUP, free).order_by(notices.c.due_at, notices.c.id)
        found = [from_row(Notice, row) for row in self._session.all(wanted, {"group": group_id})]
        if found:
            self._session.run(_LEASE, [{"notice": one.id, "owner": owner, "until": until} for one in found])
        return [replace(one, lease_owner=owner, lease_until=until) for one in found]

    def _chunks(self, values: Iterable[str], wanted: Callable[[Sequence[str]], Any]) -> list[Columns]:
        listed = sorted(set(values))
        found: list[Columns] = []
        for start in range(0, len(listed), _CHUNK):
            found += self._session.all(wanted(listed[start : start + _CHUNK]))
        return found


def _recent(row: Columns) -> Recent:
    incident, change, severity, kind = row
    group = known(GroupKind, kind) if kind is not None else None
    return Recent(incident, known(Change, change), severity == Severity.CRITICAL.value, group)
