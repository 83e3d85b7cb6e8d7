"""`make run`: the example shop and the daemon that watches it, until Ctrl-C.

1. See that both ports are free; start both programs, each in a session of its own, so that Ctrl-C reaches only us.
2. Wait until both answer, then say where to look and how to break the shop.
3. Wait for a signal or for a child that dies. Meanwhile a pretended job pings its heartbeat every 20 seconds.
4. Stop the daemon and then the shop, politely; a second Ctrl-C, or ten seconds, and they are killed.

What the daemon tells people (its console channel, on stdout) goes to the terminal; its log (stderr) goes to a file.
Standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
JOB = "nightly-invoices"
JOB_SECONDS = 20.0
START_SECONDS = 30.0
STOP_SECONDS = 10.0
LOG_TAIL = 15


class DemoError(Exception):
    """Why the demo cannot go on: a few sentences for the person at the terminal."""


@dataclass(slots=True)
class Child:
    """A program that we started: what people call it, and where its log is."""

    title: str
    log: Path
    process: subprocess.Popen[bytes]

    def assert_alive(self) -> None:
        """:raises DemoError: with the end of its log."""
        code = self.process.poll()
        if code is not None:
            raise DemoError(
                f"{self.title} ended by itself (exit code {code}). The end of {shown(self.log)}:\n\n{self.tail()}"
            )

    def tail(self) -> str:
        """The last lines of its log, from where this run of it began."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL:]
        return "\n".join(f"    {line}" for line in lines) or "    (nothing)"


class Stop:
    """Turns signals into a state: 0 go on, 1 stop, 2 stop at once."""

    def __init__(self) -> None:
        self.asked = 0
        self._event = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked += 1
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not past a signal; whether one came."""
        return self._event.wait(seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 stopped as asked, 1 could not start or a child died."""
    options = _parser().parse_args(arguments)
    stop = Stop()
    children: list[Child] = []
    try:
        assert_ports_free(options)
        children += [start_shop(options), start_daemon(options)]
        if wait_until_up(options, children, stop):
            print(welcome(options), flush=True)
            stay(options, children, stop)
    except DemoError as error:
        print(f"\n{error}\n", file=sys.stderr, flush=True)
        return 1
    finally:
        finish(children, stop)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make run", description="The example shop and the daemon that watches it.")
    parser.add_argument("--config", type=Path, default=ROOT / "config" / "demo.yaml", help="what the daemon watches")
    parser.add_argument("--page", default="http://127.0.0.1:9110", help="where the daemon's page is (its web.bind)")
    parser.add_argument("--shop-port", type=int, default=8099)
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="folder for logs and the shop's database")
    return parser


# Starting ------------------------------------------------------------------------------------------------------


def assert_ports_free(options: argparse.Namespace) -> None:
    """:raises DemoError: naming the port and what to do."""
    for port, title in ((options.shop_port, "the example shop"), (page_port(options), "the daemon's page")):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise DemoError(
                    f"Port {port}, which {title} needs, cannot be used: {error.strerror}.\n"
                    f"Is another `make run` going on? Stop it with Ctrl-C. To see who has the port:\n\n"
                    f"    {_who_listens(port)}"
                ) from error


def _who_listens(port: int) -> str:
    return f"ss -ltnp 'sport = :{port}'" if shutil.which("ss") else f"lsof -nP -iTCP:{port} -sTCP:LISTEN"


def start_shop(options: argparse.Namespace) -> Child:
    """The shop; all that it says is log."""
    database = options.var / "shop.db"
    command = ["-m", "examples.shop", "serve", "--port", str(options.shop_port), "--database", str(database)]
    return _start("The example shop", command, options.var / "shop.log", to_terminal=False)


def start_daemon(options: argparse.Namespace) -> Child:
    """The daemon; its notifications go to the terminal."""
    command = ["-m", "saasobs", "serve", "--config", str(options.config)]
    return _start("The saasobs daemon", command, options.var / "demo.log", to_terminal=True)


def _start(title: str, command: Sequence[str], log: Path, *, to_terminal: bool) -> Child:
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "SAASOBS_LOG_FORMAT": "json"}
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, a literal command
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=None if to_terminal else file,
            stderr=file,
            start_new_session=True,
        )
    return Child(title, log, process)


def wait_until_up(options: argparse.Namespace, children: Sequence[Child], stop: Stop) -> bool:
    """False when asked to stop meanwhile. :raises DemoError: a child died, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    waiting = {f"http://127.0.0.1:{options.shop_port}/health", f"{options.page}/readyz"}
    while True:
        for child in children:
            child.assert_alive()
        waiting = {url for url in waiting if fetch(url) is None}
        if not waiting:
            return True
        if time.monotonic() > deadline:
            tails = "\n\n".join(f"{shown(child.log)}:\n{child.tail()}" for child in children)
            raise DemoError(f"No answer from {', '.join(sorted(waiting))} after {START_SECONDS:.0f} s.\n\n{tails}")
        if stop.wait(0.05):
            return False


def fetch(url: str) -> bytes | None:
    """The body of a good answer, or None."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback: a proxy could not reach it
    try:
        with opener.open(url, timeout=2) as response:
            return bytes(response.read())
    except (OSError, ValueError):  # not there yet (URLError is an OSError), or no HTTP at all
        return None


# Running -------------------------------------------------------------------------------------------------------


def stay(options: argparse.Namespace, children: Sequence[Child], stop: Stop) -> None:
    """Until a signal comes. :raises DemoError: a child died."""
    threading.Thread(target=ping_for_ever, args=(options.page,), daemon=True).start()
    while not stop.wait(0.5):
        for child in children:
            child.assert_alive()


def ping_for_ever(page: str) -> None:
    """The pretended nightly job: it tells the daemon every 20 seconds that it is done."""
    while True:
        url = ping_url(fetch(f"{page}/api/v1/monitors/{JOB}"))
        if url:
            fetch(url)
        time.sleep(JOB_SECONDS if url else 1)


def ping_url(answer: bytes | None) -> str:
    """Where the job reports to; empty while the daemon cannot say."""
    try:
        facts: dict[str, Any] = json.loads(answer or b"{}")
    except ValueError:
        return ""
    return str(facts.get("ping_url") or "")


def welcome(options: argparse.Namespace) -> str:
    """What to look at, and what to try."""
    port = "" if options.shop_port == 8099 else f" --port {options.shop_port}"
    command = f"{shown(Path(sys.executable))} -m examples.shop break"
    saasobs = shown(Path(sys.executable).with_name("saasobs"))
    return f"""
saasobs watches the example shop.

  Look     {options.page}   the daemon: monitors, results, open incidents
           http://127.0.0.1:{options.shop_port}   the shop: three tenants, and buttons that break it

  Break it, from another terminal in this folder; within 30 seconds a notification appears below:

           {command} failing{port}    checkout answers 500
           {command} slow{port}       checkout takes 2.5 s
           {command} chatty{port}     orders asks its database over 20 times

  Mend it  {command} off{port}

  Ask      {saasobs} status --config {shown(options.config)}    (or incidents, or ack ID)
  Inside   {shown(options.var / "shop.log")}   what the shop tells of itself: who, where, how many queries
           http://127.0.0.1:{options.shop_port}/metrics   and its numbers
  Log      {shown(options.var / "demo.log")}   the daemon's
  Stop     Ctrl-C

Notifications:
"""


# Stopping ------------------------------------------------------------------------------------------------------


def finish(children: Sequence[Child], stop: Stop) -> None:
    """The watcher first, so that it does not report the shop's end as an incident."""
    if any(child.process.poll() is None for child in children):
        with contextlib.suppress(OSError):  # the terminal may be what went away
            print("\nStopping …", flush=True)
    already = stop.asked
    for child in reversed(children):
        _terminate(child, stop, already)


def _terminate(child: Child, stop: Stop, already: int) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(ProcessLookupError):
        child.process.terminate()
    while child.process.poll() is None:
        if time.monotonic() > deadline or stop.asked > max(already, 1):
            child.process.kill()
            child.process.wait()
        time.sleep(0.02)


def page_port(options: argparse.Namespace) -> int:
    """:raises DemoError: the page's address has no port."""
    port: int | None = urlsplit(options.page).port
    if port is None:
        raise DemoError(f"--page {options.page}: write the port too, as in http://127.0.0.1:9110")
    return port


def shown(path: Path) -> str:
    """A path as one would type it in this folder."""
    with contextlib.suppress(ValueError):
        return str(path.absolute().relative_to(Path.cwd()))
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
