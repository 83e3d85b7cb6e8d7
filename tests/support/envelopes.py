"""Takes what a Sentry client sends, on loopback, and keeps the events."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any


@dataclass
class Envelopes:
    """Where errors arrive."""

    dsn: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def wait(self, count: int, seconds: float = 20.0) -> list[dict[str, Any]]:
        """The events, as soon as there are so many; fewer when they do not come."""
        until = monotonic() + seconds
        while len(self.events) < count and monotonic() < until:
            sleep(0.02)
        return list(self.events)


@contextmanager
def taking_envelopes() -> Iterator[Envelopes]:
    """Run the receiver until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            lines = [json.loads(line) for line in body.splitlines() if line.strip()]
            heads = (at for at, line in enumerate(lines[:-1]) if line.get("type") == "event" and "length" in line)
            envelopes.events.extend(lines[at + 1] for at in heads)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_args: Any) -> None:
            """Tests read what they need."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    envelopes = Envelopes(f"http://key@127.0.0.1:{server.server_port}/1")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield envelopes
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
