"""Lines on their way out of the process, without ever making the caller wait.

A bounded queue, one daemon thread, a count of what had to be dropped, a bounded flush at exit. A blocked stdout
(a stuck pipe, a paused terminal) then costs lines, never the event loop.

The queue is `queue.SimpleQueue` because its `put` is re-entrant: a signal handler or a finaliser that logs
while the same thread is logging must not deadlock. Lines are written in pieces of at most PIPE_BUF bytes where
they fit, so that the lines of several worker processes on one pipe stay whole.
"""

from __future__ import annotations

import os
import queue
import select
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Final, TextIO

_CAPACITY: Final = 8192
_BYTES: Final = 16 * 1024 * 1024
_PIPE_BUF: Final = 4096
_GATHER: Final = 0.002
"""Seconds between two writes when little is waiting: waking this thread for each line would cost the app its GIL."""

_Lines = queue.SimpleQueue[bytes | threading.Event]
"""Lines, and the events of those who wait until all before them is written."""


class LineWriter:
    """Writes lines to a stream from a thread of its own; `put` never blocks and never raises."""

    def __init__(
        self,
        stream: TextIO,
        *,
        capacity: int = _CAPACITY,
        on_drop: Callable[[int], None] = lambda _count: None,
        describe_drop: Callable[[int], bytes] = lambda _count: b"",
    ) -> None:
        """
        :param on_drop: called with how many lines were lost, from whatever thread lost them.
        :param describe_drop: the line that says so, written when the stream takes lines again.
        """
        self._write = _target(stream)
        self._capacity = capacity
        self._on_drop = on_drop
        self._describe_drop = describe_drop
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
            self._drop(1)
            return
        self._waiting_bytes += len(line)
        self._queue.put(line)
        if not self._started:
            self._start()

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until all that was put before is written; False when the stream would not take it in time."""
        if not self._started:
            return True
        reached = threading.Event()
        self._queue.put(reached)
        return reached.wait(timeout)

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # somebody else is at it
        try:
            if not self._started:
                threading.Thread(target=self._run, args=(self._queue,), name="saasobs-log-writer", daemon=True).start()
                self._started = True
        except RuntimeError:  # the interpreter is shutting down: there is nobody left to write
            self._drop(1)
        finally:
            self._starting.release()

    def _run(self, lines: _Lines) -> None:
        for item in _pieces(lines):
            if isinstance(item, threading.Event):
                item.set()
            else:
                self._write_piece(item)
            if lines.empty():
                self._waiting_bytes = 0
                time.sleep(_GATHER)

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

    def _drop(self, count: int) -> None:
        self.dropped += count
        self._on_drop(count)


def _pieces(lines: _Lines) -> Iterator[bytes | threading.Event]:
    """Lines joined up to PIPE_BUF, which the kernel writes to a pipe in one go; a longer line goes alone."""
    held: bytes | threading.Event | None = None
    while True:
        first = lines.get() if held is None else held
        held = None
        if isinstance(first, threading.Event):
            yield first
            continue
        piece = first
        while (item := _take(lines)) is not None:
            if isinstance(item, threading.Event) or len(piece) + len(item) > _PIPE_BUF:
                held = item
                break
            piece += item
        yield piece


def _take(lines: _Lines) -> bytes | threading.Event | None:
    try:
        return lines.get_nowait()
    except queue.Empty:
        return None


def _target(stream: TextIO) -> Callable[[bytes], None]:
    """How bytes reach the stream: by its descriptor where it has one, past Python's buffers and their locks.

    A daemon thread that hangs inside `sys.stdout.buffer` would hold its lock, and the interpreter could not exit.
    """
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):
        return lambda piece: _write_text(stream, piece)
    return lambda piece: _write_all(descriptor, piece)


def _write_text(stream: TextIO, piece: bytes) -> None:
    stream.write(piece.decode("utf-8", "replace"))
    stream.flush()


def _write_all(descriptor: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # somebody made stdout non-blocking: wait here, in our own thread
            select.select([], [descriptor], [], 1.0)


_writers: weakref.WeakSet[LineWriter] = weakref.WeakSet()


def _after_fork() -> None:
    """A child has no writer thread, and the lines that were waiting are its parent's to write."""
    for writer in list(_writers):
        writer._reset()  # noqa: SLF001 - the same module


os.register_at_fork(after_in_child=_after_fork)
