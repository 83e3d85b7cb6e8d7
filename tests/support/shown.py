"""What a person sees of a message over each kind of channel, for the golden pages."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from email.message import EmailMessage
from typing import Any, Final, TypeVar

from saasobs.alerting import group_message, message, spoken, template
from saasobs.alerting.channels import console, discord, email, pagerduty, slack_blocks, teams, telegram, webhook
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing

Told = Briefing | GroupBriefing
Card = tuple[str, str]
"""A heading, and text as it stands on a screen."""
T = TypeVar("T")
SENDER: Final = "alerts@acme.example"
_ROWS: Final = 6


def _either(told: Told, single: Callable[[Briefing], T], group: Callable[[GroupBriefing], T]) -> T:
    return group(told) if isinstance(told, GroupBriefing) else single(told)


def _console(told: Told) -> Sequence[Card]:
    return [("on the terminal", _either(told, console.render, console.render_group))]


def _slack(told: Told) -> Sequence[Card]:
    head = _either(told, lambda one: slack_blocks.head(one, buttons=True), slack_blocks.group_head)
    reply = _either(told, slack_blocks.reply, slack_blocks.group_reply)
    return [("the message", "\n".join(_slack_texts(head["blocks"]))), ("in its thread", reply["text"])]


def _slack_texts(blocks: Sequence[Mapping[str, Any]]) -> list[str]:
    texts = []
    for block in blocks:
        if "text" in block:
            texts.append(block["text"]["text"])
        pressed = [one["text"]["text"] for one in block.get("elements", ()) if isinstance(one.get("text"), dict)]
        texts += [" ".join(f"[{said}]" for said in pressed)] if pressed else []
    return texts


def _telegram(told: Told) -> Sequence[Card]:
    text = html.unescape(re.sub(r"<[^>]+>", "", _either(told, telegram.text, telegram.group_text)))
    keyboard = telegram._keyboard(told) if isinstance(told, Briefing) else None
    pressed = [f"[{button['text']}]" for row in (keyboard or {}).get("inline_keyboard", ()) for button in row]
    return [("the message", f"{text}\n{' '.join(pressed)}")]


def _sms(told: Told) -> Sequence[Card]:
    return [("the text", _either(told, message.sms, group_message.sms))]


def _email(told: Told) -> Sequence[Card]:
    one: Any = replace(told, recipient="team@acme.example")
    letter: EmailMessage = _either(
        one, lambda single: email.compose(single, SENDER), lambda group: email.compose_group(group, SENDER)
    )
    body = letter.get_body(("plain",))
    assert body is not None
    return [("subject", str(letter["Subject"])), ("text", body.get_content())]


def _webhook(told: Told) -> Sequence[Card]:
    said = _either(told, webhook.payload, webhook.group_payload)
    return [("text", said["text"])]


def _discord(told: Told) -> Sequence[Card]:
    [embed] = _either(told, discord.head, discord.group_head)["embeds"]
    fields = [f"{field['name']}: {field['value']}" for field in embed["fields"]]
    return [("embed", "\n".join([embed["title"], *fields, embed.get("description", "")]))]


def _teams(told: Told) -> Sequence[Card]:
    said = json.loads(_either(told, teams.body, teams.group_body))
    card = said["attachments"][0]["content"]
    lines = []
    for part in card["body"]:
        lines += [part["text"]] if "text" in part else [f"{fact['title']}: {fact['value']}" for fact in part["facts"]]
    actions = [f"[{action['title']}]" for action in card.get("actions", ())]
    return [("card", "\n".join([*lines, " ".join(actions)]))]


def _pagerduty(told: Told) -> Sequence[Card]:
    said = list(_either(told, pagerduty.events, pagerduty.group_events))
    lines = [f"{event['event_action']}: {event.get('payload', {}).get('summary', '')}".strip(": ") for event in said]
    return [("events", "\n".join(lines) or "(nothing: it would only be noise there)")]


def _whatsapp(told: Told) -> Sequence[Card]:
    return [(f"{{{{{place}}}}}", text) for place, text in enumerate(template.template_parameters(told), start=1)]


def _voice(told: Told) -> Sequence[Card]:
    return [("the call", f"{spoken.voice(told)} {spoken.press(told, '1')}")]


def _apprise(told: Told) -> Sequence[Card]:
    if isinstance(told, GroupBriefing):
        rows = [f"{row.symbol} {row.incident_id} {row.text}" for row in group_message.rows(told, _ROWS)]
        return [("title", group_message.headline(told)), ("body", "\n".join(rows))]
    details = [f"{detail.label}: {detail.text}" for detail in message.details(told)]
    return [("title", message.headline(told)), ("body", "\n".join(details))]


SHOWN: Final[Mapping[str, Callable[[Told], Sequence[Card]]]] = {
    "console": _console,
    "slack": _slack,
    "telegram": _telegram,
    "sms": _sms,
    "email": _email,
    "webhook": _webhook,
    "pagerduty": _pagerduty,
    "teams": _teams,
    "discord": _discord,
    "apprise": _apprise,
    "whatsapp": _whatsapp,
    "voice": _voice,
}
