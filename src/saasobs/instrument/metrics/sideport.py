"""The metrics on a port of their own: for apps that no scraper reaches, and for workers that serve no HTTP.

One thread. Only one process can have the port: whichever of an app's processes gets it first serves the numbers of
all, the others look again every two seconds and take over when it dies. It listens on every address, since a scraper
is rarely on the same machine, and answers private peers only.
"""

from __future__ import annotations

import os
import socket
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard

if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer

    from saasobs.instrument.metrics.endpoint import Endpoints

AGAIN: Final = 2.0
"""Seconds between two attempts to get the port."""
_TIMEOUT: Final = 5.0
"""Seconds that a client may take to ask."""
_AT_ONCE: Final = 8
_STRANGER: Final = b"404 Not Found\n"


class SidePort:
    """Begins with `start`; goes on in forked children by itself."""

    def __init__(self, port: int, path: str, endpoints: Endpoints) -> None:
        self._port = port
        self._path = path
        self._endpoints = endpoints
        self._server: ThreadingHTTPServer | None = None
        self._stopped = threading.Event()
        _ports.add(self)

    def start(self) -> None:
        """Try for the port, now and until it is ours."""
        threading.Thread(target=self._serve, name="saasobs-metrics-port", daemon=True).start()

    def stop(self) -> None:
        """Give the port back."""
        self._stopped.set()
        server = self._server
        if server is not None:
            server.shutdown()

    @guard.guarded("side port")
    def _serve(self) -> None:
        stopped = self._stopped
        while not stopped.is_set():
            try:
                server = self._server = _server(self._port, self._path, self._endpoints)
            except OSError:  # another process has it, or something else does
                stopped.wait(AGAIN)
                continue
            with server:
                if not stopped.is_set():
                    server.serve_forever()
            self._server = None

    def again(self) -> None:
        """In a forked child: the parent's socket is closed, or the port would stay taken when the parent dies."""
        server, self._server = self._server, None
        if server is not None:
            with suppress(OSError):
                server.socket.close()
        if not self._stopped.is_set():
            self._stopped = threading.Event()
            self.start()


def _server(port: int, path: str, endpoints: Endpoints) -> ThreadingHTTPServer:
    """:raises OSError: the port is taken."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # noqa: PLC0415 - heavy, and only used here

    class Handler(BaseHTTPRequestHandler):
        timeout = _TIMEOUT

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            target = self.path.partition("?")[0]
            response = endpoints.serve_page(self.command, target, path, self.client_address[0], headers)
            self.send_response_only(404 if response is None else response.status)
            for name, value in response.headers if response is not None else ():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(_STRANGER if response is None else response.body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as http.server has it
            """A scrape is no event."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        daemon_threads = True
        places = threading.BoundedSemaphore(_AT_ONCE)

        def server_bind(self) -> None:
            if self.address_family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(self.server_address)

        def process_request(self, request: Any, client_address: Any) -> None:
            if self.places.acquire(blocking=False):
                super().process_request(request, client_address)
            else:
                self.shutdown_request(request)

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            try:
                super().process_request_thread(request, client_address)
            finally:
                self.places.release()

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that left in the midst of it."""

    return Server(("", port), Handler)


_ports: weakref.WeakSet[SidePort] = weakref.WeakSet()


def _in_child() -> None:
    for port in list(_ports):
        port.again()


os.register_at_fork(after_in_child=_in_child)
