"""A whole request: its line, its events and its spans say what it asked the database."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from saasobs.instrument import names
from saasobs.instrument.tracing.provider import recorder_into
from support.capture import Captured
from support.postgres import Postgres

HERE = str(Path(__file__).relative_to(Path.cwd()))
lines: dict[str, int] = {}


def shop(engine: Engine, async_engine: AsyncEngine) -> FastAPI:
    app = FastAPI()

    @app.get("/sync/{count}")
    def sync(count: int) -> None:
        with engine.connect() as connection:
            for number in range(count):
                lines["sync"] = sys._getframe().f_lineno + 1
                connection.execute(text("SELECT CAST(:number AS int) AS number"), {"number": number})

    @app.get("/async/{count}")
    async def asynchronous(count: int) -> None:
        async def ask(number: int) -> None:
            async with async_engine.connect() as connection:
                lines["async"] = sys._getframe().f_lineno + 1
                await connection.execute(text("SELECT CAST(:number AS int) AS number"), {"number": number})

        for number in range(count):
            await asyncio.create_task(ask(number))

    return app


@pytest.fixture
def engine(postgres: Postgres) -> Iterator[Engine]:
    made = create_engine(postgres.url.replace("postgresql", "postgresql+psycopg", 1))
    yield made
    made.dispose()


@asynccontextmanager
async def client(out: Captured, engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    async_engine = create_async_engine(engine.url.set(drivername="postgresql+asyncpg"))
    app: Any = out.instrumentation.wrap(shop(engine, async_engine))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as http:
        yield http
    await async_engine.dispose()


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_the_line_and_the_events_of_a_request(hooked: Captured, engine: Engine, kind: str) -> None:
    """In a thread as in tasks of its own: 21 queries are told with the route's template and the app's line."""
    async with client(hooked, engine) as http:
        assert (await http.get(f"/{kind}/3")).status_code == 200
        await http.get(f"/{kind}/21")
    quiet, line = hooked.lines(names.REQUEST_EVENT)
    assert (quiet["db_queries"], line["db_queries"]) == (3, 21)
    assert 0 < line["db_ms"] <= line["duration_ms"] * 21
    (many,) = hooked.lines(names.TOO_MANY_EVENT)
    (repeated,) = hooked.lines(names.N_PLUS_ONE_EVENT)
    route = f"/{kind}/{{count}}"
    assert (many["operation"], many["count"], repeated["operation"], repeated["count"]) == (route, 21, route, 21)
    assert repeated["location"] == f"{HERE}:{lines[kind]}"
    assert many["correlation_id"] == repeated["correlation_id"] == line["correlation_id"]
    assert hooked.value(names.N_PLUS_ONE, operation=route) == 1.0


async def test_spans_when_sampled(hooked: Captured, engine: Engine) -> None:
    """Each query of a sampled request is a span below it, without values; without sampling there is none."""
    exporter = InMemorySpanExporter()
    process = hooked.instrumentation
    process.tracer.record_with(recorder_into(exporter, replace(process.config, trace_sample_ratio=1.0)))
    async with client(hooked, engine) as http:
        await http.get("/async/2", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
        await http.get("/async/2", headers={"traceparent": f"00-{'c' * 32}-{'d' * 16}-00"})
    *queries, server = exporter.get_finished_spans()
    assert len(queries) == 2
    for span in queries:
        assert span.parent is not None
        assert server.context is not None
        assert span.parent.span_id == server.context.span_id
        assert span.context is not None
        assert f"{span.context.trace_id:032x}" == "a" * 32
        assert span.kind.name == "CLIENT"
        assert dict(span.attributes or {}) | {} == {
            "db.system.name": "postgresql",
            "db.query.text": "SELECT CAST(? AS int) AS number",
            "db.operation.name": "SELECT",
        }
        assert (span.end_time or 0) > (span.start_time or 0)
    assert queries[0].name == "SELECT postgresql"
