"""What the rooms of the outbox hand each other: a channel with its settings, and one message to be sent over it.

`claims` makes deliveries of what is owed, `outbox` sends them, `settling` writes down what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from saasobs.alerting.grouping import Rule
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Attempt, Briefing, Notice, Receipt
from saasobs.core.ports import Channel
from saasobs.core.values import SECOND

DEFAULT_RULE = Rule(over=5, window=30 * SECOND)


@dataclass(frozen=True, slots=True)
class Route:
    """One configured channel with what the outbox must know of it."""

    name: str
    channel: Channel
    max_age: int
    fallback: str | None = None
    grouping: Rule = DEFAULT_RULE


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to be sent: the notices that it covers, and what it says."""

    notices: tuple[Notice, ...]
    briefing: Briefing | GroupBriefing
    reference: str

    @property
    def group_id(self) -> str:
        """Empty for a message about one incident."""
        return self.briefing.group_id if isinstance(self.briefing, GroupBriefing) else ""

    async def send_over(self, channel: Channel) -> Receipt:
        """:raises DeliveryError: the provider did not take it."""
        if isinstance(self.briefing, GroupBriefing):
            return await channel.send_group(self.briefing, self.reference)
        return await channel.send(self.briefing, self.reference)

    def attempt(self, channel: str, started: int, now: int, outcome: str, detail: str) -> Attempt:
        told = self.briefing
        return Attempt(
            told.delivery_id, told.notice_ids, channel, told.recipient, started, now - started, outcome, detail
        )

    def accepted(self, channel: str, started: int, now: int, receipt: Receipt) -> Attempt:
        """The attempt that got through."""
        made = self.attempt(channel, started, now, "sent", receipt.note or receipt.provider_id)
        return replace(made, provider_id=receipt.provider_id)

    def facts(self) -> dict[str, object]:
        """What the log says of it."""
        told = self.briefing
        if isinstance(told, GroupBriefing):
            return {"delivery": told.delivery_id, "group": told.group_id, "incidents": len(told.news)}
        return {"delivery": told.delivery_id, "incident": told.incident.id}


def freed(notice: Notice) -> Notice:
    """In nobody's hands, and on its way in no message."""
    return replace(notice, lease_owner="", lease_until=0, delivery_id="")
