"""Sample incidents and briefings for what speaks to people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from saasobs.alerting.channels import Tools
from saasobs.core.incident import (
    Briefing,
    Change,
    Event,
    Incident,
    Status,
    delivery_id,
    notice_id,
)
from saasobs.core.monitor import Severity
from saasobs.core.result import Reason
from saasobs.core.values import MINUTE, SECOND

NOW = 1_795_356_180 * SECOND  # 2026-11-22T14:03:00Z
INCIDENT = Incident(
    id="k3v9m2xa",
    monitor="api",
    severity=Severity.CRITICAL,
    status=Status.DOWN,
    started_at=NOW - 65 * SECOND,
    opened_at=NOW,
    reason=Reason.STATUS_MISMATCH,
    message="expected status 200-299, got 500",
    correlation_id="7f3a9c0d",
)
OPENED = Event(INCIDENT.id, NOW, Change.OPENED, "down: expected status 200-299, got 500")


def briefing(*changes: Change, late: int = 0, incident: Incident = INCIDENT, **facts: Any) -> Briefing:
    """A message that tells these changes (an opening, if none is named) to `recipient`."""
    told = changes or (Change.OPENED,)
    recipient = facts.pop("recipient", "#alerts")
    ids = tuple(notice_id(incident.id, 0, number, "chat", recipient) for number, _ in enumerate(told))
    now = facts.pop("now", NOW)
    usual: dict[str, Any] = {
        "timeline": (OPENED,),
        "target": "https://api.acme.example/health",
        "page_url": "http://127.0.0.1:9110",
    }
    return Briefing(
        delivery_id=delivery_id(ids),
        notice_ids=ids,
        recipient=recipient,
        incident=incident,
        changes=told,
        now=now,
        due_at=now - late,
        **{**usual, **facts},
    )


def degraded(incident: Incident = INCIDENT) -> Incident:
    return replace(
        incident,
        status=Status.DEGRADED,
        severity=Severity.WARNING,
        reason=Reason.TOO_SLOW,
        message="took 1.4s, more than 1s",
    )


def ended(ending: Change = Change.RECOVERED, after: int = 7 * MINUTE, incident: Incident = INCIDENT) -> Incident:
    return replace(incident, ended_at=incident.started_at + after, ending=ending, occurrence=incident.occurrence + 1)


class HandClock:
    """Time in the test's hands."""

    def __init__(self, at: int = NOW) -> None:
        self.at = at

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.at / SECOND


async def _none_sent(since: int, recipient: str) -> int:
    return 0


def tools(count_sent: Callable[[int, str], Awaitable[int]] = _none_sent, clock: HandClock | None = None) -> Tools:
    """A channel's tools: nothing was sent yet, and time stands still."""
    return Tools(name="chat", clock=clock or HandClock(), count_sent=count_sent)
