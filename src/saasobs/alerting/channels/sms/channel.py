"""Text messages: always one GSM-7 segment, within the limits, by the first provider that takes it.

When a provider cannot take a message for a reason of its own (its login, a country that is not switched on, an outage,
a full queue, a time-out) the next one is asked within the same delivery. When the number is the trouble nobody is.

After a time-out the text may have gone: whoever is asked next, then or later, may repeat it. Both carry the incident's
ID, so that the reader recognises the repeat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from saasobs.alerting import group_message, message
from saasobs.alerting.channels.faults import door
from saasobs.alerting.channels.kind import Tools
from saasobs.alerting.channels.phone import Limits
from saasobs.alerting.channels.sms.failover import Standby, together
from saasobs.alerting.channels.sms.options import SmsOptions, build_provider
from saasobs.alerting.channels.sms.provider import Provider, Text
from saasobs.core.errors import DeliveryError, Refused
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Receipt
from saasobs.core.receipts import DeliveryReport, Posted, Price, Usage


class SmsChannel:
    """Sends over one provider after the other."""

    def __init__(self, options: SmsOptions, tools: Tools) -> None:
        self._options = options
        self._tools = tools
        self._limits = Limits(options, tools, "text messages")
        self._providers: list[Provider] = [build_provider(one, tools) for one in options.providers]
        self._standby = Standby([f"{tools.name}/{place}" for place, _ in enumerate(self._providers)])

    @property
    def recipients(self) -> Sequence[str]:
        return tuple(self._options.to)

    async def send(self, briefing: Briefing, reference: str) -> Receipt:  # noqa: ARG002 - a text cannot be edited
        return await self._text(Text(briefing.recipient, message.sms(briefing), briefing.delivery_id))

    @property
    def edits(self) -> bool:
        return False

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:  # noqa: ARG002 - nor a group's
        # What tells of many incidents for the first time must not wait behind the few that filled the measure.
        text = Text(group.recipient, group_message.sms(group), group.delivery_id)
        return await self._text(text, measured=not group.first)

    async def close(self) -> None:
        """Nothing is kept open between two messages."""

    # Receipts and caps -----------------------------------------------------------------------------------------

    @property
    def undelivered_after(self) -> int:
        return (self._options.undelivered_after or 0) if self._tools.receipts_url else 0

    def read_receipts(self, posted: Posted) -> Sequence[DeliveryReport]:
        """By the first provider that knows it for its own."""
        unsigned: PermissionError | None = None
        nonsense: Refused | None = None
        for provider in self._providers:
            try:
                found = provider.read_receipts(posted)
            except PermissionError as error:  # it may be signed for another account of the same provider
                unsigned = error
            except Refused as error:
                nonsense = error
            else:
                if found is not None:
                    return found
        raise unsigned or nonsense or Refused("this is not what a provider of this channel sends")

    def challenge(self, query: Mapping[str, str], token: str) -> str | None:  # noqa: ARG002 - nobody asks
        return None

    @property
    def currency(self) -> str:
        budget = self._options.monthly_budget
        return budget.currency if budget is not None else ""

    async def usage(self) -> Sequence[Usage]:
        return await self._limits.usage()

    async def price(self, provider_id: str) -> Price | None:
        for provider in self._providers:
            async with door(provider.name, provider.timeout):
                if (price := await provider.price(provider_id)) is not None:
                    return price
        return None

    # Sending ---------------------------------------------------------------------------------------------------

    async def _text(self, text: Text, *, measured: bool = True) -> Receipt:
        async with self._limits.counted(text.to, measured=measured):
            return await self._ask_in_turn(text)

    async def _ask_in_turn(self, text: Text) -> Receipt:
        """:raises DeliveryError: none of them has taken it."""
        now = self._tools.clock.now()
        self._standby.set_back(now)
        errors: list[DeliveryError] = []
        for place in self._standby.order(now):
            try:
                identity = await self._ask(place, text)
            except DeliveryError as error:
                if error.recipient_only:
                    raise
                self._standby.failed(place, error, self._tools.clock.now())
                errors.append(error)
            else:
                self._standby.worked(place)
                return Receipt(identity, note=self._note(place, errors))
        if not errors:
            wait = self._standby.next_at() - now
            raise DeliveryError("every provider has said to come back later", retry_after=wait)
        raise together(errors)

    async def _ask(self, place: int, text: Text) -> str:
        provider = self._providers[place]
        async with door(provider.name, provider.timeout):
            return await provider.send(text)

    def _note(self, place: int, errors: Sequence[DeliveryError]) -> str:
        """``Zenvia took it after: Twilio answered 503``; nothing where there is but one provider."""
        if len(self._providers) == 1:
            return ""
        after = f" after: {'; '.join(str(error) for error in errors)}" if errors else ""
        return f"{self._providers[place].name} took it{after}"
