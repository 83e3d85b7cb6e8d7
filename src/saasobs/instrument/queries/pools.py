"""SQLAlchemy's pools of connections: how many are used and idle, how many there may be, who waited, who got none.

Counted when a connection is taken and given back; a pool that lends without waiting costs a few gauges.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard
from saasobs.instrument.queries.patching import on_undo, replace

if TYPE_CHECKING:
    from saasobs.instrument.metrics.registry import Metrics
    from saasobs.instrument.metrics.work import Pool
    from saasobs.instrument.process import Instrumentation

POOLS_LIMIT: Final = 50
"""Pools that are watched; an app with an engine for each tenant may have more."""
_TOLD: Final = "__saasobs_counted__"


class _Watch:
    """The pools of one process and their names."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._pools: weakref.WeakKeyDictionary[Any, tuple[str, Pool]] = weakref.WeakKeyDictionary()

    def numbers(self, pool: Any) -> Pool | None:
        """The series of a pool; None beyond the limit."""
        known = self._pools.get(pool)
        if known is None:
            if len(self._pools) >= POOLS_LIMIT:
                return None
            known = self._named(pool, self._free_name(pool))
        return known[1]

    def renew(self, old: Any, new: Any) -> None:
        """An engine has replaced its pool by a new one, which goes by the same name."""
        known = self._pools.pop(old, None)
        if known is not None:
            self._named(new, known[0])

    def _named(self, pool: Any, name: str) -> tuple[str, Pool]:
        known = self._pools[pool] = (name, self._metrics.queries.pool(name))
        most = pool._max_overflow  # noqa: SLF001 - nothing public tells; -1: no limit
        known[1].most.set(float("inf") if most < 0 else pool.size() + most)
        return known

    def _free_name(self, pool: Any) -> str:
        """The name that the app gave it (`pool_logging_name`), else the system's; with a number if it is taken."""
        base = getattr(pool, "logging_name", None) or getattr(pool._dialect, "name", "") or "pool"  # noqa: SLF001
        taken = {name for name, _ in list(self._pools.values())}
        number = 1
        while (name := base if number == 1 else f"{base} {number}") in taken:
            number += 1
        return str(name)


class _Watched:
    watch: _Watch | None = None


def install(process: Instrumentation) -> None:
    """Watch every QueuePool, the asynchronous ones too. Pools of other kinds hold no connections back."""
    _Watched.watch = _Watch(process.metrics)
    pool = import_module("sqlalchemy.pool.impl").QueuePool
    replace(pool, "_do_get", _getting)
    replace(pool, "_do_return_conn", _returning)
    replace(pool, "recreate", _recreating)
    on_undo(_forget)


def _forget() -> None:
    _Watched.watch = None


def _getting(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def get(pool: Any) -> Any:
        begun = _waits_since(pool)
        try:
            return original(pool)
        except Exception as error:
            _failed(pool, error)
            raise
        finally:
            _counted(pool, begun)

    return get


def _returning(original: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def give_back(pool: Any, record: Any) -> None:
        try:
            original(pool, record)
        finally:
            _counted(pool, 0.0)

    return give_back


def _recreating(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def recreate(pool: Any) -> Any:
        new = original(pool)
        _renewed(pool, new)
        return new

    return recreate


@guard.guarded("pools")
def _renewed(old: Any, new: Any) -> None:
    if _Watched.watch is not None:
        _Watched.watch.renew(old, new)


@guard.guarded("pools", default=0.0)
def _waits_since(pool: Any) -> float:
    """Now, if nothing is left to lend; else 0."""
    full = 0 <= pool._max_overflow <= pool.overflow()  # noqa: SLF001
    return perf_counter() if full and not pool.checkedin() else 0.0


@guard.guarded("pools")
def _failed(pool: Any, error: Exception) -> None:
    numbers = _Watched.watch.numbers(pool) if _Watched.watch is not None else None
    if numbers is None or type(error).__name__ != "TimeoutError" or hasattr(error, _TOLD):
        return
    setattr(error, _TOLD, True)  # a pool that asks itself again passes it on
    numbers.timeouts.inc()


@guard.guarded("pools")
def _counted(pool: Any, begun: float) -> None:
    numbers = _Watched.watch.numbers(pool) if _Watched.watch is not None else None
    if numbers is None:
        return
    if begun:
        numbers.wait.observe(perf_counter() - begun)
    numbers.used.set(pool.checkedout())
    numbers.idle.set(pool.checkedin())
