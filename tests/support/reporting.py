"""What others report, in one thread and with time in the test's hands: desk, pipeline, holds and a real store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saasobs.alerting.received.about import About
from saasobs.alerting.received.source import Source, Watchdog
from saasobs.core.alert import Admission, Alert, Matcher, Silence, SourceKind, Taken
from saasobs.core.incident import Incident, Topic
from saasobs.core.ports import Transaction
from saasobs.core.values import HOUR, MINUTE, SECOND, Secret, isoformat
from saasobs.daemon.reports import ReportDesk
from support.quiet import AtOnce, House, Told

TOKEN = "correct horse"


def a_source(name: str = "prometheus", **changes: Any) -> Source:
    """A Prometheus that speaks each minute."""
    usual = {"kind": SourceKind.PROMETHEUS, "token": Secret(TOKEN), "stale_after": 5 * MINUTE, "may_silence": True}
    return Source(**{"name": name, **usual, **changes})


class Noted:
    """A desk's observer."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, int, int, int]] = []

    def alerts_taken(self, source: str, *, firing: int, resolved: int, refused: int) -> None:
        self.taken.append((source, firing, resolved, refused))

    def alerts_firing(self, counts: Mapping[str, int], sources: Sequence[str]) -> None:
        return None


class Reading(AtOnce):
    """It reads at once, too."""

    async def read(self, work: Callable[[Transaction], Any]) -> Any:
        with self._store.read() as transaction:
            return work(transaction)


@dataclass
class ReportHouse(House):
    """A daemon to which others report."""

    monitors: Sequence[Any] = ()
    sources: Sequence[Source] = (a_source(),)
    watchdogs: Sequence[Watchdog] = ()
    absences: list[tuple[int, int]] = field(default_factory=list)
    noted: Noted = field(default_factory=Noted)

    def start(self) -> None:
        super().start()
        ledger: Any = Reading(self.store)
        owe, away = self.pipeline.owe, (lambda: self.absences)
        self.holding.silences._ledger = ledger
        self.desk = ReportDesk(self.clock, ledger, self.holding, owe, away, self.noted)
        self.configure_sources(self.sources, self.watchdogs)

    def configure_sources(self, sources: Sequence[Source], watchdogs: Sequence[Watchdog] = ()) -> None:
        self.sources, self.watchdogs = sources, watchdogs
        self.desk.configure({one.name: one for one in sources}, watchdogs, ["default"])

    def reported(self, transaction: Transaction, incident: Incident) -> About | None:  # type: ignore[override]
        return self.holding.tell(transaction, incident)

    # What happens ---------------------------------------------------------------------------------------------

    async def post(self, *alerts: Mapping[str, Any], source: str = "prometheus") -> Taken:
        """As Prometheus posts; then whatever is due is sent."""
        return await self.post_raw(json.dumps(alerts).encode(), source)

    async def post_raw(
        self, body: bytes, source: str = "prometheus", headers: Mapping[str, str] | None = None
    ) -> Taken:
        self.clock.at += 1
        self.clock.steady += 1
        kind = next(one.kind for one in self.sources if one.name == source)
        taken = await self.desk.receive(Admission(source, kind, may_silence=True), body, headers or {})
        await asyncio.sleep(0)
        self.send()
        return taken

    async def pass_(self, micros: int) -> None:
        self.clock.at += micros
        self.clock.steady += micros
        await self.desk.look()
        await super().pass_(0)

    def firing(self, name: str = "HighErrorRate", *, lasts: int = 4 * MINUTE, **labels: str) -> dict[str, Any]:
        """An alert as Prometheus posts it while it fires."""
        now = self.clock.now()
        return {
            "labels": {"alertname": name, **labels},
            "annotations": {"summary": f"{name} is too high"},
            "startsAt": isoformat(now - MINUTE),
            "endsAt": isoformat(now + lasts),
            "generatorURL": "http://prometheus.example:9090/graph",
        }

    def resolved(self, name: str = "HighErrorRate", **labels: str) -> dict[str, Any]:
        """The same once it is over."""
        return {**self.firing(name, lasts=MINUTE, **labels), "endsAt": isoformat(self.clock.now() - SECOND)}

    async def silence(self, *matchers: Matcher, lasts: int = HOUR) -> Silence:
        now = self.clock.now()
        return await self.desk.keep_silence(Silence("", matchers, now, now + lasts, "ana", "deploy"))

    # What is known --------------------------------------------------------------------------------------------

    def alert_incidents(self) -> list[Incident]:
        """Oldest first."""
        with self.store.read() as transaction:
            found = transaction.incidents(limit=10_000)
        return [one for one in reversed(found) if one.topic is Topic.ALERT]

    def told_of(self, name: str) -> list[Told]:
        return [told for told in self.told if told.monitor == name]

    def changes(self, name: str = "HighErrorRate") -> list[str]:
        """What was told of an alert, in order."""
        return [change.value for told in self.told_of(name) for change in told.changes]

    def alert_rows(self, *, firing_only: bool = True) -> list[Alert]:
        with self.store.read() as transaction:
            return transaction.alerts(firing_only=firing_only)
