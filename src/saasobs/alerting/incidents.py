"""An incident's life as facts: opened, made worse, eased, ended; and the line of its timeline for each. Pure."""

from __future__ import annotations

from dataclasses import replace

from saasobs.core.incident import Change, Event, Incident, MonitorState, Status, Transition, incident_id
from saasobs.core.monitor import Monitor, Severity
from saasobs.core.result import REASONS, Reason, Result
from saasobs.core.values import SECOND, format_duration


def open_incident(monitor: Monitor, state: MonitorState, result: Result, transition: Transition) -> Incident:
    """A new incident; it began with the first failing result of the run that opened it."""
    return Incident(
        id=incident_id(monitor.name, transition.at),
        monitor=monitor.name,
        severity=_severity(monitor, transition.status),
        status=transition.status,
        started_at=state.failing_since or result.check.started_at,
        opened_at=transition.at,
        reason=_reason(result),
        message=_sentence(result),
        correlation_id=result.check.correlation_id,
    )


def apply(incident: Incident, monitor: Monitor, transition: Transition, result: Result) -> Incident:
    """The incident after an escalation, an easing or its recovery: one more occurrence.

    While it is open its reason, sentence and correlation ID are those of the newest change; a recovery keeps them.
    """
    if transition.change is Change.RECOVERED:
        return _ended(incident, Change.RECOVERED, transition.at)
    return replace(
        incident,
        status=transition.status,
        severity=_severity(monitor, transition.status),
        occurrence=incident.occurrence + 1,
        reason=_reason(result),
        message=_sentence(result),
        correlation_id=result.check.correlation_id,
    )


def withdraw(incident: Incident, at: int) -> Incident:
    """The incident of a monitor that is no longer watched."""
    return _ended(incident, Change.WITHDRAWN, at)


def event(incident: Incident, transition: Transition, result: Result) -> Event:
    """The timeline's line for a change; `incident` is as the change left it."""
    return Event(incident.id, transition.at, transition.change, _line(incident, transition.change, _sentence(result)))


def lasted(incident: Incident, now: int) -> str:
    """How long it lasted, or has lasted until `now`, for people: whole seconds."""
    micros = max(0, (incident.ended_at or now) - incident.started_at)
    return format_duration(micros // SECOND * SECOND) if micros >= SECOND else "less than 1s"


def _line(incident: Incident, change: Change, sentence: str) -> str:
    if change is Change.RECOVERED:
        return f"up again after {lasted(incident, incident.ended_at)}"
    before = {Change.ESCALATED: "from degraded to ", Change.EASED: "from down to "}.get(change, "")
    return f"{before}{incident.status}: {sentence}"


def _ended(incident: Incident, ending: Change, at: int) -> Incident:
    return replace(incident, ended_at=at, ending=ending, occurrence=incident.occurrence + 1)


def _severity(monitor: Monitor, status: Status) -> Severity:
    return Severity.WARNING if status is Status.DEGRADED else monitor.severity


def _reason(result: Result) -> Reason:
    return result.reason or Reason.INTERNAL


def _sentence(result: Result) -> str:
    return result.message or REASONS[_reason(result)]
