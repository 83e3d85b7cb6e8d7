"""What people press in Telegram, by long polling: no public address is needed.

An update comes again until the next question confirms it, and that is asked only when the answer is written down: so
none is lost by a kill, and one that comes twice is answered as any second press is. Where it was left off is kept.
https://core.telegram.org/bots/api#getupdates
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import structlog

from saasobs.alerting.channels.faults import FOREIGN, excerpt
from saasobs.alerting.channels.http import post
from saasobs.alerting.channels.press import ListenerTools, Press, read_press, take
from saasobs.alerting.hygiene import one_line, shorten
from saasobs.alerting.retry import backoff
from saasobs.core.answers import AnswerKind
from saasobs.core.people import Contact
from saasobs.core.values import MINUTE, SECOND, Secret

OFFSET: Final = "offset"
_POLL_SECONDS: Final = 25
_ANSWER_SECONDS: Final = 10.0
_HOPELESS: Final = 5 * MINUTE
_TOAST: Final = 200
"""Characters of the note that a press is answered with."""

log = structlog.get_logger("saasobs.answers")


def pressed_as(kind: AnswerKind, identity: str) -> str:
    """What a button sends back: at most 64 bytes."""
    return f"{kind.value}:{identity}"


class _Refused(Exception):
    """Telegram does not let us listen; `wait` µs before the next try, below 0: the usual."""

    def __init__(self, sentence: str, wait: int = -1) -> None:
        super().__init__(sentence)
        self.wait = wait


_UNTOLD: Final[tuple[type[Exception], ...]] = (_Refused, *FOREIGN)


class TelegramListener:
    """Asks one bot's API what was pressed, for ever."""

    def __init__(self, token: Secret, base_url: str, chat: str, tools: ListenerTools) -> None:
        self._token = token
        self._base_url = base_url.rstrip("/")
        self._chat = chat
        self._tools = tools
        self._offset = 0
        self.problem = "not connected yet"

    async def pressed(self, body: bytes, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - it asks, nobody calls
        return False

    async def run(self) -> None:
        """:raises CancelledError: and nothing else."""
        failures = 0
        while True:
            try:
                if not self._offset:
                    kept = await self._tools.recall(OFFSET)
                    self._offset = int(kept) if kept.isdigit() else 0
                await self._poll()
                failures = 0
                continue
            except _Refused as error:
                wait, sentence = error.wait, str(error)
            except FOREIGN as error:
                wait, sentence = -1, f"{type(error).__name__}: {excerpt(str(error))}"
            self._tell(sentence)
            await asyncio.sleep((wait if wait >= 0 else backoff(failures, self._tools.channel, None)) / SECOND)
            failures += 1

    def _tell(self, sentence: str) -> None:
        if sentence != self.problem:
            log.warning("answers.disconnected", channel=self._tools.channel, error=sentence)
        self.problem = sentence

    async def _poll(self) -> None:
        """Ask once, and take what has come. :raises _Refused:"""
        first = bool(self.problem)  # a short question, so that it is soon known that all is well
        asked = {
            "timeout": 0 if first else _POLL_SECONDS,
            "offset": self._offset,
            "allowed_updates": ["callback_query"],
        }
        async with asyncio.timeout(_POLL_SECONDS + _ANSWER_SECONDS):
            updates = await self._call("getUpdates", asked)
        if first:
            log.info("answers.connected", channel=self._tools.channel)
            self.problem = ""
        for update in updates if isinstance(updates, list) else ():
            await self._take(_object(update))

    async def _take(self, update: Mapping[str, Any]) -> None:
        number = update.get("update_id")
        if not isinstance(number, int) or number < self._offset:
            return
        query = _object(update.get("callback_query"))
        sentence = await self._answer(query)
        self._offset = number + 1
        await self._tools.remember(OFFSET, str(self._offset))
        identity = query.get("id")
        if isinstance(identity, str) and sentence is not None:
            await self._toast(identity, sentence)

    async def _answer(self, query: Mapping[str, Any]) -> str | None:
        """The sentence for whoever pressed; None: it was no button of ours. :raises StorageError:"""
        sender = _object(query.get("from"))
        kind, _, identity = str(query.get("data", ""))[:100].partition(":")
        read = read_press(kind, identity)
        who = sender.get("id")
        if read is None or not isinstance(who, int):
            return None
        if not self._is_ours(_object(_object(query.get("message")).get("chat")), str(who)):
            self._tools.count("strange")
            return "only people of the configuration can answer here"
        name = next(
            (one_line(one, 60) for key in ("username", "first_name") if isinstance(one := sender.get(key), str)), ""
        )
        sentence = await take(Press(*read, str(who), name), Contact.TELEGRAM, self._tools)
        return sentence or "✓"

    def _is_ours(self, chat: Mapping[str, Any], who: str) -> bool:
        """Pressed in the configured chat, or by one of the people."""
        if self._tools.person_at(Contact.TELEGRAM, who):
            return True
        places = (str(chat.get("id")), f"@{chat.get('username')}")
        return bool(self._chat) and self._chat in places

    async def _toast(self, identity: str, sentence: str) -> None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                said = {"callback_query_id": identity, "text": shorten(sentence, _TOAST)}
                await self._call("answerCallbackQuery", said)
        except _UNTOLD:
            log.warning("answers.not_told", channel=self._tools.channel)

    async def _call(self, method: str, said: Mapping[str, Any]) -> Any:
        """:raises _Refused:"""
        answer = await post(
            f"{self._base_url}/bot{self._token.reveal()}/{method}",
            content=json.dumps(said).encode(),
            headers={"Content-Type": "application/json"},
        )
        told = answer.json()
        if answer.accepted and told.get("ok") is True:
            return told.get("result")
        words = told.get("description")
        sentence = f"Telegram answered {answer.status}" + (f": {excerpt(words)}" if isinstance(words, str) else "")
        if answer.status in (401, 404):
            raise _Refused(f"{sentence} (is it the bot's token?)", _HOPELESS)
        if answer.status == 409:
            hint = (
                "another program listens with this bot's token, or a webhook is set for it: a bot can have one listener"
            )
            raise _Refused(f"{sentence}: {hint}", MINUTE)
        seconds = _object(told.get("parameters")).get("retry_after")
        raise _Refused(sentence, min(seconds, 3_600) * SECOND if isinstance(seconds, int) and seconds >= 0 else -1)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
