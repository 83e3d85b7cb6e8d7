"""HTTP servers of tests, in threads: what they have in common, whatever they answer."""

from __future__ import annotations

import gzip
import ssl
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Quiet(BaseHTTPRequestHandler):
    """Writes nothing of its own: tests read what they need."""

    timeout = 30

    def content(self) -> bytes:
        """Of the request; unpacked."""
        content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

    def answer(
        self, status: int, content: bytes = b"", kind: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """:param kind: the content's type, if it has one."""
        self.send_response(status)
        for name, value in {**({"Content-Type": kind} if kind else {}), **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Quiet."""


class Server(ThreadingHTTPServer):
    """Whose clients may hang up as they like, and come in crowds."""

    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def listening(
    handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[int]:
    """Run a server on loopback until the end of the block; its port."""
    server = Server((host, 0), handler)
    if tls is not None:  # each connection shakes hands in a thread of its own
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def page(text: str = "ok", kind: str = "text/plain", tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A page that is always the same, at every path; its port."""

    class Page(Quiet):
        def do_GET(self) -> None:
            self.answer(200, text.encode(), kind)

    with listening(Page, tls) as port:
        yield port
