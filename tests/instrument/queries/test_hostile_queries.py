"""Caches and queries of odd apps go on as if nobody counted them."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest
from django.core.cache.backends.base import BaseCache

from saasobs.instrument.queries import log, patching
from saasobs.instrument.queries.drivers import django_cache
from saasobs.instrument.state import Operation, enter, leave


def _hooked(backend: type) -> None:
    django_cache._hook(backend, BaseCache)


def test_an_async_cache_answers_with_the_apps_own_default() -> None:
    """A backend whose `get` and `get_many` are coroutines gives what it gave, a miss included."""

    class AsyncCache(BaseCache):  # type: ignore[misc]
        async def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
            return default

        async def get_many(self, keys: Any, version: Any = None) -> Any:
            return {}

    class LazyCache(BaseCache):  # type: ignore[misc]
        def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
            return asyncio.sleep(0, default)

        def get_many(self, keys: Any, version: Any = None) -> Any:
            return iter(keys)

    async def ask() -> list[Any]:
        eager, lazy = AsyncCache({}), LazyCache({})
        return [await eager.get("a"), await eager.get("a", 5), await eager.get_many(["a"]), await lazy.get("a")]

    try:
        _hooked(AsyncCache)
        _hooked(LazyCache)
        assert asyncio.run(ask()) == [None, 5, {}, None]
        assert list(LazyCache({}).get_many(["a", "b"])) == ["a", "b"]
    finally:
        patching.undo()


def test_a_cache_of_the_apps_own_sees_the_default_that_was_given() -> None:
    """Its `get` may do with a default what it likes."""

    class Typed(BaseCache):  # type: ignore[misc]
        def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
            return 0 if default is None else default + 1

    try:
        _hooked(Typed)
        assert (Typed({}).get("a"), Typed({}).get("a", 5)) == (0, 6)
    finally:
        patching.undo()


def test_a_query_in_the_midst_of_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finalizer or a signal's handler that asks while an operation's log is being made does not wait for itself."""
    operation = Operation("abc")
    made: list[log.QueryLog] = []

    class Interrupted(log.QueryLog):
        def __init__(self) -> None:
            super().__init__()
            if not made:
                made.append(self)
                log.record("SELECT 2 FROM inner", 0.1, "postgresql")

    monkeypatch.setattr(log, "QueryLog", Interrupted)
    token = enter(operation)
    done: list[bool] = []

    def ask() -> None:
        log.record("SELECT 1 FROM outer", 0.1, "postgresql")
        done.append(True)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(ask,), daemon=True)
    thread.start()
    thread.join(2)
    leave(token)
    assert done
    assert operation.queries is not None
    assert operation.queries.count == 2
