"""A briefing as Slack shows it: blocks, and the plain text that phones and screen readers show. Pure.

Whatever others wrote is escaped (https://docs.slack.dev/messaging/formatting-message-text), so that no name can make a
link or call a whole channel. Slack's limits: header 150, section 3000, 50 blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from saasobs.alerting import group_message, message
from saasobs.alerting.channels.press import offered
from saasobs.alerting.hygiene import shorten
from saasobs.alerting.words import Buttons
from saasobs.core.answers import AnswerKind
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Change
from saasobs.core.monitor import Severity

_HEADER: Final = 150
_SECTION: Final = 2_900
_TEXT: Final = 500
_BUTTON: Final = 75
PREFIX: Final = "saasobs_"
"""Of the buttons' `action_id`; the answer's kind follows."""
_LOUD: Final = frozenset({Change.OPENED, Change.ESCALATED})
_ROWS: Final = 40
"""Incidents that a group's message lists; the page has them all."""
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MASS_MENTION = re.compile(r"@(?=(?:channel|here|everyone|all|group)\b)|<(?=!)", re.IGNORECASE)


def head(briefing: Briefing, *, calls: str = "", buttons: bool = False) -> dict[str, Any]:
    """The incident's message: `text`, `blocks`, `metadata`.

    :param calls: who is called by it, as the configuration has it. :param buttons: whether answers can come back.
    """
    headline = message.headline(briefing)
    shown = (one for one in message.details(briefing) if not (buttons and one.fact is message.Fact.ACKNOWLEDGE))
    parts = _blocks(headline, [_line(detail) for detail in shown])
    if calls:
        parts.append(_section(mention(calls)))
    if buttons and briefing.incident.open and not briefing.test:
        parts.append(_actions(briefing))
    return {"text": _called(calls, _text(headline)), "blocks": parts, "metadata": _metadata(briefing)}


def reply(briefing: Briefing, *, calls: str = "") -> dict[str, Any]:
    """What the thread keeps of one change: `text`, `metadata`."""
    lines = [message.headline(briefing), message.time(briefing)]
    if late := message.late(briefing):
        lines.append(late)
    return {"text": _called(calls, escape(" · ".join(lines))), "metadata": _metadata(briefing)}


def is_grave(briefing: Briefing) -> bool:
    """Worth calling people for: something critical begins, or gets worse."""
    critical = briefing.incident.severity is Severity.CRITICAL and message.ending(briefing) is None
    return critical and not _LOUD.isdisjoint(briefing.changes) and not briefing.test


def is_grave_group(group: GroupBriefing) -> bool:
    """The same of many."""
    critical = any(member.incident.severity is Severity.CRITICAL for member in group.open)
    return critical and (group.first or group.graver)


def mention(calls: str) -> str:
    """As Slack writes it: ``<!here>`` for ``@here``."""
    return f"<!{calls[1:]}>" if calls.startswith("@") else calls


def group_head(group: GroupBriefing, *, calls: str = "", buttons: bool = False) -> dict[str, Any]:
    """A group's message: `text`, `blocks`, `metadata`."""
    headline = group_message.headline(group)
    shown = group_message.details(group)
    lines = [_line(one) for one in shown if not (buttons and one.fact is message.Fact.ACKNOWLEDGE)]
    rows = [f"{row.symbol} `{row.incident_id}` {escape(row.text)}" for row in group_message.rows(group, _ROWS)]
    left = group_message.left_out(group, _ROWS)
    parts = [*_blocks(headline, lines), *(_section(text) for text in _paragraphs([*rows, *([left] if left else [])]))]
    if calls:
        parts.append(_section(mention(calls)))
    if buttons:
        parts += _group_actions(group)
    return {"text": _called(calls, _text(headline)), "blocks": parts, "metadata": _group_metadata(group)}


def group_reply(group: GroupBriefing) -> dict[str, Any]:
    """What the thread keeps of what was new: `text`, `metadata`."""
    lines = [*group_message.news(group), message.time(group)]
    if late := group_message.late(group):
        lines.append(late)
    return {"text": escape(" · ".join(lines)), "metadata": _group_metadata(group)}


def escape(text: str) -> str:
    """Plain words for a mrkdwn field."""
    return plain(text).translate(_ESCAPES)


def plain(text: str) -> str:
    """Words in which no receiver of this payload sees a mass mention; unlike Slack, some read it out of plain text."""
    return _MASS_MENTION.sub(lambda found: found[0] + "\u2060", text)


def _actions(briefing: Briefing) -> dict[str, Any]:
    """What can be pressed: to take it, or to give it back, and to end it."""
    incident = briefing.incident
    return _row(message.buttons(briefing), (*offered([incident]), AnswerKind.RESOLVE), incident.id)


def _group_actions(group: GroupBriefing) -> Iterator[dict[str, Any]]:
    """The same for all of them that are open."""
    if kinds := offered([member.incident for member in group.open]):
        yield _row(message.buttons(group), kinds, group.group_id)


def _row(words: Buttons, kinds: Iterable[AnswerKind], identity: str) -> dict[str, Any]:
    return {"type": "actions", "elements": [_button(kind, words.of(kind), identity) for kind in kinds]}


def _button(kind: AnswerKind, text: str, identity: str) -> dict[str, Any]:
    shown = {"type": "plain_text", "text": shorten(text, _BUTTON), "emoji": True}
    button = {"type": "button", "text": shown, "action_id": f"{PREFIX}{kind.value}", "value": identity}
    return {**button, "style": "primary"} if kind is AnswerKind.ACKNOWLEDGE else button


def _called(calls: str, text: str) -> str:
    """The plain text rings whom it mentions."""
    return f"{mention(calls)} {text}" if calls else text


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
    if detail.fact is message.Fact.ACKNOWLEDGE and not detail.url:
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
