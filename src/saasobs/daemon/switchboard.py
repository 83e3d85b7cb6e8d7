"""The channels of a configuration, built: for the outbox that sends over them, and for a person who tries one."""

from __future__ import annotations

from collections.abc import Sequence

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels import Tools as ChannelTools
from saasobs.alerting.grouping import Rule
from saasobs.core.errors import NotFound, Refused
from saasobs.core.incident import Receipt
from saasobs.core.people import Person
from saasobs.core.ports import Channel, Clock
from saasobs.core.receipts import Spent
from saasobs.daemon.briefing import sample_briefing
from saasobs.daemon.delivery import Route
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.receipts import Addresses
from saasobs.settings import Settings


class Switchboard:
    """Builds channels; who is handed one closes it."""

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self._clock = clock
        self._ledger = ledger
        self.addresses = Addresses()
        """Where providers report to."""

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

        async def spent(since: int, currency: str) -> Spent:
            return await self._ledger.read(lambda transaction: transaction.spent(name, since, currency))

        return ChannelTools(name, self._clock, count_sent, spent, self.addresses.url(name))

    async def test(self, settings: Settings, name: str, person: str = "") -> Sequence[Receipt]:
        """Send a sample over a channel, past the outbox, in the words of whoever reads it.

        :param person: one of the people; empty: the channel's own recipients.
        :raises NotFound: :raises Refused: :raises DeliveryError:
        """
        chosen = settings.channels.get(name)
        if chosen is None:
            raise NotFound(f"no channel is called {name!r}; there are: {', '.join(settings.channels)}")
        built: Channel = CHANNELS[chosen.kind].build(chosen.options, self._tools(name))
        try:
            reader, recipients = _readers(settings, name, person, built)
            now = self._clock.now()
            return [await built.send(sample_briefing(name, one, now, reader), "") for one in recipients]
        finally:
            await built.close()


def _readers(settings: Settings, name: str, person: str, built: Channel) -> tuple[Person, Sequence[str]]:
    """Who reads the sample, and where. :raises NotFound: :raises Refused: there is nobody."""
    options, contact = settings.channels[name].options, CHANNELS[settings.channels[name].kind].contact
    reached = [one for one, whose in settings.people.items() if contact is not None and whose.address(contact)]
    if person:
        found = settings.people.get(person)
        if found is None:
            raise NotFound(
                f"none of the people is called {person!r}; there are: {', '.join(settings.people) or 'none'}"
            )
        if person not in reached or contact is None:
            can = f"; it reaches {', '.join(reached)}" if reached else ""
            raise Refused(f"{name} does not reach {person}{can}")
        return found, [found.address(contact)]
    if not built.recipients:
        advice = f"name one of the people with --to: {', '.join(reached)}" if reached else "give it a `to`, or people"
        raise Refused(f"{name} has no recipients of its own: {advice}")
    return Person("", language=options.language, timezone=options.timezone), built.recipients
