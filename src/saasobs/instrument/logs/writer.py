"""Lines on their way out of the process, without ever making the caller wait.

A bounded queue, one daemon thread, a count of what had to be dropped, a bounded flush at exit. A blocked stdout
(a stuck pipe, a paused terminal) then costs lines, never the event loop. After `close` (the interpreter is ending)
lines are written by whoever brings them, if the stream takes them at once.

The queue is `queue.SimpleQueue` because its `put` is re-entrant: a signal handler or a finaliser that logs
while the same thread is logging must not deadlock. Lines are written in pieces of at most PIPE_BUF bytes where
they fit, so that the lines of several worker processes on one pipe stay whole.
"""

from __future__ import annotations

import os
import queue
import select
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final, TextIO

_CAPACITY: Final = 8192
_BYTES: Final = 16 * 1024 * 1024
_PIPE_BUF: Final = 4096
_GATHER: Final = 0.01
"""Seconds between two writes of a busy process: each time this thread wakes, the app loses its GIL and its caches."""
_LATE: Final = 0.05
"""Seconds that a line may wait for the stream when the process is ending."""

Unrendered = tuple[Callable[..., bytes], tuple[Any, ...]]
"""A function that makes a line of what stands beside it, and never raises."""
_Lines = queue.SimpleQueue[bytes | Unrendered | threading.Event]
"""Lines, rendered or not, and the events of those who wait until all before them is written."""
_ABOUT: Final = 512
"""Bytes that a line counts for while nobody knows how long it will be."""
Interlude = Callable[[], tuple[bytes, float | None]]
"""Lines of the owner's that are due now, and in how many seconds to ask again; None: when something has happened."""


class LineWriter:
    """Writes lines to a stream from a thread of its own; `put` never blocks and never raises."""

    def __init__(
        self,
        stream: TextIO,
        *,
        capacity: int = _CAPACITY,
        on_drop: Callable[[int], None] = lambda _count: None,
        describe_drop: Callable[[int], bytes] = lambda _count: b"",
        interlude: Interlude = lambda: (b"", None),
    ) -> None:
        """
        :param on_drop: called with how many lines were lost, from whatever thread lost them.
        :param describe_drop: the line that says so, written when the stream takes lines again.
        :param interlude: asked by the writer's thread between two writes.
        """
        self._descriptor = _descriptor(stream)
        self._stream = stream
        self._capacity = capacity
        self._on_drop = on_drop
        self._describe_drop = describe_drop
        self._interlude = interlude
        self._closed = False
        self.dropped = 0
        self._reported = 0
        self._reset()
        _writers.add(self)

    def _reset(self) -> None:
        self._queue: _Lines = queue.SimpleQueue()
        self._waiting_bytes = 0  # about right only: several threads add to it without a lock, an idle writer zeroes it
        self._started = False
        self._starting = threading.Lock()

    def put(self, line: bytes) -> None:
        """Hand over one line, its newline included."""
        if self._queue.qsize() >= self._capacity or self._waiting_bytes > _BYTES:
            self._put_late(line)
            return
        self._waiting_bytes += len(line)
        self._queue.put(line)
        if not self._started:
            self._start()

    def put_unrendered(self, render: Callable[..., bytes], *values: Any) -> None:
        """Hand over what a line is made of; the writer's thread makes it, many at a time, which costs far less.

        :param render: called with `values`, which must not change any more; it never raises.
        """
        if self._queue.qsize() >= self._capacity or self._waiting_bytes > _BYTES:
            self._put_late(render(*values) if self._closed else b"")
            return
        self._waiting_bytes += _ABOUT
        self._queue.put((render, values))
        if not self._started:
            self._start()

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until all that was put before is written; False when the stream would not take it in time."""
        if not self._started:
            return True
        reached = threading.Event()
        self._queue.put(reached)
        return reached.wait(timeout)

    def wake(self) -> None:
        """Have the interlude asked soon."""
        if self._started:
            self._queue.put(threading.Event())

    def close(self, timeout: float = 2.0) -> None:
        """Flush, within `timeout` seconds; lines that come later do not rely on the thread any more."""
        self.flush(timeout)
        self._closed = True
        self._capacity = 0

    def _put_late(self, line: bytes) -> None:
        if not self._closed:
            self._drop(1)
            return
        try:
            self._write(line, patience=_LATE)
        except Exception:  # noqa: BLE001 - as in _write_piece
            self._drop(1)

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # somebody else is at it
        try:
            if not self._started:
                thread = threading.Thread(target=self._run, args=(self._queue,), name="saasobs-log-writer", daemon=True)
                Context().run(thread.start)  # it works for no request, also where threads inherit their context
                self._started = True
        except RuntimeError:  # the interpreter is shutting down: there is nobody left to write
            self._drop(1)
        finally:
            self._starting.release()

    def _run(self, lines: _Lines) -> None:
        held: bytes | threading.Event | None = None
        wait: float | None = None
        while True:
            item, held = _next(lines, held, wait)
            if isinstance(item, bytes):
                self._write_piece(item)
            elif item is not None:
                item.set()
            due, wait = self._ask()
            if due:
                self._write_piece(due)
            if held is None and lines.empty():
                self._waiting_bytes = 0
                time.sleep(_GATHER)

    def _ask(self) -> tuple[bytes, float | None]:
        try:
            return self._interlude()
        except Exception:  # noqa: BLE001 - the thread must live on
            return b"", None

    def _write_piece(self, piece: bytes) -> None:
        self._waiting_bytes -= len(piece)
        try:
            self._write(piece)
            lost = self.dropped - self._reported
            if lost:
                self._write(self._describe_drop(lost))
                self._reported += lost
        except Exception:  # noqa: BLE001 - a closed pipe, a full disk, any stream's own error: the thread must live on
            self._drop(piece.count(b"\n"))

    def _write(self, piece: bytes, patience: float | None = None) -> None:
        """:param patience: seconds to wait for a stream that takes nothing; None: as long as it takes."""
        if self._descriptor is None:
            _write_text(self._stream, piece)
        else:
            _write_all(self._descriptor, piece, patience)

    def _drop(self, count: int) -> None:
        self.dropped += count
        self._on_drop(count)


def _next(
    lines: _Lines, held: bytes | threading.Event | None, wait: float | None
) -> tuple[bytes | threading.Event | None, bytes | threading.Event | None]:
    """What to do next, and what was taken from the queue beyond that; nothing when `wait` seconds brought nothing.

    Lines are joined up to PIPE_BUF, which the kernel writes to a pipe in one go; a longer line goes alone.
    """
    first = held if held is not None else _take(lines, wait)
    if not isinstance(first, bytes):
        return first, None
    piece = first
    while (item := _take(lines, 0.0)) is not None:
        if isinstance(item, threading.Event) or len(piece) + len(item) > _PIPE_BUF:
            return piece, item
        piece += item
    return piece, None


def _take(lines: _Lines, wait: float | None) -> bytes | threading.Event | None:
    try:
        item = lines.get(timeout=wait) if wait != 0.0 else lines.get_nowait()
    except queue.Empty:
        return None
    return item[0](*item[1]) if isinstance(item, tuple) else item


def _descriptor(stream: TextIO) -> int | None:
    """The stream's descriptor, if it is a plain one: bytes go past Python's buffers and their locks.

    A daemon thread that hangs inside `sys.stdout.buffer` would hold its lock, and the interpreter could not exit.
    """
    try:
        stream.buffer.fileno()  # other streams' descriptors may speak a protocol: Dramatiq's workers have such a stdout
        found: Any = stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, int) else None


def _write_text(stream: TextIO, piece: bytes) -> None:
    stream.write(piece.decode("utf-8", "replace"))
    stream.flush()


def _write_all(descriptor: int, piece: bytes, patience: float | None) -> None:
    """:raises TimeoutError: the descriptor takes nothing."""
    view = memoryview(piece)
    while view:
        if patience is not None and not select.select([], [descriptor], [], patience)[1]:
            raise TimeoutError
        try:
            view = view[os.write(descriptor, view[:_PIPE_BUF] if patience is not None else view) :]
        except BlockingIOError:  # somebody made stdout non-blocking: wait here, in our own thread
            select.select([], [descriptor], [], 1.0)


_writers: weakref.WeakSet[LineWriter] = weakref.WeakSet()


def _after_fork() -> None:
    """A child has no writer thread, and the lines that were waiting are its parent's to write."""
    for writer in list(_writers):
        writer._reset()  # noqa: SLF001 - the same module
        for name in ("multiprocessing.util", "billiard.util"):
            if name in sys.modules:
                sys.modules[name].register_after_fork(writer, _flush_at_its_end)


def _flush_at_its_end(writer: LineWriter) -> None:
    """Pool workers leave by os._exit, past atexit: their own finalizers are what they run."""
    for name in ("multiprocessing.util", "billiard.util"):
        if name in sys.modules:
            sys.modules[name].Finalize(writer, writer.flush, exitpriority=0)


os.register_at_fork(after_in_child=_after_fork)
