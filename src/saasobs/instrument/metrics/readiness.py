"""Asks the app's own checks whether it can serve: all at once, each with a time-out, none twice at the same time.

A check is a function, sync (called in a thread) or async (called on the app's loop where there is one). It says no by
raising or by returning False.
"""

from __future__ import annotations

import asyncio
import inspect
import os
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
        self._asking: dict[str, _Asked] = {}
        self._lock = ProcessLock()

    def ask(self) -> list[Verdict]:
        """From a thread; async checks get a loop of their own."""
        asked = [(name, self._begin(name, check)) for name, check in self._checks]
        return [Verdict(name, self._answer(one)) for name, one in asked]

    async def ask_async(self) -> list[Verdict]:
        """From the app's loop, on which async checks are called."""
        asked = {name: self._begin_async(name, check) for name, check in self._checks}
        left = {one.answer: self._left(one) for one in asked.values() if isinstance(one.answer, asyncio.Task)}
        waiting = [task for task, seconds in left.items() if seconds > 0]
        if waiting:
            await asyncio.wait(waiting, timeout=max(left.values()))
        for task in left:
            task.cancel()  # of those that are not done; not waited for: a check may be deaf
        return [Verdict(name, self._verdict(one.answer)) for name, one in asked.items()]

    def _left(self, asked: _Asked) -> float:
        """Seconds that it has left: whoever comes while it is being asked waits for the same answer."""
        return max(0.0, asked.begun + self._timeout - monotonic())

    def _begin(self, name: str, check: Check) -> _Asked:
        with self._lock.of_this_process():
            before = self._asking.get(name)
            if before is not None and isinstance(before.answer, Future) and before.is_going_on():
                return before
            asked = self._asking[name] = _Asked(in_thread(lambda: _called(check)), monotonic(), os.getpid())
            return asked

    def _begin_async(self, name: str, check: Check) -> _Asked:
        before, loop = self._asking.get(name), asyncio.get_running_loop()
        theirs = before.answer if before is not None and before.is_going_on() else None
        if before is not None and isinstance(theirs, asyncio.Task) and theirs.get_loop() is loop:
            return before
        asked = self._asking[name] = _Asked(loop.create_task(_awaited(check)), monotonic(), os.getpid())
        return asked

    def _answer(self, asked: _Asked) -> str:
        try:
            return _said(asked.answer.result(self._left(asked)))  # type: ignore[call-arg]
        except FutureTimeoutError:
            return _LATE.format(self._timeout)
        except BaseException as error:  # noqa: BLE001 - the app's check may end in any way, and that is the answer
            return _reason(error)

    def _verdict(self, task: Any) -> str:
        return _LATE.format(self._timeout) if not task.done() or task.cancelled() else str(task.result())


class ProcessLock:
    """A lock that a forked child finds free, whoever held it in the parent."""

    def __init__(self) -> None:
        self._made = (os.getpid(), threading.Lock())

    def of_this_process(self) -> threading.Lock:
        """To be held with `with`."""
        pid = os.getpid()
        if self._made[0] != pid:
            self._made = (pid, threading.Lock())
        return self._made[1]


class _Asked(NamedTuple):
    """A check that has been asked."""

    answer: Future[Any] | asyncio.Task[str]
    begun: float
    pid: int

    def is_going_on(self) -> bool:
        """Whether there will be an answer: not in a child that was forked meanwhile."""
        return not self.answer.done() and self.pid == os.getpid()


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
