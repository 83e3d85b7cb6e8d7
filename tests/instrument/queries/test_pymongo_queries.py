"""PyMongo against the tests' own stand-in for MongoDB: commands, and the shape of what was asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pymongo
import pytest
from pymongo.errors import OperationFailure

from saasobs.instrument import names
from saasobs.instrument.queries.drivers.pymongo import shape
from support.capture import Captured
from support.mongodb import Mongo, failure, running_mongo
from support.operations import operation


def answers() -> dict[str, dict[str, Any]]:
    cursor = {"cursor": {"id": 0, "ns": "shop.users", "firstBatch": [{"_id": 1}]}, "ok": 1.0}
    hello: dict[str, Any] = {"isWritablePrimary": True, "ismaster": True, "helloOk": True, "ok": 1.0}
    hello["maxWireVersion"] = 21
    return {
        "ismaster": hello, "hello": hello, "ping": {"ok": 1.0}, "find": cursor, "aggregate": cursor,
        "insert": {"n": 1, "ok": 1.0}, "update": failure(11000, "Dup", "secret"), "endSessions": {"ok": 1.0},
    }  # fmt: skip


async def test_commands_are_counted_with_their_shape(hooked: Captured) -> None:
    """find, insert and update are queries; hello, ping and the rest that keeps a connection are not."""
    server = Mongo(answers=answers(), locked=False)
    async with running_mongo(server) as running:
        observed = await asyncio.to_thread(ask, hooked, running.port)
    statements = {known.statement: known for known in observed.queries.statements}
    assert observed.queries.count == 10
    assert set(statements) == {"find users {_id}", "insert users {}", "update users {name}", "aggregate users {}"}
    (told,) = observed.events
    assert (told["event"], told["statement"], told["count"]) == (names.N_PLUS_ONE_EVENT, "find users {_id}", 7)
    assert (told["system"], "$in" in told["advice"]) == ("mongodb", True)
    assert told["location"].startswith("tests/instrument/queries/test_pymongo_queries.py:")
    assert "secret" not in hooked.text()


def ask(out: Captured, port: int) -> Any:
    address = f"mongodb://127.0.0.1:{port}/?directConnection=true&retryWrites=false"
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(address, serverSelectionTimeoutMS=5_000)
    with client, operation(out) as observed:
        client.admin.command("ping")
        users = client.shop.users
        for number in range(7):
            assert users.find_one({"_id": number}) == {"_id": 1}
        users.insert_one({"name": "secret"})
        list(users.aggregate([{"$match": {"name": "secret"}}]))
        with pytest.raises(OperationFailure):
            users.update_one({"name": "secret"}, {"$set": {"a": 1}})
    return observed


async def test_the_async_client_too(hooked: Captured) -> None:
    """Commands of AsyncMongoClient are the operation's as well."""
    async with running_mongo(Mongo(answers=answers(), locked=False)) as running:
        address = f"mongodb://127.0.0.1:{running.port}/?directConnection=true"
        client: pymongo.AsyncMongoClient[dict[str, Any]] = pymongo.AsyncMongoClient(address)
        async with client:
            with operation(hooked) as observed:
                await client.shop.users.find_one({"_id": 1})
    assert observed.queries.count == 1


@pytest.mark.parametrize(
    ("name", "command", "shown"),
    [
        ("find", {"find": "users", "filter": {"b": 1, "a": {"$gt": 2}}}, "find users {a, b}"),
        ("delete", {"delete": "users", "deletes": [{"q": {"_id": 1}}]}, "delete users {_id}"),
        ("aggregate", {"aggregate": 1}, "aggregate  {}"),
        ("find", {"find": "users", "filter": "odd"}, "find users {}"),
        ("update", {"update": "users", "updates": ["odd"]}, "update users {}"),
        ("find", {"find": "u", "filter": dict.fromkeys("abcdefghij")}, "find u {a, b, c, d, e, f, g, h, …}"),
    ],
)
def test_a_shape_has_no_values(name: str, command: dict[str, Any], shown: str) -> None:
    """The names of the fields, whatever the command looks like."""
    assert shape(name, command) == shown
