"""Lines leave the process without making anyone wait."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from saasobs.instrument.logs.writer import LineWriter


class Blocked(io.StringIO):
    """A stream that takes nothing until it is opened, and says when somebody tried."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.tried = threading.Event()

    def write(self, text: str) -> int:
        self.tried.set()
        self.gate.wait(30)
        return super().write(text)


@pytest.fixture
def blocked() -> Iterator[Blocked]:
    stream = Blocked()
    yield stream
    stream.gate.set()


def test_a_blocked_stream_costs_lines_not_time(blocked: Blocked) -> None:
    """While nobody reads, put returns at once, the surplus is counted, and afterwards a line tells how many."""
    drops: list[int] = []
    writer = LineWriter(blocked, capacity=10, on_drop=drops.append, describe_drop=lambda n: f"lost {n}\n".encode())
    writer.put(b"first\n")
    assert blocked.tried.wait(5)
    for number in range(50):
        writer.put(b"%d\n" % number)
    assert not writer.flush(0.05)
    assert writer.dropped == sum(drops) == 40
    blocked.gate.set()
    assert writer.flush(5)
    written = blocked.getvalue().splitlines()
    assert written[0] == "first"
    assert "lost 40" in written
    assert [line for line in written if line.isdigit()] == [str(number) for number in range(10)]


def test_a_broken_pipe_is_counted() -> None:
    """A reader that has gone costs lines only."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
        writer = LineWriter(stream)
        writer.put(b"a\n")
        assert writer.flush(5)
        assert writer.dropped == 1


def chatter(writer: LineWriter, who: int) -> None:
    for number in range(500):
        writer.put(b"%d %d %s\n" % (who, number, b"x" * 300))


def test_lines_arrive_whole_and_in_order() -> None:
    """From one thread lines keep their order; from many, each stays whole; a non-blocking pipe is waited for."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    seen: list[bytes] = []

    def read() -> None:
        with open(reading, "rb") as stream:  # noqa: PTH123 - a descriptor
            seen.extend(stream)

    reader = threading.Thread(target=read)
    with open(writing, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
        writer = LineWriter(stream)
        threads = [threading.Thread(target=chatter, args=(writer, who)) for who in range(4)]
        for thread in threads:
            thread.start()
        reader.start()
        for thread in threads:
            thread.join()
        assert writer.flush(10)
    reader.join()
    assert writer.dropped == 0
    for who in range(4):
        mine = [int(line.split()[1]) for line in seen if line.startswith(b"%d " % who)]
        assert mine == list(range(500))


_CHILD = """
import os, sys
from saasobs.instrument.logs.writer import LineWriter
writer = LineWriter(sys.stdout)
writer.put(b"parent\\n"); writer.flush()
pid = os.fork()
writer.put(b"child\\n" if pid == 0 else b"after\\n")
writer.flush()
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
"""


def test_a_forked_child_writes_its_own_lines() -> None:
    """After a fork the child starts a writer of its own, and no line is written twice."""
    ran = subprocess.run([sys.executable, "-c", _CHILD], capture_output=True, text=True, timeout=60, check=True)
    assert sorted(ran.stdout.split()) == ["after", "child", "parent"]


_STUCK = """
import os, sys
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.logs.setup import configure_logging
configure_logging(InstrumentConfig())
import logging
for n in range(5000):
    logging.getLogger("x").info("y" * 200)
sys.stderr.write("done")
"""


def test_a_stuck_stdout_does_not_stop_the_process() -> None:
    """A process whose stdout nobody reads ends by itself: the flush at exit is bounded."""
    reading, writing = os.pipe()
    try:
        ran = subprocess.run(
            [sys.executable, "-c", _STUCK], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    finally:
        os.close(writing)
        os.close(reading)
    assert (ran.returncode, ran.stderr) == (0, "done")
