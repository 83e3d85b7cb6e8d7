"""Signed JSON to any URL, in the form of Standard Webhooks (https://www.standardwebhooks.com, version 1).

The receiver takes `webhook-id` for the idempotency key: a repeat of the same message carries the same. The payload is
an interface: keys are added, never renamed; `version` says when that had to be broken.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator

from saasobs.alerting import group_message, message
from saasobs.alerting.channels.faults import door, refused, retry_after
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, SecretUrl, Timeout, host_of
from saasobs.alerting.channels.http import post
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.hygiene import one_line
from saasobs.core.groups import GroupBriefing, Member
from saasobs.core.incident import Briefing, Event, Incident, Receipt
from saasobs.core.values import SECOND, Secret, isoformat
from saasobs.core.webhook_signature import decode_secret, signed_headers
from saasobs.options import ChannelOptions, SecretText

VERSION: Final = 1


def _signing_secret(value: Secret) -> Secret:
    decode_secret(value)
    return value


class WebhookOptions(ChannelOptions):
    """A POST of signed JSON for each message, to a service of yours."""

    url: SecretUrl
    """Where to. It counts as a secret, since many such addresses hold one."""
    secret: Annotated[SecretText, AfterValidator(_signing_secret)]
    """What the payload is signed with: `whsec_` and the base64 of 24 to 64 random bytes."""
    timeout: Timeout = DEFAULT_TIMEOUT
    """For one message, all in all."""
    quiet_hours: bool = False
    """Whether warnings wait here in quiet hours. A machine has none."""


class WebhookChannel:
    """One receiver. Any 2xx is a yes; 408, 425, 429 and 5xx may be asked again; anything else is a no for good."""

    def __init__(self, options: WebhookOptions, tools: Tools) -> None:
        self._options = options
        self._clock = tools.clock
        self._host = host_of(options.url)

    @property
    def recipients(self) -> Sequence[str]:
        return (self._host,)

    async def send(self, briefing: Briefing, reference: str) -> Receipt:  # noqa: ARG002 - what is said stays said
        return await self._post(briefing.delivery_id, payload(briefing))

    @property
    def edits(self) -> bool:
        """Each message of a group tells its receiver what is new in it."""
        return True

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:  # noqa: ARG002 - the same here
        return await self._post(group.delivery_id, group_payload(group))

    async def _post(self, delivery_id: str, said: dict[str, Any]) -> Receipt:
        body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
        now = self._clock.now()
        headers = signed_headers(self._options.secret, delivery_id, now // SECOND, body)
        async with door(self._host, self._options.timeout):
            answer = await post(
                self._options.url.reveal(), content=body, headers={"Content-Type": "application/json", **headers}
            )
        if not answer.accepted:
            wait = retry_after(answer.headers.get("retry-after"), self._clock.now())
            raise refused(self._host, answer.status, answer.text, wait)
        return Receipt(delivery_id)

    async def close(self) -> None:
        """Nothing is kept open between two messages."""


def payload(briefing: Briefing) -> dict[str, Any]:
    """What is sent. Moments are RFC 3339 in UTC; what is not known is null, never left out.

    `type` is ``incident.`` and the newest of `changes`; `notice_ids` are all that this message covers.
    """
    incident = briefing.incident
    return {
        "version": VERSION,
        "type": f"incident.{briefing.changes[-1]}",
        "timestamp": isoformat(briefing.now),
        "delivery_id": briefing.delivery_id,
        "notice_ids": list(briefing.notice_ids),
        "changes": [str(change) for change in briefing.changes],
        "text": message.subject(briefing),
        "late_by_seconds": briefing.late_by / SECOND,
        "incident": _incident(incident, message.incident_url(briefing)),
        "monitor": {
            "name": one_line(incident.monitor),
            "target": one_line(briefing.target) or None,
            "description": one_line(briefing.description, 1_000) or None,
            "runbook": one_line(briefing.runbook) or None,
            "tags": [one_line(tag) for tag in briefing.tags],
        },
        "timeline": [_event(event) for event in briefing.timeline],
    }


def group_payload(group: GroupBriefing) -> dict[str, Any]:
    """What is sent of a group: its numbers, and each incident of which something is new, critical ones first.

    `type` is ``group.opened`` the first time, ``group.updated`` after that, ``group.ended`` when none goes on.
    """
    status = Counter(str(member.incident.status) for member in group.open)
    return {
        "version": VERSION,
        "type": "group.ended" if not group.open else "group.opened" if group.first else "group.updated",
        "timestamp": isoformat(group.now),
        "delivery_id": group.delivery_id,
        "notice_ids": list(group.notice_ids),
        "text": group_message.subject(group),
        "late_by_seconds": group.late_by / SECOND,
        "group": {
            "id": group.group_id,
            "total": len(group.members),
            "down": status["down"],
            "degraded": status["degraded"],
            "ended": len(group.ended),
        },
        "incidents": [_member(member, group.page_url) for member in group.news],
    }


def _member(member: Member, page_url: str) -> dict[str, Any]:
    incident = member.incident
    return {
        **_incident(incident, message.page_of(incident.id, page_url)),
        "monitor": one_line(incident.monitor),
        "target": one_line(member.target) or None,
        "changes": [str(change) for change in member.changes],
        "notice_ids": list(member.notice_ids),
    }


def _incident(incident: Incident, url: str) -> dict[str, Any]:
    return {
        "id": incident.id,
        "open": incident.open,
        "status": str(incident.status),
        "severity": str(incident.severity),
        "reason": str(incident.reason),
        "message": one_line(incident.message, 1_000),
        "correlation_id": one_line(incident.correlation_id) or None,
        "started_at": isoformat(incident.started_at),
        "opened_at": isoformat(incident.opened_at),
        "ended_at": isoformat(incident.ended_at) if incident.ended_at else None,
        "ending": str(incident.ending) if incident.ending else None,
        "acknowledged_at": isoformat(incident.acknowledged_at) if incident.acknowledged_at else None,
        "acknowledged_by": one_line(incident.acknowledged_by) or None,
        "url": one_line(url) or None,
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "at": isoformat(event.at),
        "change": str(event.change),
        "text": one_line(event.text, 1_000),
        "actor": one_line(event.actor) or None,
    }


WEBHOOK: Final = ChannelKind("webhook", WebhookOptions, WebhookChannel, "signed JSON to a URL")
