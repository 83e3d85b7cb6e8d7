"""A stateful Telegram: a bot's messages with their edits and buttons, long polling, and Telegram's refusals."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from support.receiver import Double, Reply, Request, main

TOKEN = "123456:fake-bot-token"
CHAT = "-1001234567890"
_JSON = {"Content-Type": "application/json"}
_TAGS = {"b", "i", "code", "pre", "a"}


@dataclass
class Shown:
    """One message as the chat shows it."""

    chat: str
    text: str
    buttons: list[str]
    reply_to: int = 0
    edits: int = 0


class TelegramDouble(Double):
    """The Bot API on loopback."""

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        super().__init__(port, log)
        self.messages: dict[int, Shown] = {}
        self.toasts: list[str] = []
        self.refusal_of: dict[str, tuple[int, dict[str, Any]]] = {}
        """By method: status, and what the answer says beside `ok: false`."""
        self.offsets: list[int] = []
        """Those that were asked with."""
        self._updates: list[dict[str, Any]] = []
        self._number = 700
        self._came = threading.Event()

    def press(self, data: str, *, user: int = 42, chat: str = CHAT, number: int = 0) -> int:
        """Somebody presses a button; returns the update's number."""
        self._number += 1
        identity = number or self._number
        sender = {"id": user, "is_bot": False, "first_name": "Some\nOne", "username": "someone"}
        message = {"message_id": 1, "chat": {"id": int(chat), "type": "supergroup"}}
        query = {"id": f"q{identity}", "from": sender, "message": message, "data": data}
        self._updates.append({"update_id": identity, "callback_query": query})
        self._came.set()
        return identity

    def check(self, request: Request) -> Reply | None:
        method = request.path.rpartition("/")[2]
        if not request.path.startswith(f"/bot{TOKEN}/"):
            return _no(401, {"description": "Unauthorized"})
        if method in self.refusal_of:
            return _no(*self.refusal_of[method])
        said = request.json()
        if method in ("sendMessage", "editMessageText"):
            fault = _fault(said)
            if fault:
                return _no(400, {"description": f"Bad Request: {fault}"})
        if method == "editMessageText":
            known = self.messages.get(said["message_id"])
            if known is None:
                return _no(400, {"description": "Bad Request: message to edit not found"})
            if (known.text, known.buttons) == (said["text"], _buttons(said)):
                return _no(400, {"description": "Bad Request: message is not modified"})
        return None

    def accept(self, request: Request) -> Reply:
        method, said = request.path.rpartition("/")[2], request.json()
        if method == "getUpdates":
            return _yes(self._poll(said))
        if method == "answerCallbackQuery":
            self.toasts.append(said["text"])
            return _yes(True)
        if method == "editMessageText":
            identity = said["message_id"]
            known = self.messages[identity]
            known.text, known.buttons, known.edits = said["text"], _buttons(said), known.edits + 1
        else:
            identity = 100 + len(self.messages)
            reply_to = said.get("reply_parameters", {}).get("message_id", 0)
            self.messages[identity] = Shown(str(said["chat_id"]), said["text"], _buttons(said), reply_to)
        return _yes({"message_id": identity, "chat": {"id": int(CHAT)}})

    def failure(self, status: int) -> Reply:
        return _no(
            status, {"description": "Too Many Requests", "parameters": {"retry_after": 3}} if status == 429 else {}
        )

    def _poll(self, said: dict[str, Any]) -> list[dict[str, Any]]:
        self.offsets.append(said["offset"])
        deadline = time.monotonic() + min(said["timeout"], 1)
        while True:
            self._updates = [one for one in self._updates if one["update_id"] >= said["offset"]]
            if self._updates or time.monotonic() >= deadline:
                return list(self._updates)
            self._came.clear()
            self._came.wait(0.05)


class _Markup(HTMLParser):
    """What Telegram's parser would not take."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.fault = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self.fault = f"unsupported start tag {tag}"
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.fault = f"unexpected end tag {tag}"


def _fault(said: dict[str, Any]) -> str:
    parser = _Markup()
    parser.feed(said["text"])
    parser.close()
    if parser.fault or parser.open:
        return f"can't parse entities: {parser.fault or parser.open}"
    if not 0 < len(re.sub(r"<[^>]+>", "", said["text"])) <= 4096:
        return "message text is empty or too long"
    if any(len(data.encode()) > 64 for data in _buttons(said)):
        return "BUTTON_DATA_INVALID"
    return ""


def _buttons(said: dict[str, Any]) -> list[str]:
    rows = said.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["callback_data"] for row in rows for button in row]


def _yes(result: Any) -> Reply:
    return Reply(200, json.dumps({"ok": True, "result": result}), _JSON)


def _no(status: int, more: dict[str, Any]) -> Reply:
    return Reply(status, json.dumps({"ok": False, "error_code": status, **more}), _JSON)


if __name__ == "__main__":
    main(TelegramDouble)
