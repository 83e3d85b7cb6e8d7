"""The daemon's side of listeners, for tests: takes answers for one incident, and keeps what it was told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from saasobs.alerting.channels.press import ListenerTools
from saasobs.core.answers import Answer, Taken, TakesAnswers, Via
from saasobs.core.errors import NotFound
from saasobs.core.people import Contact
from support.briefings import INCIDENT


class Desk:
    """Knows one incident and one person, ana."""

    def __init__(self) -> None:
        self.incident = INCIDENT
        self.heard: list[Answer] = []
        self.failure: Exception | None = None
        self.counted: Counter[str] = Counter()
        self.kept: dict[str, str] = {}

    async def answer(self, identity: str, answer: Answer) -> Taken:
        if self.failure is not None:
            raise self.failure
        if identity != self.incident.id:
            raise NotFound("no incident's ID begins with 'zzz'")
        self.heard.append(answer)
        if not self.incident.acknowledged_at:
            self.incident = replace(self.incident, acknowledged_at=1, acknowledged_by=answer.by)
        return Taken((self.incident,))

    def tools(self, via: Via, contact: Contact, address: str) -> ListenerTools:
        """:param address: ana's."""

        async def remember(key: str, value: str) -> None:
            self.kept[key] = value

        async def recall(key: str) -> str:
            return self.kept.get(key, "")

        def person_at(asked: Contact, at: str) -> str:
            return "ana" if (asked, at) == (contact, address) else ""

        def count(outcome: str) -> None:
            self.counted[outcome] += 1

        return ListenerTools("chat", via, cast("TakesAnswers", self), person_at, remember, recall, count)


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Let the loop go on until it is true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
