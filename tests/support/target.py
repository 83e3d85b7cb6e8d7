"""A small HTTP target whose answers a test changes while it runs."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Target:
    """Answers each path with the status last `set` for it (200 at first), and counts what was asked."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.statuses: dict[str, int] = {}
        self.delays: dict[str, float] = {}
        self.requests: list[tuple[float, str]] = []
        self.headers: dict[str, dict[str, str]] = {}
        target = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                target.requests.append((time.time(), self.path))
                target.headers[self.path] = dict(self.headers.items())
                time.sleep(target.delays.get(self.path, 0))
                body = b'{"status": "ok"}'
                self.send_response(target.statuses.get(self.path, 200))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet: the test keeps its own record."""

        self._server = _Server((host, 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def set(self, path: str, status: int) -> None:
        self.statuses[path] = status

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed leaves a broken pipe: nothing to report."""
