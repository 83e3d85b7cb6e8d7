"""An HTTP server that answers with what it got, on two addresses: one is our own, the other may be a third party."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

OWN = "127.0.0.1"
THIRD = "127.0.0.2"


@dataclass
class Echo:
    """Two servers with one memory."""

    own: str = ""
    third: str = ""
    seen: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    """The target and the headers (lower case) of each request, in their order."""

    def headers(self, position: int = -1) -> dict[str, list[str]]:
        return self.seen[position][1]


@contextmanager
def echoing() -> Iterator[Echo]:
    """Yields the servers' addresses. `/echo`, `/status?code=`, `/to?url=&code=`, `/flaky` (503 once), `/drop`."""
    echo = Echo()
    servers = [_Server((address, 0), _handler(echo)) for address in (OWN, THIRD)]
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    echo.own, echo.third = (f"http://{server.server_address[0]!s}:{server.server_address[1]}" for server in servers)
    try:
        yield echo
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join(5)
            server.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


def _handler(echo: Echo) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_GET(self) -> None:
            headers: dict[str, list[str]] = {}
            for name, value in self.headers.items():
                headers.setdefault(name.lower(), []).append(value)
            echo.seen.append((self.path, headers))
            self.rfile.read(int(self.headers.get("content-length", "0")))
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/drop":
                self.close_connection = True
                return
            self.answer(parts.path, asked, headers)

        do_POST = do_GET  # noqa: N815 - the base class asks for it

        def answer(self, path: str, asked: dict[str, str], headers: dict[str, list[str]]) -> None:
            first = sum(target == self.path for target, _ in echo.seen) == 1
            status = int(asked.get("code", "200"))
            body = json.dumps(headers).encode()
            if path == "/flaky" and first:
                status = 503
            if path == "/digest" and "authorization" not in headers:
                status = 401
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if status == 401:
                self.send_header("WWW-Authenticate", 'Digest realm="a", nonce="b", qop="auth", algorithm=MD5')
            if path == "/to":
                self.send_header("Location", asked["url"])
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    return Handler
