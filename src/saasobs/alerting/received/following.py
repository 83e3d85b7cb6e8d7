"""From a report to what is remembered of an alert, and from its alerts to what becomes of an incident. Pure.

1. An alert fires from its first report until its source says that it is over: an `endsAt` that has passed when it
   arrives, or the word `resolved`. A firing one says by when it will be repeated (its `endsAt` lies ahead).
2. One that is not repeated in time is *stale*: nobody knows. It is not over, and nobody is told that it is; its
   incident says so once and stays open. Time in which this daemon could not listen does not count.
3. A report of an episode that is over already (the same start) changes nothing: it was on its way for too long.
4. An incident is what its alerts make it. It opens with the first that fires; it is as grave as the gravest; it ends
   with the last, as recovered. One that a person has resolved stays so until its alerts have been over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from saasobs.alerting.incidents import lasted
from saasobs.alerting.received.fingerprint import fingerprint
from saasobs.alerting.received.naming import Words, group_key, silent, words
from saasobs.alerting.received.reports import Report
from saasobs.alerting.received.source import Source
from saasobs.core.alert import Alert
from saasobs.core.incident import Change, Incident, Status, Topic, incident_id
from saasobs.core.monitor import Severity
from saasobs.core.result import Reason


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of an incident."""

    incident: Incident
    change: Change | None
    """What those are told who ought to be; None: nobody need be."""
    text: str = ""
    """The line in its timeline; empty: none."""


def identified(reports: Iterable[Report], source: Source) -> dict[str, Report]:
    """Reports by fingerprint, without the labels that are to be dropped; of an alert that is there twice the last."""
    found: dict[str, Report] = {}
    for report in reports:
        kept = {name: value for name, value in report.labels.items() if name not in source.drop_labels}
        one = replace(report, labels=kept) if kept and len(kept) < len(report.labels) else report
        found[fingerprint(one.labels)] = one
    return found


def merged(known: Alert | None, identity: str, report: Report, source: Source, now: int) -> Alert | None:
    """What is to be remembered after a report (rules 1 and 3); None: nothing that is not known already."""
    resolved = report.resolved if report.resolved is not None else 0 < report.ends_at <= now
    fires = known is not None and known.fires
    if resolved:
        return _resolved(known, report, now) if known is not None and fires else None
    if known is not None and not fires and report.starts_at and report.starts_at == known.starts_at:
        return None
    fresh = Alert(
        fingerprint=identity,
        source=source.name,
        labels=report.labels,
        annotations=report.annotations,
        starts_at=min(report.starts_at or now, now),
        ends_at=report.ends_at or (now + source.stale_after if source.stale_after else 0),
        generator_url=report.generator_url,
        updated_at=now,
        group_key=group_key(identity, report.labels, source),
    )
    return _continued(known, fresh) if known is not None and fires else fresh


def _resolved(known: Alert, report: Report, now: int) -> Alert:
    ends_at = min(report.ends_at or now, now)
    return replace(known, ends_at=max(ends_at, known.starts_at), updated_at=now, resolved_at=now, stale_at=0)


def _continued(known: Alert, fresh: Alert) -> Alert:
    """Two who report the same (a pair of Prometheus) are one: it began with the earlier, and lasts with the later."""
    lasting = max(known.ends_at, fresh.ends_at) if fresh.ends_at and not known.stale_at else fresh.ends_at
    return replace(
        fresh,
        starts_at=min(known.starts_at, fresh.starts_at),
        ends_at=lasting,
        generator_url=fresh.generator_url or known.generator_url,
        incident_id=known.incident_id,
        group_key=known.group_key,
    )


def only_repeated(known: Alert | None, after: Alert) -> bool:
    """Whether a report said nothing but that it is still so."""
    return known is not None and replace(known, ends_at=after.ends_at, updated_at=after.updated_at) == after


def is_stale(alert: Alert, absences: Sequence[tuple[int, int]], now: int) -> bool:
    """Rule 2. :param absences: when this daemon could not listen, (from, to) in µs, in order."""
    return bool(alert.ends_at) and now > put_off(alert.updated_at, alert.ends_at, absences)


def put_off(since: int, deadline: int, absences: Sequence[tuple[int, int]]) -> int:
    """A deadline after all the time, from `since` on, in which nothing could be heard."""
    for start, end in absences:
        if end > since and start <= deadline:
            deadline += end - max(start, since)
    return deadline


def follow(incident: Incident | None, alerts: Sequence[Alert], source: Source, now: int) -> Step | None:
    """Rule 4. None: nothing changes.

    :param incident: the one that tells of these alerts; None: none does yet.
    """
    firing = [alert for alert in alerts if alert.fires]
    if incident is None:
        return _opening(firing, source, now) if firing else None
    if not incident.open:
        return None
    return _going_on(incident, firing, source) if firing else _ending(incident, now)


def _opening(firing: Sequence[Alert], source: Source, now: int) -> Step:
    said = words(firing, source)
    incident = Incident(
        id=incident_id(f"{source.name}/{firing[0].group_key}", now, Topic.ALERT),
        monitor=said.name,
        severity=said.severity,
        status=_status(said.severity),
        started_at=min(alert.starts_at for alert in firing),
        opened_at=now,
        reason=Reason.REPORTED,
        message=said.message,
        topic=Topic.ALERT,
        tenant=said.tenant,
    )
    return Step(incident, Change.OPENED, f"{source.name} reports: {said.message}")


def _going_on(incident: Incident, firing: Sequence[Alert], source: Source) -> Step | None:
    said = words(firing, source)
    went_silent = all(alert.stale_at for alert in firing)
    message = silent(firing, source.name, said.message) if went_silent else said.message
    after = replace(
        incident,
        severity=said.severity,
        status=_status(said.severity),
        reason=Reason.SOURCE_SILENT if went_silent else Reason.REPORTED,
        message=message,
    )
    if after == incident:
        return None
    return _told(incident, after, said)


def _told(before: Incident, after: Incident, said: Words) -> Step:
    more = replace(after, occurrence=before.occurrence + 1)
    if before.severity is not after.severity:
        worse = after.severity is Severity.CRITICAL
        change = Change.ESCALATED if worse else Change.EASED
        return Step(more, change, f"from {before.severity} to {after.severity}: {after.message}")
    if before.reason is after.reason:
        return Step(after, None)
    if after.reason is Reason.SOURCE_SILENT:
        return Step(more, Change.REMINDED, after.message)
    return Step(after, None, f"heard of again: {said.message}")


def _ending(incident: Incident, now: int) -> Step:
    ended = replace(
        incident,
        ended_at=max(now, incident.opened_at),
        ending=Change.RECOVERED,
        occurrence=incident.occurrence + 1,
    )
    return Step(ended, Change.RECOVERED, f"resolved after {lasted(ended, now)}")


def _status(severity: Severity) -> Status:
    return Status.DOWN if severity is Severity.CRITICAL else Status.DEGRADED
