"""Facts to JSON: the one place that knows the API's shapes. Pure.

Moments are RFC 3339 texts in UTC with microseconds, or null for "never". Durations are seconds as numbers, under
names that end in `_seconds`. Enums are their values. What a shape holds is written at its function.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from saasobs.core.errors import Fault
from saasobs.core.explanation import Explanation, Telling
from saasobs.core.incident import Attempt, Event, Incident, MonitorState, Notice, Receipt
from saasobs.core.maintenance import WindowView
from saasobs.core.objective import Availability
from saasobs.core.receipts import MICRO
from saasobs.core.result import REASONS, Result
from saasobs.core.values import SECOND, to_datetime
from saasobs.core.views import Health, IncidentView, MonitorView

Json = dict[str, Any]


class JsonResponse(Response):
    """JSON that always can be written: a number that JSON does not know becomes null, odd text is escaped."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        try:
            return json.dumps(content, allow_nan=False, default=str, separators=(",", ":")).encode()
        except ValueError:
            return json.dumps(_finite(content), allow_nan=False, default=str, separators=(",", ":")).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def moment(micros: int) -> str | None:
    """``2026-11-22T14:03:07.120345Z``; null for 0, which stands for never."""
    return to_datetime(micros).isoformat(timespec="microseconds").replace("+00:00", "Z") if micros else None


def seconds(micros: int) -> float:
    return micros / SECOND


def health_json(health: Health, monitors: Sequence[MonitorView] | None, open_incidents: int | None) -> Json:
    """GET /status: ready, problems[], started_at, version, configuration{path, loaded_at, error}, monitors and
    open_incidents.

    `monitors` is {total, paused, up, degraded, down, new}; it and `open_incidents` are null while the store cannot say.
    """
    counts: Json | None = None
    if monitors is not None:
        by_status = Counter(str(view.state.status) for view in monitors if not view.state.paused)
        counts = {
            "total": len(monitors),
            "paused": sum(view.state.paused for view in monitors),
            **{status: by_status[status] for status in ("up", "degraded", "down", "new")},
        }
    return {
        "ready": health.ready,
        "problems": list(health.problems),
        "started_at": moment(health.started_at),
        "version": health.version,
        "configuration": {
            "path": health.configuration,
            "loaded_at": moment(health.configuration_loaded_at),
            "error": health.configuration_error or None,
        },
        "monitors": counts,
        "open_incidents": open_incidents,
    }


def monitor_json(view: MonitorView, *, recent: bool = False) -> Json:
    """A monitor: its configuration in short, `state`, `last` (a result or null), `ping_url` (heartbeats), and on
    request `recent` results, newest first."""
    monitor = view.monitor
    return {
        "name": monitor.name,
        "kind": monitor.kind,
        "target": monitor.target,
        "interval_seconds": seconds(monitor.interval),
        "timeout_seconds": seconds(monitor.timeout),
        "severity": monitor.severity,
        "policy": monitor.policy or None,
        "tags": list(monitor.tags),
        "depends_on": list(monitor.depends_on),
        "description": monitor.description,
        "runbook": monitor.runbook,
        "ping_url": view.ping_url or None,
        "state": state_json(view.state),
        "last": result_json(view.last) if view.last else None,
        **({"recent": [result_json(result) for result in view.recent]} if recent else {}),
    }


def state_json(state: MonitorState) -> Json:
    """status, since, paused, confirming, incident_id, last_at, last_outcome, last_reason."""
    return {
        "monitor": state.monitor,
        "status": state.status,
        "since": moment(state.since),
        "paused": state.paused,
        "confirming": state.confirming,
        "incident_id": state.incident_id or None,
        "last_at": moment(state.last_at),
        "last_outcome": state.last_outcome,
        "last_reason": state.last_reason,
    }


def result_json(result: Result) -> Json:
    """What one check saw: started_at, outcome, reason (from the closed set) and reason_text, message, duration_seconds,
    phases_seconds{}, failures[{expectation, expected, seen, reason, degraded}], observations{}, excerpt."""
    check = result.check
    return {
        "monitor": check.monitor,
        "location": check.location,
        "scheduled_at": moment(check.scheduled_at),
        "started_at": moment(check.started_at),
        "attempt": check.attempt,
        "correlation_id": check.correlation_id or None,
        "outcome": result.outcome,
        "reason": result.reason,
        "reason_text": REASONS[result.reason] if result.reason else None,
        "message": result.message,
        "duration_seconds": seconds(result.duration),
        "phases_seconds": {phase: seconds(micros) for phase, micros in result.phases.items()},
        "failures": [
            {
                "expectation": failure.expectation,
                "expected": failure.expected,
                "seen": failure.seen,
                "reason": failure.reason,
                "degraded": failure.degraded,
            }
            for failure in result.failures
        ],
        "observations": dict(result.observations),
        "excerpt": result.excerpt,
    }


def availability_json(seen: Availability) -> Json:
    """A monitor over a range. `availability` and `budget_left` are shares; `burn` has each pair of windows."""
    objective = seen.objective
    return {
        "monitor": seen.monitor,
        "since": moment(seen.since),
        "until": moment(seen.until),
        "checks": {outcome.value: count for outcome, count in seen.counts.items()},
        "availability": seen.availability,
        "latency_seconds": {
            name: None if value is None else value / SECOND
            for name, value in (("p50", seen.p50), ("p95", seen.p95), ("p99", seen.p99))
        },
        "slo": {"target": objective.target / 100, "days": objective.days} if objective else None,
        "budget_left": seen.budget_left,
        "burn": [
            {
                "long_seconds": seconds(burn.long),
                "short_seconds": seconds(burn.short),
                "limit": burn.limit,
                "long_rate": burn.long_rate,
                "short_rate": burn.short_rate,
                "fires": burn.fires,
            }
            for burn in seen.burns
        ],
    }


def incident_json(incident: Incident) -> Json:
    """An incident in short; `ended_at` is null while it is open."""
    return {
        "id": incident.id,
        "monitor": incident.monitor,
        "topic": incident.topic,
        "open": incident.open,
        "severity": incident.severity,
        "status": incident.status,
        "started_at": moment(incident.started_at),
        "opened_at": moment(incident.opened_at),
        "reason": incident.reason,
        "reason_text": REASONS[incident.reason],
        "message": incident.message,
        "correlation_id": incident.correlation_id or None,
        "acknowledged_at": moment(incident.acknowledged_at),
        "acknowledged_by": incident.acknowledged_by or None,
        "snoozed_until": moment(incident.snoozed_until),
        "assigned_to": incident.assigned_to or None,
        "ended_at": moment(incident.ended_at),
        "ending": incident.ending,
    }


def incident_view_json(view: IncidentView) -> Json:
    """An incident with its whole story: `events` oldest first, `notices` by due time, `attempts`."""
    return {
        **incident_json(view.incident),
        "events": [event_json(event) for event in view.events],
        "notices": [notice_json(notice) for notice in view.notices],
        "attempts": [attempt_json(attempt) for attempt in view.attempts],
    }


def explanation_json(found: Explanation) -> Json:
    """Who was told of an incident: `told` in the order in which it was due, each with its `fate` (told, waits, not
    told) and `why` in a sentence; `notes` are what else bears on it."""
    return {
        "incident": incident_json(found.incident),
        "told": [_telling_json(one) for one in found.tellings],
        "notes": [{"at": moment(at), "text": text} for at, text in found.notes],
    }


def _telling_json(one: Telling) -> Json:
    return {
        "notice_id": one.notice_id,
        "person": one.person or None,
        "schedule": one.schedule or None,
        "channel": one.channel,
        "recipient": one.recipient,
        "change": one.change,
        "step": one.step,
        "round": one.round,
        "due_at": moment(one.due_at),
        "fate": one.fate,
        "at": moment(one.at),
        "why": one.why,
        "suppression": one.suppression,
        "attempts": one.tries,
        "delivered_at": moment(one.delivered_at),
        "group_id": one.group_id or None,
    }


def event_json(event: Event) -> Json:
    return {"at": moment(event.at), "change": event.change, "text": event.text, "actor": event.actor or None}


def notice_json(notice: Notice) -> Json:
    """One thing owed to one recipient: `state` (pending, sent, suppressed, failed, expired), and why suppressed;
    `delivered_at` once the provider has said that it arrived, which is more than `sent`; `group_id` where it shares a
    message with other incidents."""
    return {
        "id": notice.id,
        "change": notice.change,
        "step": notice.step,
        "occurrence": notice.occurrence,
        "channel": notice.channel,
        "recipient": notice.recipient,
        "state": notice.state,
        "suppression": notice.suppression,
        "due_at": moment(notice.due_at),
        "next_at": moment(notice.next_at),
        "sent_at": moment(notice.sent_at),
        "delivered_at": moment(notice.delivered_at),
        "provider_id": notice.provider_id or None,
        "attempts": notice.attempts,
        "detail": notice.detail,
        "group_id": notice.group_id or None,
    }


def attempt_json(attempt: Attempt) -> Json:
    return {
        "delivery_id": attempt.delivery_id,
        "notice_ids": list(attempt.notice_ids),
        "channel": attempt.channel,
        "recipient": attempt.recipient,
        "at": moment(attempt.at),
        "duration_seconds": seconds(attempt.duration),
        "outcome": attempt.outcome,
        "detail": attempt.detail,
        "price": {"amount": attempt.price / MICRO, "currency": attempt.currency} if attempt.currency else None,
    }


def window_json(view: WindowView) -> Json:
    """A maintenance window: its occurrence that is under way (`active`), else its next one; `schedule` when it comes
    again; `by` is null for one of the configuration."""
    return {
        "id": view.id,
        "name": view.name,
        "monitors": list(view.monitors),
        "tags": list(view.tags),
        "all": view.all,
        "start": moment(view.start),
        "end": moment(view.end),
        "active": view.active,
        "schedule": view.schedule or None,
        "reason": view.reason,
        "by": view.by or None,
    }


def receipt_json(receipt: Receipt) -> Json:
    return {"provider_id": receipt.provider_id or None}


def fault_json(fault: Fault) -> Json:
    return {"file": fault.file, "line": fault.line, "path": fault.path, "message": fault.message}
