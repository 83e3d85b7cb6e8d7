"""What providers report, as the web room sees it: a desk that keeps what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from saasobs.core.errors import NotFound
from saasobs.core.receipts import Posted

RECEIPTS_TOKEN = "0123456789abcdef0123456789abcdef"


@dataclass
class FakeReceipts:
    """Takes reports for any channel with the token; `failure`, when set, is raised by whatever takes something."""

    posted: list[tuple[str, Posted]] = field(default_factory=list)
    failure: Exception | None = None

    def admits(self, channel: str, token: str) -> bool:
        return token == RECEIPTS_TOKEN

    async def report(self, channel: str, token: str, posted: Posted) -> None:
        if self.failure is not None:
            raise self.failure
        self.posted.append((channel, posted))

    def challenge(self, channel: str, token: str, query: Mapping[str, str]) -> str:
        if "hub.challenge" not in query:
            raise NotFound("nobody asked")
        return query["hub.challenge"]

    async def press(self, channel: str, token: str, posted: Posted) -> tuple[str, str]:
        await self.report(channel, token, posted)
        return "<Response/>", "application/xml"

    def addresses(self) -> Mapping[str, str]:
        return {"oncall-sms": f"https://hooks.acme.example/receipts/oncall-sms/{RECEIPTS_TOKEN}"}
