"""The dns kind against knot and unbound, a server that is wrong on purpose, and a stranger's bytes."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from dnslib import CNAME, MX, QTYPE, RCODE, RR, SOA, TXT, A, DNSRecord
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes.dns.judge import judge_answer
from saasobs.probes.dns.messages import Unreadable, is_answer, question, read
from saasobs.probes.dns.names import normal
from support.badhttp import closed_port
from support.dns import Zone, dns_server
from support.loops import LOOPS, NAMES, Loop, run_on
from support.nameservers import Answer, Running, fault_server, knot, unbound
from support.probing import asker, monitor
from support.process import frozen

Options = dict[str, Any]


@pytest.fixture(scope="module")
def zones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with knot(tmp_path_factory.mktemp("knot")) as server:
        yield server


@pytest.fixture(scope="module")
def resolver(tmp_path_factory: pytest.TempPathFactory, zones: Running) -> Iterator[Running]:
    with unbound(tmp_path_factory.mktemp("unbound"), zones) as server:
        yield server


async def ask(port: int, query: str = "www.acme.example", timeout: float = 5.0, **options: Any) -> Result:
    async with asker("dns") as probe:
        return await probe.ask(timeout, query=query, server="127.0.0.1", port=port, **options)


@pytest.mark.parametrize("loop", LOOPS, ids=NAMES)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_healthy_zone(zones: Running, loop: Loop, transport: str) -> None:
    """An answer as expected is up over either transport and on either loop, and shows what came from where."""
    expect = {"records": ["10 mx1.acme.example", "20 MX2.acme.example."], "authoritative": True, "ttl_min": "5m"}
    result = run_on(loop, ask(zones.port, "Acme.Example", type="MX", transport=transport, expect=expect))
    assert result.outcome is Outcome.UP, result.message
    assert list(result.phases) == (["dns", "lookup"] if transport == "udp" else ["dns", "connect", "lookup"])
    assert sum(result.phases.values()) == result.duration
    assert result.observations == {
        "server": f"127.0.0.1:{zones.port}", "transport": transport, "rcode": "NOERROR", "record_count": 2, "ttl": 300,
        "records": ["10 mx1.acme.example", "20 mx2.acme.example"], "authoritative": True, "authenticated": False,
    }  # fmt: skip


TYPES: list[tuple[str, str, list[str]]] = [
    ("acme.example", "A", ["192.0.2.10"]),
    ("ns2.acme.example", "AAAA", ["2001:0db8:0::2"]),
    ("edge.acme.example", "CNAME", ["web.acme.example."]),
    ("acme.example", "NS", ["ns2.acme.example", "NS1.acme.example"]),
    ("acme.example", "TXT", ["v=spf1 include:_spf.acme.example -all"]),
    ("acme.example", "TXT", ['"v=spf1 include:" "_spf.acme.example -all"']),
    ("_sip._tcp.acme.example", "SRV", ["10 5 5060 sip.acme.example"]),
    ("acme.example", "CAA", ['0 ISSUE "letsencrypt.org"']),
    ("192.0.2.10", "PTR", ["www.acme.example"]),
    ("10.2.0.192.in-addr.arpa.", "PTR", ["www.acme.example"]),
]


@pytest.mark.parametrize(("query", "kind", "records"), TYPES, ids=[f"{case[1]} {case[0]}" for case in TYPES])
async def test_every_type(zones: Running, query: str, kind: str, records: list[str]) -> None:
    """Records of each type are compared as people write them, in any order."""
    result = await ask(zones.port, query, type=kind, expect={"records": records})
    assert result.outcome is Outcome.UP, result.message


async def test_the_serial_of_a_zone(zones: Running) -> None:
    """A serial that is older than expected is down; knot raises it when it signs."""
    fresh = await ask(zones.port, "acme.example", type="SOA", expect={"serial_min": 2026112201})
    stale = await ask(zones.port, "acme.example", type="SOA", expect={"serial_min": 2026120101})
    assert fresh.outcome is Outcome.UP, fresh.message
    assert fresh.observations["serial"] >= 2026112201
    assert (stale.outcome, stale.reason) == (Outcome.DOWN, Reason.DNS_MISMATCH)
    assert re.fullmatch(r"SOA acme.example: the serial is \d+, expected 2026120101 or newer", stale.message)


async def test_a_chain_of_aliases(zones: Running) -> None:
    """The records at the end of a chain are what is judged, as a resolver's user expects; the shortest TTL counts."""
    whole = await ask(zones.port, expect={"records": ["192.0.2.81", "192.0.2.80"]})
    short = await ask(zones.port, expect={"ttl_min": "1m"})
    broken = await ask(zones.port, "away.acme.example")
    assert whole.outcome is Outcome.UP, whole.message
    assert whole.observations["aliases"] == ["edge.acme.example", "web.acme.example"]
    assert whole.observations["ttl"] == 30
    assert short.message == "A www.acme.example: the time to live is 30s, expected at least 1m"
    assert (broken.outcome, broken.reason) == (Outcome.DOWN, Reason.DNS_MISMATCH)
    assert broken.message == (
        "A away.acme.example: it is an alias of host.elsewhere.example, for which the server gives no A record, "
        "expected at least 1"
    )


MISMATCHES: list[tuple[Options, str, str]] = [
    ({"records": ["192.0.2.80"]}, "records", "192.0.2.81 not expected"),
    ({"records": ["192.0.2.80", "192.0.2.9"]}, "records", "192.0.2.9 missing and 192.0.2.81 not expected"),
    ({"contains": "192.0.2.7"}, "contains", "192.0.2.7 missing, there is 192.0.2.80, 192.0.2.81"),
    ({"matches": r"^10\."}, "matches", r"192.0.2.80, 192.0.2.81, none matches ^10\."),
    ({"not_matches": "81$"}, "not_matches", "192.0.2.81 matches 81$, which it must not"),
    ({"min_records": 3}, "min_records", "2 records, expected at least 3"),
    ({"max_records": 1}, "max_records", "2 records, expected at most 1"),
    ({"ttl_max": "1m"}, "ttl_max", "the time to live is 5m, expected at most 1m"),
    ({"rcode": "NXDOMAIN"}, "rcode", "the answer is NOERROR with 192.0.2.80, 192.0.2.81, expected NXDOMAIN"),
]


@pytest.mark.parametrize(("expect", "key", "sentence"), MISMATCHES, ids=[case[1] for case in MISMATCHES])
async def test_an_answer_that_is_not_as_expected(zones: Running, expect: Options, key: str, sentence: str) -> None:
    """Each expectation tells what it expected and what came."""
    result = await ask(zones.port, expect=expect)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.DNS_MISMATCH)
    assert result.message == f"A www.acme.example: {sentence}"
    assert result.failures[0].expectation == key


async def test_names_that_do_not_exist(zones: Running) -> None:
    """NXDOMAIN, no data and a foreign zone are told apart, and are well where they are expected."""
    gone = await ask(zones.port, "gone.acme.example")
    wanted = await ask(zones.port, "gone.acme.example", expect={"rcode": "NXDOMAIN"})
    bare = await ask(zones.port, "ns1.acme.example", type="MX")
    empty = await ask(zones.port, "ns1.acme.example", type="MX", expect={"min_records": 0})
    foreign = await ask(zones.port, "other.example")
    assert (gone.outcome, gone.reason) == (Outcome.DOWN, Reason.DNS_NOT_FOUND)
    assert gone.message == "A gone.acme.example: the answer is NXDOMAIN, expected NOERROR"
    assert (bare.reason, bare.message) == (
        Reason.DNS_MISMATCH,
        "MX ns1.acme.example: there is no MX record, expected at least 1",
    )
    assert (foreign.reason, foreign.message) == (
        Reason.DNS_FAILED,
        "A other.example: the answer is REFUSED (Not Authoritative), expected NOERROR",
    )
    assert {wanted.outcome, empty.outcome} == {Outcome.UP}


async def test_an_answer_too_large_for_udp(zones: Running) -> None:
    """A truncated answer is asked for again over TCP, and that is shown."""
    result = await ask(zones.port, "large.acme.example", type="TXT", expect={"min_records": 20, "matches": "^19 x+$"})
    assert result.outcome is Outcome.UP, result.message
    assert (result.observations["transport"], result.observations["truncated"]) == ("tcp", True)
    assert set(result.phases) == {"dns", "lookup", "connect"}


async def test_dnssec(zones: Running, resolver: Running) -> None:
    """A validating resolver vouches for a signed zone; an authoritative server cannot, and a bogus zone says why."""
    secure = await ask(resolver.port, dnssec=True, expect={"records": ["192.0.2.80", "192.0.2.81"]})
    unvouched = await ask(zones.port, dnssec=True)
    bogus = await ask(resolver.port, "192.0.2.10", type="PTR", dnssec=True)
    assert secure.outcome is Outcome.UP, secure.message
    assert (secure.observations["authenticated"], secure.observations["authoritative"]) == (True, False)
    assert (unvouched.outcome, unvouched.reason) == (Outcome.DOWN, Reason.DNS_MISMATCH)
    assert unvouched.message == "A www.acme.example: the answer is not authenticated by DNSSEC (no AD flag)"
    assert bogus.reason is Reason.DNS_FAILED
    assert bogus.message.startswith("PTR 192.0.2.10: the answer is SERVFAIL (DNS"), bogus.message


async def test_a_stopped_server(zones: Running) -> None:
    """A server that hangs (kill -STOP) is a time-out of the lookup, with the retransmission on record."""
    with frozen(zones.process.pid):
        datagrams = await ask(zones.port, timeout=0.4)
        connection = await ask(zones.port, timeout=0.4, transport="tcp")
    assert (datagrams.outcome, datagrams.reason) == (Outcome.DOWN, Reason.DNS_TIMEOUT)
    assert re.fullmatch(
        rf"no answer from the name server in time \(A www.acme.example at 127.0.0.1:{zones.port}, [\d.]+m?s\)",
        datagrams.message,
    )
    assert datagrams.observations["retransmissions"] == 1
    assert (connection.reason, list(connection.phases)[-1]) == (Reason.DNS_TIMEOUT, "lookup")


def _reply(query: DNSRecord, *answers: RR, rcode: str = "NOERROR") -> DNSRecord:
    reply = query.reply()
    reply.header.rcode = getattr(RCODE, rcode)
    for answer in answers:
        reply.add_answer(answer)
    return reply


def _record(query: DNSRecord, address: str = "192.0.2.1") -> RR:
    return RR(query.q.qname, QTYPE.A, rdata=A(address), ttl=60)


def _good(query: DNSRecord, _wire: bytes, _udp: bool) -> Sequence[bytes]:
    return (_reply(query, _record(query)).pack(),)


def _silent(_query: DNSRecord, _wire: bytes, _udp: bool) -> Sequence[bytes]:
    return ()


def _code(rcode: str) -> Answer:
    return lambda query, _wire, _udp: (_reply(query, rcode=rcode).pack(),)


def _changed(change: Any) -> Answer:
    """The good answer, its header or bytes changed."""

    def answer(query: DNSRecord, _wire: bytes, _udp: bool) -> Sequence[bytes]:
        reply = _reply(query, _record(query))
        data = change(reply)
        return (reply.pack() if data is None else data,)

    return answer


def _set(name: str, value: Any) -> Answer:
    return _changed(lambda reply: setattr(reply.header, name, value))


def _other_question(query: DNSRecord, wire: bytes, _udp: bool) -> Sequence[bytes]:
    other = DNSRecord.question("other.example")
    other.header.id = query.header.id
    return (_reply(other, _record(other)).pack(),)


def _loop(query: DNSRecord, _wire: bytes, _udp: bool) -> Sequence[bytes]:
    chain = [("www.acme.example", "a.example"), ("a.example", "b.example"), ("b.example", "www.acme.example")]
    return (_reply(query, *(RR(name, QTYPE.CNAME, rdata=CNAME(to), ttl=60) for name, to in chain)).pack(),)


FAULTS: dict[str, tuple[Answer, Reason, str]] = {
    "SERVFAIL": (_code("SERVFAIL"), Reason.DNS_FAILED, r"A www.acme.example: the answer is SERVFAIL, expected NOERROR"),
    "REFUSED": (_code("REFUSED"), Reason.DNS_FAILED, r".*the answer is REFUSED, expected NOERROR"),
    "NXDOMAIN": (_code("NXDOMAIN"), Reason.DNS_NOT_FOUND, r".*the answer is NXDOMAIN, expected NOERROR"),
    "empty": (_code("NOERROR"), Reason.DNS_MISMATCH, r".*there is no A record, expected at least 1"),
    "silence": (_silent, Reason.DNS_TIMEOUT, r"no answer from the name server in time \(A www.acme.example at .*\)"),
    "wrong ID": (
        _changed(lambda reply: setattr(reply.header, "id", reply.header.id ^ 1)), Reason.DNS_TIMEOUT, r".*"),
    "no answer": (_set("qr", 0), Reason.DNS_TIMEOUT, r".*"),
    "another question": (_other_question, Reason.DNS_TIMEOUT, r".*"),
    "garbage": (lambda _query, wire, _udp: (b"\xff" * 40,), Reason.DNS_TIMEOUT, r".*"),
    "nothing but a header": (
        lambda _query, wire, _udp: (wire[:2] + b"\x80\x00" + b"\0" * 8,), Reason.DNS_TIMEOUT, r".*"),
    "garbage after the question": (
        lambda query, wire, _udp: (wire[:2] + b"\x80\x00\0\1\0\1\0\0\0\0" + wire[12:34] + b"\xc0\xff\xff\xff",),
        Reason.DNS_FAILED, r"the name could not be resolved \(127.0.0.1:\d+ sent an answer that cannot be read: .*\)"),
    "cut off": (
        _changed(lambda reply: reply.pack()[:-3]), Reason.DNS_FAILED, r".*sent an answer that cannot be read: .*"),
    "too many records": (
        _changed(lambda reply: reply.pack()[:6] + b"\xff\xff" + reply.pack()[8:]), Reason.DNS_FAILED,
        r".*cannot be read: more than 500 records\)"),
    "truncated for ever": (
        _set("tc", 1), Reason.DNS_FAILED, r".*sent something over TCP that is not the whole answer\)"),
    "another class": (
        lambda query, _wire, _udp: (_reply(query, RR(query.q.qname, QTYPE.A, 7, 60, A("192.0.2.1"))).pack(),),
        Reason.DNS_MISMATCH, r".*there is no A record, expected at least 1"),
    "aliases in a circle": (
        _loop, Reason.DNS_MISMATCH, r".*it is an alias without end \(a.example -> b.example -> .*\), expected at .*"),
}  # fmt: skip


def _bomb(_query: DNSRecord, wire: bytes, _udp: bool) -> Sequence[bytes]:
    """Names of a hundred labels, each of them two bytes on the wire."""
    head = wire[:2] + b"\x80\0" + bytes((0, 1, 1, 0xF0, 0, 0, 0, 0))
    names = (b"\xc0\x0c\0\x02\0\x01\0\0\0\x3c\0\x05\x02" + number.to_bytes(2, "big") for number in range(496))
    return (head + wire[12:].partition(b"\0")[0] + b"\0\0\x02\0\x01" + b"".join(name + b"\xc0\x0e" for name in names),)


async def test_an_answer_that_would_take_seconds_to_read() -> None:
    """A small message that expands to a huge one costs the sender its check, and the daemon a quarter of a second."""
    async with fault_server(_bomb) as server:
        result = await ask(server.port, ".".join("a" * 124), type="NS", transport="tcp")
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.DNS_FAILED), result.message
    assert result.message.endswith("sent an answer that cannot be read: it takes too long)")


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_server_that_answers_wrongly(fault: str) -> None:
    """Every way of being wrong has its reason; what does not answer our question is no answer at all."""
    answer, reason, sentence = FAULTS[fault]
    async with fault_server(answer) as server:
        result = await ask(server.port, timeout=0.4)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert re.fullmatch(sentence, result.message), result.message


async def test_answers_that_are_not_ours_are_ignored() -> None:
    """A wrong ID and a wrong question before the right answer do no harm, and are counted."""

    def answer(query: DNSRecord, wire: bytes, udp: bool) -> Sequence[bytes]:
        forged = _reply(query, _record(query, "203.0.113.66"))
        forged.header.id ^= 0x5555
        return (forged.pack(), *_other_question(query, wire, udp), b"x", *_good(query, wire, udp))

    async with fault_server(answer) as server:
        result = await ask(server.port, expect={"records": ["192.0.2.1"]})
    assert result.outcome is Outcome.UP, result.message
    assert result.observations["ignored"] == 3


async def test_answers_from_somebody_else_are_ignored() -> None:
    """The right ID and question from another port are not enough."""
    with socket.socket(type=socket.SOCK_DGRAM) as forger:
        forger.bind(("127.0.0.1", 0))

        class Server(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                query = DNSRecord.parse(data)
                forger.sendto(_reply(query, _record(query)).pack(), addr)

        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
        try:
            result = await ask(transport.get_extra_info("sockname")[1], timeout=0.3)
        finally:
            transport.close()
    assert result.reason is Reason.DNS_TIMEOUT
    assert "ignored" not in result.observations


@pytest.mark.parametrize("loop", LOOPS, ids=NAMES)
def test_a_lost_datagram(loop: Loop) -> None:
    """One retransmission makes up for one loss, and is on record; there is no second one."""
    lost: list[bytes] = []

    def answer(query: DNSRecord, wire: bytes, udp: bool) -> Sequence[bytes]:
        if not lost:
            lost.append(wire)
            return ()
        return _good(query, wire, udp)

    async def main() -> tuple[Result, Result, int]:
        async with fault_server(answer) as server:
            mended = await ask(server.port, timeout=0.6)
        async with fault_server(_silent) as server:
            dead = await ask(server.port, timeout=0.6)
            return mended, dead, len(server.asked)

    mended, dead, asked = run_on(loop, main())
    assert mended.outcome is Outcome.UP, mended.message
    assert mended.observations["retransmissions"] == 1
    assert (dead.reason, asked) == (Reason.DNS_TIMEOUT, 2)


async def test_a_slow_answer() -> None:
    """A lookup that took longer than allowed is degraded or down."""
    async with fault_server(_good, delay=0.05) as server:
        degraded = await ask(server.port, expect={"degraded_over": "20ms"})
        down = await ask(server.port, expect={"down_over": "20ms"})
    assert (degraded.outcome, degraded.reason) == (Outcome.DEGRADED, Reason.TOO_SLOW)
    assert down.outcome is Outcome.DOWN


@pytest.mark.parametrize("loop", LOOPS, ids=NAMES)
def test_nobody_there(loop: Loop) -> None:
    """A port that nothing listens on is refused at once, over either transport."""

    async def main() -> list[Result]:
        async with closed_port() as port:
            return [await ask(port, transport=transport) for transport in ("udp", "tcp")]

    for result in run_on(loop, main()):
        assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CONNECT_REFUSED), result.message


async def test_what_is_asked() -> None:
    """EDNS and DNSSEC are asked for as configured; the reverse name of an address is made, of either version."""
    async with fault_server(_code("NXDOMAIN")) as server:
        await ask(server.port, "192.0.2.10", type="PTR", edns=False)
        await ask(server.port, "2001:db8::2", type="PTR")
        await ask(server.port, "bücher.example", dnssec=True)
    names = [name for name, _, _ in server.asked]
    assert names[0] == "10.2.0.192.in-addr.arpa"
    assert names[1] == "2." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa"
    assert names[2] == "xn--bcher-kva.example"
    plain, edns, secure = (DNSRecord.parse(wire) for _, _, wire in server.asked)
    assert not plain.ar
    assert edns.ar[0].edns_len == 1232
    assert (edns.ar[0].edns_do, secure.ar[0].edns_do) == (0, 1)
    assert (secure.header.ad, secure.header.rd) == (1, 1)


async def test_a_server_by_its_name() -> None:
    """The name of the server is resolved first, by the monitor's name servers; its address may be pinned as well."""
    async with dns_server(Zone(addresses={"ns1.acme.example": ("127.0.0.1",)})) as names:
        async with fault_server(_good) as server, asker("dns") as probe:
            options: Options = {"query": "www.acme.example", "server": "ns1.acme.example", "port": server.port}
            named = await probe.ask(nameservers=[names], **options)
            unknown = await probe.ask(nameservers=[names], **(options | {"server": "ns9.acme.example"}))
        async with fault_server(_good) as server, asker("dns") as probe:
            pinned = await probe.ask(**(options | {"port": server.port}), address="127.0.0.1")
    assert named.outcome is Outcome.UP, named.message
    assert pinned.outcome is Outcome.UP, pinned.message
    assert (unknown.outcome, unknown.reason, list(unknown.phases)) == (Outcome.DOWN, Reason.DNS_NOT_FOUND, ["dns"])


async def test_without_a_server_the_name_servers_are_asked_in_turn() -> None:
    """A dead or failing one is passed over, and that is on record; the last one's word counts."""
    async with fault_server(_silent) as dead, fault_server(_code("SERVFAIL")) as failing, fault_server(_good) as good:
        places = [f"127.0.0.1:{server.port}" for server in (dead, failing, good)]
        async with asker("dns") as probe:
            helped = await probe.ask(timeout=0.9, query="www.acme.example", nameservers=places)
            hopeless = await probe.ask(timeout=0.9, query="www.acme.example", nameservers=places[:2])
        async with asker("dns", places[2]) as probe:
            daemons = await probe.ask(query="www.acme.example", public_only=True)
    assert helped.outcome is Outcome.UP, helped.message
    assert helped.observations["servers_failed"] == [f"{places[0]}: dns_timeout", f"{places[1]}: SERVFAIL"]
    assert helped.observations["server"] == places[2]
    assert (hopeless.outcome, hopeless.reason) == (Outcome.DOWN, Reason.DNS_FAILED)
    assert daemons.outcome is Outcome.UP, daemons.message


async def test_the_guard_holds() -> None:
    """A monitor of somebody who is not trusted asks no private address, however it is written down."""
    async with dns_server(Zone(addresses={"ns1.acme.example": ("127.0.0.1",)})) as names, fault_server(_good) as server:
        ways: list[Options] = [
            {"server": "127.0.0.1", "port": server.port},
            {"server": "127.0.0.1", "port": server.port, "transport": "tcp"},
            {"server": "ns.public.example", "address": "127.0.0.1", "port": server.port},
            {"nameservers": [f"127.0.0.1:{server.port}"]},
        ]
        async with asker("dns") as probe:
            results = [await probe.ask(query="a.example", public_only=True, **way) for way in ways]
        async with asker("dns", names) as probe:
            named = await probe.ask(query="a.example", public_only=True, server="ns1.acme.example", port=server.port)
        assert server.asked == []
    for result in (*results, named):
        assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.ADDRESS_REFUSED), result.message


async def test_patterns_that_take_too_long_are_our_fault() -> None:
    """A regular expression that explodes on a record says nothing about the server."""

    def answer(query: DNSRecord, _wire: bytes, _udp: bool) -> Sequence[bytes]:
        return (_reply(query, RR(query.q.qname, QTYPE.TXT, rdata=TXT("a" * 60 + "!"), ttl=60)).pack(),)

    async with fault_server(answer) as server:
        result = await ask(server.port, type="TXT", expect={"matches": "^(a+)+$"})
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERNAL), result.message


MISTAKES: list[tuple[Options, str]] = [
    ({"query": "a b.example"}, "not a name"),
    ({"query": f"{'a' * 64}.example"}, "not a name"),
    ({"query": "a..example"}, "not a name"),
    ({"query": "192.0.2.1"}, "set type: PTR"),
    ({"type": "ANY"}, "PTR"),
    ({"port": 5353}, "set it as well"),
    ({"address": "192.0.2.1"}, "set it as well"),
    ({"dnssec": True, "edns": False}, "dnssec needs edns"),
    ({"expect": {"records": ["mail.example"]}}, "write an IPv4 address"),
    ({"type": "MX", "expect": {"contains": "mail.example"}}, "as in 10 mail.acme.example"),
    ({"type": "SRV", "expect": {"contains": "1 2 x.example"}}, "priority, weight, port and host"),
    ({"type": "CAA", "expect": {"contains": "issue x.example"}}, "flags, tag and value"),
    ({"type": "SOA", "expect": {"contains": "ns1 hostmaster 1"}}, "serial, refresh"),
    ({"expect": {"serial_min": 1}}, "is for type SOA"),
    ({"expect": {"rcode": "NXDOMAIN", "records": ["192.0.2.1"]}}, "has no records to expect"),
    ({"expect": {"ttl_min": "2m", "ttl_max": "1m"}}, "must not be longer"),
    ({"expect": {"min_records": 2, "max_records": 1}}, "must not be more"),
]


def _with(options: Options) -> Options:
    return {"query": "a.example"} | options


@pytest.mark.parametrize(("options", "sentence"), MISTAKES, ids=[str(case[0]) for case in MISTAKES])
def test_mistakes_in_the_file(options: Options, sentence: str) -> None:
    """A wrong option is refused with what would have been right."""
    with pytest.raises(ValidationError, match=re.escape(sentence)):
        monitor("dns", **_with(options))


def test_the_target_as_people_read_it() -> None:
    """The type, the name, and whom it asks."""
    assert monitor("dns", query="Acme.Example.", type="MX").target == "MX acme.example"
    assert monitor("dns", query="192.0.2.1", type="PTR", server="::1").target == "PTR 192.0.2.1 at [::1]:53"
    assert monitor("dns", query=".", type="NS").target == "NS ."


def test_records_have_one_form() -> None:
    """Case, the dot at the end, quotes and spaces make no difference where they make none in DNS."""
    assert normal("MX", "10  Mail.Acme.Example.") == "10 mail.acme.example"
    assert normal("MX", "0 .") == "0 ."
    assert normal("AAAA", "2001:DB8:0:0::1") == "2001:db8::1"
    assert normal("TXT", '"Two" "Parts"') == "TwoParts"
    assert normal("TXT", "Case Matters") == "Case Matters"
    assert normal("CAA", '0 iodef "mailto:a@b.example"') == "0 iodef mailto:a@b.example"


_ASKED = monitor("dns", query="www.acme.example", type="TXT", expect={"matches": "x", "ttl_min": "1s"}).options
_QUERY = question(_ASKED)


def _mutated(changes: list[tuple[int, int, bytes]]) -> bytes:
    query = DNSRecord.parse(_QUERY.to_wire())
    name = query.q.qname
    reply = _reply(
        query,
        RR(name, QTYPE.CNAME, rdata=CNAME("t.example"), ttl=9), RR("t.example", QTYPE.TXT, rdata=TXT("x"), ttl=5),
        RR(name, QTYPE.MX, rdata=MX("m.example"), ttl=1), RR(name, QTYPE.SOA, rdata=SOA("m.example", "n.example")),
    )  # fmt: skip
    data = bytearray(reply.pack())
    for at, length, new in changes:
        where = at % (len(data) + 1)
        data[where : where + length] = new
    return bytes(data)


_MUTATIONS = st.lists(st.tuples(st.integers(2, 400), st.integers(0, 3), st.binary(max_size=4)), max_size=6)


@settings(max_examples=400, deadline=None)
@given(_MUTATIONS.map(_mutated) | st.binary(max_size=300).map(lambda tail: _QUERY.id.to_bytes(2, "big") + tail))
def test_any_bytes_are_an_answer_or_none(data: bytes) -> None:
    """Whatever comes is ignored, unreadable, or judged; nothing else is raised."""
    if is_answer(_QUERY, data):
        try:
            answer = read(_QUERY, data)
        except Unreadable:
            return
        judge_answer(_ASKED, answer)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=100), st.sampled_from(["udp", "tcp"]))
def test_any_answer_is_a_result(tail: bytes, transport: str) -> None:
    """Whatever a stranger answers over the wire, it is the stranger's fault and not ours."""

    async def main() -> Result:
        async with fault_server(lambda _query, wire, _udp: (wire[:2] + tail,)) as server:
            return await ask(server.port, timeout=0.06, transport=transport)

    result = asyncio.run(main())
    assert (result.outcome, result.reason is Reason.INTERNAL) == (Outcome.DOWN, False), result.message
