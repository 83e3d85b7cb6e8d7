"""The target of the benchmarks: Debian's nginx in a process of its own, so that its CPU is not counted."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

CONFIGURATION = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    default_type application/json;
    location / {{ return 200 '{{"status": "ok"}}'; }}
  }}
  server {{
    listen 127.0.0.1:{tls_port} ssl;
    ssl_certificate {folder}/chain.pem;
    ssl_certificate_key {folder}/key.pem;
    ssl_session_cache off;
    ssl_session_tickets off;
    default_type application/json;
    location / {{ return 200 '{{"status": "ok"}}'; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """Where it listens: plain, and by TLS with a certificate for localhost under a CA of its own."""

    url: str
    tls_url: str
    ca_file: Path


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def nginx() -> Iterator[Nginx]:
    """:raises SystemExit: it is not installed."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if program is None:
        raise SystemExit("the benchmarks need nginx: apt-get install nginx-light")
    port, tls_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        _certify(Path(folder))
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, port=port, tls_port=tls_port))
        process = subprocess.Popen([program, "-p", folder, "-c", str(configuration)], stderr=subprocess.DEVNULL)
        try:
            _wait(port)
            yield Nginx(f"http://127.0.0.1:{port}/", f"https://localhost:{tls_port}/", Path(folder) / "ca.pem")
        finally:
            process.terminate()
            process.wait(10)


def _certify(folder: Path) -> None:
    """A leaf and its intermediate, as public sites have them."""
    root = trustme.CA()
    issuer = root.create_child_ca()
    leaf = issuer.issue_cert("localhost", "127.0.0.1")
    root.cert_pem.write_to_path(folder / "ca.pem")
    leaf.private_key_pem.write_to_path(folder / "key.pem")
    chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
    (folder / "chain.pem").write_bytes(chain)


def _wait(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("nginx did not start")
