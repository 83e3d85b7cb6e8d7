"""A certificate's last days in a real daemon: told once, over a kill at any moment."""

from __future__ import annotations

import random
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.daemon import Daemon, wait_until
from support.tls import Certificates

CONFIGURATION = """\
defaults: {{interval: 1s, timeout: 900ms, fail_after: 1, retry_interval: 200ms}}
channels: {{hook: {{kind: console}}}}
policies: {{default: [{{notify: [hook]}}]}}
monitors:
  - {{name: api, kind: http, url: "https://localhost:{port}/", ca_file: "{ca_file}"}}
"""


class Good(BaseHTTPRequestHandler):
    """Says that all is well."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def served(context: ssl.SSLContext) -> Iterator[int]:
    """The port of an HTTPS server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Good)
    server.daemon_threads, server.block_on_close = True, False
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that was killed
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.mark.slow
def test_a_mark_is_told_once_over_kills(tmp_path: Path) -> None:
    """Twenty days left: whenever the daemon is killed, one incident is opened, and its notice is owed once."""
    certificates = Certificates(tmp_path)
    with served(certificates.expiring(20).context()) as port:
        daemon = Daemon(tmp_path, CONFIGURATION.format(port=port, ca_file=certificates.ca_file))
        for _ in range(4):
            daemon.start()
            time.sleep(random.uniform(0.2, 1.4))
            daemon.kill()
        with daemon:
            [told] = wait_until(lambda: daemon.api("/incidents")["incidents"], what="the incident")
            wait_until(lambda: told["id"] in daemon.console(), what="it to be told")
            time.sleep(2)
            [told] = daemon.api("/incidents")["incidents"]
            assert (told["topic"], told["severity"], told["open"]) == ("certificate", "warning", True)
            assert [one["change"] for one in daemon.api(f"/incidents/{told['id']}")["notices"]] == ["opened"]
            assert daemon.api("/monitors/api")["state"]["status"] == "up"
