"""What came of a delivery, written down: sent, another try later, or failed for good and over to the fallback.

Everything here runs inside a transaction that somebody else has opened; nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from saasobs.alerting.answers import is_done_with
from saasobs.alerting.directory import Directory
from saasobs.alerting.handover import in_place_of_lost
from saasobs.alerting.policy import fallback
from saasobs.alerting.reach import Target
from saasobs.alerting.retry import backoff
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Briefing, Change, Event, Notice, NoticeState, Receipt, Suppression
from saasobs.core.monitor import Severity
from saasobs.core.ports import Transaction
from saasobs.daemon.delivery import Delivery, Route, freed

log = structlog.get_logger("saasobs.outbox")


class Settling:
    """The rules of settling, over the routes that are configured now."""

    def __init__(self, poke: Callable[[], None], directory: Callable[[], Directory]) -> None:
        self.routes: Mapping[str, Route] = {}
        self.poke = poke
        self._directory = directory

    def accepted(self, transaction: Transaction, name: str, delivery: Delivery, receipt: Receipt, now: int) -> None:
        """The provider took it: every notice that it covers is told."""
        told = (replace(freed(notice), state=NoticeState.SENT, sent_at=now) for notice in delivery.notices)
        identity = receipt.provider_id
        transaction.save_notices(
            [replace(notice, detail=identity, provider_id=identity, attempts=notice.attempts + 1) for notice in told]
        )
        briefing = delivery.briefing
        if isinstance(briefing, Briefing):
            if receipt.reference:
                transaction.keep_reference(name, briefing.recipient, briefing.incident.id, receipt.reference)
        elif (group := transaction.group(briefing.group_id)) is not None:
            critical = any(notice.severity is Severity.CRITICAL for notice in delivery.notices)
            transaction.save_group(
                replace(
                    group,
                    told_at=now,
                    critical_told_at=now if critical else group.critical_told_at,
                    reference=receipt.reference or group.reference,
                )
            )

    def refused(self, transaction: Transaction, name: str, delivery: Delivery, error: DeliveryError, now: int) -> None:
        """The provider did not take it: for now, or for good."""
        if error.permanent:
            for notice in delivery.notices:
                self._give_up(transaction, notice, name, error, now)
            return
        # What shares a message comes due again together; the newest of it must not hurry the rest.
        tries = max(notice.attempts for notice in delivery.notices)
        wait = backoff(tries, delivery.group_id or delivery.notices[0].id, error.retry_after)
        again = (replace(freed(notice), next_at=now + wait, detail=str(error)) for notice in delivery.notices)
        transaction.save_notices([replace(notice, attempts=notice.attempts + 1) for notice in again])

    def close(self, transaction: Transaction, notice: Notice, state: NoticeState, detail: str) -> None:
        transaction.save_notice(replace(freed(notice), state=state, detail=detail))

    def _give_up(self, transaction: Transaction, notice: Notice, name: str, error: DeliveryError, now: int) -> None:
        closed = replace(freed(notice), attempts=notice.attempts + 1, detail=str(error))
        if error.cap:
            closed = replace(closed, state=NoticeState.SUPPRESSED, suppression=Suppression.CAP)
        else:
            closed = replace(closed, state=NoticeState.FAILED)
        transaction.save_notice(closed)
        self.fall_back(transaction, closed, name, now)

    def fall_back(self, transaction: Transaction, notice: Notice, name: str, now: int) -> None:
        """Somebody else is told in its place, or the log says that nobody can be."""
        route = self.routes.get(name)
        if not self.owe_fallback(transaction, notice, route.fallback if route else None, now):
            log.error("notice.undeliverable", channel=name, notice=notice.id, incident=notice.incident_id)

    def owe_fallback(self, transaction: Transaction, notice: Notice, name: str | None, now: int) -> bool:
        """What the channel's own fallback is owed, else what follows from the loss of the step.

        :returns: whether somebody is told, or nobody need be.
        """
        incident = transaction.incident(notice.incident_id)
        if incident is not None and is_done_with(notice, incident):
            return True
        existing = transaction.notices(notice.incident_id)
        targets = self._targets(notice, name) if name else ()
        new: Sequence[Notice] = fallback(notice, targets, self._directory(), existing, now)
        if not new:
            new = self._in_place(transaction, notice, existing, now)
        transaction.owe(new)
        if new:
            self.poke()
        return bool(new)

    def _targets(self, notice: Notice, name: str) -> Sequence[Target]:
        """Over the fallback the same person is told, where it reaches people, else its own recipients."""
        directory = self._directory()
        if name not in self.routes:
            return ()
        if notice.person and (address := directory.address(notice.person, name)):
            return (Target(name, address, notice.person, notice.schedule),)
        own = self.routes[name].channel.recipients
        return [Target(name, recipient, directory.person_at(name, recipient)) for recipient in own]

    def _in_place(
        self, transaction: Transaction, notice: Notice, existing: Sequence[Notice], now: int
    ) -> Sequence[Notice]:
        incident = transaction.incident(notice.incident_id)
        if incident is None:
            return ()
        words, new = in_place_of_lost(notice, incident, self._directory(), existing, now)
        if new:
            mark_rerouted(transaction, incident.id, words, now)
            log.warning("notice.rerouted", incident=incident.id, step=notice.step, notices=len(new))
        return new


def mark_rerouted(transaction: Transaction, incident_id: str, text: str, now: int) -> None:
    """A line of its own in the timeline, however many there are at one moment."""
    before = [event.at for event in transaction.events(incident_id) if event.change is Change.REROUTED]
    transaction.add_event(Event(incident_id, max([now, *(at + 1 for at in before)]), Change.REROUTED, text))
