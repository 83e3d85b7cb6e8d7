"""What has come due is looked at once more before it is told: is it still needed, still for them, and is now the time?

In this order, inside the transaction that claims it:

1. A notice that an acknowledgement or a hold stops, or that is too old, is not told (its fallback is owed).
2. One whose person is no longer on call, or is reached elsewhere by now, is handed over (`alerting.handover`).
3. What can wait waits for the end of the quiet hours (`alerting.quiet_hours`). What has waited is told as a digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from saasobs.alerting.answers import superseded
from saasobs.alerting.directory import Directory
from saasobs.alerting.grouping import News
from saasobs.alerting.handover import hand_over, still_right
from saasobs.alerting.hold import is_quiet
from saasobs.alerting.policy import STEPPED
from saasobs.alerting.quiet_hours import can_wait, kept_otherwise, put_off, quiet_until, rouse
from saasobs.core.incident import Change, Incident, Notice, NoticeState, Suppression
from saasobs.core.monitor import Severity
from saasobs.core.ports import Transaction
from saasobs.core.values import to_datetime
from saasobs.daemon.delivery import freed
from saasobs.daemon.settling import Settling

log = structlog.get_logger("saasobs.outbox")


class Context(Protocol):
    """What it asks of the rest of the daemon."""

    @property
    def directory(self) -> Directory: ...

    def holds_back(self, transaction: Transaction, notice: Notice, incident: Incident) -> bool:
        """Whether it must not be sent now; what becomes of it is written down then."""
        ...


@dataclass(frozen=True, slots=True)
class Owing:
    """What is owed to one recipient about one incident."""

    incident: Incident
    notices: tuple[Notice, ...]
    digest: bool = False
    """Some of it has waited for the morning."""

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(dict.fromkeys(notice.change for notice in self.notices))

    @property
    def recipient(self) -> str:
        return self.notices[0].recipient

    @property
    def person(self) -> str:
        return next((notice.person for notice in self.notices if notice.person), "")

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


class Vetting:
    """Looks at what one claim has found."""

    def __init__(self, context: Context, settling: Settling) -> None:
        self._context = context
        self._settling = settling

    def owing(self, transaction: Transaction, name: str, claimed: Sequence[Notice], now: int) -> list[Owing]:
        """What is left of it to tell over a channel, by recipient and incident; the rest is written down."""
        incidents = transaction.incidents_of(notice.incident_id for notice in claimed)
        cases: dict[tuple[str, str], list[Notice]] = {}
        for notice in sorted(claimed, key=lambda notice: (notice.due_at, notice.occurrence, notice.step)):
            if notice.incident_id in incidents:
                cases.setdefault((notice.recipient, notice.incident_id), []).append(notice)
            else:
                log.error("outbox.incident_missing", incident=notice.incident_id)
                self._settling.close(transaction, notice, NoticeState.FAILED, "its incident is missing")
        found = (self._left(transaction, incidents[about], one, name, now) for (_, about), one in cases.items())
        return [owing for owing in found if owing is not None]

    def _left(
        self, transaction: Transaction, incident: Incident, notices: Sequence[Notice], name: str, now: int
    ) -> Owing | None:
        """What is left of one case to tell now."""
        live = [one for one in notices if self._is_live(transaction, one, incident, name, now)]
        if live and len(live) < len(notices) and not _begins(live) and not _has_heard(transaction, live[0]):
            self._drop_unheard(transaction, live, name, now)
            return None
        owing = self._still_theirs(transaction, Owing(incident, tuple(live)), now) if live else None
        return self._awake(transaction, owing, now) if owing is not None else None

    def _drop_unheard(self, transaction: Transaction, notices: Sequence[Notice], name: str, now: int) -> None:
        """How it went on is of no use to somebody who was never told how it began."""
        for notice in notices:
            self._settling.close(transaction, notice, NoticeState.EXPIRED, "its beginning was never told")
            self._settling.owe_fallback(transaction, notice, self._fallback(name), now)

    def _is_live(self, transaction: Transaction, notice: Notice, incident: Incident, name: str, now: int) -> bool:
        """Whether it is still to be told; closes it otherwise."""
        if (notice.unless_acknowledged and incident.acknowledged_at) or superseded(notice, incident):
            _suppress(transaction, notice, Suppression.ACKNOWLEDGED)
            return False
        if self._context.holds_back(transaction, notice, incident):
            return False
        if now < notice.expires_at or not notice.attempts:
            return True
        return not self._gave_up(transaction, notice, incident, name, now)

    def _gave_up(self, transaction: Transaction, notice: Notice, incident: Incident, name: str, now: int) -> bool:
        """Too old to be told; but not while the outage goes on and nobody else is told in its place."""
        detail = notice.detail or "could not be delivered in time"
        self._settling.close(transaction, notice, NoticeState.EXPIRED, detail)
        if self._settling.owe_fallback(transaction, notice, self._fallback(name), now):
            return True
        if incident.open:
            transaction.save_notice(notice)
            return False
        log.error("notice.undeliverable", channel=name, notice=notice.id, incident=notice.incident_id)
        return True

    def _fallback(self, name: str) -> str | None:
        route = self._settling.routes.get(name)
        return route.fallback if route is not None else None

    # Still for them? -----------------------------------------------------------------------------------------

    def _still_theirs(self, transaction: Transaction, owing: Owing, now: int) -> Owing | None:
        """Without what was handed over to somebody else; None: nothing is left."""
        directory = self._context.directory
        if all(still_right(notice, directory, now) for notice in owing.notices):
            return owing
        existing = transaction.notices(owing.incident.id)
        left: list[Notice] = []
        for notice in owing.notices:
            on_its_way = bool(notice.delivery_id)
            handed = None if on_its_way else hand_over(freed(notice), owing.incident, directory, existing, now)
            if handed is None:
                left.append(notice)
                continue
            transaction.save_notices([handed.old, *handed.revived])
            transaction.owe(handed.new)
            log.info("notice.handed_over", incident=notice.incident_id, notice=notice.id, why=handed.old.detail)
            self._settling.poke()
        if left and len(left) < len(owing.notices) and not _begins(left) and not _has_heard(transaction, left[0]):
            for notice in left:
                _suppress(transaction, notice, Suppression.HANDED_OVER)
            return None
        return replace(owing, notices=tuple(left)) if left else None

    # Now? ----------------------------------------------------------------------------------------------------

    def look_again(self, transaction: Transaction, now: int) -> bool:
        """After a reload: what waits for a morning that has been moved comes up now. :returns: whether any does."""
        directory = self._context.directory
        moved = [
            replace(one, next_at=now)
            for one in transaction.held()
            if kept_otherwise(one, directory.quiet_for(one.channel, one.person), now)
        ]
        transaction.save_notices(moved)
        return bool(moved)

    def _awake(self, transaction: Transaction, owing: Owing, now: int) -> Owing | None:
        """What waited, as a digest; None: it waits for the morning."""
        first = owing.notices[0]
        quiet = self._context.directory.quiet_for(first.channel, owing.person)
        until = quiet_until(quiet, now) if quiet is not None and not owing.critical else 0
        if quiet is not None and until > now and can_wait(owing.notices, transaction.notices(owing.incident.id)):
            ends = to_datetime(until).strftime("%Y-%m-%d %H:%M UTC")
            whose = f"quiet hours ({quiet.begin:%H:%M} to {quiet.end:%H:%M} {quiet.timezone}) until {ends}"
            transaction.save_notices([put_off(notice, until, whose) for notice in owing.notices])
            return None
        waited = any(is_quiet(notice) for notice in owing.notices)
        notices = tuple(rouse(notice, now) if is_quiet(notice) else notice for notice in owing.notices)
        return replace(owing, notices=notices, digest=waited and not owing.critical)


def _suppress(transaction: Transaction, notice: Notice, why: Suppression) -> None:
    transaction.save_notice(replace(freed(notice), state=NoticeState.SUPPRESSED, suppression=why))


def _begins(notices: Sequence[Notice]) -> bool:
    """Whether they tell of the failure itself."""
    return any(notice.change in STEPPED for notice in notices)


def _has_heard(transaction: Transaction, notice: Notice) -> bool:
    """Whether its recipient was told of its incident before."""
    return any(
        one.state is NoticeState.SENT and (one.channel, one.recipient) == (notice.channel, notice.recipient)
        for one in transaction.notices(notice.incident_id)
    )
