"""The shop's data: orders and their items in one SQLite file, one schema, a `tenant_id` in every row."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import ForeignKey, Index, create_engine, delete, event, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

SHOWN_ORDERS = 30
"""Orders on one page: one query for each of them is well over the 20 that count as too many."""
KEPT_ORDERS = 3_000
"""The demo buys something every few seconds, all day long: the file must not grow for ever."""


class Tenant(StrEnum):
    """The shop's customers, who must never see one another's orders."""

    ACME = "acme"
    GLOBEX = "globex"
    INITECH = "initech"


class _Table(DeclarativeBase):
    pass


class Order(_Table):
    """What one tenant has bought at one time."""

    __tablename__ = "shop_orders"
    __table_args__ = (Index("shop_orders_of_tenant", "tenant_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    placed_at: Mapped[str]
    items: Mapped[list[Item]] = relationship(order_by="Item.id", passive_deletes=True)


class Item(_Table):
    """One thing of an order."""

    __tablename__ = "shop_items"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("shop_orders.id", ondelete="CASCADE"), index=True)
    product: Mapped[str]
    cents: Mapped[int]


_PRODUCTS = (("notebook", 450), ("pencil", 120), ("lamp", 3_900), ("chair", 12_900), ("desk", 24_500))


class OrderBook:
    """Every call opens its own session, so that any thread may call."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 5})
        event.listen(self.engine, "connect", _prepare)
        _Table.metadata.create_all(self.engine)
        if not self.orders(Tenant.ACME):
            self._seed()

    def close(self) -> None:
        """Close the connections that are kept open."""
        self.engine.dispose()

    def place(self, tenant: Tenant) -> int:
        """Write an order of one to three items; returns its number."""
        with Session(self.engine) as session, session.begin():
            order = _new_order(tenant)
            session.add(order)
            session.flush()
            session.execute(delete(Order).where(Order.id <= order.id - KEPT_ORDERS))
            return order.id

    def place_in_missing_table(self, tenant: Tenant) -> int:
        """What a forgotten migration looks like. :raises sqlalchemy.exc.OperationalError: always."""
        with Session(self.engine) as session:
            session.execute(text("INSERT INTO payments (tenant_id, cents) VALUES (:tenant, 0)"), {"tenant": tenant})
        return 0

    def orders(self, tenant: Tenant) -> list[dict[str, Any]]:
        """The newest orders with their items, in two queries."""
        with Session(self.engine) as session:
            return [_shown(order) for order in session.scalars(_newest(tenant).options(selectinload(Order.items)))]

    def orders_one_by_one(self, tenant: Tenant) -> list[dict[str, Any]]:
        """The same answer with one query for the list and one more for each order: the N+1 mistake."""
        with Session(self.engine) as session:
            return [_shown(order) for order in session.scalars(_newest(tenant))]

    def _seed(self) -> None:
        with Session(self.engine) as session, session.begin():
            session.add_all(_new_order(tenant) for tenant in Tenant for _ in range(SHOWN_ORDERS))


def _prepare(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _new_order(tenant: Tenant) -> Order:
    bought = random.sample(_PRODUCTS, k=random.randint(1, 3))
    placed_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    items = [Item(product=product, cents=cents) for product, cents in bought]
    return Order(tenant_id=tenant, placed_at=placed_at, items=items)


def _newest(tenant: Tenant) -> Any:
    return select(Order).where(Order.tenant_id == tenant).order_by(Order.id.desc()).limit(SHOWN_ORDERS)


def _shown(order: Order) -> dict[str, Any]:
    items = [{"product": item.product, "cents": item.cents} for item in order.items]
    return {"id": order.id, "placed_at": order.placed_at, "items": items}
