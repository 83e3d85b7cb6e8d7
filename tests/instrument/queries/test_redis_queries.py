"""redis-py against Redis: round trips, hits and misses; keys are never told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
import redis.asyncio

from saasobs.instrument import names
from saasobs.instrument.queries import patching
from saasobs.instrument.queries.drivers import redis as driver
from saasobs.instrument.queries.drivers.redis import described, pattern
from support.capture import Captured, captured
from support.daemon import free_port
from support.operations import operation
from support.redis import Redis, running_redis


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with running_redis() as running:
        yield running


@pytest.fixture
def client(server: Redis) -> Iterator[redis.Redis]:
    with redis.Redis(port=server.port) as made:
        made.flushall()
        yield made


def cache(out: Captured, result: str) -> float | None:
    return out.value(names.CACHE_REQUESTS, cache="redis", result=result)


def test_commands_and_pipelines(hooked: Captured, client: redis.Redis) -> None:
    """Each command is a round trip, a pipeline is one; what only keeps or waits is none."""
    with operation(hooked) as observed:
        client.set("user:1", "ana")
        client.get("user:1")
        client.ping()
        client.blpop("queue", timeout=0.01)
        pipeline = client.pipeline()
        for number in range(10):
            pipeline.get(f"user:{number}")
        assert pipeline.execute()[1] == b"ana"
    queries = observed.queries
    assert (queries.count, queries.seconds, queries.cache_count) == (0, 0.0, 3)
    assert queries.cache_seconds > 0
    assert {known.statement for known in queries.statements} == {"SET user:*", "GET user:*", "PIPELINE GET"}
    assert not observed.events


def test_hits_and_misses(hooked: Captured, client: redis.Redis) -> None:
    """GET, HGET, MGET and their like tell what was there, in pipelines too."""
    client.mset({"a:1": "x", "a:2": "y"})
    client.hset("h:1", "field", "x")
    client.get("a:1")
    client.get("a:3")
    client.hget("h:1", "field")
    client.mget("a:1", "a:2", "a:3")
    client.hmget("h:1", ["field", "none"])
    pipeline = client.pipeline(transaction=False)
    for key in ("a:1", "a:9"):
        pipeline.get(key)
    pipeline.set("a:4", "z")
    pipeline.execute()
    assert (cache(hooked, "hit"), cache(hooked, "miss")) == (6, 4)


async def test_async_commands_and_pipelines(hooked: Captured, server: Redis) -> None:
    """The same for the async client."""
    async with redis.asyncio.Redis(port=server.port) as client:
        await client.flushall()
        with operation(hooked) as observed:
            await client.set("user:1", "ana")
            assert await client.get("user:1") == b"ana"
            async with client.pipeline() as pipeline:
                for key in ("user:1", "user:2"):
                    pipeline.get(key)
                assert await pipeline.execute() == [b"ana", None]
    assert (observed.queries.count, observed.queries.cache_count) == (0, 3)
    assert (cache(hooked, "hit"), cache(hooked, "miss")) == (2, 1)


def test_a_loop_of_lookups_is_told_at_last(hooked: Captured, client: redis.Redis) -> None:
    """20 GETs of one kind from one line could be one MGET; no key is told."""
    with operation(hooked) as observed:
        for number in range(20):
            client.get(f"basket:secret-{number}")
    (told,) = observed.events
    assert (told["event"], told["count"], told["statement"]) == (names.N_PLUS_ONE_EVENT, 20, "GET basket:*")
    assert "secret" not in hooked.text()


def test_a_failing_command_raises_as_it_did(hooked: Captured, client: redis.Redis) -> None:
    """The app sees Redis's own exception, and neither hit nor miss is counted."""
    client.lpush("list:1", "x")
    with operation(hooked) as observed, pytest.raises(redis.ResponseError):
        client.get("list:1")
    assert observed.queries.cache_count == 1
    assert (cache(hooked, "hit"), cache(hooked, "miss")) == (None, None)


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("user:42", "user:*"), (b"user:42", "user:*"), ("user_session-x:a:b", "user_session-x:*"), ("42:user", "*"),
        ("ana@acme.example:1", "*"), ("token", "*"), ("é:1", "*"), (17, "*"), ("", "*"), (b"\xff:1", "*"),
    ],
)  # fmt: skip
def test_keys_are_not_told(key: object, shown: str) -> None:
    """Only a plain word before the first colon is."""
    assert pattern(key) == shown


def test_odd_commands_have_a_statement() -> None:
    """Whatever was given as a command."""
    assert described(["get"]) == "GET"
    assert described([b"GET", "a:1"]).endswith("a:*")
    assert described(["PING"]) == described(["BLPOP", "queue", 0]) == ""
    assert described(["KEYS", "secret*"]) == "KEYS"


def test_a_cluster_too() -> None:
    """The cluster's client and its pipelines are counted the same."""
    with running_redis("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        server.run("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        while "cluster_state:ok" not in server.run("CLUSTER", "INFO"):
            pass
        with captured() as out, redis.RedisCluster(host="127.0.0.1", port=server.port) as client:
            driver.install(out.instrumentation)
            try:
                with operation(out) as observed:
                    client.set("a:1", "x")
                    client.get("a:1")
                    pipeline = client.pipeline()
                    pipeline.get("a:1")
                    pipeline.get("b:1")
                    assert pipeline.execute() == [b"x", None]
            finally:
                patching.undo()
            assert observed.queries.cache_count == 3
            assert (cache(out, "hit"), cache(out, "miss")) == (2, 1)
