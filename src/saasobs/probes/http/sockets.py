"""libcurl's sockets watched by the event loop.

Every socket of a check lives for a few events only, and to add and remove it costs an event loop more than the events
do. Where there is epoll, they stand in one of our own, and the loop watches that one for good: half of what a plain
check costs in all that is not libcurl. Elsewhere the loop watches each.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import sys
from collections.abc import Callable
from typing import Any, Protocol

import pycurl

Act = Callable[[int, int], None]
"""(socket, libcurl's CSELECT bits)"""


class Sockets(Protocol):
    """What libcurl wants to know of its sockets; `Act` is called for each that is ready, `done` after a round."""

    def watch(self, fd: int, event: int) -> None:
        """libcurl's POLL_IN, POLL_OUT, POLL_INOUT, POLL_NONE or POLL_REMOVE."""

    def close(self) -> None:
        """Watch nothing any more."""


def watch_sockets(loop: asyncio.AbstractEventLoop, act: Act, done: Callable[[], None]) -> Sockets:
    """The best that this machine has."""
    return InEpoll(loop, act, done) if sys.platform == "linux" else ByLoop(loop, act, done)


class InEpoll:
    """All of them in one epoll, which the loop watches."""

    def __init__(self, loop: asyncio.AbstractEventLoop, act: Act, done: Callable[[], None]) -> None:
        self._loop = loop
        self._act = act
        self._done = done
        self._epoll: Any = select.epoll()
        self._watched: set[int] = set()
        loop.add_reader(self._epoll.fileno(), self._ready)

    def watch(self, fd: int, event: int) -> None:
        if event == pycurl.POLL_REMOVE:
            if fd in self._watched:
                self._watched.discard(fd)
                # A socket that was closed already has left by itself.
                with contextlib.suppress(OSError):
                    self._epoll.unregister(fd)
        elif fd in self._watched:
            self._change(fd, _EPOLL[event])
        else:
            self._watched.add(fd)
            self._epoll.register(fd, _EPOLL[event])

    def _change(self, fd: int, events: int) -> None:
        try:
            self._epoll.modify(fd, events)
        except FileNotFoundError:  # closed without a word, and the number given to another one
            self._epoll.register(fd, events)

    def close(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._watched.clear()

    def _ready(self) -> None:
        # What does not fit stays ready for the loop's next round.
        for fd, event in self._epoll.poll(0, _ROUND):
            # An earlier socket of the round may have ended this one's transfer.
            if fd in self._watched:
                self._act(fd, _CSELECT[event & _KNOWN])
        self._done()


_ROUND = 64
_KNOWN = 0x1F
_EPOLL = {pycurl.POLL_NONE: 0, pycurl.POLL_IN: 0x1, pycurl.POLL_OUT: 0x4, pycurl.POLL_INOUT: 0x5}


def _cselect(event: int) -> int:
    """EPOLLIN 1, EPOLLOUT 4, EPOLLERR 8, EPOLLHUP 16; what broke shall be read."""
    bits = pycurl.CSELECT_IN if event & (0x1 | 0x8 | 0x10) else 0
    return bits | (pycurl.CSELECT_OUT if event & 0x4 else 0) | (pycurl.CSELECT_ERR if event & 0x8 else 0)


_CSELECT = tuple(_cselect(event) for event in range(_KNOWN + 1))


class ByLoop:
    """Each of them by the loop itself."""

    def __init__(self, loop: asyncio.AbstractEventLoop, act: Act, done: Callable[[], None]) -> None:
        self._loop = loop
        self._act = act
        self._done = done
        self._watched: dict[int, int] = {}

    def watch(self, fd: int, event: int) -> None:
        if event == pycurl.POLL_REMOVE:
            self._forget(fd)
            return
        before = self._watched.get(fd, 0)
        if event & pycurl.POLL_IN and not before & pycurl.POLL_IN:
            self._loop.add_reader(fd, self._ready, fd, pycurl.CSELECT_IN)
        elif before & pycurl.POLL_IN and not event & pycurl.POLL_IN:
            self._loop.remove_reader(fd)
        if event & pycurl.POLL_OUT and not before & pycurl.POLL_OUT:
            self._loop.add_writer(fd, self._ready, fd, pycurl.CSELECT_OUT)
        elif before & pycurl.POLL_OUT and not event & pycurl.POLL_OUT:
            self._loop.remove_writer(fd)
        self._watched[fd] = event

    def close(self) -> None:
        for fd in list(self._watched):
            self._forget(fd)

    def _forget(self, fd: int) -> None:
        event = self._watched.pop(fd, 0)
        if event & pycurl.POLL_IN:
            self._loop.remove_reader(fd)
        if event & pycurl.POLL_OUT:
            self._loop.remove_writer(fd)

    def _ready(self, fd: int, mask: int) -> None:
        self._act(fd, mask)
        self._done()
