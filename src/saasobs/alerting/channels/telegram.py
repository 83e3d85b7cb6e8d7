"""Telegram, by a bot: one message per incident, edited in place, each change a reply to it, with buttons to answer.

Answers come by long polling, so no public address is needed. https://core.telegram.org/bots/api
"""

from __future__ import annotations

import asyncio
import html
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from saasobs.alerting import group_message, message
from saasobs.alerting.channels.faults import door, excerpt, refused, retry_after
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, Timeout
from saasobs.alerting.channels.http import Answer, post
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.channels.press import Listener, ListenerTools, offered
from saasobs.alerting.channels.telegram_answers import TelegramListener, pressed_as
from saasobs.alerting.hygiene import shorten
from saasobs.alerting.words import Buttons
from saasobs.core.answers import AnswerKind
from saasobs.core.errors import DeliveryError
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Receipt
from saasobs.core.people import Contact
from saasobs.core.values import SECOND
from saasobs.options import ChannelOptions, HttpUrl, SecretText

_TEXT: Final = 3_800
"""Characters of a message; Telegram's own limit is 4096, counted after its markup."""
_ROWS: Final = 30
_PACE_SECONDS: Final = 1.05
"""A chat takes about one message a second."""
_LONGEST_WAIT: Final = 3_600

_GONE: Final = ("message to edit not found", "message can't be edited", "MESSAGE_ID_INVALID")

Said = dict[str, Any]


def _chat(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Chat = Annotated[
    str,
    BeforeValidator(_chat),
    Field(pattern=r"^(|-?\d{1,20}|@\w{5,32})$"),
    WithJsonSchema({"type": ["string", "integer"]}),
]


class TelegramOptions(ChannelOptions):
    """Telegram, by a bot: in a chat, and to people who have written to it once."""

    token: SecretText
    """The bot's token, as @BotFather gave it."""
    chat: Chat = ""
    """The chat's ID, as in -1001234567890, or a public channel's @name. Empty: it reaches people only."""
    buttons: bool = True
    """Whether messages have buttons, and answers are listened for. A bot can have one listener only."""
    base_url: HttpUrl = "https://api.telegram.org"
    """The API; another one for a server of your own."""
    timeout: Timeout = DEFAULT_TIMEOUT
    """For one message, all in all."""

    @model_validator(mode="after")
    def _token(self) -> Self:
        number, separator, secret = self.token.reveal().partition(":")
        if not (separator and number.isdigit() and secret and self.token.reveal().isprintable()) or "/" in secret:
            raise ValueError("`token` must be a bot's token, as in 123456:ABC… (it is not shown)")
        return self


@dataclass(frozen=True, slots=True)
class Place:
    """Where an incident's message is: the reference that is kept between two messages."""

    chat: str
    message: int

    def __str__(self) -> str:
        return json.dumps({"chat": self.chat, "message": self.message})

    @classmethod
    def parse(cls, reference: str) -> Self | None:
        """None for no reference, or for one that is not ours."""
        try:
            found = json.loads(reference)
            return cls(str(found["chat"]), int(found["message"]))
        except (ValueError, KeyError, TypeError):
            return None


class TelegramChannel:
    """One bot."""

    def __init__(self, options: TelegramOptions, tools: Tools) -> None:
        self._options = options
        self._clock = tools.clock
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._moved: dict[str, str] = {}
        """Groups that have become supergroups since: their new IDs."""

    @property
    def recipients(self) -> Sequence[str]:
        return (self._options.chat,) if self._options.chat else ()

    @property
    def edits(self) -> bool:
        return True

    async def send(self, briefing: Briefing, reference: str) -> Receipt:
        keyboard = _keyboard(briefing) if self._options.buttons else None
        head, news = text(briefing), html.escape(message.headline(briefing), quote=False)
        return await self._tell(briefing.recipient, Place.parse(reference), (head, keyboard), news)

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:
        news = html.escape("\n".join(group_message.news(group)), quote=False)
        keyboard = group_keyboard(group) if self._options.buttons else None
        return await self._tell(group.recipient, Place.parse(reference), (group_text(group), keyboard), news)

    async def close(self) -> None:
        """Nothing is kept open between two messages."""

    async def _tell(self, chat: str, known: Place | None, head: tuple[str, Said | None], news: str) -> Receipt:
        """Edit the message that is there and reply to it, or send it."""
        said, keyboard = head
        shown: Said = {"text": said, "reply_markup": keyboard or {"inline_keyboard": []}}
        async with door("Telegram", self._options.timeout):
            if known is not None and await self._edit(known, shown):
                reply = {"message_id": known.message, "allow_sending_without_reply": True}
                sent = await self._send(known.chat, {"text": shorten(news, _TEXT), "reply_parameters": reply})
                return Receipt(str(sent.message), str(known))
            sent = await self._send(chat, shown)
        return Receipt(str(sent.message), str(sent))

    async def _send(self, chat: str, said: Said) -> Place:
        chat = self._moved.get(chat, chat)
        async with self._turns[chat]:
            result = await self._call("sendMessage", {**said, "chat_id": chat})
            await asyncio.sleep(0 if self._options.base_url.startswith("http://") else _PACE_SECONDS)
        identity = result.get("message_id")
        if not isinstance(identity, int):
            raise DeliveryError("Telegram's answer is not Telegram's: it has no message_id")
        return Place(chat, identity)

    async def _edit(self, place: Place, said: Said) -> bool:
        """Whether the message is there and now says this."""
        try:
            await self._call("editMessageText", {**said, "chat_id": place.chat, "message_id": place.message})
        except DeliveryError as error:
            words = str(error)
            if "message is not modified" in words:
                return True
            if any(
                gone in words for gone in ("message to edit not found", "message can't be edited", "MESSAGE_ID_INVALID")
            ):
                return False
            raise
        return True

    async def _call(self, method: str, said: Said) -> Mapping[str, Any]:
        """:raises DeliveryError: Telegram did not take it."""
        asked = {**said, "parse_mode": "HTML", "link_preview_options": {"is_disabled": True}}
        answer = await post(
            f"{self._options.base_url.rstrip('/')}/bot{self._options.token.reveal()}/{method}",
            content=json.dumps(asked, ensure_ascii=False).encode("utf-8", "replace"),
            headers={"Content-Type": "application/json"},
        )
        told = answer.json()
        result = told.get("result")
        if answer.accepted and told.get("ok") is True and isinstance(result, dict):
            return result
        raise self._refused(answer, told, str(said["chat_id"]))

    def _refused(self, answer: Answer, told: Mapping[str, Any], chat: str) -> DeliveryError:
        if answer.accepted:
            return DeliveryError("Telegram's answer is not Telegram's: it is neither ok nor an error")
        words, more = told.get("description"), told.get("parameters")
        more = more if isinstance(more, dict) else {}
        moved, seconds = more.get("migrate_to_chat_id"), more.get("retry_after")
        sentence = excerpt(words) if isinstance(words, str) else ""
        if isinstance(moved, int):
            self._moved[chat] = str(moved)
            return DeliveryError(
                f"Telegram: the group {chat} is now the supergroup {moved}: configure that", retry_after=0
            )
        wait = int(seconds * SECOND) if isinstance(seconds, int) and 0 <= seconds <= _LONGEST_WAIT else None
        if wait is None:  # what stands in front of Telegram says it in its own way
            wait = retry_after(answer.headers.get("retry-after"), self._clock.now())
        return refused("Telegram", answer.status, sentence, wait)


def text(briefing: Briefing) -> str:
    """The incident's message in Telegram's HTML."""
    lines = [_line(detail) for detail in message.details(briefing)]
    return _whole(message.headline(briefing), lines)


def group_text(group: GroupBriefing) -> str:
    """A group's message, a line for each incident."""
    rows = [
        f"{row.symbol} <code>{row.incident_id}</code> {_escaped(row.text)}" for row in group_message.rows(group, _ROWS)
    ]
    left = group_message.left_out(group, _ROWS)
    lines = [_line(detail) for detail in group_message.details(group)]
    return _whole(group_message.headline(group), [*lines, *rows, *([_escaped(left)] if left else [])])


def _whole(headline: str, lines: Sequence[str]) -> str:
    """As many whole lines as fit: a cut in the middle of markup would be refused."""
    said = f"<b>{_escaped(shorten(headline, 600))}</b>"
    for line in lines:
        if len(said) + len(line) >= _TEXT:
            break
        said += f"\n{line}"
    return said


def _line(detail: message.Detail) -> str:
    shown = _escaped(shorten(detail.text, 600))
    if detail.url and detail.text.startswith(("http://", "https://")):
        return f'{_escaped(detail.label)}: <a href="{html.escape(detail.text)}">{shown}</a>'
    return f"{_escaped(detail.label)}: {shown}"


def _keyboard(briefing: Briefing) -> Said | None:
    words, incident = message.buttons(briefing), briefing.incident
    if not incident.open or briefing.test:
        return None
    return _row(words, (*offered([incident]), AnswerKind.RESOLVE), incident.id)


def group_keyboard(group: GroupBriefing) -> Said | None:
    """The buttons below a message about many, each for all of them that are open; None: there are none."""
    kinds = offered([member.incident for member in group.open])
    return _row(message.buttons(group), kinds, group.group_id) if kinds else None


def _row(words: Buttons, kinds: Iterable[AnswerKind], identity: str) -> Said:
    row = [{"text": words.of(kind), "callback_data": pressed_as(kind, identity)} for kind in kinds]
    return {"inline_keyboard": [row]}


def _escaped(said: str) -> str:
    return html.escape(said, quote=False)


def _listen(options: TelegramOptions, tools: ListenerTools) -> Listener | None:
    if not options.buttons:
        return None
    return TelegramListener(options.token, options.base_url, options.chat, tools)


TELEGRAM: Final = ChannelKind(
    "telegram", TelegramOptions, TelegramChannel, "Telegram, by a bot", Contact.TELEGRAM, listen=_listen, is_chat=True
)
