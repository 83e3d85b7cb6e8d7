"""What telephones cost: asks for prices that providers say only when asked, and warns before a cap is reached.

The caps themselves are kept by the channels (alerting/channels/phone.py), message by message.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import structlog

from saasobs.core.errors import DeliveryError
from saasobs.core.ports import Channel, Clock, Transaction
from saasobs.core.receipts import Capped, Price, Unpriced, Usage
from saasobs.core.values import HOUR, MINUTE, to_datetime
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.telemetry import Telemetry

AGES: Final = (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 12 * HOUR, 36 * HOUR)
"""How old a message is when its price is asked for: some are known at once, some the next day."""
AT_ONCE: Final = 20
"""Prices that one look asks for."""
NEARLY: Final = 0.8
WARNED: Final = "spending:"
"""The facts' prefix; the channel's name and the cap follow. The value is the month, and how far it had gone."""

log = structlog.get_logger("saasobs.spending")


class Spending:
    """Looks after the channels that cost money. Only the event loop's thread calls it."""

    def __init__(self, clock: Clock, ledger: Ledger, telemetry: Telemetry) -> None:
        self._clock = clock
        self._ledger = ledger
        self._telemetry = telemetry
        self.channels: Mapping[str, Channel] = {}
        self._asked: dict[tuple[str, str], int] = {}
        """How often the price of a message was asked for."""

    async def look(self) -> None:
        """Comes round every minute."""
        for name, channel in self.channels.items():
            if isinstance(channel, Capped):
                if channel.currency:
                    await self._ask_prices(name, channel)
                for usage in await channel.usage():
                    await self._watch(name, usage)

    async def _ask_prices(self, name: str, channel: Capped) -> None:
        now = self._clock.now()
        unpriced = await self._ledger.read(lambda transaction: transaction.unpriced(name, now - 2 * AGES[-1]))
        there = {(name, one.provider_id) for one in unpriced}
        self._asked = {key: times for key, times in self._asked.items() if key[0] != name or key in there}
        due = [one for one in unpriced if self._is_due(name, one, now)]
        for one in due[:AT_ONCE]:
            self._asked[name, one.provider_id] = sum(now - one.at >= age for age in AGES)
            try:
                price = await channel.price(one.provider_id)
            except DeliveryError as error:
                log.warning("spending.price_unknown", channel=name, error=str(error))
                return
            if price is not None:
                await self._ledger.run(partial(_note, channel=name, provider_id=one.provider_id, price=price))

    def _is_due(self, name: str, one: Unpriced, now: int) -> bool:
        times = self._asked.get((name, one.provider_id), 0)
        return times < len(AGES) and now - one.at >= AGES[times]

    async def _watch(self, name: str, usage: Usage) -> None:
        """Say once a month that a cap is nearly reached, and once that it is."""
        self._telemetry.cap_used.labels(name, usage.cap).set(usage.share)
        if usage.share < NEARLY:
            return
        mark = f"{to_datetime(self._clock.now()):%Y-%m} {'reached' if usage.share >= 1 else 'nearly'}"
        key = f"{WARNED}{name}:{usage.cap}"

        def work(transaction: Transaction) -> bool:
            if transaction.fact(key) == mark:
                return False
            transaction.set_fact(key, mark)
            return True

        if await self._ledger.run(work):
            percent = int(usage.share * 100)
            if usage.share >= 1:
                log.error("spending.cap_reached", channel=name, cap=usage.cap, percent=percent)
            else:
                log.warning("spending.nearly_capped", channel=name, cap=usage.cap, percent=percent)


def _note(transaction: Transaction, channel: str, provider_id: str, price: Price) -> None:
    transaction.record_price(channel, provider_id, price)
