"""A provider's HTTP side on a real socket, which accepts, refuses, hangs and drops as a test tells it.

`Receiver` takes any POST (a webhook's sink); Slack's and Twilio's doubles build on `Double`. Each runs in a test, or by
itself: ``python -m support.receiver --port 0 --log FILE`` prints its URL and writes each accepted request as a line of
JSON; ``POST /control {"mode": "429", "retry_after": 2, "schedule": ["500", "ok"]}`` changes what it does.
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

MODES = {
    "ok": "accept and answer",
    "refuse": "close the connection before reading",
    "drop": "read the request, then close the connection without accepting it",
    "drop_after_accept": "accept, then close the connection without an answer",
    "hang": "read the request, and neither accept nor answer",
    "hang_after_accept": "accept, and do not answer",
    "trickle": "accept, and answer one byte at a time, for six seconds and more",
    "garbage": "answer 200 with a page that is not the provider's, accept nothing",
    "json_list": "answer 200 with JSON that is no object, accept nothing",
    "charset": "answer 200 in an encoding that does not exist, accept nothing",
    "redirect": "answer 302 to another path, accept nothing",
}
"""What a double may do beside answering with a status, which is a mode too: "429", "500" …"""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived; header names in lower case."""

    at: float
    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class Double:
    """A server with a mode. A subclass says in `accept` what the provider does with a request that it takes."""

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        self.requests: list[Request] = []
        self._accepted: list[Request] = []
        self._mode = "ok"
        self._schedule: deque[str] = deque()
        self._retry_after: str | None = None
        self._log = log
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"double": self}))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    # For the test --------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def accepted(self) -> list[Request]:
        """Everything that was taken, whether or not its sender heard so."""
        with self._lock:
            return list(self._accepted)

    def set(self, mode: str = "ok", *, schedule: Iterable[str] = (), retry_after: str | float | None = None) -> None:
        """Do this from now on; each of `schedule` first, for one request."""
        steps = list(schedule)
        for step in (mode, *steps):
            if step not in MODES and not step.isdigit():
                raise ValueError(f"no such mode: {step}")
        with self._lock:
            self._mode, self._schedule = mode, deque(steps)
            self._retry_after = None if retry_after is None else str(retry_after)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    # For a subclass ------------------------------------------------------------------------------------------

    def check(self, request: Request) -> Reply | None:
        """A refusal of what a real provider would refuse; None to take it."""
        return None

    def accept(self, request: Request) -> Reply:
        """Take a request, and what its sender hears."""
        return Reply(200, "ok")

    def failure(self, status: int) -> Reply:
        """How the provider says a status that it was told to answer."""
        return Reply(status, f"answer {status}")

    # The server's side ---------------------------------------------------------------------------------------

    def next_mode(self) -> str:
        with self._lock:
            return self._schedule.popleft() if self._schedule else self._mode

    def take(self, request: Request) -> Reply:
        with self._lock:
            reply = self.accept(request)
            self._accepted.append(request)
            if self._log is not None:
                line = {"at": request.at, "path": request.path, "headers": request.headers}
                with self._log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps({**line, "body": request.body.decode(errors="replace")}) + "\n")
        return reply

    def refusal(self, mode: str) -> Reply:
        reply = self.failure(int(mode))
        if self._retry_after is None:
            return reply
        return Reply(reply.status, reply.body, {**reply.headers, "Retry-After": self._retry_after})

    def wait(self) -> None:
        """As long as the server runs."""
        self._over.wait(60)

    def control(self, body: bytes) -> Reply:
        wish = json.loads(body)
        self.set(wish.get("mode", "ok"), schedule=wish.get("schedule", ()), retry_after=wish.get("retry_after"))
        return Reply(200, "{}")


class Receiver(Double):
    """A webhook's sink: takes whatever is posted."""


class _Handler(BaseHTTPRequestHandler):
    double: ClassVar[Double]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        if self.path == "/control":
            self._answer(self.double.control(self._body()))
            return
        mode = self.double.next_mode()
        if mode == "refuse":
            self._drop()
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(time.time(), self.path, headers, self._body(), self.command)
        self.double.requests.append(request)
        self._act(mode, request)

    do_PATCH = do_POST
    do_GET = do_POST

    def _act(self, mode: str, request: Request) -> None:
        if mode.isdigit():
            self._answer(self.double.refusal(mode))
        elif mode in _ODD_ANSWERS:
            self._answer(_ODD_ANSWERS[mode])
        elif mode in ("drop", "hang"):
            if mode == "hang":
                self.double.wait()
            self._drop()
        else:
            reply = self.double.check(request) or self.double.take(request)
            if mode == "hang_after_accept":
                self.double.wait()
            if mode in ("drop_after_accept", "hang_after_accept"):
                self._drop()
            else:
                slow = mode == "trickle"
                self._answer(replace(reply, body=reply.body + " " * 20) if slow else reply, trickle=slow)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, reply: Reply, *, trickle: bool = False) -> None:
        body = reply.body.encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "text/plain", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not trickle:
            self.wfile.write(body)
            return
        for letter in body:
            self.wfile.write(bytes([letter]))
            time.sleep(0.3)

    def log_message(self, *_: Any) -> None:
        """Quiet: the test keeps its own record."""


_ODD_ANSWERS = {
    "garbage": Reply(200, "<html>Please log in to the guest network</html>", {"Content-Type": "text/html"}),
    "json_list": Reply(200, "[1, 2]", {"Content-Type": "application/json"}),
    "charset": Reply(200, "ok", {"Content-Type": "text/plain; charset=no-such-encoding"}),
    "redirect": Reply(302, "", {"Location": "/elsewhere"}),
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed leaves a broken pipe: nothing to report."""


def main(kind: type[Double]) -> None:
    """Run by itself until it is killed; the first line on stdout is the URL."""
    arguments = argparse.ArgumentParser(description=kind.__doc__)
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--log", type=Path)
    chosen = arguments.parse_args()
    with kind(port=chosen.port, log=chosen.log) as double:
        print(double.url, flush=True)  # noqa: T201 - a program of its own
        threading.Event().wait()


if __name__ == "__main__":
    main(Receiver)
