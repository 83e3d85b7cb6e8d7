"""Sample incidents and briefings for what speaks to people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from saasobs.alerting.channels import Tools
from saasobs.core.groups import GroupBriefing, GroupKind, Member
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


def many(*members: Member, kind: GroupKind = GroupKind.FAILURES, late: int = 0, **facts: Any) -> GroupBriefing:
    """A message about these; told for the first time, unless it is said otherwise."""
    ids = tuple(identity for member in members for identity in member.notice_ids)
    now = facts.pop("now", NOW)
    return GroupBriefing(
        group_id="g7q2m8zd",
        delivery_id=delivery_id(ids),
        notice_ids=ids,
        recipient=facts.pop("recipient", "#alerts"),
        kind=kind,
        members=members,
        now=now,
        due_at=now - late,
        page_url="http://127.0.0.1:9110",
        **facts,
    )


NAMES = ("api", "checkout", "search", "mail", "billing", "login", "reports", "invoices", "webhooks", "exports")


def member(number: int, *changes: Change, incident: Incident = INCIDENT) -> Member:
    """One of many: by default it is down and that is told now."""
    name = NAMES[number] if number < len(NAMES) else f"client-{number}"
    identity = f"{number:03}v9m2xa"[-8:]
    about = replace(incident, id=identity, monitor=name, started_at=incident.started_at + number * SECOND)
    ids = tuple(notice_id(identity, 0, place, "chat", "#alerts") for place, _ in enumerate(changes))
    return Member(about, changes, ids, f"https://{name}.acme.example/health" if changes else "")


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
