"""Microsoft Teams, by the webhook of a workflow: an Adaptive Card for each message.

The workflow "Post to a channel when a webhook request is received" takes them. A message cannot be edited; a request
may have 28 KB. https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator

from saasobs.alerting import group_message, message
from saasobs.alerting.channels.faults import door, refused, retry_after
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, SecretUrl, Timeout, host_of
from saasobs.alerting.channels.http import post
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Receipt
from saasobs.core.values import Secret
from saasobs.options import ChannelOptions

_LIMIT: Final = 26 * 1024
"""Bytes of a request, with some room for what Microsoft counts besides."""
_ROWS: Final = 60
_RETIRED: Final = ("webhook.office.com", "outlook.office.com")
_MARKDOWN: Final = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_[]()#"})

Card = dict[str, Any]


def _workflow(value: Secret) -> Secret:
    if host_of(value).endswith(_RETIRED):
        raise ValueError("is the address of an Office 365 connector, which Microsoft has retired: make a workflow")
    return value


class TeamsOptions(ChannelOptions):
    """Microsoft Teams, by a workflow's webhook: a new card for each change."""

    url: Annotated[SecretUrl, AfterValidator(_workflow)]
    """The address that the workflow shows. Whoever knows it can post."""
    timeout: Timeout = DEFAULT_TIMEOUT
    """For one message."""


class TeamsChannel:
    """One workflow, which posts to one channel or chat."""

    def __init__(self, options: TeamsOptions, tools: Tools) -> None:
        self._options = options
        self._clock = tools.clock

    @property
    def recipients(self) -> Sequence[str]:
        return ("teams",)

    @property
    def edits(self) -> bool:
        return False

    async def send(self, briefing: Briefing, reference: str) -> Receipt:  # noqa: ARG002 - a card cannot be edited
        return await self._post(body(briefing))

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:  # noqa: ARG002 - nor a group's
        return await self._post(group_body(group))

    async def close(self) -> None:
        """Nothing is kept open between two messages."""

    async def _post(self, content: bytes) -> Receipt:
        async with door("Teams", self._options.timeout):
            answer = await post(
                self._options.url.reveal(), content=content, headers={"Content-Type": "application/json"}
            )
        if not answer.accepted:
            wait = retry_after(answer.headers.get("retry-after"), self._clock.now())
            raise refused("Teams", answer.status, answer.text, wait)
        return Receipt(answer.headers.get("x-ms-workflow-run-id", ""))


def body(briefing: Briefing) -> bytes:
    """The request: headline, facts, the newest lines of the timeline as far as they fit, and buttons."""
    facts = [_fact(detail) for detail in message.details(briefing) if not detail.url]
    links = [(detail.label, detail.text) for detail in message.details(briefing) if detail.url]
    return _fitting(message.headline(briefing), facts, list(message.history(briefing)), links)


def group_body(group: GroupBriefing) -> bytes:
    """The request for many incidents: each has a line, as far as they fit."""
    rows = [f"{row.symbol} {row.incident_id} {row.text}" for row in group_message.rows(group, _ROWS)]
    left = group_message.left_out(group, _ROWS)
    facts = [_fact(detail) for detail in group_message.details(group) if not detail.url]
    links = [(detail.label, detail.text) for detail in group_message.details(group) if detail.url]
    return _fitting(group_message.headline(group), facts, [*rows, *([left] if left else [])], links)


def _fitting(headline: str, facts: list[Card], lines: list[str], links: Sequence[tuple[str, str]]) -> bytes:
    while True:
        card = _card(headline, facts, lines, links)
        content = json.dumps(_message(card), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        if len(content) <= _LIMIT or not lines:
            return content
        lines = lines[: len(lines) * 3 // 4]


def _card(headline: str, facts: list[Card], lines: list[str], links: Sequence[tuple[str, str]]) -> Card:
    parts: list[Card] = [{"type": "TextBlock", "text": _plain(headline), "weight": "Bolder", "size": "Medium"}]
    parts.append({"type": "FactSet", "facts": facts})
    parts += [{"type": "TextBlock", "text": _plain(line), "size": "Small", "spacing": "None"} for line in lines]
    card: Card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [{**part, "wrap": True} if part["type"] == "TextBlock" else part for part in parts],
    }
    actions = [{"type": "Action.OpenUrl", "title": title, "url": url} for title, url in links if url.startswith("http")]
    return {**card, "actions": actions} if actions else card


def _message(card: Card) -> Card:
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _fact(detail: message.Detail) -> Card:
    return {"title": detail.label, "value": _plain(detail.text)}


def _plain(text: str) -> str:
    """Words in which a card sees no Markdown: no name makes a link."""
    return text.translate(_MARKDOWN)


TEAMS: Final = ChannelKind("teams", TeamsOptions, TeamsChannel, "Microsoft Teams, by a workflow", is_chat=True)
