"""A guest keeps quiet: what goes wrong in a hook of ours is counted and told once, never raised into the app.

Every function that the app's own path runs through is guarded, by `@guarded("hook")` or by a `try` of its own where
a decorator would cost too much. The names of hooks are few and constant: they label `saasobs_internal_errors_total`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def _unheard(hook: str, error: BaseException) -> None:
    """Before anything is set up there is nobody to tell."""


class _Ear:
    report: list[Callable[[str, BaseException], None]] = [_unheard]  # noqa: RUF012 - one place for one process


def report_to(report: Callable[[str, BaseException], None]) -> None:
    """From now on our own failures go here."""
    _Ear.report[:] = [report]


def failed(hook: str) -> None:
    """Count the exception being handled as a failure of ours. Never raises."""
    error = sys.exc_info()[1]
    with suppress(Exception):  # the last ditch
        _Ear.report[0](hook, error if error is not None else RuntimeError(hook))


def guarded(hook: str, default: Any = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a hook: its exceptions are counted under this name and `default` is returned instead."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def quiet(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except Exception:  # noqa: BLE001 - what this module is for
                failed(hook)
                return default  # type: ignore[no-any-return]

        return quiet

    return decorate
