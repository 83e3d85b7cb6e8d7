"""A briefing as Slack shows it: blocks, and the plain text that phones and screen readers show. Pure.

Whatever others wrote is escaped (https://docs.slack.dev/messaging/formatting-message-text), so that no name can make a
link or call a whole channel. Slack's limits: header 150, section 3000, 50 blocks.
"""

from __future__ import annotations

import re
from typing import Any, Final

from saasobs.alerting import message
from saasobs.alerting.hygiene import shorten
from saasobs.core.incident import Briefing

_HEADER: Final = 150
_SECTION: Final = 2_900
_TEXT: Final = 500
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MASS_MENTION = re.compile(r"@(?=(?:channel|here|everyone|all|group)\b)|<(?=!)", re.IGNORECASE)


def head(briefing: Briefing) -> dict[str, Any]:
    """The incident's message: `text`, `blocks`, `metadata`."""
    headline = message.headline(briefing)
    header = {"type": "plain_text", "text": shorten(plain(headline), _HEADER), "emoji": True}
    parts: list[dict[str, Any]] = [{"type": "header", "text": header}]
    if len(headline) > _HEADER:
        parts.append(_section(escape(headline)))
    parts.append(_section("\n".join(_line(detail) for detail in message.details(briefing))))
    return {"text": escape(shorten(headline, _TEXT)), "blocks": parts, "metadata": _metadata(briefing)}


def reply(briefing: Briefing) -> dict[str, Any]:
    """What the thread keeps of one change: `text`, `metadata`."""
    lines = [message.headline(briefing), message.clock(briefing.now, briefing.now)]
    if late := message.late(briefing):
        lines.append(late)
    return {"text": escape(" · ".join(lines)), "metadata": _metadata(briefing)}


def escape(text: str) -> str:
    """Plain words for a mrkdwn field."""
    return plain(text).translate(_ESCAPES)


def plain(text: str) -> str:
    """Words in which no receiver of this payload sees a mass mention; unlike Slack, some read it out of plain text."""
    return _MASS_MENTION.sub(lambda found: found[0] + "\u2060", text)


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
