"""Delivers what is owed: at least once for each notice, each under its own deterministic ID.

1. `claim` leases what is due over a channel; notices of one incident and recipient go together as one delivery.
2. In the same transaction what need not be told any more is suppressed, what is too old expires (and its fallback is
   owed), and the rest becomes a briefing.
3. The channel sends. What came of it is settled: sent, another try later, or failed for good and over to the fallback.

Each channel has a worker of its own: one that hangs or is refused delays no other, and never a check.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from saasobs.alerting.policy import fallback
from saasobs.alerting.retry import backoff
from saasobs.core.errors import DeliveryError, StorageError
from saasobs.core.incident import (
    Attempt,
    Briefing,
    Incident,
    Notice,
    NoticeState,
    Receipt,
    Suppression,
    delivery_id,
)
from saasobs.core.monitor import Monitor
from saasobs.core.ports import Channel, Clock, Transaction
from saasobs.core.values import MINUTE, SECOND
from saasobs.daemon.ledger import Ledger

LEASE = 2 * MINUTE
CLAIM_LIMIT = 20
TOGETHER = 4
"""Deliveries in flight at once over one channel."""
IDLE_SECONDS = 30.0
SEND_SECONDS = 60.0
"""A channel keeps its own time-out; this guard is for one that broke its word."""

log = structlog.get_logger("saasobs.outbox")


@dataclass(frozen=True, slots=True)
class Route:
    """One configured channel with what the outbox must know of it."""

    name: str
    channel: Channel
    max_age: int
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to be sent: the notices that it covers, and what it says."""

    notices: tuple[Notice, ...]
    briefing: Briefing
    reference: str


class DeliveryObserver(Protocol):
    """Whom the outbox tells what came of each attempt."""

    def delivery_attempted(self, channel: str, outcome: str) -> None: ...


class Context(Protocol):
    """What the outbox asks of the rest of the daemon."""

    def monitor_or_none(self, name: str) -> Monitor | None: ...

    @property
    def page_url(self) -> str: ...


class Outbox:
    """The workers, one for each channel, and the rules of settling."""

    def __init__(
        self, clock: Clock, ledger: Ledger, context: Context, observer: DeliveryObserver, *, owner: str
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._context = context
        self._observer = observer
        self._owner = owner
        self._routes: dict[str, Route] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._quiet_until: dict[str, int] = {}
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def set_routes(self, routes: Mapping[str, Route]) -> None:
        """Take a new set of channels; a worker whose channel stays goes on, with the new one from its next claim."""
        self._loop = asyncio.get_running_loop()
        heirs = {name: route.fallback for name, route in self._routes.items() if route.fallback in routes}
        gone = [name for name in self._workers if name not in routes]
        old = {name: route.channel for name, route in self._routes.items()}
        self._routes = dict(routes)
        await self._stop_workers(gone, 10.0)
        for name in routes:
            if name not in self._workers or self._workers[name].done():
                self._wake[name] = asyncio.Event()
                self._workers[name] = asyncio.create_task(self._work(name), name=f"outbox {name}")
        for name, channel in old.items():
            if name not in routes or routes[name].channel is not channel:
                await channel.close()
        self._drop_removed(heirs)

    def set_back(self) -> None:
        """The wall clock was set back: moments to wait for that were reckoned by the old one hold no longer."""
        self._quiet_until.clear()
        self._wake_all()

    @property
    def dead(self) -> list[str]:
        """Channels whose worker has ended, which none may while the daemon runs."""
        return [name for name, worker in self._workers.items() if worker.done() and not self._stopping]

    def poke(self) -> None:
        """Something new is owed. May be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_all)

    async def close(self, seconds: float) -> None:
        """Let what is being sent finish within `seconds`; the rest is handed to the next start."""
        self._stopping = True
        self._wake_all()
        await self._stop_workers(list(self._workers), seconds)
        for route in self._routes.values():
            await route.channel.close()
        try:
            await self._ledger.run(lambda transaction: transaction.release(self._owner))
        except StorageError:
            log.warning("outbox.lease_kept", note="the leases run out by themselves")

    # The worker ----------------------------------------------------------------------------------------------

    async def _work(self, name: str) -> None:
        while not self._stopping and (route := self._routes.get(name)):
            self._wake[name].clear()
            try:
                deliveries, next_due = await self._ledger.run(lambda transaction: self._claim(transaction, name))
            except StorageError:
                await asyncio.sleep(2)
                continue
            except Exception:
                log.exception("outbox.claim_broken", channel=name)
                await asyncio.sleep(5)
                continue
            if deliveries:
                await self._deliver_all(route, deliveries)
            else:
                await self._wait(name, next_due)

    async def _deliver_all(self, route: Route, deliveries: Sequence[Delivery]) -> None:
        limit = asyncio.Semaphore(TOGETHER)
        sending = (self._deliver(route, delivery, limit) for delivery in deliveries)
        for outcome in await asyncio.gather(*sending, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("outbox.not_settled", channel=route.name, error=repr(outcome))

    async def _wait(self, name: str, next_due: int | None) -> None:
        due = max(next_due or 0, self._quiet_until.get(name, 0))
        # What is due and still could not be claimed is in other hands: look again soon, not at once.
        ahead = (due - self._clock.now()) / SECOND
        seconds = min(IDLE_SECONDS, ahead if ahead > 0 else 1.0) if due else IDLE_SECONDS
        try:
            async with asyncio.timeout(seconds):
                await self._wake[name].wait()
        except TimeoutError:
            return

    def _claim(self, transaction: Transaction, name: str) -> tuple[list[Delivery], int | None]:
        """Inside one transaction: lease, suppress, expire, and make briefings of the rest."""
        now = self._clock.now()
        if now < self._quiet_until.get(name, 0):
            return [], transaction.next_due(name)
        claimed = transaction.claim(name, self._owner, now, now + LEASE, CLAIM_LIMIT)
        groups: dict[tuple[str, str], list[Notice]] = {}
        for notice in claimed:
            groups.setdefault((notice.incident_id, notice.recipient), []).append(notice)
        prepared = (self._prepare(transaction, name, notices, now) for notices in groups.values())
        return [delivery for delivery in prepared if delivery is not None], transaction.next_due(name)

    def _prepare(self, transaction: Transaction, name: str, claimed: Sequence[Notice], now: int) -> Delivery | None:
        incident = transaction.incident(claimed[0].incident_id)
        if incident is None:
            log.error("outbox.incident_missing", incident=claimed[0].incident_id)
            for notice in claimed:
                self._close(transaction, notice, NoticeState.FAILED, "its incident is missing")
            return None
        live = []
        for notice in sorted(claimed, key=lambda notice: (notice.due_at, notice.occurrence, notice.step)):
            if notice.unless_acknowledged and incident.acknowledged_at:
                settled = replace(_freed(notice), state=NoticeState.SUPPRESSED, suppression=Suppression.ACKNOWLEDGED)
                transaction.save_notice(settled)
            elif self._is_over(notice, incident, name, now):
                self._close(transaction, notice, NoticeState.EXPIRED, notice.detail or "could not be delivered in time")
                self._fall_back(transaction, notice, name, now)
            else:
                live.append(notice)
        if not live:
            return None
        ids = tuple(notice.id for notice in live)
        monitor = self._context.monitor_or_none(incident.monitor)
        briefing = Briefing(
            delivery_id=delivery_id(ids),
            notice_ids=ids,
            recipient=live[0].recipient,
            incident=incident,
            changes=tuple(dict.fromkeys(notice.change for notice in live)),
            timeline=tuple(transaction.events(incident.id)),
            now=now,
            due_at=live[0].due_at,
            target=monitor.target if monitor else "",
            description=monitor.description if monitor else "",
            runbook=monitor.runbook if monitor else "",
            page_url=self._context.page_url,
            tags=monitor.tags if monitor else (),
        )
        return Delivery(tuple(live), briefing, transaction.reference(name, live[0].recipient, incident.id))

    def _is_over(self, notice: Notice, incident: Incident, name: str, now: int) -> bool:
        """Too old to be told: never before it was tried, nor while the outage goes on and nobody else could tell it."""
        route = self._routes.get(name)
        somebody_else = bool(route and route.fallback in self._routes)
        return now >= notice.expires_at and notice.attempts > 0 and (somebody_else or not incident.open)

    # Sending and settling ------------------------------------------------------------------------------------

    async def _deliver(self, route: Route, delivery: Delivery, limit: asyncio.Semaphore) -> None:
        name = route.name
        async with limit:
            if self._stopping:
                return  # the leases are released at the end of `close`
            started = self._clock.now()
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    receipt = await route.channel.send(delivery.briefing, delivery.reference)
            except DeliveryError as error:
                await self._refused(name, delivery, error, started)
            except Exception as error:
                # A channel promises to raise nothing else; whatever it was, the notice must not be lost.
                log.exception("outbox.channel_broken", channel=name)
                problem = DeliveryError(f"{type(error).__name__} inside the channel")
                await self._refused(name, delivery, problem, started)
            else:
                await self._accepted(name, delivery, receipt, started)

    async def _accepted(self, name: str, delivery: Delivery, receipt: Receipt, started: int) -> None:
        now = self._clock.now()
        incident = delivery.briefing.incident

        def settle(transaction: Transaction) -> None:
            for notice in delivery.notices:
                sent = replace(_freed(notice), state=NoticeState.SENT, sent_at=now, detail=receipt.provider_id)
                transaction.save_notice(replace(sent, attempts=notice.attempts + 1))
            if receipt.reference:
                transaction.keep_reference(name, delivery.briefing.recipient, incident.id, receipt.reference)
            transaction.record_attempt(_attempt(name, delivery, started, now, "sent", receipt.provider_id))

        await self._settle(name, settle, "sent")
        log.info(
            "notice.sent", channel=name, delivery=delivery.briefing.delivery_id, incident=incident.id,
            changes=[change.value for change in delivery.briefing.changes], late_us=delivery.briefing.late_by,
        )  # fmt: skip

    async def _refused(self, name: str, delivery: Delivery, error: DeliveryError, started: int) -> None:
        now = self._clock.now()
        outcome = "failed" if error.permanent else "retry"

        def settle(transaction: Transaction) -> None:
            for notice in delivery.notices:
                if error.permanent:
                    self._give_up(transaction, notice, name, error, now)
                else:
                    transaction.save_notice(self._later(notice, error, now))
            transaction.record_attempt(_attempt(name, delivery, started, now, outcome, str(error)))

        if error.retry_after and not error.recipient_only:
            self._quiet_until[name] = now + error.retry_after
        await self._settle(name, settle, outcome)
        log.warning(
            "notice.not_sent", channel=name, delivery=delivery.briefing.delivery_id, error=str(error),
            permanent=error.permanent, incident=delivery.briefing.incident.id,
        )  # fmt: skip

    async def _settle(self, name: str, work: Callable[[Transaction], None], outcome: str) -> None:
        self._observer.delivery_attempted(name, outcome)
        await self._ledger.run(work, patient=True)

    def _later(self, notice: Notice, error: DeliveryError, now: int) -> Notice:
        wait = backoff(notice.attempts, notice.id, error.retry_after)
        return replace(_freed(notice), attempts=notice.attempts + 1, next_at=now + wait, detail=str(error))

    def _give_up(self, transaction: Transaction, notice: Notice, name: str, error: DeliveryError, now: int) -> None:
        closed = replace(_freed(notice), attempts=notice.attempts + 1, detail=str(error))
        if error.cap:
            closed = replace(closed, state=NoticeState.SUPPRESSED, suppression=Suppression.CAP)
        else:
            closed = replace(closed, state=NoticeState.FAILED)
        transaction.save_notice(closed)
        self._fall_back(transaction, closed, name, now)

    def _fall_back(self, transaction: Transaction, notice: Notice, name: str, now: int) -> None:
        route = self._routes.get(name)
        if not self._owe_fallback(transaction, notice, route.fallback if route else None, now):
            log.error("notice.undeliverable", channel=name, notice=notice.id, incident=notice.incident_id)

    def _owe_fallback(self, transaction: Transaction, notice: Notice, name: str | None, now: int) -> bool:
        target = self._routes.get(name) if name else None
        if target is None:
            return False
        existing = transaction.notices(notice.incident_id)
        transaction.owe(fallback(notice, target.name, target.channel.recipients, target.max_age, existing, now))
        self.poke()
        return True

    def _close(self, transaction: Transaction, notice: Notice, state: NoticeState, detail: str) -> None:
        transaction.save_notice(replace(_freed(notice), state=state, detail=detail))

    # Channels that come and go -------------------------------------------------------------------------------

    def _drop_removed(self, heirs: Mapping[str, str | None]) -> None:
        """What is owed over a channel that is gone goes to its fallback, or says why it went nowhere."""

        def work(transaction: Transaction) -> None:
            now = self._clock.now()
            for channel in transaction.pending_channels():
                if channel in self._routes:
                    continue
                removed = transaction.claim(channel, self._owner, 2**62, now + LEASE, 10_000)
                for notice in removed:
                    settled = replace(_freed(notice), state=NoticeState.SUPPRESSED)
                    transaction.save_notice(replace(settled, suppression=Suppression.CHANNEL_REMOVED))
                    self._owe_fallback(transaction, notice, heirs.get(channel), now)
                log.warning("outbox.channel_removed", channel=channel, notices=len(removed))

        self._ledger.submit(work, patient=True)

    async def _stop_workers(self, names: Sequence[str], seconds: float) -> None:
        tasks = [self._workers.pop(name) for name in names]
        for name in names:
            self._wake[name].set()
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _wake_all(self) -> None:
        for event in self._wake.values():
            event.set()


def _freed(notice: Notice) -> Notice:
    return replace(notice, lease_owner="", lease_until=0)


def _attempt(name: str, delivery: Delivery, started: int, now: int, outcome: str, detail: str) -> Attempt:
    briefing = delivery.briefing
    return Attempt(
        briefing.delivery_id, briefing.notice_ids, name, briefing.recipient, started, now - started, outcome, detail
    )
