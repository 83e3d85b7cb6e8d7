"""One request's alerts, taken in within one transaction: what is known of them, and what becomes of their incidents.

The rules are alerting/received's. It may be run again from its beginning: nothing is changed but through the
transaction, and what is to be logged is returned.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final, Protocol, cast

from saasobs.alerting.flapping import Flaps, opened
from saasobs.alerting.flapping import sentence as flapping_sentence
from saasobs.alerting.received.following import Step, follow, merged, only_repeated
from saasobs.alerting.received.naming import tags
from saasobs.alerting.received.reports import Report
from saasobs.alerting.received.source import Source
from saasobs.alerting.routing import Subject
from saasobs.core.alert import Alert
from saasobs.core.incident import Change, Event, Incident, Status, Topic, incident_id
from saasobs.core.monitor import Severity
from saasobs.core.ports import Transaction
from saasobs.core.result import Reason
from saasobs.daemon.abouts import Abouts, flaps_key, load_flaps
from saasobs.daemon.gathering import Gathering

MAX_FIRING: Final = 50_000
"""Alerts that fire at a time, of all sources: more are not taken, so that a flood of labels cannot fill the store."""


class Owe(Protocol):
    """Who writes down whom a change is told to (daemon.pipeline)."""

    def __call__(
        self,
        transaction: Transaction,
        incident: Incident,
        change: Change,
        policy: str,
        now: int,
        subject: Subject | None = None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Intaken:
    """What came of it."""

    steps: tuple[Step, ...] = ()
    firing: int = 0
    resolved: int = 0
    left_out: int = 0
    """New alerts for which there is no room."""
    repeated: tuple[str, ...] = ()
    """The incidents of alerts of which nothing was said but that it is still so."""


@dataclass(slots=True)
class Intake:
    """One transaction's work for one source."""

    transaction: Transaction
    source: Source
    owe: Owe
    now: int
    abouts: Abouts
    _changed: dict[str, Alert] = field(default_factory=dict)
    """By fingerprint: as they are now, still to be written."""
    _known: Mapping[str, Alert] = field(default_factory=dict)
    """As they were."""
    _owed: list[tuple[Step, Sequence[Alert]]] = field(default_factory=list)

    def take(self, reports: Mapping[str, Report], apart: Collection[str]) -> Intaken:
        """Take in reports, by fingerprint. :param apart: those that are remembered and open no incident."""
        self._known = self.transaction.alerts_by(self.source.name, reports)
        repeated: list[Alert] = []
        for identity, report in reports.items():
            before = self._known.get(identity)
            after = merged(before, identity, report, self.source, self.now)
            if after is not None and only_repeated(before, after):
                repeated.append(after)
            elif after is not None:
                self._changed[identity] = after
        left_out = self._make_room()
        self.transaction.touch_alerts(repeated)
        told = [alert for identity, alert in self._changed.items() if identity not in apart]
        self.abouts.drop(alert.incident_id for alert in (*repeated, *self._changed.values()))
        self._follow(told)
        resolved = sum(not alert.fires for alert in self._changed.values())
        firing = len(self._changed) - resolved + len(repeated)
        heard = tuple(dict.fromkeys(alert.incident_id for alert in repeated if alert.incident_id))
        return Intaken(tuple(step for step, _ in self._owed), firing, resolved, left_out, heard)

    def silent(self, stale: Iterable[Alert]) -> Intaken:
        """Nobody has spoken of these in time."""
        self._known = {alert.fingerprint: alert for alert in stale}
        self._changed = {one.fingerprint: replace(one, stale_at=self.now) for one in self._known.values()}
        self._follow([one for one in self._changed.values() if one.incident_id])  # a watchdog has none
        return Intaken(tuple(step for step, _ in self._owed))

    def _make_room(self) -> int:
        """Leave out what is new beyond the bound; returns how many."""
        new = [one for one in self._changed if one not in self._known or not self._known[one].fires]
        if not new:
            return 0
        room = MAX_FIRING - sum(self.transaction.count_firing().values())
        for identity in (surplus := new[max(0, room) :]):
            del self._changed[identity]
        return len(surplus)

    # What becomes of the incidents -----------------------------------------------------------------------------

    def _follow(self, told: Sequence[Alert]) -> None:
        groups = self._groups(told)
        incidents = self.transaction.incidents_of(
            identity for members in groups.values() for identity in self._attached(members)
        )
        for sharing in groups.values():
            self._follow_one(sharing, incidents)
        self.transaction.save_alerts(list(self._changed.values()))
        self._write_all()

    def _groups(self, told: Sequence[Alert]) -> dict[str, list[Alert]]:
        """Each with all that share its incident."""
        if self.source.group_by is None:
            return {alert.group_key: [alert] for alert in told}
        groups: dict[str, list[Alert]] = {alert.group_key: [] for alert in told}
        seen = set()
        for alert in self.transaction.alerts_in(self.source.name, groups):
            seen.add(alert.fingerprint)
            groups[alert.group_key].append(self._changed.get(alert.fingerprint, alert))
        for alert in told:
            if alert.fingerprint not in seen:
                groups[alert.group_key].append(alert)
        return groups

    def _attached(self, members: Iterable[Alert]) -> Iterable[str]:
        """The incidents that told of them: now, or before those that fire again."""
        for alert in members:
            if alert.incident_id and (alert.fires or alert.fingerprint in self._changed):
                yield alert.incident_id
            elif (before := self._known.get(alert.fingerprint)) is not None and before.incident_id:
                yield before.incident_id

    def _follow_one(self, members: Sequence[Alert], incidents: Mapping[str, Incident]) -> None:
        is_open = next((one for alert in members if (one := incidents.get(alert.incident_id)) and one.open), None)
        # What a person has resolved stays so until it was over.
        counted = [one for one in members if one.incident_id not in incidents or incidents[one.incident_id].open]
        step = follow(is_open, counted, self.source, self.now)
        if step is None:
            return
        for alert in counted:
            if alert.fires and alert.incident_id != step.incident.id:
                self._changed[alert.fingerprint] = replace(alert, incident_id=step.incident.id)
        self._owed.append((step, counted))
        if step.change is Change.OPENED:
            self._count(step.incident, counted, incidents)

    def _write_all(self) -> None:
        opened = [step.incident.id for step, _ in self._owed if step.change is Change.OPENED]
        others = [step.incident.id for step, _ in self._owed if step.change is not Change.OPENED]
        gathering = Gathering(self.transaction, opened, others)
        for step, members in self._owed:
            self.abouts.keep(step.incident.id, members)
            self._write(cast("Transaction", gathering), step, members)
        gathering.flush()

    def _write(self, transaction: Transaction, step: Step, members: Sequence[Alert]) -> None:
        incident = step.incident
        transaction.save_incident(incident)
        if step.text:
            change = step.change or Change.NOTED
            actor = "" if step.change else self.source.name
            transaction.add_event(Event(incident.id, self.now, change, step.text, actor))
        if step.change is not None:
            policy = self.source.policy if step.change in (Change.OPENED, Change.ESCALATED) else ""
            self.owe(transaction, incident, step.change, policy, self.now, self._subject(incident, members))

    def _subject(self, incident: Incident, members: Sequence[Alert]) -> Subject:
        return subject(incident, [alert for alert in members if alert.fires] or members, self.source)

    # Flapping --------------------------------------------------------------------------------------------------

    def _count(self, incident: Incident, members: Sequence[Alert], incidents: Mapping[str, Incident]) -> None:
        """Count one more time that alerts fire which had been over; the first time leaves nothing behind."""
        rule = self.source.flapping
        before = [self._known[one.fingerprint] for one in members if one.fires and one.fingerprint in self._known]
        last = max((incidents[one.incident_id].opened_at for one in before if one.incident_id in incidents), default=0)
        if rule is None or not last or last < self.now - rule.within:
            return
        key = flaps_key(members[0])
        known = self.transaction.fact(key)
        flaps = load_flaps(known) if known else Flaps((last,), outages=1)
        after = opened(flaps, incident.id, self.now, rule)
        if after.since and not flaps.since:
            after = self._begin(after, incident, members)
            self.abouts.flaps(self.transaction, key, after.incident_id)
        self.transaction.set_fact(key, json.dumps(asdict(after)))

    def _begin(self, flaps: Flaps, incident: Incident, members: Sequence[Alert]) -> Flaps:
        """They come and go all the time: one incident tells of it, and theirs wait."""
        identity = incident_id(f"{self.source.name}/{members[0].group_key}", self.now, Topic.FLAPPING)
        flaps = replace(flaps, incident_id=identity)
        told = Incident(
            id=identity,
            monitor=incident.monitor,
            severity=incident.severity,
            status=Status.DOWN if incident.severity is Severity.CRITICAL else Status.DEGRADED,
            started_at=flaps.since,
            opened_at=self.now,
            reason=Reason.FLAPPING,
            message=flapping_sentence(flaps, self.now),
            topic=Topic.FLAPPING,
            tenant=incident.tenant,
        )
        self._owed.append((Step(told, Change.OPENED, f"flapping: {told.message}"), members))
        return flaps


def subject(incident: Incident, alerts: Sequence[Alert], source: Source | None) -> Subject:
    """What a policy is chosen by."""
    labels = dict(alerts[0].labels) if alerts else {}
    for alert in alerts[1:]:
        labels = {name: value for name, value in labels.items() if alert.labels.get(name) == value}
    return Subject(incident.monitor, incident.severity, tags(labels, source), incident.tenant, labels)
