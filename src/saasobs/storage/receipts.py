"""What providers said of accepted messages: the part of a transaction that receipts and prices work on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, case, func, literal_column, select, update

from saasobs.core.incident import Notice, NoticeState
from saasobs.core.receipts import Price, Spent, Unpriced
from saasobs.storage.outbox import SENT
from saasobs.storage.part import Part
from saasobs.storage.rows import from_row
from saasobs.storage.tables import attempts, incidents, notices

_MOST = 500
"""Notices that are looked at together."""
# Spelt out rather than bound: a partial index is used only when the planner can see that its condition holds.
_NOTHING: ColumnElement[str] = literal_column("''")
_TOLD: ColumnElement[str] = literal_column(f"'{NoticeState.SENT.value}'")


class Receipts(Part):
    """Methods of core.receipts.KeepsReceipts."""

    def notices_accepted(self, channel: str, provider_id: str) -> list[Notice]:
        """Those that an accepted message covers."""
        if not provider_id:
            return []
        same = and_(notices.c.channel == channel, notices.c.provider_id == provider_id)
        wanted = select(notices).where(same, notices.c.provider_id != _NOTHING).order_by(notices.c.id)
        return [from_row(Notice, row) for row in self._session.all(wanted)]

    def undelivered(self, channel: str, changes: Sequence[str], since: int, until: int) -> list[Notice]:
        """Those that were accepted in (since, until], of which nobody has said that they arrived; that matter."""
        wanted = (
            select(notices)
            .join(incidents, incidents.c.id == notices.c.incident_id)
            .where(
                notices.c.state == _TOLD,
                notices.c.channel == channel,
                notices.c.sent_at > since,
                notices.c.sent_at <= until,
                notices.c.provider_id != _NOTHING,
                notices.c.delivered_at == 0,
                notices.c.change.in_(changes),
                incidents.c.ended_at == 0,
                incidents.c.acknowledged_at == 0,
            )
            .order_by(notices.c.sent_at)
            .limit(_MOST)
        )
        return [from_row(Notice, row) for row in self._session.all(wanted)]

    def record_price(self, channel: str, provider_id: str, price: Price) -> None:
        """Of the accepted message; a price that is known already is corrected."""
        accepted = and_(attempts.c.channel == channel, attempts.c.provider_id == provider_id)
        self._session.run(update(attempts).where(accepted).values(price=price.amount, currency=price.currency))

    def unpriced(self, channel: str, since: int) -> list[Unpriced]:
        """Accepted messages without a price, newest first."""
        wanted = (
            select(attempts.c.provider_id, attempts.c.at)
            .where(_accepted(channel, since), attempts.c.currency == "", attempts.c.provider_id != "")
            .order_by(attempts.c.at.desc())
            .limit(_MOST)
        )
        return [Unpriced(provider_id, at) for provider_id, at in self._session.all(wanted)]

    def spent(self, channel: str, since: int, currency: str) -> Spent:
        """Prices in another currency count as not known."""
        priced = attempts.c.currency == currency
        amount = func.coalesce(func.sum(case((priced, attempts.c.price), else_=0)), 0)
        dearest = func.coalesce(func.max(case((priced, attempts.c.price), else_=0)), 0)
        unpriced = func.coalesce(func.sum(case((priced, 0), else_=1)), 0)
        row = self._session.one(select(amount, dearest, unpriced).where(_accepted(channel, since)))
        return Spent(*(int(value) for value in row)) if row is not None else Spent()


def _accepted(channel: str, since: int) -> ColumnElement[bool]:
    return and_(attempts.c.channel == channel, attempts.c.at >= since, attempts.c.outcome == SENT)
