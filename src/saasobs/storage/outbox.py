"""Notices and the attempts to deliver them: the part of a transaction that the outbox works on.

How a claim goes (core.ports.Transaction.claim):

1. Leaders: pending notices of the channel whose time has come and that no live lease holds, critical first, then by
   `due_at`, up to the limit; none of a group (incident, recipient) in which another notice is under a live lease.
2. Fellows: every other pending notice of the leaders' groups that is due, whatever its own back-off.
3. All of them get the lease. Nothing but the writer's transaction keeps two claims apart; a database with several
   writers needs a row lock here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, literal_column, or_, select, tuple_, update

from saasobs.core.incident import Attempt, Incident, Notice, NoticeState
from saasobs.core.monitor import Severity
from saasobs.storage.part import Part
from saasobs.storage.rows import from_row, to_row
from saasobs.storage.tables import attempt_notices, attempts, incidents, message_references, notices

SENT = "sent"
"""The outcome of an accepted delivery (core.incident.Attempt)."""
_CHUNK = 500
"""Values in one IN list: databases bound their number."""

# Spelt out rather than bound: a partial index is used only when the planner can see that its condition holds.
_PENDING: ColumnElement[str] = literal_column(f"'{NoticeState.PENDING.value}'")
_NOBODY: ColumnElement[str] = literal_column("''")

_FREE = notices.c.suppression.is_(None)
_others = notices.alias()
_LEASE = (
    update(notices)
    .where(notices.c.id == bindparam("notice"))
    .values(lease_owner=bindparam("owner"), lease_until=bindparam("until"))
)
_OF_INCIDENT = (
    select(attempts)
    .join(
        attempt_notices,
        and_(attempt_notices.c.delivery_id == attempts.c.delivery_id, attempt_notices.c.at == attempts.c.at),
    )
    .join(notices, notices.c.id == attempt_notices.c.notice_id)
    .where(notices.c.incident_id == bindparam("incident"))
    .distinct()
    .order_by(attempts.c.at, attempts.c.delivery_id)
)


class Outbox(Part):
    """Methods of core.ports.Transaction."""

    def owe(self, new: Sequence[Notice]) -> None:
        """Insert; a notice that exists already stays as it is."""
        self._session.add_many(notices, [to_row(notice) for notice in new])

    def save_notice(self, notice: Notice) -> None:
        """Overwrite the whole row of an existing notice."""
        self._session.put(notices, to_row(notice))

    def save_notices(self, changed: Sequence[Notice]) -> None:
        """Overwrite the whole rows of existing notices."""
        self._session.put_all(notices, [to_row(notice) for notice in changed])

    def notices(self, incident_id: str) -> list[Notice]:
        """All of an incident, by due time."""
        wanted = select(notices).where(notices.c.incident_id == incident_id)
        ordered = wanted.order_by(notices.c.due_at, notices.c.occurrence, notices.c.step, notices.c.id)
        return [from_row(Notice, row) for row in self._session.all(ordered)]

    def notices_of(self, incident_ids: Iterable[str]) -> dict[str, list[Notice]]:
        """Of each of them, also of one that has none."""
        found: dict[str, list[Notice]] = {identity: [] for identity in incident_ids}
        wanted = list(found)
        for start in range(0, len(wanted), _CHUNK):
            some = select(notices).where(notices.c.incident_id.in_(wanted[start : start + _CHUNK]))
            for row in self._session.all(some.order_by(notices.c.due_at, notices.c.occurrence, notices.c.step)):
                found[row.incident_id].append(from_row(Notice, row))
        return found

    def claim(self, channel: str, owner: str, now: int, until: int, limit: int) -> list[Notice]:
        """Critical first, then by `due_at`; see the top of this file."""
        leaders = self._leaders(channel, now, limit)
        groups = {(notice.incident_id, notice.recipient) for notice in leaders}
        found = {notice.id: notice for notice in (*leaders, *self._fellows(channel, now, sorted(groups)))}
        if found:
            leases = [{"notice": identity, "owner": owner, "until": until} for identity in found]
            self._session.run(_LEASE, leases)
        leased = (replace(notice, lease_owner=owner, lease_until=until) for notice in found.values())
        return sorted(leased, key=_urgency)

    def release(self, owner: str) -> int:
        """Free every lease of an owner that has gone (all owners when empty); returns how many.

        What all owners held was in the hands of a run that died: it may have been sent, and counts as tried.
        """
        leased = update(notices).where(notices.c.lease_owner != _NOBODY)
        if owner:
            return self._session.run(leased.where(notices.c.lease_owner == owner).values(lease_owner="", lease_until=0))
        return self._session.run(leased.values(lease_owner="", lease_until=0, attempts=notices.c.attempts + 1))

    def set_back(self, micros: int) -> None:
        columns = (notices.c.due_at, notices.c.next_at, notices.c.expires_at)
        self._session.run(update(notices).where(_pending()).values({column: column - micros for column in columns}))

    def next_due(self, channel: str) -> int | None:
        """The earliest `next_at` of a pending notice of this channel."""
        row = self._session.one(select(func.min(notices.c.next_at)).where(_pending(), notices.c.channel == channel))
        return row[0] if row is not None else None

    def outbox(self, now: int) -> list[tuple[str, int, int]]:
        """(channel, pending notices that are due or were tried, the oldest due_at among them); none that is held."""
        wanted = (
            select(notices.c.channel, func.count(), func.min(notices.c.due_at))
            .where(_pending(), _FREE, or_(notices.c.due_at <= now, notices.c.attempts > 0))
            .group_by(notices.c.channel)
            .order_by(notices.c.channel)
        )
        return [(channel, count, oldest) for channel, count, oldest in self._session.all(wanted)]

    def unheard(self) -> list[Incident]:
        """Open, critical, not acknowledged; owed something, of which nothing was told or waits."""
        owed = notices.c.incident_id == incidents.c.id
        living = notices.c.state.in_([NoticeState.PENDING.value, NoticeState.SENT.value])
        wanted = select(incidents).where(
            incidents.c.ended_at == 0,
            incidents.c.acknowledged_at == 0,
            incidents.c.severity == Severity.CRITICAL.value,
            exists().where(owed),
            ~exists().where(owed, living),
        )
        return [from_row(Incident, row) for row in self._session.all(wanted.order_by(incidents.c.id))]

    def held(self) -> list[Notice]:
        """Every notice that is held, by due time."""
        wanted = select(notices).where(_pending(), ~_FREE).order_by(notices.c.due_at, notices.c.id)
        return [from_row(Notice, row) for row in self._session.all(wanted)]

    def pending_channels(self) -> list[str]:
        """Every channel that still owes something, configured or not."""
        wanted = select(notices.c.channel).where(_pending()).distinct().order_by(notices.c.channel)
        return [channel for (channel,) in self._session.all(wanted)]

    # Attempts and what channels remember ---------------------------------------------------------------------

    def record_attempt(self, attempt: Attempt) -> None:
        """Idempotent on (delivery, at)."""
        row = to_row(attempt)
        covered = row.pop("notice_ids")
        if self._session.add(attempts, row):
            key = (attempt.delivery_id, attempt.at)
            self._session.add_all(attempt_notices, [(*key, place, notice) for place, notice in enumerate(covered)])

    def attempts(self, incident_id: str) -> list[Attempt]:
        """Every attempt that covered a notice of this incident, oldest first."""
        found = self._session.all(_OF_INCIDENT, {"incident": incident_id})
        return [from_row(Attempt, row, notice_ids=self._covered(row.delivery_id, row.at)) for row in found]

    def count_sent(self, channel: str, since: int, recipient: str = "") -> int:
        """Accepted deliveries since a moment: what a cap is held against."""
        accepted = and_(attempts.c.channel == channel, attempts.c.at >= since, attempts.c.outcome == SENT)
        wanted = select(func.count()).select_from(attempts).where(accepted)
        row = self._session.one(wanted.where(attempts.c.recipient == recipient) if recipient else wanted)
        return int(row[0]) if row is not None else 0

    def reference(self, channel: str, recipient: str, incident_id: str) -> str:
        """What the last receipt for this incident and recipient said; empty when there was none."""
        kept = message_references.c
        row = self._session.one(
            select(kept.reference).where(
                kept.channel == channel, kept.recipient == recipient, kept.incident_id == incident_id
            )
        )
        return str(row[0]) if row is not None else ""

    def keep_reference(self, channel: str, recipient: str, incident_id: str, reference: str) -> None:
        row = {"channel": channel, "recipient": recipient, "incident_id": incident_id, "reference": reference}
        self._session.put(message_references, row)

    # How a claim finds its notices ---------------------------------------------------------------------------

    def _leaders(self, channel: str, now: int, limit: int) -> list[Notice]:
        held = select(_others.c.incident_id, _others.c.recipient).where(
            _others.c.channel == channel,
            _others.c.state == NoticeState.PENDING.value,
            _others.c.lease_owner != _NOBODY,
            _others.c.lease_until > now,
        )
        group = tuple_(notices.c.incident_id, notices.c.recipient)
        wanted = (
            select(notices)
            .where(_pending(), notices.c.channel == channel, notices.c.next_at <= now, group.not_in(held))
            .order_by(notices.c.severity != Severity.CRITICAL.value, notices.c.due_at, notices.c.id)
            .limit(limit)
        )
        return [from_row(Notice, row) for row in self._session.all(wanted)]

    def _fellows(self, channel: str, now: int, groups: Sequence[tuple[str, str]]) -> list[Notice]:
        found: list[Notice] = []
        for start in range(0, len(groups), _CHUNK):
            chunk = groups[start : start + _CHUNK]
            wanted = select(notices).where(
                _pending(),
                notices.c.channel == channel,
                notices.c.due_at <= now,
                tuple_(notices.c.incident_id, notices.c.recipient).in_(chunk),
            )
            found += [from_row(Notice, row) for row in self._session.all(wanted)]
        return found

    def _covered(self, delivery_id: str, at: int) -> tuple[str, ...]:
        kept = attempt_notices.c
        wanted = select(kept.notice_id).where(kept.delivery_id == delivery_id, kept.at == at).order_by(kept.position)
        return tuple(notice for (notice,) in self._session.all(wanted))


def _pending() -> ColumnElement[bool]:
    return notices.c.state == _PENDING


def _urgency(notice: Notice) -> tuple[bool, int, int, int, str]:
    return (notice.severity is not Severity.CRITICAL, notice.due_at, notice.occurrence, notice.step, notice.id)
