"""A stateful Discord: takes a webhook's messages and their edits, and holds them against Discord's limits."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.receiver import Double, Reply, Request, main

TOKEN = "fake-webhook-token"
_JSON = {"Content-Type": "application/json"}


@dataclass
class Post:
    """One message as the channel shows it."""

    said: dict[str, Any]
    thread: str
    edits: int = 0


class DiscordDouble(Double):
    """A webhook of Discord on loopback."""

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        super().__init__(port, log)
        self.posts: dict[str, Post] = {}

    @property
    def webhook(self) -> str:
        return f"{self.url}/api/webhooks/1234567890/{TOKEN}"

    def check(self, request: Request) -> Reply | None:
        parts = urlsplit(request.path)
        found = re.fullmatch(rf"/api/webhooks/1234567890/{TOKEN}(?:/messages/(\d+))?", parts.path)
        if found is None:
            return _no(404, 10015, "Unknown Webhook")
        if found[1] and found[1] not in self.posts:
            return _no(404, 10008, "Unknown Message")
        said = request.json()
        embeds = said.get("embeds", [])
        if not said.get("content") and not embeds:
            return _no(400, 50006, "Cannot send an empty message")
        whole = sum(len(embed["title"]) + len(embed.get("description", "")) + _fields(embed) for embed in embeds)
        if len(said.get("content", "")) > 2000 or whole > 6000 or any(_is_wrong(embed) for embed in embeds):
            return _no(400, 50035, "Invalid Form Body")
        return None

    def accept(self, request: Request) -> Reply:
        parts = urlsplit(request.path)
        thread = parse_qs(parts.query).get("thread_id", [""])[0]
        if request.method == "PATCH":
            identity = parts.path.rpartition("/")[2]
            self.posts[identity].said = request.json()
            self.posts[identity].edits += 1
        else:
            identity = str(10_000_000 + len(self.posts))
            self.posts[identity] = Post(request.json(), thread)
        return Reply(200, json.dumps({"id": identity}), _JSON)

    def failure(self, status: int) -> Reply:
        if status == 429:
            return Reply(429, json.dumps({"message": "You are being rate limited.", "retry_after": 2.5}), _JSON)
        return _no(status, 0, f"{status}")


def _fields(embed: dict[str, Any]) -> int:
    return sum(len(field["name"]) + len(field["value"]) for field in embed.get("fields", []))


def _is_wrong(embed: dict[str, Any]) -> bool:
    fields = embed.get("fields", [])
    too_long = any(not 0 < len(field["name"]) <= 256 or not 0 < len(field["value"]) <= 1024 for field in fields)
    return too_long or len(fields) > 25 or len(embed["title"]) > 256 or len(embed.get("description", "")) > 4096


def _no(status: int, code: int, words: str) -> Reply:
    return Reply(status, json.dumps({"code": code, "message": words}), _JSON)


if __name__ == "__main__":
    main(DiscordDouble)
