"""Delivers what is owed: at least once for each notice, each under its own deterministic ID.

1. `claims` leases what is due over a channel and makes messages of it, each about one incident or about many.
2. The channel sends.
3. `settling` writes down what came of it: sent, another try later, or failed for good and over to the fallback.

Each channel has a worker of its own: one that hangs or is refused delays no other, and never a check.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from saasobs.core.errors import DeliveryError, StorageError
from saasobs.core.incident import Notice, NoticeState, Receipt, Suppression
from saasobs.core.ports import Clock, Transaction
from saasobs.core.values import SECOND
from saasobs.daemon.claims import LEASE, Claimed, Claims, Context
from saasobs.daemon.delivery import Delivery, Route, freed
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.settling import Settling

__all__ = ["Outbox", "Route"]

TOGETHER = 4
"""Deliveries in flight at once over one channel."""
IDLE_SECONDS = 30.0
SEND_SECONDS = 60.0
"""A channel keeps its own time-out; this guard is for one that broke its word."""

log = structlog.get_logger("saasobs.outbox")


class DeliveryObserver(Protocol):
    """Whom the outbox tells what came of each attempt."""

    def delivery_attempted(self, channel: str, outcome: str) -> None: ...


class Outbox:
    """The workers, one for each channel."""

    def __init__(
        self, clock: Clock, ledger: Ledger, context: Context, observer: DeliveryObserver, *, owner: str
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._observer = observer
        self._owner = owner
        self._settling = Settling(self.poke, lambda: context.directory)
        self._claims = Claims(clock, context, self._settling, owner)
        self._routes: dict[str, Route] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._quiet_until: dict[str, int] = {}
        self._stopping = False
        self.on_delivered: Callable[[str, DeliveryError | None], None] = lambda _channel, _error: None
        """Told what came of each delivery; None: it was accepted."""
        self.on_accepted: Callable[[Transaction, str, str], None] = lambda _transaction, _channel, _provider_id: None
        """Told within the transaction that writes an accepted message down, with its provider's ID."""
        self._loop: asyncio.AbstractEventLoop | None = None

    async def set_routes(self, routes: Mapping[str, Route]) -> None:
        """Take a new set of channels; a worker whose channel stays goes on, with the new one from its next claim."""
        self._loop = asyncio.get_running_loop()
        heirs = {name: route.fallback for name, route in self._routes.items() if route.fallback in routes}
        gone = [name for name in self._workers if name not in routes]
        old = {name: route.channel for name, route in self._routes.items()}
        self._routes = self._settling.routes = dict(routes)
        await self._stop_workers(gone, 10.0)
        for name in routes:
            if name not in self._workers or self._workers[name].done():
                self._wake[name] = asyncio.Event()
                self._workers[name] = asyncio.create_task(self._work(name), name=f"outbox {name}")
        for name, channel in old.items():
            if name not in routes or routes[name].channel is not channel:
                await channel.close()
        self._drop_removed(heirs)
        self._ledger.submit(self._look_again, patient=True)

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

    def fall_back(self, transaction: Transaction, notice: Notice, now: int) -> None:
        """What was accepted has failed after all: somebody else is told in its place."""
        self._settling.fall_back(transaction, notice, notice.channel, now)

    # The worker ----------------------------------------------------------------------------------------------

    async def _work(self, name: str) -> None:
        while not self._stopping and (route := self._routes.get(name)):
            self._wake[name].clear()
            try:
                claimed = await self._ledger.run(lambda transaction: self._claim(transaction, name))
            except StorageError:
                await asyncio.sleep(2)
                continue
            except Exception:
                log.exception("outbox.claim_broken", channel=name)
                await asyncio.sleep(5)
                continue
            if claimed.deliveries:
                await self._deliver_all(route, claimed.deliveries)
            elif not claimed.full:
                await self._wait(name, claimed.next_due)

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

    def _claim(self, transaction: Transaction, name: str) -> Claimed:
        if self._clock.now() < self._quiet_until.get(name, 0):
            return Claimed((), transaction.next_due(name))
        return self._claims.take(transaction, name)

    # Sending and settling ------------------------------------------------------------------------------------

    async def _deliver(self, route: Route, delivery: Delivery, limit: asyncio.Semaphore) -> None:
        name = route.name
        async with limit:
            if self._stopping:
                return  # the leases are released at the end of `close`
            started = self._clock.now()
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    receipt = await delivery.send_over(route.channel)
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

        def settle(transaction: Transaction) -> None:
            self._settling.accepted(transaction, name, delivery, receipt, now)
            transaction.record_attempt(delivery.accepted(name, started, now, receipt))
            self.on_accepted(transaction, name, receipt.provider_id)

        await self._settle(name, settle, "sent")
        self.on_delivered(name, None)
        changes = dict.fromkeys(notice.change.value for notice in delivery.notices)
        late = delivery.briefing.late_by
        log.info("notice.sent", channel=name, **delivery.facts(), changes=list(changes), late_us=late)

    async def _refused(self, name: str, delivery: Delivery, error: DeliveryError, started: int) -> None:
        now = self._clock.now()
        outcome = "failed" if error.permanent else "retry"

        def settle(transaction: Transaction) -> None:
            self._claims.refused(delivery.briefing.delivery_id)
            self._settling.refused(transaction, name, delivery, error, now)
            transaction.record_attempt(delivery.attempt(name, started, now, outcome, str(error)))

        if error.retry_after and not error.recipient_only:
            self._quiet_until[name] = now + error.retry_after
        await self._settle(name, settle, outcome)
        self.on_delivered(name, error)
        log.warning("notice.not_sent", channel=name, **delivery.facts(), error=str(error), permanent=error.permanent)

    async def _settle(self, name: str, work: Callable[[Transaction], None], outcome: str) -> None:
        self._observer.delivery_attempted(name, outcome)
        await self._ledger.run(work, patient=True)

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
                    settled = replace(freed(notice), state=NoticeState.SUPPRESSED)
                    transaction.save_notice(replace(settled, suppression=Suppression.CHANNEL_REMOVED))
                    self._settling.owe_fallback(transaction, notice, heirs.get(channel), now)
                log.warning("outbox.channel_removed", channel=channel, notices=len(removed))

        self._ledger.submit(work, patient=True)

    def _look_again(self, transaction: Transaction) -> None:
        """What waits for the morning, by the quiet hours as they are now."""
        if self._claims.look_again(transaction):
            self.poke()

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
