"""An outbox on a real store and ledger, a channel that does as it is told, and hands to push time with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from saasobs.alerting.directory import Directory
from saasobs.alerting.grouping import Rule
from saasobs.core.errors import StorageError
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import (
    Briefing,
    Change,
    Incident,
    Notice,
    NoticeState,
    Receipt,
    Status,
    notice_id,
)
from saasobs.core.monitor import Monitor, Severity
from saasobs.core.ports import Transaction
from saasobs.core.result import Reason, Result
from saasobs.core.values import DAY, SECOND
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.outbox import Outbox, Route
from support.stores import BreakableStore

NOW = 1_763_800_000 * SECOND
WINDOW = 30 * SECOND
INCIDENT = Incident("abcd2345", "api", Severity.CRITICAL, Status.DOWN, NOW, NOW, Reason.STATUS_MISMATCH, "status 500")


class Quiet:
    """A ledger's watcher and an outbox's observer that keep counts."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str]] = []

    def storage_failed(self, error: StorageError) -> None: ...

    def storage_mended(self) -> None: ...

    def results_dropped(self, count: int) -> None: ...

    def delivery_attempted(self, channel: str, outcome: str) -> None:
        self.outcomes.append((channel, outcome))

    def monitor_or_none(self, name: str) -> Monitor | None:
        return Monitor(name, "http", None, "https://api.example")

    def holds_back(self, transaction: Transaction, notice: Notice, incident: Incident) -> bool:
        return False

    @property
    def page_url(self) -> str:
        return "http://127.0.0.1:9110"

    directory = Directory({}, {}, {})
    links: Mapping[str, str] = {}

    def reported(self, transaction: Transaction, incident: Incident) -> None:
        return None

    def last_result(self, monitor: str) -> Result | None:
        return None

    def dependants(self, monitor: str) -> Sequence[str]:
        return ()

    def answer_url(self, incident_id: str, who: str) -> str:
        return ""


class HandClock:
    """Time in the test's hands."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.at / SECOND


class Provider:
    """A channel that does what the test says: answers from `script`, then accepts."""

    def __init__(
        self, *script: Exception | Callable[[], None], recipients: Sequence[str] = ("team",), edits: bool = True
    ) -> None:
        self.script = list(script)
        self.sent: list[Briefing] = []
        self.tried: list[Briefing] = []
        self.groups: list[GroupBriefing] = []
        self.tried_groups: list[GroupBriefing] = []
        self.references: list[str] = []
        self.hold: asyncio.Event | None = None
        self.closed = False
        self.edits = edits
        self._recipients = recipients

    @property
    def recipients(self) -> Sequence[str]:
        return self._recipients

    async def send(self, briefing: Briefing, reference: str) -> Receipt:
        self.tried.append(briefing)
        return await self._answer(self.sent, briefing, reference)

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:
        self.tried_groups.append(group)
        return await self._answer(self.groups, group, reference)

    async def _answer(self, accepted: list[Any], told: Any, reference: str) -> Receipt:
        self.references.append(reference)
        if self.hold is not None:
            await self.hold.wait()
        if self.script:
            step = self.script.pop(0)
            if isinstance(step, Exception):
                raise step
            step()
        accepted.append(told)
        number = len(self.sent) + len(self.groups)
        return Receipt(f"id-{number}", f"thread-{number}")

    async def close(self) -> None:
        self.closed = True


class House:
    """An outbox on a real store and ledger, and hands to push time with."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.observer = Quiet()
        self.store = BreakableStore()
        self.ledger = Ledger(self.store, self.observer)
        self.ledger.start()
        self.outbox = self.new_outbox("first")

    def new_outbox(self, owner: str) -> Outbox:
        return Outbox(self.clock, self.ledger, self.observer, self.observer, owner=owner)

    async def routes(self, *, fallback: str | None = None, over: int = 5, **channels: Provider) -> None:
        grouping = Rule(over, WINDOW)
        made = {name: Route(name, channel, DAY, grouping=grouping) for name, channel in channels.items()}
        if fallback:
            first = next(iter(made))
            made[first] = replace(made[first], fallback=fallback)
        told = {name: tuple(channel.recipients) for name, channel in channels.items()}
        self.observer.directory = Directory({}, told, dict.fromkeys(told, DAY))
        await self.outbox.set_routes(made)

    async def owe(self, *notices: Notice, incident: Incident = INCIDENT) -> None:
        def work(transaction: Transaction) -> None:
            transaction.save_incident(incident)
            transaction.owe(notices)

        await self.ledger.run(work)
        self.outbox.poke()

    async def close(self) -> None:
        await self.outbox.close(1)
        self.store.broken = ""
        assert await asyncio.to_thread(self.ledger.close, 5)

    async def notices(self) -> dict[str, Notice]:
        found = await self.ledger.run(lambda transaction: transaction.notices(INCIDENT.id))
        return {notice.id: notice for notice in found}

    async def settled(self, *states: NoticeState) -> list[Notice]:
        """Wait until no notice is in another state than these; time stands still meanwhile."""
        async with asyncio.timeout(10):
            while True:
                found = list((await self.notices()).values())
                if found and all(notice.state in states for notice in found):
                    return found
                await asyncio.sleep(0.01)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)

    async def pass_(self, micros: int) -> None:
        self.clock.at += micros
        self.outbox.poke()


def notice(
    channel: str = "chat",
    change: Change = Change.OPENED,
    *,
    recipient: str = "team",
    occurrence: int = 0,
    due: int = NOW,
) -> Notice:
    identity = notice_id(INCIDENT.id, 0, occurrence, channel, recipient)
    return Notice(
        identity, INCIDENT.id, 0, occurrence, channel, recipient, change, due, due + DAY, next_at=due
    )  # fmt: skip
