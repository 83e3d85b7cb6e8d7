"""Discord, by a webhook: one message per incident, edited in place; each change is told in a line of its own.

An edit rings nobody, so what is worth ringing for is posted as well. No name can mention anybody: only `mention` can.
https://discord.com/developers/docs/resources/webhook#execute-webhook
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from pydantic import Field

from saasobs.alerting import group_message, message
from saasobs.alerting.channels.faults import door, excerpt, refused, retry_after
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, SecretUrl, Timeout
from saasobs.alerting.channels.http import Answer, post
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.hygiene import shorten
from saasobs.core.errors import DeliveryError
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Change, Receipt
from saasobs.core.monitor import Severity
from saasobs.core.values import SECOND
from saasobs.options import ChannelOptions

_CONTENT: Final = 1_900
_DESCRIPTION: Final = 3_500
_FIELD: Final = 1_000
_FIELDS: Final = 25
_ROWS: Final = 40
_UNKNOWN_MESSAGE: Final = 10008
_LOUD: Final = frozenset({Change.OPENED, Change.ESCALATED})
_COLOURS: Final = {"🔴": 0xD92D20, "🟡": 0xF79009, "🟢": 0x12B76A}
_GREY: Final = 0x98A2B3
_MARKDOWN: Final = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_~|>[]()#-"})

Said = dict[str, Any]


class DiscordOptions(ChannelOptions):
    """Discord, by a channel's webhook."""

    url: SecretUrl
    """The webhook's address. Whoever knows it can post."""
    thread: str = Field(default="", pattern=r"^(\d{5,25})?$")
    """The ID of a thread in that channel, where messages shall go there."""
    mention: str = Field(default="", pattern=r"^(@here|@everyone|<@&?\d{5,25}>)?$")
    """Who is called when something critical begins: '@here', '@everyone', a role as '<@&ID>' or a user as '<@ID>'."""
    timeout: Timeout = DEFAULT_TIMEOUT
    """For one message, all in all."""


class DiscordChannel:
    """One webhook."""

    def __init__(self, options: DiscordOptions, tools: Tools) -> None:
        self._options = options
        self._clock = tools.clock

    @property
    def recipients(self) -> Sequence[str]:
        return ("discord",)

    @property
    def edits(self) -> bool:
        return True

    async def send(self, briefing: Briefing, reference: str) -> Receipt:
        loud = briefing.incident.severity is Severity.CRITICAL and not _LOUD.isdisjoint(briefing.changes)
        calls = loud and message.ending(briefing) is None
        return await self._tell(reference, head(briefing), message.headline(briefing), calls=calls)

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:
        critical = any(member.incident.severity is Severity.CRITICAL for member in group.open)
        news = "\n".join(group_message.news(group))
        return await self._tell(reference, group_head(group), news, calls=critical and (group.first or group.graver))

    async def close(self) -> None:
        """Nothing is kept open between two messages."""

    async def _tell(self, reference: str, said: Said, news: str, *, calls: bool) -> Receipt:
        """Edit the message that is there and post the news, or post it."""
        mention = self._options.mention if calls else ""
        async with door("Discord", self._options.timeout):
            if reference.isdigit() and await self._edit(reference, said):
                line = f"{mention} {_plain(news)}".strip()
                return Receipt(await self._post({"content": shorten(line, _CONTENT)}, mention), reference)
            posted = await self._post({"content": mention, **said} if mention else said, mention)
        return Receipt(posted, posted)

    async def _post(self, said: Said, mention: str) -> str:
        answer = await self._ask("POST", self._url("", wait="true"), {**said, "allowed_mentions": _allowed(mention)})
        self._check(answer)
        identity = answer.json().get("id")
        if not isinstance(identity, str) or not identity.isdigit():
            raise DeliveryError("Discord's answer is not Discord's: it has no id")
        return identity

    async def _edit(self, identity: str, said: Said) -> bool:
        """Whether the message is there and now says this."""
        url = self._url(f"/messages/{identity}")
        answer = await self._ask("PATCH", url, {**said, "allowed_mentions": _allowed("")})
        if answer.status == 404 and answer.json().get("code") == _UNKNOWN_MESSAGE:
            return False
        self._check(answer)
        return True

    async def _ask(self, method: str, url: str, said: Said) -> Answer:
        content = json.dumps(said, ensure_ascii=False).encode("utf-8", "replace")
        return await post(url, method=method, content=content, headers={"Content-Type": "application/json"})

    def _url(self, path: str, **query: str) -> str:
        parts = urlsplit(self._options.url.reveal())
        asked = {**query, **({"thread_id": self._options.thread} if self._options.thread else {})}
        return urlunsplit(parts._replace(path=parts.path.rstrip("/") + path, query=urlencode(asked)))

    def _check(self, answer: Answer) -> None:
        """:raises DeliveryError: Discord did not take it."""
        if answer.accepted:
            return
        said = answer.json()
        seconds = said.get("retry_after")
        if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < 86_400:
            wait: int | None = int(seconds * SECOND)
        else:
            wait = retry_after(answer.headers.get("retry-after"), self._clock.now())
        words = said.get("message")
        raise refused("Discord", answer.status, excerpt(words) if isinstance(words, str) else "", wait)


def head(briefing: Briefing) -> Said:
    """The incident's message as an embed."""
    return {"embeds": [_embed(message.headline(briefing), message.details(briefing), ())]}


def group_head(group: GroupBriefing) -> Said:
    """A group's message: an embed with a line for each incident."""
    rows = [f"{row.symbol} `{row.incident_id}` {_plain(row.text)}" for row in group_message.rows(group, _ROWS)]
    left = group_message.left_out(group, _ROWS)
    return {"embeds": [_embed(group_message.headline(group), group_message.details(group), [*rows, left])]}


def _embed(headline: str, details: Sequence[message.Detail], lines: Sequence[str]) -> Said:
    fields = [
        {"name": detail.label, "value": shorten(detail.text if detail.url else _plain(detail.text), _FIELD)}
        for detail in details[:_FIELDS]
    ]
    text = "\n".join(line for line in lines if line)
    return {
        "title": shorten(headline, 250),
        "color": _COLOURS.get(headline[:1], _GREY),
        **({"description": shorten(text, _DESCRIPTION)} if text else {}),
        "fields": [{**field, "inline": len(field["value"]) < 40} for field in _within(fields, 5_500 - len(text))],
    }


def _within(fields: Sequence[dict[str, str]], room: int) -> list[dict[str, str]]:
    """As many as fit: an embed has 6000 characters in all."""
    kept: list[dict[str, str]] = []
    for field in fields:
        room -= len(field["name"]) + len(field["value"])
        if room < 0:
            break
        kept.append(field)
    return kept


def _allowed(mention: str) -> Said:
    """Whom this message may call: nobody, but for what the configuration says."""
    if mention.startswith("@"):
        return {"parse": ["everyone"]}
    identity = mention.strip("<@&>")
    if not identity:
        return {"parse": []}
    return {"parse": [], "roles" if "&" in mention else "users": [identity]}


def _plain(text: str) -> str:
    """Words in which Discord sees no Markdown."""
    return text.translate(_MARKDOWN)


DISCORD: Final = ChannelKind("discord", DiscordOptions, DiscordChannel, "Discord, by a webhook")
