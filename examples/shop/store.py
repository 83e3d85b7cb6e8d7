"""The shop's data: orders and their items in one SQLite file, one schema, a `tenant_id` in every row."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

SHOWN_ORDERS = 30
"""Orders on one page: one query for each of them is well over the 20 that count as too many."""
KEPT_ORDERS = 3_000
"""The demo buys something every few seconds, all day long: the file must not grow for ever."""


class Tenant(StrEnum):
    """The shop's customers, who must never see one another's orders."""

    ACME = "acme"
    GLOBEX = "globex"
    INITECH = "initech"


_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id TEXT NOT NULL, placed_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS orders_of_tenant ON orders (tenant_id, id);
CREATE TABLE IF NOT EXISTS items (
    order_id INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE, product TEXT NOT NULL, cents INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS items_of_order ON items (order_id);
"""
_PRODUCTS = (("notebook", 450), ("pencil", 120), ("lamp", 3_900), ("chair", 12_900), ("desk", 24_500))


class OrderBook:
    """Every call opens its own connection, so that any thread may call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connect() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(_SCHEMA)
        if not self.orders(Tenant.ACME):
            self._seed()

    def place(self, tenant: Tenant) -> int:
        """Write an order of one to three items; returns its number."""
        with self._connect() as database:
            return _insert_order(database, tenant)

    def place_in_missing_table(self, tenant: Tenant) -> int:
        """What a forgotten migration looks like. :raises sqlite3.OperationalError: always."""
        with self._connect() as database:
            cursor = database.execute("INSERT INTO payments (tenant_id, cents) VALUES (?, 0)", (tenant,))
            return cursor.lastrowid or 0

    def orders(self, tenant: Tenant) -> list[dict[str, Any]]:
        """The newest orders with their items, in one query."""
        with self._connect() as database:
            rows = database.execute(
                "SELECT o.id, o.placed_at, i.product, i.cents"
                " FROM (SELECT * FROM orders WHERE tenant_id = ? ORDER BY id DESC LIMIT ?) AS o"
                " LEFT JOIN items AS i ON i.order_id = o.id ORDER BY o.id DESC, i.rowid",
                (tenant, SHOWN_ORDERS),
            ).fetchall()
        found: dict[int, dict[str, Any]] = {}
        for number, placed_at, product, cents in rows:
            order = found.setdefault(number, {"id": number, "placed_at": placed_at, "items": []})
            order["items"] += [{"product": product, "cents": cents}] if product else []
        return list(found.values())

    def orders_one_by_one(self, tenant: Tenant) -> list[dict[str, Any]]:
        """The same answer with one query for the list and one more for each order: the N+1 mistake."""
        with self._connect() as database:
            orders = database.execute(
                "SELECT id, placed_at FROM orders WHERE tenant_id = ? ORDER BY id DESC LIMIT ?", (tenant, SHOWN_ORDERS)
            ).fetchall()
            return [{"id": number, "placed_at": at, "items": _items(database, number)} for number, at in orders]

    def _seed(self) -> None:
        with self._connect() as database:
            for tenant in Tenant:
                for _ in range(SHOWN_ORDERS):
                    _insert_order(database, tenant)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=5)) as database, database:
            database.execute("PRAGMA foreign_keys = ON")
            yield database


def _insert_order(database: sqlite3.Connection, tenant: Tenant) -> int:
    number = database.execute("INSERT INTO orders (tenant_id) VALUES (?)", (tenant,)).lastrowid or 0
    bought = random.sample(_PRODUCTS, k=random.randint(1, 3))
    database.executemany("INSERT INTO items VALUES (?, ?, ?)", [(number, name, cents) for name, cents in bought])
    database.execute("DELETE FROM orders WHERE id <= ?", (number - KEPT_ORDERS,))
    return number


def _items(database: sqlite3.Connection, number: int) -> list[dict[str, Any]]:
    rows = database.execute("SELECT product, cents FROM items WHERE order_id = ? ORDER BY rowid", (number,))
    return [{"product": product, "cents": cents} for product, cents in rows]
