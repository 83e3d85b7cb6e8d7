"""What the alerts of an incident say, remembered: whoever sends or holds asks for each notice.

Kept by the writer's thread, inside its transactions. Should one fail, what was remembered in it is forgotten (`clear`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from saasobs.alerting.flapping import Flaps
from saasobs.alerting.received.about import About, about
from saasobs.alerting.received.source import Source
from saasobs.core.alert import Alert
from saasobs.core.incident import Incident, Topic
from saasobs.core.ports import Transaction

FLAPS: Final = "alert_flapping:"
"""The prefix of the facts about alerts that come and go; source and group of alerts follow."""
_MOST: Final = 10_000
"""Incidents whose alerts are remembered."""


class Abouts:
    """By incident."""

    def __init__(self, source_of: Callable[[str], Source | None]) -> None:
        self._source_of = source_of
        self._alerts: dict[str, tuple[Alert, ...]] = {}
        self._flapping: dict[str, str] | None = None
        """By the fact's key: the incident that tells of it."""

    def of(self, transaction: Transaction, incident: Incident) -> About | None:
        """None: no others reported it."""
        if incident.topic is not Topic.ALERT:
            return None
        alerts = self._alerts.get(incident.id)
        if alerts is None:
            alerts = tuple(transaction.alerts_of(incident.id))
            self.keep(incident.id, alerts)
        if not alerts:
            return About()
        key = flaps_key(alerts[0])
        return about(alerts, self._source_of(alerts[0].source), self._known_flapping(transaction).get(key, ""))

    def keep(self, incident_id: str, alerts: Sequence[Alert]) -> None:
        if len(self._alerts) >= _MOST:
            self._alerts.clear()
        self._alerts[incident_id] = tuple(alerts)

    def drop(self, incident_ids: Iterable[str]) -> None:
        """Something about them has changed: read them again."""
        for identity in incident_ids:
            self._alerts.pop(identity, None)

    def flaps(self, transaction: Transaction, key: str, incident_id: str) -> None:
        """Alerts have begun to come and go; without an incident: they no longer do."""
        known = self._known_flapping(transaction)
        if incident_id:
            known[key] = incident_id
        else:
            known.pop(key, None)

    def clear(self) -> None:
        self._alerts, self._flapping = {}, None

    def _known_flapping(self, transaction: Transaction) -> dict[str, str]:
        if self._flapping is None:
            kept = {key: load_flaps(value) for key, value in transaction.facts(FLAPS).items()}
            self._flapping = {key: flaps.incident_id for key, flaps in kept.items() if flaps.since}
        return self._flapping


def flaps_key(alert: Alert) -> str:
    """The fact about how often an alert, or those that it shares an incident with, came and went."""
    return f"{FLAPS}{alert.source}/{alert.group_key}"


def load_flaps(value: str) -> Flaps:
    """What was written down of alerts that come and go."""
    kept = json.loads(value)
    return Flaps(**{**kept, "openings": tuple(kept["openings"])})
