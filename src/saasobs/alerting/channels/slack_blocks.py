"""A briefing as Slack shows it: blocks, and the plain text that phones and screen readers show. Pure.

Whatever others wrote is escaped (https://docs.slack.dev/messaging/formatting-message-text), so that no name can make a
link or call a whole channel. Slack's limits: header 150, section 3000, 50 blocks.
"""

from __future__ import annotations

import re
from typing import Any, Final

from saasobs.alerting import group_message, message
from saasobs.alerting.hygiene import shorten
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing

_HEADER: Final = 150
_SECTION: Final = 2_900
_TEXT: Final = 500
_ROWS: Final = 40
"""Incidents that a group's message lists; the page has them all."""
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MASS_MENTION = re.compile(r"@(?=(?:channel|here|everyone|all|group)\b)|<(?=!)", re.IGNORECASE)


def head(briefing: Briefing) -> dict[str, Any]:
    """The incident's message: `text`, `blocks`, `metadata`."""
    headline = message.headline(briefing)
    lines = [_line(detail) for detail in message.details(briefing)]
    return {"text": _text(headline), "blocks": _blocks(headline, lines), "metadata": _metadata(briefing)}


def reply(briefing: Briefing) -> dict[str, Any]:
    """What the thread keeps of one change: `text`, `metadata`."""
    lines = [message.headline(briefing), message.clock(briefing.now, briefing.now)]
    if late := message.late(briefing):
        lines.append(late)
    return {"text": escape(" · ".join(lines)), "metadata": _metadata(briefing)}


def group_head(group: GroupBriefing) -> dict[str, Any]:
    """A group's message: `text`, `blocks`, `metadata`."""
    headline = group_message.headline(group)
    lines = [_line(detail) for detail in group_message.details(group)]
    rows = [f"{row.symbol} `{row.incident_id}` {escape(row.text)}" for row in group_message.rows(group, _ROWS)]
    left = group_message.left_out(group, _ROWS)
    parts = [*_blocks(headline, lines), *(_section(text) for text in _paragraphs([*rows, *([left] if left else [])]))]
    return {"text": _text(headline), "blocks": parts, "metadata": _group_metadata(group)}


def group_reply(group: GroupBriefing) -> dict[str, Any]:
    """What the thread keeps of what was new: `text`, `metadata`."""
    lines = [*group_message.news(group), message.clock(group.now, group.now)]
    if late := group_message.late(group):
        lines.append(late)
    return {"text": escape(" · ".join(lines)), "metadata": _group_metadata(group)}


def escape(text: str) -> str:
    """Plain words for a mrkdwn field."""
    return plain(text).translate(_ESCAPES)


def plain(text: str) -> str:
    """Words in which no receiver of this payload sees a mass mention; unlike Slack, some read it out of plain text."""
    return _MASS_MENTION.sub(lambda found: found[0] + "\u2060", text)


def _text(headline: str) -> str:
    return escape(shorten(headline, _TEXT))


def _blocks(headline: str, lines: list[str]) -> list[dict[str, Any]]:
    header = {"type": "plain_text", "text": shorten(plain(headline), _HEADER), "emoji": True}
    parts: list[dict[str, Any]] = [{"type": "header", "text": header}]
    if len(headline) > _HEADER:
        parts.append(_section(escape(headline)))
    return [*parts, _section("\n".join(lines))]


def _paragraphs(lines: list[str]) -> list[str]:
    """The lines in as few texts as Slack's limit allows."""
    texts: list[str] = []
    for line in lines:
        if texts and len(texts[-1]) + len(line) < _SECTION:
            texts[-1] += f"\n{line}"
        else:
            texts.append(line)
    return texts


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": shorten(text, _SECTION)}}


def _line(detail: message.Detail) -> str:
    if detail.label == "Acknowledge":
        return f"*{detail.label}:* `{escape(detail.text)}`"
    return f"*{detail.label}:* {escape(detail.text)}"


def _metadata(briefing: Briefing) -> dict[str, Any]:
    payload = {
        "delivery_id": briefing.delivery_id,
        "notice_ids": list(briefing.notice_ids),
        "incident_id": briefing.incident.id,
    }
    return {"event_type": "saasobs_notice", "event_payload": payload}


def _group_metadata(group: GroupBriefing) -> dict[str, Any]:
    """Slack bounds what metadata may hold: the notices are counted, not listed."""
    payload = {"delivery_id": group.delivery_id, "group_id": group.group_id, "notices": len(group.notice_ids)}
    return {"event_type": "saasobs_group", "event_payload": payload}
