"""The channels of a configuration, built: for the outbox that sends over them, and for a person who tries one."""

from __future__ import annotations

from collections.abc import Sequence

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels import Tools as ChannelTools
from saasobs.alerting.grouping import Rule
from saasobs.core.errors import NotFound
from saasobs.core.incident import Receipt
from saasobs.core.ports import Channel, Clock
from saasobs.daemon.briefing import sample_briefing
from saasobs.daemon.delivery import Route
from saasobs.daemon.ledger import Ledger
from saasobs.settings import Settings


class Switchboard:
    """Builds channels; who is handed one closes it."""

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self._clock = clock
        self._ledger = ledger

    def routes(self, settings: Settings) -> dict[str, Route]:
        routes = {}
        for name, channel in settings.channels.items():
            built = CHANNELS[channel.kind].build(channel.options, self._tools(name))
            grouping = Rule(channel.options.group_over, channel.options.group_window)
            routes[name] = Route(name, built, channel.options.max_age, channel.options.fallback, grouping)
        return routes

    def _tools(self, name: str) -> ChannelTools:
        async def count_sent(since: int, recipient: str) -> int:
            return await self._ledger.read(lambda transaction: transaction.count_sent(name, since, recipient))

        return ChannelTools(name=name, clock=self._clock, count_sent=count_sent)

    async def test(self, settings: Settings, name: str) -> Sequence[Receipt]:
        """Send a sample over a channel, past the outbox. :raises NotFound: :raises DeliveryError:"""
        chosen = settings.channels.get(name)
        if chosen is None:
            raise NotFound(f"no channel is called {name!r}; there are: {', '.join(settings.channels)}")
        built: Channel = CHANNELS[chosen.kind].build(chosen.options, self._tools(name))
        now = self._clock.now()
        try:
            return [await built.send(sample_briefing(name, one, now), "") for one in built.recipients]
        finally:
            await built.close()
