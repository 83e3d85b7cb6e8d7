"""Alerts that always fire: when one of them stops coming, whoever sends it is silent, and that is an incident.

What is known of each is a fact in the store, written in the transaction that takes its alert in. Time in which this
daemon could not listen does not count, as with heartbeats.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import structlog

from saasobs.alerting.received.following import put_off
from saasobs.alerting.received.source import Watchdog
from saasobs.core.alert import Alert
from saasobs.core.incident import Change, Event, Incident, Status, Topic, incident_id
from saasobs.core.monitor import Severity
from saasobs.core.ports import Clock, Transaction
from saasobs.core.result import Reason
from saasobs.core.values import SECOND, format_duration, to_datetime
from saasobs.daemon.intake import Owe

WATCHDOG: Final = "watchdog:"
"""The facts' prefix; source and name of the alert follow."""

log = structlog.get_logger("saasobs.alerts")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one. Moments are µs."""

    since: int
    """When it was first expected."""
    heard_at: int = 0
    incident_id: str = ""


class Watchdogs:
    """All of them. Everything here runs inside a transaction of the writer."""

    def __init__(self, clock: Clock, owe: Owe) -> None:
        self._clock = clock
        self._owe = owe
        self.configured: Sequence[Watchdog] = ()

    def apart(self, source: str, alerts: Iterable[tuple[str, str]]) -> frozenset[str]:
        """The fingerprints of those that are watchdogs. :param alerts: fingerprint and name."""
        names = {one.alertname for one in self.configured if one.source in ("", source)}
        return frozenset(fingerprint for fingerprint, name in alerts if name in names)

    def take_up(self, transaction: Transaction) -> None:
        """After a change of the configuration: expect these and no others."""
        known, now = transaction.facts(WATCHDOG), self._clock.now()
        for watchdog in self.configured:
            if known.pop(key := f"{WATCHDOG}{watchdog.key}", None) is None:
                transaction.set_fact(key, json.dumps(asdict(Known(now))))
        for key, value in known.items():
            transaction.forget_fact(key)
            self._end(transaction, _load(value), Change.WITHDRAWN, "removed from the configuration")

    def heard(self, transaction: Transaction, source: str, alerts: Iterable[Alert], now: int) -> None:
        """Alerts that fire were taken in: were there watchdogs among them?"""
        firing = [alert.labels for alert in alerts if alert.fires]
        for watchdog in self.configured:
            if any(watchdog.is_meant(source, labels) for labels in firing):
                key = f"{WATCHDOG}{watchdog.key}"
                known = _load(transaction.fact(key)) or Known(now)
                if known.incident_id:
                    self._end(transaction, known, Change.RECOVERED, f"{watchdog.alertname} is heard of again")
                transaction.set_fact(key, json.dumps(asdict(replace(known, heard_at=now, incident_id=""))))

    def overdue(self, transaction: Transaction, absences: Sequence[tuple[int, int]]) -> list[Watchdog]:
        """Those that should have been heard of by now, and whose silence was not told yet."""
        now, known = self._clock.now(), transaction.facts(WATCHDOG)
        return [
            one for one in self.configured if _is_overdue(one, _load(known.get(f"{WATCHDOG}{one.key}")), absences, now)
        ]

    def miss(self, transaction: Transaction, watchdog: Watchdog, absences: Sequence[tuple[int, int]]) -> None:
        """It is silent: tell so, unless it was heard of meanwhile."""
        now, key = self._clock.now(), f"{WATCHDOG}{watchdog.key}"
        known = _load(transaction.fact(key))
        if known is None or not _is_overdue(watchdog, known, absences, now):
            return
        incident = _incident(watchdog, known, now)
        transaction.set_fact(key, json.dumps(asdict(replace(known, incident_id=incident.id))))
        transaction.save_incident(incident)
        transaction.add_event(Event(incident.id, now, Change.OPENED, incident.message))
        self._owe(transaction, incident, Change.OPENED, watchdog.policy, now)
        log.warning("watchdog.silent", monitor=incident.monitor, incident=incident.id, message=incident.message)

    def _end(self, transaction: Transaction, known: Known | None, ending: Change, why: str) -> None:
        incident = transaction.incident(known.incident_id) if known is not None and known.incident_id else None
        if incident is None or not incident.open:
            return
        now = max(self._clock.now(), incident.opened_at)
        ended = replace(incident, ended_at=now, ending=ending, occurrence=incident.occurrence + 1)
        transaction.save_incident(ended)
        transaction.add_event(Event(incident.id, now, ending, why))
        self._owe(transaction, ended, ending, "", now)
        log.warning("watchdog.heard", monitor=incident.monitor, incident=incident.id, why=why)


def _is_overdue(watchdog: Watchdog, known: Known | None, absences: Sequence[tuple[int, int]], now: int) -> bool:
    if known is None or known.incident_id:
        return False
    since = min(now, max(known.heard_at, known.since))  # a moment ahead was written by a clock that was set back since
    return now > put_off(since, since + watchdog.within, absences)


def _incident(watchdog: Watchdog, known: Known, now: int) -> Incident:
    who = watchdog.source or "its source"
    last = known.heard_at or known.since
    since = to_datetime(last).strftime("%Y-%m-%d %H:%M UTC")
    said = "was last heard of at" if known.heard_at else "has never been heard of; it is expected since"
    within = format_duration(watchdog.within // SECOND * SECOND)
    return Incident(
        id=incident_id(f"watchdog {watchdog.key}", now, Topic.ALERT),
        monitor=f"{watchdog.alertname} {watchdog.source}".strip(),
        severity=Severity.CRITICAL,
        status=Status.DOWN,
        started_at=last,
        opened_at=now,
        reason=Reason.SOURCE_SILENT,
        message=f"{who} is silent: {watchdog.alertname} {said} {since}, and must come every {within}",
        topic=Topic.ALERT,
    )


def _load(value: str | None) -> Known | None:
    return Known(**json.loads(value)) if value else None
