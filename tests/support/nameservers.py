"""Name servers on loopback: knot with signed zones, unbound that validates them, and one that is wrong on purpose.

The two real ones are started by a test module's own fixture; `fault_server` runs on the test's loop (dnslib).
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import dns.exception
import dns.message
import dns.query
from dnslib import DNSRecord

from support.daemon import free_port
from support.needs import require_binary
from support.serving import serving

ZONES = {
    "acme.example": """\
@     3600 SOA ns1 hostmaster 2026112201 7200 3600 1209600 300
@     3600 NS  ns1
@     3600 NS  ns2.acme.example.
@     300  A   192.0.2.10
@     300  MX  10 mx1
@     300  MX  20 MX2.Acme.Example.
@     300  TXT "v=spf1 include:" "_spf.acme.example -all"
@     300  CAA 0 issue "letsencrypt.org"
ns1   3600 A   192.0.2.1
ns2   3600 AAAA 2001:db8::2
www   60   CNAME edge
edge  30   CNAME web
web   300  A   192.0.2.80
web   300  A   192.0.2.81
away  300  CNAME host.elsewhere.example.
_sip._tcp 300 SRV 10 5 5060 sip
"""
    + "\n".join(f'large 300 TXT "{number:02} {"x" * 200}"' for number in range(20)),
    "2.0.192.in-addr.arpa": """\
@   3600 SOA ns1.acme.example. hostmaster.acme.example. 1 7200 3600 1209600 300
@   3600 NS  ns1.acme.example.
10  300  PTR www.acme.example.
""",
}

_KNOT = """\
server:
    rundir: "{folder}"
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
{user}
database:
    storage: "{folder}"
policy:
  - id: fast
    algorithm: ecdsap256sha256
    single-type-signing: on
template:
  - id: default
    storage: "{folder}"
    file: "%s.zone"
    zonefile-sync: -1
    dnssec-signing: on
    dnssec-policy: fast
zone:
{zones}
"""

_UNBOUND = """\
server:
    directory: "{folder}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    num-threads: 1
    interface: 127.0.0.1@{port}
    do-not-query-localhost: no
    module-config: "validator iterator"
    ede: yes
    trust-anchor: "{anchor}"
    trust-anchor: "2.0.192.in-addr.arpa. DS 1 13 2 {wrong}"
    local-zone: "2.0.192.in-addr.arpa." nodefault
remote-control:
    control-enable: no
stub-zone:
    name: "acme.example"
    stub-addr: 127.0.0.1@{knot}
stub-zone:
    name: "2.0.192.in-addr.arpa"
    stub-addr: 127.0.0.1@{knot}
"""


@dataclass(frozen=True)
class Running:
    """A server process of ours."""

    port: int
    process: subprocess.Popen[bytes]


@contextmanager
def knot(folder: Path) -> Iterator[Running]:
    """An authoritative server of ZONES, which it signs itself."""
    program = require_binary("knotd", "knot")
    for name, records in ZONES.items():
        (folder / f"{name}.zone").write_text(f"$ORIGIN {name}.\n{records}\n")
    user = "    user: root:root" if os.geteuid() == 0 else ""
    zones = "\n".join(f"  - domain: {name}" for name in ZONES)
    port = port_for_both()
    (folder / "knot.conf").write_text(_KNOT.format(folder=folder, port=port, user=user, zones=zones))
    with _running((program, "-c", str(folder / "knot.conf")), port, folder) as process:
        yield Running(port, process)


@contextmanager
def unbound(folder: Path, behind: Running) -> Iterator[Running]:
    """A resolver that validates what knot says: acme.example is secure, the reverse zone is bogus."""
    program = require_binary("unbound", "unbound")
    answer = dns.query.tcp(dns.message.make_query("acme.example.", "DNSKEY"), "127.0.0.1", 5, behind.port)
    anchor = f"acme.example. DNSKEY {answer.answer[0][0].to_text()}"
    port = port_for_both()
    text = _UNBOUND.format(folder=folder, port=port, knot=behind.port, anchor=anchor, wrong="ab" * 32)
    (folder / "unbound.conf").write_text(text)
    with _running((program, "-c", str(folder / "unbound.conf")), port, folder) as process:
        yield Running(port, process)


@contextmanager
def _running(command: Sequence[str], port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_for(port, process, folder)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + 20
    query = dns.message.make_query("acme.example.", "SOA")
    while time.monotonic() < until and process.poll() is None:
        try:
            if dns.query.udp(query, "127.0.0.1", 1, port).answer:
                return
        except (OSError, dns.exception.DNSException):
            time.sleep(0.05)
    logs = "\n".join(path.read_text(errors="replace") for path in folder.glob("*.log"))
    raise RuntimeError(f"{process.args!r} did not come up:\n{logs}")


def port_for_both() -> int:
    """A port for both UDP and TCP."""
    while True:
        port = free_port()
        with socket.socket(type=socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


Answer = Callable[[DNSRecord, bytes, bool], Sequence[bytes]]
"""(query, its bytes, whether over UDP) -> the datagrams or messages to send, in order."""


@dataclass
class Faulty:
    """A running fault server. `asked` holds (name, "udp" or "tcp", the query's bytes)."""

    port: int = 0
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)


@asynccontextmanager
async def fault_server(answer: Answer, delay: float = 0.0) -> AsyncIterator[Faulty]:
    """Answers every question as the test says, after a delay in seconds."""
    server = Faulty()

    def respond(wire: bytes, *, udp: bool) -> Sequence[bytes]:
        query = DNSRecord.parse(wire)
        server.asked.append((str(query.q.qname).rstrip("."), "udp" if udp else "tcp", wire))
        return answer(query, wire, udp)

    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.DatagramTransport", transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            for one in respond(data, udp=True):
                asyncio.get_running_loop().call_later(delay, self._send, one, addr)

        def _send(self, data: bytes, addr: tuple[str, int]) -> None:
            if not self.transport.is_closing():
                self.transport.sendto(data, addr)

    async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        for one in respond(await reader.readexactly(size), udp=False):
            writer.write(len(one).to_bytes(2, "big") + one)
        writer.close()

    server.port = port_for_both()
    async with serving(over_tcp, port=server.port):
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            Datagrams, local_addr=("127.0.0.1", server.port)
        )
        try:
            yield server
        finally:
            transport.close()
