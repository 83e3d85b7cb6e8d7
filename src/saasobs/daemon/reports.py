"""What others report: taken in, followed, and shown. Implements core.reporting.Reports.

1. A request is read in a thread of its own and taken in within one transaction (`intake`); then it is answered. What is
   not written down is not accepted: the answer is then 503, and Prometheus says it again.
2. Every second the clock is asked what nobody has said: alerts that were not repeated (stale), watchdogs that did not
   come, alerts that have stopped flapping.
3. A source that leaves the configuration takes its incidents with it.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import structlog

from saasobs.alerting.received.about import About
from saasobs.alerting.received.following import Step, identified, is_stale
from saasobs.alerting.received.matchers import alert_fits, checked, matches, parse
from saasobs.alerting.received.reports import Report
from saasobs.alerting.received.signature import verify
from saasobs.alerting.received.source import Source, Watchdog, read
from saasobs.core.alert import Admission, Alert, AlertView, Matcher, Silence, SourceKind, Taken
from saasobs.core.errors import Refused, Unavailable
from saasobs.core.incident import Change, Event, Incident
from saasobs.core.ports import Clock, Transaction
from saasobs.core.values import DAY
from saasobs.daemon.abouts import Abouts
from saasobs.daemon.alert_flaps import AlertFlaps
from saasobs.daemon.holding import Holding
from saasobs.daemon.intake import Intake, Intaken, Owe
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.watchdogs import Watchdogs

T = TypeVar("T")

KEPT = 7 * DAY
"""How long an alert that is over is remembered."""
TOGETHER = 8
"""Requests that are taken in at a time; more hear that we are busy."""
BITE = 500
"""Alerts of one transaction that no source waits for."""
LOGGED = 50
"""Incidents of one request that have a line of the log each."""
_DEFAULT = "default"
_LOGGED = {
    Change.OPENED: "incident.opened",
    Change.ESCALATED: "incident.escalated",
    Change.EASED: "incident.eased",
    Change.REMINDED: "incident.reminded",
    Change.RECOVERED: "incident.recovered",
}

log = structlog.get_logger("saasobs.incidents")


class Observer(Protocol):
    """Whom the desk tells what came in."""

    def alerts_taken(self, source: str, *, firing: int, resolved: int, refused: int) -> None: ...

    def alerts_firing(self, counts: Mapping[str, int], sources: Sequence[str]) -> None: ...


class ReportDesk:
    """Takes alerts in. The event loop's thread calls it, but for `about`, which the writer's does."""

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        holding: Holding,
        owe: Owe,
        absences: Callable[[], Sequence[tuple[int, int]]],
        observer: Observer,
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._holding = holding
        self._silences = holding.silences
        self._owe = owe
        self._poke = holding.poke
        self._absences = absences
        self._observer = observer
        self._watchdogs = Watchdogs(clock, owe)
        self._abouts = Abouts(self.source_of)
        self._flaps = AlertFlaps(clock, owe, self.source_of, self._abouts)
        self._sources: Mapping[str, Source] = {}
        self._receivers: Sequence[str] = ()
        self._busy = 0
        holding.tell = self.about

    def configure(self, sources: Mapping[str, Source], watchdogs: Sequence[Watchdog], policies: Iterable[str]) -> None:
        """Take up a configuration; what its sources no longer can end is withdrawn."""
        self._sources, self._receivers = sources, tuple(policies)
        self._watchdogs.configured = tuple(watchdogs)

        def work(transaction: Transaction) -> None:
            self._abouts.clear()
            self._watchdogs.take_up(transaction)
            self._forget_others(transaction)

        self._ledger.submit(work, patient=True).add_done_callback(lambda _: self._poke())

    # Taking in -----------------------------------------------------------------------------------------------

    def admit(self, source: str, token: str) -> Admission | None:
        """Compares with every source, whichever is meant, so that the time tells nothing."""
        given = token.encode("utf-8", "replace")
        found: Source | None = None
        for one in self._sources.values():
            right = hmac.compare_digest(given, one.token.reveal().encode() if one.token is not None else b"")
            fits = right if one.token is not None else one.secret is not None  # then the signature says who it is
            meant = one.name == source if source else one.kind is SourceKind.PROMETHEUS
            found = one if fits and meant else found
        return Admission(found.name, found.kind, found.may_silence) if found is not None else None

    async def receive(self, admission: Admission, body: bytes, headers: Mapping[str, str]) -> Taken:
        """:raises PermissionError: its signature is not right."""
        source = self._sources.get(admission.source)
        if source is None:
            raise Refused("this source is no longer configured")
        if source.secret is not None and not verify(
            source.secret, headers, body, source.timestamp_header, self._clock.now()
        ):
            raise PermissionError("the signature does not fit")
        if self._busy >= TOGETHER:
            raise Unavailable("too many requests are being taken in")
        self._busy += 1
        try:
            return await self._receive(source, body)
        finally:
            self._busy -= 1

    async def _receive(self, source: Source, body: bytes) -> Taken:
        reports, refused = await asyncio.to_thread(_read, source, body)
        if reports:
            apart = self._watchdogs.apart(
                source.name, ((one, reports[one].labels.get("alertname", "")) for one in reports)
            )
            took = await self._write(lambda transaction: self._take(transaction, source, reports, apart))
        else:
            took = Intaken()
        self._observer.alerts_taken(source.name, firing=took.firing, resolved=took.resolved, refused=len(refused))
        self._tell(source.name, took)
        if refused:
            log.warning("alerts.refused", source=source.name, count=len(refused), first=refused[0])
        if took.left_out:
            raise Unavailable(f"too many alerts fire: {took.left_out} were not taken")
        return Taken(took.firing + took.resolved, refused)

    def _take(
        self, transaction: Transaction, source: Source, reports: Mapping[str, Report], apart: frozenset[str]
    ) -> Intaken:
        now = self._clock.now()
        took = Intake(transaction, source, self._owe, now, self._abouts).take(reports, apart)
        if apart:
            heard = transaction.alerts_by(source.name, apart).values()
            self._watchdogs.heard(transaction, source.name, (one for one in heard if one.updated_at == now), now)
        return took

    def _tell(self, source: str, took: Intaken) -> None:
        """Say in the log what changed, and wake whoever sends."""
        self._holding.heard(took.repeated)
        if not took.steps:
            return
        self._poke()
        _log(source, took.steps[:LOGGED])
        if len(took.steps) > LOGGED:
            log.warning("alerts.many", source=source, incidents=len(took.steps), logged=LOGGED)

    # What only time can change -------------------------------------------------------------------------------

    async def look(self) -> None:
        """Comes round every second."""
        if not self._sources and not self._watchdogs.configured:
            return
        now, absences = self._clock.now(), tuple(self._absences())
        overdue, silent, flapping, counts = await self._ledger.read(
            lambda transaction: (
                transaction.overdue_alerts(now),
                self._watchdogs.overdue(transaction, absences),
                self._flaps.settled(transaction),
                transaction.count_firing(),
            )
        )
        self._observer.alerts_firing(counts, list(self._sources))
        await self._find_stale([one for one in overdue if is_stale(one, absences, now)])
        if silent or flapping:
            await self._write(lambda transaction: self._tell_silent(transaction, silent, flapping, absences))
            self._poke()
            self._holding.look_at_all()

    def _tell_silent(
        self,
        transaction: Transaction,
        silent: Sequence[Watchdog],
        flapping: Sequence[str],
        absences: Sequence[tuple[int, int]],
    ) -> None:
        for watchdog in silent:
            self._watchdogs.miss(transaction, watchdog, absences)
        for key in flapping:
            self._flaps.end(transaction, key)

    async def _find_stale(self, stale: Sequence[Alert]) -> None:
        for start in range(0, len(stale), BITE):
            some = stale[start : start + BITE]
            for name in dict.fromkeys(alert.source for alert in some):
                source = self._sources.get(name)
                if source is not None:
                    took = await self._write(self._silence_of(source, some))
                    log.warning("alerts.stale", source=name, incidents=len(took.steps))
                    self._tell(name, took)

    def _silence_of(self, source: Source, alerts: Sequence[Alert]) -> Callable[[Transaction], Intaken]:
        """Mark those as stale that were not heard of meanwhile."""

        def work(transaction: Transaction) -> Intaken:
            mine = {one.fingerprint: one for one in alerts if one.source == source.name}
            known = transaction.alerts_by(source.name, mine)
            still = [one for identity, one in known.items() if one == mine[identity]]
            return Intake(transaction, source, self._owe, self._clock.now(), self._abouts).silent(still)

        return work

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        """:raises StorageError:"""
        try:
            return await self._ledger.run(work)
        except BaseException:
            self._abouts.clear()  # it may tell of what was not written
            raise

    async def prune(self) -> None:
        """Forget what has long been over."""
        before = self._clock.now() - KEPT
        while await self._ledger.run(lambda transaction: transaction.forget_alerts(before, BITE)):
            continue

    # What holds them, and what they say ----------------------------------------------------------------------

    def about(self, transaction: Transaction, incident: Incident) -> About | None:
        """What the alerts of an incident say; None: it tells of none."""
        return self._abouts.of(transaction, incident)

    def source_of(self, name: str) -> Source | None:
        return self._sources.get(name)

    def _forget_others(self, transaction: Transaction) -> None:
        """The incidents of sources that are gone."""
        gone = [one for one in transaction.count_firing() if one not in self._sources]
        for name in gone:
            now = self._clock.now()
            alerts = transaction.alerts(source=name)
            incidents = transaction.incidents_of(dict.fromkeys(one.incident_id for one in alerts if one.incident_id))
            transaction.save_alerts([replace(one, resolved_at=now) for one in alerts])
            for incident in incidents.values():
                if incident.open:
                    self._withdraw(transaction, incident, now)

    def _withdraw(self, transaction: Transaction, incident: Incident, now: int) -> None:
        ended = replace(incident, ended_at=now, ending=Change.WITHDRAWN, occurrence=incident.occurrence + 1)
        why = "its source was removed from the configuration"
        transaction.save_incident(ended)
        transaction.add_event(Event(incident.id, now, Change.WITHDRAWN, why))
        self._owe(transaction, ended, Change.WITHDRAWN, "", now)
        log.warning("incident.withdrawn", monitor=incident.monitor, incident=incident.id, why=why)

    # Shown ---------------------------------------------------------------------------------------------------

    async def alerts(self, filters: Sequence[str] = (), receiver: str = "") -> Sequence[AlertView]:
        wanted, now = [parse(text) for text in filters], self._clock.now()
        by_receiver = checked(Matcher("receiver", receiver, is_regex=True)) if receiver else None

        def work(transaction: Transaction) -> Sequence[AlertView]:
            views = [self._view(one, now) for one in transaction.alerts() if alert_fits(one, wanted)]
            return [one for one in views if by_receiver is None or matches(by_receiver, {"receiver": one.receiver})]

        return await self._ledger.read(work)

    def _view(self, alert: Alert, now: int) -> AlertView:
        silenced = tuple(one.id for one in self._silences.covering(alert.labels, now))
        source = self._sources.get(alert.source)
        return AlertView(alert, silenced, (source.policy if source is not None else "") or _DEFAULT)

    def receivers(self) -> Sequence[str]:
        return self._receivers

    def silences(self, filters: Sequence[str] = ()) -> Sequence[Silence]:
        return self._silences.all(filters)

    def silence(self, silence_id: str) -> Silence:
        return self._silences.one(silence_id)

    async def keep_silence(self, wanted: Silence) -> Silence:
        return await self._silences.keep(wanted)

    async def expire_silence(self, silence_id: str, by: str) -> Silence:
        return await self._silences.expire(silence_id, by)


def _read(source: Source, body: bytes) -> tuple[Mapping[str, Report], tuple[str, ...]]:
    """In a thread: thousands of alerts must not delay a check."""
    parsed = read(source, body)
    return identified(parsed.reports, source), parsed.refused


def _log(source: str, steps: Sequence[Step]) -> None:
    for step in steps:
        if step.change is not None:
            incident = step.incident
            log.warning(
                _LOGGED[step.change], monitor=incident.monitor, incident=incident.id, source=source,
                severity=incident.severity.value, message=incident.message, topic=incident.topic.value,
            )  # fmt: skip
