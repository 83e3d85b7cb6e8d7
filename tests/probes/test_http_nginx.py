"""Against the real nginx: what a healthy server of the trade looks like, over HTTP/1.1, HTTP/2 and TLS."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from saasobs.core.result import Outcome, Reason
from support.daemon import free_port
from support.needs import require_binary
from support.probing import Prober
from support.tls import Certificates, Identity

CONFIG = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ worker_connections 256; }}
http {{
    access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    gzip on; gzip_types *; gzip_min_length 1;
    default_type text/plain; root {folder}/www;
    server {{
        listen 127.0.0.1:{plain};
        location /moved {{ return 301 https://127.0.0.1:{secure}/index.txt; }}
        location /gone {{ return 410 "it went away"; }}
        location /up {{ proxy_pass http://127.0.0.1:{closed}; }}
    }}
    server {{
        listen 127.0.0.1:{secure} ssl http2; ssl_certificate {pem}; ssl_certificate_key {pem};
    }}
}}
"""
TEXT = "all is well " * 500


@dataclass(frozen=True)
class Nginx:
    plain: int
    secure: int
    identity: Identity


async def listening(port: int, process: asyncio.subprocess.Process) -> bool:
    """Whether it came up on its port; false when it ended, as when somebody else took the port."""
    while process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            await writer.wait_closed()
            return True
    return False


@pytest.fixture
async def nginx(tmp_path: Path, certificates: Certificates) -> AsyncIterator[Nginx]:
    program = require_binary("nginx", "nginx-light")
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.txt").write_text(TEXT)
    identity = certificates.good()
    for _ in range(5):
        plain, secure, closed = [free_port() for _ in range(3)]
        names = {"folder": tmp_path, "plain": plain, "secure": secure, "closed": closed, "pem": identity.pem}
        user = "user root;" if os.geteuid() == 0 else ""
        (tmp_path / "nginx.conf").write_text(CONFIG.format(**names, user=user))
        command = (program, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"))
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        if await listening(plain, process):
            break
    try:
        yield Nginx(plain, secure, identity)
    finally:
        process.terminate()
        await process.wait()


async def test_a_static_page(probe: Prober, nginx: Nginx) -> None:
    """A page of nginx is up, compressed on the way, and all of its phases are there."""
    result = await probe.get(f"http://127.0.0.1:{nginx.plain}/index.txt", expect={"body_contains": "all is well"})
    assert result.outcome is Outcome.UP, result.message
    assert result.observations["body_bytes"] == len(TEXT)
    assert result.observations["http_version"] == "1.1"
    assert list(result.phases) == ["dns", "connect", "first_byte", "transfer"]


async def test_http2_over_tls_after_a_redirect(probe: Prober, nginx: Nginx) -> None:
    """From HTTP/1.1 to HTTP/2 over TLS, with the certificate of the last hop."""
    result = await probe.get(
        f"http://127.0.0.1:{nginx.plain}/moved", ca_file=str(nginx.identity.ca_file), expect={"body_contains": "well"}
    )
    assert result.outcome is Outcome.UP, result.message
    assert (result.observations["http_version"], result.observations["redirects"]) == ("2", 1)
    assert "tls" not in result.observations["hops"][0]["phases"]
    assert result.phases["tls"] == result.observations["hops"][1]["phases"]["tls"] > 0
    assert sum(result.phases.values()) == result.duration
    assert result.observations["certificate"]["days_left"] > 80


async def test_what_nginx_says_when_things_are_wrong(probe: Prober, nginx: Nginx) -> None:
    """Its own error pages are the excerpt."""
    gone = await probe.get(f"http://127.0.0.1:{nginx.plain}/gone")
    assert (gone.reason, gone.message, gone.excerpt) == (
        Reason.STATUS_MISMATCH,
        "status 410, expected 200-299",
        "it went away",
    )
    behind = await probe.get(f"http://127.0.0.1:{nginx.plain}/up")
    assert behind.message == "status 502, expected 200-299"
    assert "502 Bad Gateway" in behind.excerpt


async def test_http_on_the_tls_port(probe: Prober, nginx: Nginx) -> None:
    """The wrong scheme is an unexpected status of nginx's own."""
    result = await probe.get(f"http://127.0.0.1:{nginx.secure}/")
    assert (result.outcome, result.message) == (Outcome.DOWN, "status 400, expected 200-299")


async def test_an_untrusted_nginx(probe: Prober, nginx: Nginx) -> None:
    """Without its CA, nginx is down for its issuer, described over HTTP/2 as well."""
    result = await probe.get(f"https://127.0.0.1:{nginx.secure}/index.txt")
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CERTIFICATE_UNTRUSTED)
    assert result.observations["certificate"]["names"] == ["localhost", "127.0.0.1", "good.test"]
