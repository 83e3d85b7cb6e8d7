"""SQLAlchemy 2 on PostgreSQL and SQLite: every statement once, whatever driver is below, and the app's own line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Engine, ForeignKey, Integer, String, create_engine, event, insert, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload
from sqlalchemy.pool import StaticPool

from saasobs.instrument import names
from saasobs.instrument.queries.drivers import sqlalchemy as driver
from support.capture import Captured
from support.operations import Observed, operation
from support.postgres import Postgres

HERE = str(Path(__file__).relative_to(Path.cwd()))


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "sa_customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    orders: Mapped[list[Order]] = relationship(back_populates="customer")


class Order(Base):
    __tablename__ = "sa_orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id = Column(Integer, ForeignKey("sa_customers.id"))
    customer: Mapped[Customer] = relationship(back_populates="orders")
    note = Column(String)


CUSTOMERS = 12


@pytest.fixture(scope="module")
def filled(postgres: Postgres) -> str:
    """Customers with an order each; where they are, without the driver."""
    address = postgres.url.removeprefix("postgresql://")
    engine = create_engine(f"postgresql+psycopg://{address}")
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    fill(engine)
    engine.dispose()
    return address


def fill(engine: Engine) -> None:
    with Session(engine) as session:
        session.add_all(
            Customer(id=number, name=f"c{number}", orders=[Order(id=number)]) for number in range(CUSTOMERS)
        )
        session.commit()


@contextmanager
def engine_of(address: str, **options: Any) -> Iterator[Engine]:
    engine = create_engine(f"postgresql+psycopg://{address}", **options)
    try:
        yield engine
    finally:
        engine.dispose()


@asynccontextmanager
async def async_engine_of(driver_name: str, address: str, **options: Any) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(f"postgresql+{driver_name}://{address}", **options)
    try:
        yield engine
    finally:
        await engine.dispose()


def lazily(session: Session) -> tuple[list[str], int]:
    found = []
    for order in session.scalars(select(Order)):
        name, line = order.customer.name, sys._getframe().f_lineno
        found.append(name)
    return found, line


def test_a_lazy_loop_is_an_n_plus_one_at_the_apps_line(hooked: Captured, filled: str) -> None:
    """A relationship that is loaded in a loop is told with the line of the loop; psycopg below is not counted again."""
    with engine_of(filled) as engine, Session(engine) as session, operation(hooked) as observed:
        found, line = lazily(session)
    assert len(found) == CUSTOMERS
    assert observed.queries.count == CUSTOMERS + 1
    (told,) = observed.events
    assert told["event"] == names.N_PLUS_ONE_EVENT
    assert (told["count"], told["location"], told["system"]) == (CUSTOMERS, f"{HERE}:{line}", "postgresql")
    assert "FROM sa_customers WHERE sa_customers.id = ?" in told["statement"]
    assert "selectinload" in told["advice"]
    assert 0 < told["total_ms"] <= observed.queries.seconds * 1000


def test_loaded_together_it_is_quiet(hooked: Captured, filled: str) -> None:
    """What the advice says works: two queries, nothing told."""
    with engine_of(filled) as engine, Session(engine) as session, operation(hooked) as observed:
        for order in session.scalars(select(Order).options(selectinload(Order.customer))):
            assert order.customer.name
    assert (observed.queries.count, observed.events) == (2, [])


@pytest.mark.parametrize("driver_name", ["asyncpg", "psycopg"])
async def test_the_apps_line_is_found_in_async_code_too(hooked: Captured, filled: str, driver_name: str) -> None:
    """Though the driver runs in a greenlet whose stack does not reach the app; the driver below is not counted."""
    async with async_engine_of(driver_name, filled) as engine, AsyncSession(engine) as session:
        with operation(hooked) as observed:
            for number in range(8):
                line = sys._getframe().f_lineno + 1
                await session.scalars(select(Order.id).where(Order.customer_id == number))
        assert observed.queries.count == 8
        (told,) = observed.events
        assert (told["count"], told["location"]) == (8, f"{HERE}:{line}")

        session.expunge_all()
        with operation(hooked) as observed:
            found, line = await session.run_sync(lazily)
        assert len(found) == CUSTOMERS
        (told,) = observed.events
        assert (told["count"], told["location"]) == (CUSTOMERS, f"{HERE}:{line}")


async def test_what_runs_at_the_same_time_is_all_counted(hooked: Captured, filled: str) -> None:
    """Tasks of one request share its counter; requests beside each other do not mix."""
    async with async_engine_of("asyncpg", filled, pool_size=4) as engine:

        async def ask(number: int) -> None:
            async with engine.connect() as connection:
                await connection.execute(select(Order.id).where(Order.id == number))

        async def request(count: int) -> Observed:
            with operation(hooked, f"/r{count}") as observed:
                await asyncio.gather(*(ask(number) for number in range(count)))
            return observed

        seen = await asyncio.gather(*(request(count) for count in (3, 4, 7)))
    assert [each.queries.count for each in seen] == [3, 4, 7]


def test_what_is_no_query_is_not_counted(hooked: Captured, filled: str) -> None:
    """Transactions, savepoints, pings and what the engine asks of its first connection; executemany is one."""
    with engine_of(filled, pool_pre_ping=True) as engine, operation(hooked) as observed:
        for _ in range(2):
            with engine.connect() as connection, connection.begin():
                with connection.begin_nested():
                    connection.execute(text("SELECT 1"))
                connection.execute(
                    text("UPDATE sa_orders SET note = :note WHERE id = :id"),
                    [{"note": "x", "id": number} for number in range(5)],
                )
    assert observed.queries.count == 2


def test_many_rows_are_one_query(hooked: Captured) -> None:
    """An INSERT of many rows is one, as the driver sends it."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    with engine.begin() as connection, operation(hooked) as observed:
        connection.execute(insert(Customer), [{"id": number, "name": "x"} for number in range(100)])
    assert (observed.queries.count, observed.events) == (1, [])
    assert hooked.value(f"{names.QUERY_DURATION}_count", db_system_name="sqlite")
    engine.dispose()


def test_a_failing_query_counts_and_raises_as_it_did(hooked: Captured, filled: str) -> None:
    """The app sees SQLAlchemy's own exception."""
    with (
        engine_of(filled) as engine,
        engine.connect() as connection,
        operation(hooked) as observed,
        pytest.raises(ProgrammingError),
    ):
        connection.execute(text("SELECT nothing FROM nowhere"))
    assert observed.queries.count == 1


def test_engines_that_were_there_before_count_once(out: Captured, filled: str) -> None:
    """Installing late, or twice, changes nothing; the app's own events go on."""
    from saasobs.instrument.queries import patching

    with engine_of(filled) as engine, engine.connect() as connection:
        heard: list[str] = []
        event.listen(engine, "before_cursor_execute", lambda *args: heard.append(args[2]))
        try:
            driver.install(out.instrumentation)
            driver.install(out.instrumentation)
            with operation(out) as observed:
                connection.execute(select(Order.id))
        finally:
            patching.undo()
        with operation(out) as later:
            connection.execute(select(Order.id))
    assert (observed.queries.count, later.queries.count, len(heard)) == (1, 0, 2)


def test_a_dialect_that_calls_its_parent_counts_once(hooked: Captured) -> None:
    """A dialect of somebody else's, imported later, with a method of its own."""
    from sqlalchemy.dialects import registry
    from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

    class Late(SQLiteDialect_pysqlite):
        supports_statement_cache = True
        name = "late"

        def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
            super().do_execute(cursor, statement, parameters, context)  # type: ignore[no-untyped-call]

    module = sys.modules[__name__]
    module.Late = Late  # type: ignore[attr-defined]
    registry.register("late", __name__, "Late")
    engine = create_engine("late://", poolclass=StaticPool)
    with engine.connect() as connection, operation(hooked) as observed:
        connection.execute(text("SELECT 2, :one"), {"one": 1})
        connection.exec_driver_sql("SELECT 3")
    assert observed.queries.count == 2
    assert hooked.value(f"{names.QUERY_DURATION}_count", db_system_name="late") == 2
    engine.dispose()


def pool_value(out: Captured, name: str, pool: str, **labels: str) -> float | None:
    return out.value(name, **{names.POOL: pool}, **labels)


def test_a_pool_tells_who_uses_it_and_who_waits(hooked: Captured, filled: str) -> None:
    """Used, idle, how many there may be, waits and time-outs, by the pool's name; a new pool of the engine goes on."""
    options = {"pool_size": 1, "max_overflow": 1, "pool_timeout": 0.05, "pool_logging_name": "orders"}
    with engine_of(filled, **options) as engine:
        with engine.connect(), engine.connect():
            assert pool_value(hooked, names.POOL_CONNECTIONS, "orders", **{names.POOL_STATE: "used"}) == 2
            with pytest.raises(PoolTimeout):
                engine.connect()
        assert pool_value(hooked, names.POOL_CONNECTIONS, "orders", **{names.POOL_STATE: "used"}) == 0
        assert pool_value(hooked, names.POOL_CONNECTIONS, "orders", **{names.POOL_STATE: "idle"}) == 1
        assert pool_value(hooked, names.POOL_MAX, "orders") == 2
        assert pool_value(hooked, names.POOL_TIMEOUTS, "orders") == 1
        assert pool_value(hooked, f"{names.POOL_WAIT}_count", "orders") == 1
        assert (pool_value(hooked, f"{names.POOL_WAIT}_sum", "orders") or 0) >= 0.05
        engine.dispose()
        with engine.connect():
            assert pool_value(hooked, names.POOL_CONNECTIONS, "orders", **{names.POOL_STATE: "used"}) == 1
    with engine_of(filled) as first, engine_of(filled) as second, first.connect(), second.connect():
        for name in ("postgresql", "postgresql 2"):
            assert pool_value(hooked, names.POOL_CONNECTIONS, name, **{names.POOL_STATE: "used"}) == 1


async def test_an_async_pool_too(hooked: Captured, filled: str) -> None:
    """AsyncEngine's pool has the same numbers."""
    async with async_engine_of("asyncpg", filled, pool_logging_name="async") as engine, engine.connect():
        assert pool_value(hooked, names.POOL_CONNECTIONS, "async", **{names.POOL_STATE: "used"}) == 1
