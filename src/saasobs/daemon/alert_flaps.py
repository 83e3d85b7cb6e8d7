"""Alerts that come and go all the time: when they have stopped doing so. (How they began: daemon/intake.py.)

They have when they were over for `stable_after`, or have fired without a break for `down_after`: then it is a problem
like any other. Everything here runs inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from saasobs.alerting.flapping import Flaps, sentence
from saasobs.alerting.received.source import Source
from saasobs.core.alert import Alert
from saasobs.core.incident import Change, Event
from saasobs.core.ports import Clock, Transaction
from saasobs.core.values import SECOND, format_duration
from saasobs.daemon.abouts import FLAPS, Abouts, load_flaps
from saasobs.daemon.intake import Owe

log = structlog.get_logger("saasobs.alerts")


class AlertFlaps:
    """Looks at what was counted."""

    def __init__(self, clock: Clock, owe: Owe, source_of: Callable[[str], Source | None], abouts: Abouts) -> None:
        self._clock = clock
        self._owe = owe
        self._source_of = source_of
        self._abouts = abouts

    def settled(self, transaction: Transaction) -> list[str]:
        """The facts' keys of those that need not be counted any more. Only reads."""
        kept = transaction.facts(FLAPS)
        return [key for key, value in kept.items() if self._verdict(transaction, key, load_flaps(value)) is not None]

    def end(self, transaction: Transaction, key: str) -> None:
        """Forget what was counted, and tell that it is over if it was told that it is so."""
        kept = transaction.fact(key)
        flaps = load_flaps(kept) if kept else None
        verdict = self._verdict(transaction, key, flaps) if flaps is not None else None
        if flaps is None or verdict is None:
            return
        transaction.forget_fact(key)
        self._abouts.flaps(transaction, key, "")
        ending, words = verdict
        incident = transaction.incident(flaps.incident_id) if flaps.since else None
        if incident is None or not incident.open:
            return
        now = max(self._clock.now(), incident.opened_at)
        told = sentence(flaps, now)
        ended = replace(incident, ended_at=now, ending=ending, occurrence=incident.occurrence + 1, message=told)
        transaction.save_incident(ended)
        transaction.add_event(Event(incident.id, now, ending, f"{words}, after {told}"))
        self._owe(transaction, ended, ending, "", now)
        log.warning("flapping.ended", monitor=incident.monitor, incident=incident.id, why=words)

    def _verdict(self, transaction: Transaction, key: str, flaps: Flaps) -> tuple[Change, str] | None:
        """How it ended; None: it goes on, or may."""
        name, _, group = key.removeprefix(FLAPS).rpartition("/")
        source, now = self._source_of(name), self._clock.now()
        if source is None or source.flapping is None:
            return Change.WITHDRAWN, "flapping is no longer watched for"
        rule = source.flapping
        if not flaps.since:
            return (Change.WITHDRAWN, "") if flaps.openings[-1] < now - rule.within else None
        alerts = transaction.alerts_in(name, [group])
        if any(alert.fires for alert in alerts):
            lasts = now - max(flaps.openings)
            return (Change.WITHDRAWN, _stable("fires", lasts)) if lasts >= rule.down_after else None
        rests = now - _over_since(alerts)
        return (Change.RECOVERED, _stable("over", rests)) if rests >= rule.stable_after else None


def _over_since(alerts: Sequence[Alert]) -> int:
    return max((alert.resolved_at for alert in alerts), default=0)


def _stable(what: str, micros: int) -> str:
    return f"stable: {what} for {format_duration(micros // SECOND * SECOND)}"
