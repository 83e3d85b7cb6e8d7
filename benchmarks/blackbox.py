"""Debian's blackbox_exporter, driven over a kept connection, and the CPU that each of its probes costs it."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from benchmarks.nginx import free_port

MODULES = """\
modules:
  http:
    prober: http
    timeout: 5s
    http: {preferred_ip_protocol: ip4}
  http_unverified:
    prober: http
    timeout: 5s
    http: {preferred_ip_protocol: ip4, tls_config: {insecure_skip_verify: true}}
  tcp:
    prober: tcp
    timeout: 5s
  tls:
    prober: tcp
    timeout: 5s
    tcp: {tls: true, tls_config: {insecure_skip_verify: true}}
"""


class Blackbox:
    """A running exporter."""

    def __init__(self, port: int, pid: int) -> None:
        self._port = port
        self._pid = pid

    def cpu(self, module: str, target: str, probes: int, together: int) -> float:
        """CPU milliseconds of the exporter for one probe, its scrape included."""
        path = f"/probe?module={module}&target={quote(target, safe='')}"
        each = probes // together

        def drive() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port)
            for _ in range(each):
                connection.request("GET", path)
                answer = connection.getresponse().read()
                if b"probe_success 1" not in answer:
                    raise SystemExit(f"blackbox_exporter did not succeed on {target}:\n{answer.decode()[-500:]}")
            connection.close()

        begin = self._spent()
        threads = [threading.Thread(target=drive) for _ in range(together)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (self._spent() - begin) * 1000 / (each * together)

    def paced_cpu(self, module: str, target: str, rate: float, seconds: float) -> float:
        """The same at so many probes a second: what is not under full load wakes up for each, and costs more."""
        path = f"/probe?module={module}&target={quote(target, safe='')}"
        drivers, each = 4, round(rate * seconds / 4)

        def drive(first: float) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port)
            for number in range(each):
                time.sleep(max(0.0, first + number * drivers / rate - time.monotonic()))
                connection.request("GET", path)
                connection.getresponse().read()
            connection.close()

        begin, start = self._spent(), time.monotonic()
        threads = [threading.Thread(target=drive, args=(start + driver / rate,)) for driver in range(drivers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (self._spent() - begin) * 1000 / (each * drivers)

    def _spent(self) -> float:
        fields = Path(f"/proc/{self._pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def blackbox() -> Iterator[Blackbox]:
    """:raises SystemExit: when it is not installed."""
    program = shutil.which("prometheus-blackbox-exporter") or shutil.which("blackbox_exporter")
    if program is None:
        raise SystemExit("this benchmark needs blackbox_exporter: apt-get install prometheus-blackbox-exporter")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        modules = Path(folder) / "modules.yml"
        modules.write_text(MODULES)
        process = subprocess.Popen(
            [program, f"--config.file={modules}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
            stderr=subprocess.DEVNULL,
        )
        try:
            _await(port)
            yield Blackbox(port, process.pid)
        finally:
            process.terminate()
            process.wait(10)


def _await(port: int) -> None:
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/-/healthy")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("blackbox_exporter did not start")
