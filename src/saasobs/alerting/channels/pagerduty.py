"""PagerDuty by its Events API v2: an incident there for each of ours, under the same key from its trigger to its end.

A repeat of an event changes nothing, since PagerDuty knows it by `dedup_key`: our incident's ID, or our group's.
https://developer.pagerduty.com/docs/events-api-v2-overview
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from saasobs.alerting import group_message, message
from saasobs.alerting.channels.faults import door, refused, retry_after
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, Timeout
from saasobs.alerting.channels.http import post
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.hygiene import one_line, shorten
from saasobs.core.errors import DeliveryError
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Change, Receipt
from saasobs.core.monitor import Severity
from saasobs.core.values import MINUTE, isoformat
from saasobs.options import ChannelOptions, HttpUrl, SecretText

_SUMMARY: Final = 1_024
_SOURCE: Final = 255
_LISTED: Final = 100
"""Incidents of a group that an event names: it may have 512 KB."""
_BUSY: Final = 2 * MINUTE
"""PagerDuty says of a 429 only that one should wait "a few minutes"."""
_QUIET: Final = frozenset({Change.UNACKNOWLEDGED, Change.SNOOZED, Change.ASSIGNED, Change.NOTED})
"""Changes for which the API has no word: nothing of theirs would ring anew."""

Event = dict[str, Any]


class PagerDutyOptions(ChannelOptions):
    """PagerDuty: our incidents open, are acknowledged and end there, too. It has grouping of its own."""

    routing_key: SecretText
    """The integration key of a service's "Events API v2" integration."""
    api_base: HttpUrl = "https://events.pagerduty.com"
    """The API; https://events.eu.pagerduty.com for an account in the EU."""
    group_over: Annotated[int, Field(ge=0, le=100, strict=True)] = 0
    """So many incidents within `group_window` get an incident of their own there; the ones after that share one.
    0: each has its own, however many there are."""
    timeout: Timeout = DEFAULT_TIMEOUT
    """For one event."""
    quiet_hours: bool = False
    """Whether warnings wait here in quiet hours. What may ring there in the night is PagerDuty's to say."""


class PagerDutyChannel:
    """One service of PagerDuty."""

    def __init__(self, options: PagerDutyOptions, tools: Tools) -> None:
        self._options = options
        self._clock = tools.clock

    @property
    def recipients(self) -> Sequence[str]:
        return ("pagerduty",)

    @property
    def edits(self) -> bool:
        """An event with a known key brings the incident there up to date, and rings nobody again."""
        return True

    async def send(self, briefing: Briefing, reference: str) -> Receipt:  # noqa: ARG002 - the key is ours
        return await self._enqueue(briefing.incident.id, events(briefing))

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:  # noqa: ARG002 - the same here
        return await self._enqueue(group.group_id, group_events(group))

    async def close(self) -> None:
        """Nothing is kept open between two events."""

    async def _enqueue(self, key: str, told: Iterator[Event]) -> Receipt:
        routing_key = self._options.routing_key.reveal()
        async with door("PagerDuty", self._options.timeout):
            for event in told:
                await self._post({"routing_key": routing_key, "dedup_key": key, **event})
        return Receipt(key)

    async def _post(self, event: Event) -> None:
        answer = await post(
            f"{self._options.api_base.rstrip('/')}/v2/enqueue",
            content=json.dumps(event, ensure_ascii=False).encode("utf-8", "replace"),
            headers={"Content-Type": "application/json"},
        )
        said = answer.json()
        if not answer.accepted:
            wait = retry_after(answer.headers.get("retry-after"), self._clock.now())
            if wait is None and answer.status == 429:
                wait = _BUSY
            raise refused("PagerDuty", answer.status, _words(said), wait)
        if said.get("status") != "success":
            raise DeliveryError("PagerDuty's answer is not PagerDuty's: it does not say success")


def events(briefing: Briefing) -> Iterator[Event]:
    """What follows from a message: usually one event; a failure that is over already is opened and ended."""
    ending = message.ending(briefing)
    if ending is None and briefing.changes[-1] is Change.ACKNOWLEDGED:
        yield {"event_action": "acknowledge"}
        return
    if ending is None and _QUIET.issuperset(briefing.changes):
        return
    if ending is None or briefing.combined:
        yield _trigger(briefing, over=ending is not None)
    if ending is not None:
        yield {"event_action": "resolve"}


def _trigger(briefing: Briefing, *, over: bool) -> Event:
    incident = briefing.incident
    payload = {
        "summary": shorten(message.subject(briefing), _SUMMARY),
        "source": one_line(briefing.target, _SOURCE) or one_line(incident.monitor, _SOURCE),
        "severity": "info" if over else _severity(incident.severity),
        "timestamp": isoformat(incident.started_at),
        "component": one_line(incident.monitor, _SOURCE),
        "class": str(incident.reason),
        "custom_details": {detail.label: detail.text for detail in message.details(briefing)},
    }
    return {"event_action": "trigger", "payload": payload, **_links(message.incident_url(briefing), briefing)}


def _links(page: str, briefing: Briefing | None = None) -> Event:
    links = [{"href": link.url, "text": link.label} for link in (briefing.links if briefing else ())]
    if briefing is not None and briefing.runbook.startswith(("http://", "https://")):
        links.insert(0, {"href": briefing.runbook, "text": "Runbook"})
    client = {"client": "saasobs", "client_url": page} if page else {"client": "saasobs"}
    return {**client, "links": links} if links else client


def group_events(group: GroupBriefing) -> Iterator[Event]:
    """The group as one incident, as long as one of its incidents is open."""
    if not group.open:
        yield {"event_action": "resolve"}
        return
    critical = any(member.incident.severity is Severity.CRITICAL for member in group.open)
    rows = group_message.rows(group, _LISTED)
    payload = {
        "summary": shorten(group_message.subject(group), _SUMMARY),
        "source": "saasobs",
        "severity": _severity(Severity.CRITICAL if critical else Severity.WARNING),
        "timestamp": isoformat(min(member.incident.started_at for member in group.open)),
        "custom_details": {row.incident_id: f"{row.symbol} {row.text}" for row in rows},
    }
    yield {"event_action": "trigger", "payload": payload, **_links(group.page_url)}


def _severity(severity: Severity) -> str:
    return "critical" if severity is Severity.CRITICAL else "warning"


def _words(said: Mapping[str, Any]) -> str:
    """``invalid event: 'routing_key' is required``."""
    errors = said.get("errors")
    listed = [one for one in errors if isinstance(one, str)] if isinstance(errors, list) else []
    words = said.get("message")
    return ": ".join([words if isinstance(words, str) else "", *listed]).strip(": ")


PAGERDUTY: Final = ChannelKind("pagerduty", PagerDutyOptions, PagerDutyChannel, "PagerDuty, by its Events API")
