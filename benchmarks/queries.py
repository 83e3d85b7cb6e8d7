"""CPU that counting costs a query, over the bare query, on SQLAlchemy: ours, and OpenTelemetry's that samples nothing.

The contenders take turns in one process, round by round, on SQLite in memory, where a query itself costs least. Ours
is everything: the counting, its histogram, the search for call sites and the verdict at the operation's end.

The peer is in the group `bench` (`make bench` installs it); without it its row is missing.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import StaticPool

from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.process import Instrumentation
from saasobs.instrument.queries import patching
from saasobs.instrument.queries.drivers import sqlalchemy as ours
from saasobs.instrument.state import Operation, enter, leave

QUERIES = 20
OPERATIONS = 25
ROUNDS = 101
DIFFERENT = [text(f"SELECT :number AS column_{number}") for number in range(QUERIES)]
LOADS = {"20 different queries": DIFFERENT, "the same query 20 times": DIFFERENT[:1] * QUERIES}


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that watches queries."""

    name: str
    engine: Engine
    before: Callable[[], None]
    after: Callable[[], None]
    operation: Callable[[Callable[[], None]], None]
    """Calls what it is given, as one unit of work."""


def _nothing() -> None:
    """There is nothing to do."""


def _engine() -> Engine:
    return create_engine("sqlite://", poolclass=StaticPool)


def _plain(work: Callable[[], None]) -> None:
    work()


def _saasobs() -> Contender:
    process = Instrumentation.start(InstrumentConfig(service="bench"), stream=io.StringIO())

    def operation(work: Callable[[], None]) -> None:
        current = Operation("a-correlation-id", "request", "/orders")
        token = enter(current)
        work()
        leave(token)
        process.queries.judge(current)

    return Contender("saasobs", _engine(), lambda: ours.install(process), patching.undo, operation)


def _opentelemetry() -> Contender | None:
    try:
        instrumentor = import_module("opentelemetry.instrumentation.sqlalchemy").SQLAlchemyInstrumentor
    except ImportError:
        return None
    trace = import_module("opentelemetry.sdk.trace")
    never = import_module("opentelemetry.sdk.trace.sampling").ALWAYS_OFF
    provider: Any = trace.TracerProvider(sampler=never)
    engine = _engine()
    # It asks for SQLAlchemy below 2.1, and does nothing with it otherwise; it works all the same.
    instrumentor().instrument(engine=engine, tracer_provider=provider, skip_dep_check=True)
    tracer = provider.get_tracer("bench")

    def operation(work: Callable[[], None]) -> None:
        with tracer.start_as_current_span("GET /orders"):
            work()

    return Contender("opentelemetry, unsampled", engine, _nothing, _nothing, operation)


def _ask(connection: Connection, statements: list[Any]) -> None:
    for statement in statements:
        connection.execute(statement, {"number": 1}).close()


def _cpu(contender: Contender, statements: list[Any]) -> float:
    """CPU microseconds of one query."""
    with contender.engine.connect() as connection:

        def work() -> None:
            _ask(connection, statements)

        contender.before()
        try:
            contender.operation(work)
            begin = time.process_time()
            for _ in range(OPERATIONS):
                contender.operation(work)
            return (time.process_time() - begin) * 1e6 / (OPERATIONS * QUERIES)
        finally:
            contender.after()


def main() -> None:
    bare = Contender("bare", _engine(), _nothing, _nothing, _plain)
    contenders = [each for each in (bare, _saasobs(), _opentelemetry()) if each is not None]
    for load, statements in LOADS.items():
        rounds = {each.name: [_cpu(each, statements)] for each in contenders}
        for _ in range(ROUNDS):
            for each in contenders:
                rounds[each.name].append(_cpu(each, statements))
        print(f"\n{load}: CPU a query, µs (median of {ROUNDS} rounds)")
        _print(rounds)


def _print(rounds: dict[str, list[float]]) -> None:
    """What each costs over the bare query of the same round."""
    over = {
        name: statistics.median(mine - base for mine, base in zip(taken[1:], rounds["bare"][1:], strict=True))
        for name, taken in rounds.items()
    }
    peer = over.get("opentelemetry, unsampled")
    for name, taken in rounds.items():
        ratio = f"   {over[name] / peer:5.2f} × opentelemetry" if peer and name == "saasobs" else ""
        print(f"  {name:26} {statistics.median(taken[1:]):7.2f}   over bare {over[name]:6.2f}{ratio}")


if __name__ == "__main__":
    main()
