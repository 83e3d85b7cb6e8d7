"""A stateful Slack: chat.postMessage, chat.update and incoming webhooks, with Slack's own limits and refusals.

It keeps what a person would see: messages by their `ts`, each with its edits and its thread.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from support.receiver import Double, Reply, Request, main

TOKEN = "xoxb-1-fake"
APP_TOKEN = "xapp-1-fake"


@dataclass
class Message:
    """One message in a channel as it looks now."""

    ts: str
    channel: str
    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any]
    edits: list[str] = field(default_factory=list)
    """The texts that it had before."""
    thread: list[Message] = field(default_factory=list)
    broadcast: bool = False
    """Of a reply: also shown in the channel."""


class SlackDouble(Double):
    """Slack on loopback; `base_url` for a bot, `webhook_url` for the simple form."""

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        super().__init__(port, log)
        self.messages: dict[str, Message] = {}
        self.by_webhook: list[dict[str, Any]] = []
        self.whispers: list[dict[str, Any]] = []
        """What only one member was shown."""
        self.socket_url = ""
        """Where Socket Mode is (support.slack_socket)."""
        self.refusals: dict[str, str] = {}
        """Slack's error by method: what it says `ok: false` with."""
        self._count = 0

    @property
    def base_url(self) -> str:
        return f"{self.url}/api/"

    @property
    def webhook_url(self) -> str:
        return f"{self.url}/services/T000/B000/XXXX"

    @property
    def seen(self) -> list[Message]:
        """The channel from top to bottom: first messages, without their threads."""
        return list(self.messages.values())

    def check(self, request: Request) -> Reply | None:
        if request.path.startswith("/services/"):
            fault = _fault(request.json())
            return Reply(400, fault) if fault else None
        error = self._error(request.path.removeprefix("/api/"), request)
        return _no(error) if error else None

    def _error(self, method: str, request: Request) -> str:
        expected = APP_TOKEN if method == "apps.connections.open" else TOKEN
        if request.headers.get("authorization") != f"Bearer {expected}":
            return "invalid_auth"
        if method in self.refusals:
            return self.refusals[method]
        if method == "apps.connections.open":
            return "" if self.socket_url else "unknown_method"
        if method not in ("chat.postMessage", "chat.update", "chat.postEphemeral"):
            return "unknown_method"
        said = _arguments(request)
        if method == "chat.update" and said.get("ts") not in self.messages:
            return "message_not_found"
        return _fault(said)

    def accept(self, request: Request) -> Reply:
        if request.path.startswith("/services/"):
            self.by_webhook.append(request.json())
            return Reply(200, "ok")
        if request.path.endswith("apps.connections.open"):
            return Reply(200, json.dumps({"ok": True, "url": self.socket_url}), {"Content-Type": "application/json"})
        said = _arguments(request)
        if request.path.endswith("chat.postEphemeral"):
            self.whispers.append(said)
            return Reply(200, json.dumps({"ok": True, "message_ts": "1"}), {"Content-Type": "application/json"})
        message = self._update(said) if request.path.endswith("chat.update") else self._post(said)
        answer = {"ok": True, "channel": message.channel, "ts": message.ts}
        return Reply(200, json.dumps(answer), {"Content-Type": "application/json"})

    def failure(self, status: int) -> Reply:
        if status == 429:
            return Reply(429, json.dumps({"ok": False, "error": "ratelimited"}), {"Content-Type": "application/json"})
        return Reply(status, "upstream connect error")

    def _post(self, said: dict[str, Any]) -> Message:
        self._count += 1
        channel = said["channel"]
        identity = (
            channel if channel.startswith("C") else f"C{hashlib.sha256(channel.encode()).hexdigest()[:8].upper()}"
        )
        message = Message(
            f"1763800000.{self._count:06d}",
            identity,
            said["text"],
            said.get("blocks", []),
            said.get("metadata", {}),
            broadcast=bool(said.get("reply_broadcast")),
        )
        if "thread_ts" in said:
            self.messages[said["thread_ts"]].thread.append(message)
        else:
            self.messages[message.ts] = message
        return message

    def _update(self, said: dict[str, Any]) -> Message:
        message = self.messages[said["ts"]]
        message.edits.append(message.text)
        message.text, message.blocks, message.metadata = said["text"], said["blocks"], said["metadata"]
        return message


def _arguments(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").startswith("application/json"):
        found: dict[str, Any] = request.json()
        return found
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def _fault(said: dict[str, Any]) -> str:
    """What Slack would not take."""
    blocks = said.get("blocks", [])
    if not said.get("text"):
        return "no_text"
    if len(blocks) > 50:
        return "invalid_blocks"
    for block in blocks:
        if block["type"] == "actions":
            if not 0 < len(block["elements"]) <= 25 or any(_is_no_button(one) for one in block["elements"]):
                return "invalid_blocks"
            continue
        limit = {"header": 150, "section": 3000}.get(block["type"])
        if limit is None or not 0 < len(block["text"]["text"]) <= limit:
            return "invalid_blocks"
    return ""


def _is_no_button(element: dict[str, Any]) -> bool:
    style = element.get("style", "primary")
    texts = (element["action_id"], element["value"], element["text"]["text"])
    limits = zip(texts, (255, 2000, 75), strict=True)
    return (
        element["type"] != "button"
        or style not in ("primary", "danger")
        or any(not 0 < len(text) <= limit for text, limit in limits)
    )


def _no(error: str) -> Reply:
    return Reply(200, json.dumps({"ok": False, "error": error}), {"Content-Type": "application/json"})


if __name__ == "__main__":
    main(SlackDouble)
