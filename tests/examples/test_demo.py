"""`make run` as a newcomer meets it: the shop and the daemon as real processes, on ports of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from support.daemon import free_port

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds to wait for what should take a few: a hung test must end, a slow machine must pass."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: the daemon's socket goes into it."""
    with tempfile.TemporaryDirectory(prefix="so-") as name:
        yield Path(name)


class Demo:
    """The demo with config/demo.yaml itself, moved to other ports and another folder."""

    def __init__(self, folder: Path, config: str | None = None) -> None:
        self.folder = folder
        self.shop_port, self.page_port = free_port(), free_port()
        text = (ROOT / "config/demo.yaml").read_text() if config is None else config
        moved = text.replace(":8099", f":{self.shop_port}").replace(":9110", f":{self.page_port}")
        self.config = folder / "demo.yaml"
        self.config.write_text(moved.replace("sqlite:///var/", f"sqlite:///{folder}/"))
        self.lines: list[str] = []

    @property
    def arguments(self) -> list[str]:
        page = f"http://127.0.0.1:{self.page_port}"
        options = [
            "--config",
            str(self.config),
            "--page",
            page,
            "--shop-port",
            str(self.shop_port),
            "--var",
            str(self.folder),
        ]
        return [sys.executable, "examples/demo.py", *options]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.arguments,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def told(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, *words: str, after: int = 0) -> str:
        """The first line past `after` that holds all of these words, in any case."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for line in self.lines[after:]:
                if all(word.lower() in line.lower() for word in words):
                    return line
            time.sleep(0.05)
        raise AssertionError(f"no line with {words} in:\n{self.told}\n{self.logs()}")

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in self.folder.glob("*.log"))

    def break_shop(self, mode: str) -> None:
        """With the very command that the demo prints."""
        printed = next(line for line in self.lines if f"examples.shop break {mode}" in line)
        words = printed[printed.index("-m examples.shop") :].split()[: 4 + 2]
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True, timeout=PATIENCE)

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def monitor(self, name: str) -> Any:
        return httpx.get(f"http://127.0.0.1:{self.page_port}/api/v1/monitors/{name}").json()


@contextmanager
def occupied() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def children_of(pid: int) -> dict[int, str]:
    """Command lines of the direct children, by their pid."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child): Path(f"/proc/{child}/cmdline").read_text() for child in found}


def is_closed(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return False
    return True


@pytest.mark.slow
def test_break_it_and_mend_it(folder: Path) -> None:
    """Breaking the shop tells of it on the terminal, mending it too; the job's heartbeat is up; Ctrl-C ends all."""
    with Demo(folder) as demo:
        demo.wait_for("Look", f":{demo.page_port}")
        demo.wait_for("Notifications:")
        demo.break_shop("failing")
        demo.wait_for("shop-checkout", "down")
        mended = len(demo.lines)
        demo.break_shop("off")
        demo.wait_for("shop-checkout", "up again", after=mended)
        assert demo.monitor("nightly-invoices")["state"]["status"] == "up", demo.logs()
        assert demo.stop() == 0
    assert "Traceback" not in demo.told
    assert is_closed(demo.shop_port)
    assert is_closed(demo.page_port)
    assert [json.loads(line)["event"] for line in (folder / "demo.log").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_ways_to_stop(folder: Path, number: int) -> None:
    """SIGTERM and a closed terminal stop it as cleanly as Ctrl-C, and it can start again at once."""
    for _ in range(2):
        with Demo(folder) as demo:
            demo.wait_for("Notifications:")
            assert demo.stop(number) == 0
        assert "Traceback" not in demo.told


@pytest.mark.slow
def test_an_impatient_ctrl_c(folder: Path) -> None:
    """Two Ctrl-C in a row, even before it is up, end both programs, without a trace."""
    with Demo(folder) as demo:
        while len(children_of(demo.process.pid)) < 2:
            time.sleep(0.01)
        demo.process.send_signal(signal.SIGINT)
        assert demo.stop() == 0
    assert "Traceback" not in demo.told
    assert is_closed(demo.shop_port)
    assert is_closed(demo.page_port)


@pytest.mark.slow
def test_a_child_that_dies(folder: Path) -> None:
    """When the shop is killed the demo says so, stops the daemon and fails."""
    with Demo(folder) as demo:
        demo.wait_for("Notifications:")
        shop = next(pid for pid, command in children_of(demo.process.pid).items() if "examples.shop" in command)
        os.kill(shop, signal.SIGKILL)
        assert demo.process.wait(PATIENCE) == 1
    assert "The example shop ended by itself (exit code -9)" in demo.told
    assert is_closed(demo.page_port)


def test_a_daemon_that_cannot_start(folder: Path) -> None:
    """A mistake in the configuration is shown from the daemon's log, and the shop is stopped."""
    with Demo(folder, config="monitors: 7\n") as demo:
        assert demo.process.wait(PATIENCE) == 1
    assert "The saasobs daemon ended by itself (exit code 2)" in demo.told
    assert "demo.yaml:1: monitors" in demo.told
    assert "Traceback" not in demo.told
    assert is_closed(demo.shop_port)


@pytest.mark.parametrize("which", ["shop_port", "page_port"])
def test_a_port_in_use(folder: Path, which: str) -> None:
    """The message names the port and how to find out who has it; nothing is started."""
    demo = Demo(folder)
    with occupied() as port:
        setattr(demo, which, port)
        told = subprocess.run(demo.arguments, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (told.returncode, told.stdout) == (1, "")
    assert f"Port {port}, which the " in told.stderr
    assert str(port) in told.stderr.split()[-1]
    assert "Traceback" not in told.stderr
    assert not list(folder.glob("*.log"))
