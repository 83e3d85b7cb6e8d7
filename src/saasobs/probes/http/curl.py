"""libcurl on the event loop: one request, one fresh connection, every time and byte of it accounted for.

One multi handle per CA file (libcurl keeps one parsed CA store per multi handle; another store costs milliseconds a
check), driven by `socket_action`. Easy handles are pooled; connections, TLS sessions and names never are. libcurl is
never asked to resolve a name: addresses are handed to it. What the answer means is not decided here.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

import pycurl

from saasobs.probes.http.handle import NAKED, NEVER, PLAIN, PLAIN_NAMED, Handle, Order, Transfer
from saasobs.probes.http.sockets import watch_sockets

GUARD_SECONDS: Final = 0.25
"""libcurl keeps the deadline itself; one that did not is stopped so much later, or twice that."""

_IDLE_HANDLES: Final = 128


class _Running:
    """One transfer under way, and when it must be over (on the loop's clock, seconds)."""

    __slots__ = ("done", "due")

    def __init__(self, done: asyncio.Future[tuple[int, str]], due: float) -> None:
        self.done = done
        self.due = due


class Multi:
    """One CurlMulti, run by the event loop it was made on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ca_file: str) -> None:
        self._loop = loop
        self._ca_file = ca_file
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0
        self._due: float | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._sockets = watch_sockets(loop, self._act, self._harvest)
        self._running: dict[Any, _Running] = {}
        self._idle: dict[int, list[Handle]] = {NAKED: [], PLAIN: [], PLAIN_NAMED: []}
        self._retired = False
        self._closed = False

    async def perform(self, order: Order) -> Transfer:
        """Run one request to its end; every failure is told by the Transfer's errno. Cancelling stops it at once."""
        dress = order.dress
        handle = self._handle(dress)
        easy = handle.easy
        errno = pycurl.E_FAILED_INIT
        try:
            handle.prepare(order, dress, self._ca_file)
            done = self._loop.create_future()
            self._running[easy] = _Running(done, self._loop.time() + order.milliseconds / 1000 + GUARD_SECONDS)
            if self._sweeper is None:
                self._sweeper = self._loop.call_later(GUARD_SECONDS, self._sweep)
            self._multi.add_handle(easy)
            errno, error = await done
            return handle.read_off(order, errno, error)
        finally:
            self._running.pop(easy, None)
            self._put_away(handle, well=errno == 0)
            if self._retired and not self._running:
                self.close()

    def retire(self) -> None:
        """Close as soon as nothing runs here any more; nothing new may be begun."""
        self._retired = True
        if not self._running:
            self.close()

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._closed

    def close(self) -> None:
        """Stop everything at once; who waits is cancelled."""
        if self._closed:
            return
        self._closed = True
        for running in list(self._running.values()):
            running.done.cancel()
        for easy in list(self._running):
            self._multi.remove_handle(easy)
        self._sockets.close()
        for timer in (self._timer, self._sweeper):
            if timer is not None:
                timer.cancel()
        self._multi.close()
        for handles in self._idle.values():
            for handle in handles:
                handle.easy.close()
            handles.clear()

    def _handle(self, dress: int) -> Handle:
        """One that is dressed so, or one without anything on."""
        dressed = self._idle.get(dress)
        if dressed:
            return dressed.pop()
        return self._idle[NAKED].pop() if self._idle[NAKED] else Handle()

    def _put_away(self, handle: Handle, *, well: bool) -> None:
        if not self._closed:
            # Refused only for a handle that was never added, when adding it failed.
            with contextlib.suppress(pycurl.error):
                self._multi.remove_handle(handle.easy)
            if handle.dress != NEVER and sum(map(len, self._idle.values())) < _IDLE_HANDLES:
                handle.undress(well=well)
                self._idle[handle.dress].append(handle)
                return
        handle.easy.close()

    def _sweep(self) -> None:
        """End what libcurl has forgotten; looked for now and then, since a timer for each would cost every check."""
        now = self._loop.time()
        for easy, running in list(self._running.items()):
            if running.due < now:
                self._finish(easy, pycurl.E_OPERATION_TIMEDOUT, "stopped")
        self._sweeper = self._loop.call_later(GUARD_SECONDS, self._sweep) if self._running else None

    # What libcurl calls, from within socket_action, add_handle or remove_handle -----------------------------------

    def _watch(self, event: int, fd: int, _multi: Any, _data: Any) -> None:
        self._sockets.watch(fd, event)

    def _set_timer(self, milliseconds: int) -> None:
        """libcurl's one timer is set anew several times a check; a timer of the loop's is only made for an earlier one.

        One that rings before its time is wound up again: libcurl would take the ring for the one it waits for.
        """
        if milliseconds < 0:
            self._due = None
            return
        self._due = due = self._loop.time() + milliseconds / 1000
        if self._timer is not None:
            if self._timer_at <= due:
                return
            self._timer.cancel()
        self._wind_up(milliseconds)

    def _wind_up(self, milliseconds: float) -> None:
        self._timer_at = self._loop.time() + milliseconds / 1000
        # libcurl must not be called from its own callback, so that even 0 waits for the loop's next round.
        if milliseconds <= 0:
            self._timer = self._loop.call_soon(self._time_is_up)
        else:
            self._timer = self._loop.call_later(milliseconds / 1000, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        if self._due is None:
            return
        left = self._due - self._loop.time()
        if left > 0:
            self._wind_up(left * 1000)
            return
        self._due = None
        self._act(pycurl.SOCKET_TIMEOUT, 0)
        self._harvest()

    def _act(self, fd: int, mask: int) -> None:
        if not self._closed:
            self._multi.socket_action(fd, mask)

    def _harvest(self) -> None:
        """Tell those whose transfers have ended."""
        queued = 0 if self._closed else 1
        while queued:
            queued, good, bad = self._multi.info_read()
            for easy in good:
                self._finish(easy, 0, "")
            for easy, errno, error in bad:
                self._finish(easy, errno, error)

    def _finish(self, easy: Any, errno: int, error: str) -> None:
        running = self._running.get(easy)
        if running is not None and not running.done.done():
            running.done.set_result((errno, error))
