"""Asks the app's own checks whether it can serve: all at once, each with a time-out, none twice at the same time.

A check is a function, sync (called in a thread) or async (called on the app's loop where there is one). It says no by
raising or by returning False.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from time import monotonic
from typing import Any, Final, NamedTuple

Check = Callable[[], Any]
_REASON_LIMIT: Final = 200
_LATE: Final = "no answer within {:g} s"
_USER_INFORMATION = re.compile(r"://[^@/\s]*@")
_SECRET = re.compile(r"(?i)\b(\w*(?:password|passwd|pwd|secret|token|key))(['\"]?\s*[=:]\s*)\S+")


class Verdict(NamedTuple):
    """What one check said."""

    name: str
    reason: str
    """Why not; empty when all is well."""


class Readiness:
    """The checks of one process."""

    def __init__(self, checks: Iterable[Check], timeout: float) -> None:
        """:param timeout: seconds for each check, and so for all of them."""
        self._checks = tuple(zip(_names(checks), checks, strict=True))
        self._timeout = timeout
        self._asking: dict[str, Future[Any] | asyncio.Task[str]] = {}

    def ask(self) -> list[Verdict]:
        """From a thread; async checks get a loop of their own."""
        until = monotonic() + self._timeout
        asked = [(name, self._begin(name, check)) for name, check in self._checks]
        return [Verdict(name, self._answer(future, until)) for name, future in asked]

    async def ask_async(self) -> list[Verdict]:
        """From the app's loop, on which async checks are called."""
        tasks = {name: self._begin_async(name, check) for name, check in self._checks}
        waiting = [task for task in tasks.values() if task is not None]
        if waiting:
            await asyncio.wait(waiting, timeout=self._timeout)
        for task in waiting:
            task.cancel()  # not waited for: a check may be deaf
        return [Verdict(name, self._verdict(task)) for name, task in tasks.items()]

    def _begin(self, name: str, check: Check) -> Future[Any] | None:
        before = self._asking.get(name)
        if before is not None and not before.done():
            return None
        future = self._asking[name] = in_thread(lambda: _called(check))
        return future

    def _begin_async(self, name: str, check: Check) -> asyncio.Task[str] | None:
        before = self._asking.get(name)
        if before is not None and not before.done():
            return None
        task = self._asking[name] = asyncio.create_task(_awaited(check))
        return task

    def _answer(self, future: Future[Any] | None, until: float) -> str:
        if future is None:
            return _LATE.format(self._timeout)
        try:
            return _said(future.result(max(0.0, until - monotonic())))
        except FutureTimeoutError:
            return _LATE.format(self._timeout)
        except BaseException as error:  # noqa: BLE001 - the app's check may end in any way, and that is the answer
            return _reason(error)

    def _verdict(self, task: asyncio.Task[str] | None) -> str:
        if task is None or not task.done() or task.cancelled():
            return _LATE.format(self._timeout)
        return task.result()


def in_thread(call: Callable[[], Any]) -> Future[Any]:
    """Call it in a thread of its own: the app's pool of threads may be what is exhausted."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - handed on
            future.set_exception(error)

    threading.Thread(target=run, name="saasobs-readiness", daemon=True).start()
    return future


def _called(check: Check) -> Any:
    answer = check()
    return asyncio.run(_wait_for(answer)) if inspect.isawaitable(answer) else answer


async def _awaited(check: Check) -> str:
    """Why not. A SystemExit is caught here: coming out of a task it would end the loop."""
    try:
        if inspect.iscoroutinefunction(check):
            return _said(await check())
        answer = await asyncio.wrap_future(in_thread(check))
        return _said(await answer if inspect.isawaitable(answer) else answer)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the app's check may end in any way, and that is the answer
        return _reason(error)


async def _wait_for(answer: Awaitable[Any]) -> Any:
    return await answer


def _said(answer: Any) -> str:
    return "it said no" if answer is False else ""


def _reason(error: BaseException) -> str:
    """The type and the message, without what looks like a password."""
    try:
        text = str(error)[: 4 * _REASON_LIMIT]
    except Exception:  # noqa: BLE001 - the app's exception
        text = ""
    plain = _SECRET.sub(r"\1\2…", _USER_INFORMATION.sub("://…@", text))
    return f"{type(error).__name__}: {plain}"[:_REASON_LIMIT] if plain else type(error).__name__


def _names(checks: Iterable[Check]) -> list[str]:
    found: list[str] = []
    for check in checks:
        name = str(getattr(check, "__name__", type(check).__name__))
        found.append(name if name not in found else f"{name}#{len(found) + 1}")
    return found
