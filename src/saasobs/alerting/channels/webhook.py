"""Signed JSON to any URL, in the form of Standard Webhooks (https://www.standardwebhooks.com, version 1).

The receiver takes `webhook-id` for the idempotency key: a repeat of the same message carries the same. The payload is
an interface: keys are added, never renamed; `version` says when that had to be broken.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator

from saasobs.alerting import message
from saasobs.alerting.channels.faults import door, refused, retry_after
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, SecretUrl, Timeout, host_of
from saasobs.alerting.channels.http import post
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.hygiene import one_line
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
        body = json.dumps(payload(briefing), ensure_ascii=False, separators=(",", ":")).encode()
        now = self._clock.now()
        headers = signed_headers(self._options.secret, briefing.delivery_id, now // SECOND, body)
        async with door(self._host, self._options.timeout):
            answer = await post(
                self._options.url.reveal(), content=body, headers={"Content-Type": "application/json", **headers}
            )
        if not answer.accepted:
            wait = retry_after(answer.headers.get("retry-after"), self._clock.now())
            raise refused(self._host, answer.status, answer.text, wait)
        return Receipt(briefing.delivery_id)

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
