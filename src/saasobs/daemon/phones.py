"""Channels that reach telephones, as the daemon looks after them: receipts, answers by a key, prices and caps."""

from __future__ import annotations

from collections.abc import Mapping

from saasobs.core.answers import TakesAnswers
from saasobs.core.ports import Clock
from saasobs.core.values import MINUTE, SECOND
from saasobs.daemon.calendar import Calendar
from saasobs.daemon.delivery import Route
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.outbox import Outbox
from saasobs.daemon.receipts import ReceiptDesk
from saasobs.daemon.spending import Spending
from saasobs.daemon.telemetry import Telemetry


class Phones:
    """Both together."""

    def __init__(
        self, clock: Clock, ledger: Ledger, outbox: Outbox, answers: TakesAnswers, telemetry: Telemetry
    ) -> None:
        self.receipts = ReceiptDesk(clock, ledger, outbox, answers, telemetry)
        self._spending = Spending(clock, ledger, telemetry)

    def configure(self, routes: Mapping[str, Route]) -> None:
        """:param routes: the channels as they are built now."""
        self.receipts.channels = self._spending.channels = {name: route.channel for name, route in routes.items()}

    def plan(self, calendar: Calendar) -> None:
        calendar.every("receipts", self.receipts.look, 2 * SECOND)
        calendar.every("spending", self._spending.look, MINUTE)
