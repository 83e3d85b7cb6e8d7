"""Reaching hosts: happy eyeballs, the choice of addresses and name servers, the SSRF guard, and what a stream bears."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ssl
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason
from saasobs.core.values import SECOND
from saasobs.probes.inquiry import Trouble
from saasobs.probes.net.contact import MOST_ADDRESSES, STAGGER, _worth_telling, in_turn
from saasobs.probes.net.options import NetworkOptions, TlsOptions, ascii_host, show_place
from saasobs.probes.net.starttls import PORTS, Protocol, negotiate
from saasobs.probes.net.stream import Stream, openssl_words
from saasobs.probes.net.tls import Contexts, Offer
from saasobs.probes.ssh.exchange import exchange, identify
from support.badhttp import closed_port
from support.dialogue import Peer, closing, silent, talker, unanswering
from support.dns import Zone, dns_server
from support.probing import asker
from support.tls import Certificates


async def greet(peer: Peer) -> None:
    await peer.say("hello\r\n")
    await peer.until_gone()


async def test_a_living_address_beside_a_dead_one() -> None:
    """One that does not answer costs a head start, not the check."""
    zone = Zone(addresses={"two.test": ("127.0.0.2", "127.0.0.3")})
    async with (
        unanswering("127.0.0.2") as port,
        talker(greet, host="127.0.0.3", port=port),
        dns_server(zone) as server,
        asker("tcp", server) as probe,
    ):
        result = await probe.ask(host="two.test", port=port)
    assert result.outcome is Outcome.UP, result.message
    assert result.observations["address"] == "127.0.0.3"
    assert result.phases["connect"] >= STAGGER * SECOND * 0.9


async def test_a_refused_address_hands_over_at_once() -> None:
    """The next address is tried without waiting when one refuses."""
    zone = Zone(addresses={"two.test": ("127.0.0.4", "127.0.0.5")})
    async with talker(greet, host="127.0.0.5") as living, dns_server(zone) as server, asker("tcp", server) as probe:
        result = await probe.ask(host="two.test", port=living.port)
    assert result.outcome is Outcome.UP, result.message
    assert result.observations["address"] == "127.0.0.5"
    assert result.phases["connect"] < STAGGER * SECOND


async def test_all_addresses_refuse() -> None:
    """The sentence names every address that was tried."""
    zone = Zone(addresses={"two.test": ("127.0.0.1", "127.0.0.2")})
    async with closed_port() as port, dns_server(zone) as server, asker("tcp", server) as probe:
        result = await probe.ask(host="two.test", port=port)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CONNECT_REFUSED)
    said = "the connection was refused: nothing listens there"
    assert result.message == f"{said} (two.test:{port} at 127.0.0.1, 127.0.0.2)"


async def test_a_host_that_does_not_answer() -> None:
    """The time that runs out in connecting is blamed on connecting."""
    async with unanswering() as port, asker("tcp") as probe:
        result = await probe.ask(host="127.0.0.2", port=port, timeout=0.3)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CONNECT_TIMEOUT)
    assert result.message.startswith(f"the host did not accept the connection in time (127.0.0.2:{port}, ")


def test_versions_of_ip_take_turns() -> None:
    """Three dead IPv6 addresses do not keep an IPv4 one waiting (RFC 8305), and a long list is cut."""
    assert in_turn(("::1", "::2", "::3", "10.0.0.1", "10.0.0.2")) == ("::1", "10.0.0.1", "::2", "10.0.0.2", "::3")
    assert in_turn(("10.0.0.1", "::1")) == ("10.0.0.1", "::1")
    assert in_turn(()) == ()
    assert len(in_turn([f"10.0.0.{last}" for last in range(100)])) == MOST_ADDRESSES


def test_a_refusal_is_told_before_a_missing_route() -> None:
    """That we have no IPv6 is not what is wrong with a host that refuses."""
    unreachable, refused = OSError(errno.ENETUNREACH, "no"), ConnectionRefusedError(errno.ECONNREFUSED, "no")
    assert _worth_telling([unreachable, refused]) is refused
    assert _worth_telling([unreachable]) is unreachable
    assert _worth_telling([]).errno == errno.EADDRNOTAVAIL


@pytest.mark.parametrize(("version", "address"), [(4, "127.0.0.1"), (6, "::1"), ("any", "127.0.0.1")])
async def test_the_version_of_ip_is_the_users(version: int | str, address: str) -> None:
    """4 and 6 use only that version, and only its addresses are asked for."""
    zone = Zone(addresses={"both.test": ("127.0.0.1", "::1")})
    async with dns_server(zone) as server, asker("tcp", server) as probe, talker(greet, host=address) as living:
        result = await probe.ask(host="both.test", port=living.port, ip_version=version)
    assert result.outcome is Outcome.UP, result.message
    assert result.observations["address"] == address
    assert len(zone.asked) == (2 if version == "any" else 1)


async def test_a_version_that_the_host_has_not() -> None:
    """No address of that version is a name that was not found, and says which."""
    zone = Zone(addresses={"four.test": ("127.0.0.1",)})
    async with dns_server(zone) as server, asker("tcp", server) as probe:
        named = await probe.ask(host="four.test", port=1, ip_version=6)
        literal = await probe.ask(host="127.0.0.1", port=1, ip_version=6)
    assert (named.outcome, named.reason) == (Outcome.DOWN, Reason.DNS_NOT_FOUND)
    assert literal.message == "the name does not exist (127.0.0.1 has no IPv6 address)"


async def test_a_pinned_address_needs_no_name_server() -> None:
    """`address` is connected to, whatever the name would resolve to, and the place is still told by its name."""
    zone = Zone(addresses={"pinned.test": ("127.0.0.9",)})
    async with talker(greet) as living, dns_server(zone) as server, asker("tcp", server) as probe:
        up = await probe.ask(host="pinned.test", port=living.port, address="127.0.0.1")
    async with closed_port() as port, asker("tcp") as probe:
        down = await probe.ask(host="pinned.test", port=port, address="127.0.0.1")
    assert (up.outcome, up.observations["address"]) == (Outcome.UP, "127.0.0.1")
    assert zone.asked == []
    assert down.message.endswith(f"(pinned.test:{port} at 127.0.0.1)")


async def test_a_monitor_may_have_name_servers_of_its_own() -> None:
    """They are asked instead of the daemon's."""
    ours, theirs = Zone(), Zone(addresses={"inside.test": ("127.0.0.1",)})
    async with (
        talker(greet) as living,
        dns_server(ours) as first,
        dns_server(theirs) as second,
        asker("tcp", first) as probe,
    ):
        there = await probe.ask(host="inside.test", port=living.port, nameservers=[second])
        here = await probe.ask(host="inside.test", port=living.port)
    assert there.outcome is Outcome.UP, there.message
    assert (here.reason, ours.asked) == (Reason.DNS_NOT_FOUND, ["inside.test", "inside.test"])
    assert here.message == "the name does not exist (inside.test: Domain name not found)"


GUARDED = [
    ("127.0.0.1", "127.0.0.1, a loopback address"),
    ("10.1.2.3", "10.1.2.3, a private address"),
    ("169.254.169.254", "169.254.169.254, a cloud's metadata address"),
    ("::ffff:127.0.0.1", "::ffff:7f00:1, a loopback address"),
    ("[::1]", "::1, a loopback address"),
    ("localhost", "localhost is 127.0.0.1, a loopback address"),
    ("api.localhost", "api.localhost is 127.0.0.1, a loopback address"),
    ("inside.test", "inside.test is 10.0.0.7, a private address"),
    ("mixed.test", "mixed.test is 192.168.1.1, a private address"),
    ("six.test", "six.test is fd00::1, a private address"),
]


@pytest.mark.parametrize(("host", "why"), GUARDED)
async def test_the_guard_refuses_before_it_connects(host: str, why: str) -> None:
    """With `public_only`, names, literals and IPv6 in disguise that lead inside are refused; one is enough."""
    zone = Zone(addresses={
        "inside.test": ("10.0.0.7",), "mixed.test": ("93.184.216.34", "192.168.1.1"), "six.test": ("fd00::1",),
    })  # fmt: skip
    async with talker(silent) as living, dns_server(zone) as server, asker("tcp", server) as probe:
        result = await probe.ask(host=host, port=living.port, public_only=True)
        assert living.connections == 0
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.ADDRESS_REFUSED)
    assert result.message == f"its address may not be checked ({why})"


async def test_the_guard_holds_for_pinned_addresses() -> None:
    """A pinned address leads inside no more than a resolved one."""
    async with talker(silent) as living, asker("tcp") as probe:
        result = await probe.ask(host="public.example", port=living.port, address="127.0.0.1", public_only=True)
        assert living.connections == 0
    assert result.message == "its address may not be checked (public.example is 127.0.0.1, a loopback address)"


async def test_a_name_that_moves_inside_gains_nothing() -> None:
    """What is judged is what is connected to: the name is asked for once a check."""
    zone = Zone(addresses={"moving.test": ("10.0.0.1",)})
    async with dns_server(zone) as server, asker("tcp", server) as probe:
        await probe.ask(host="moving.test", port=1, public_only=True, ip_version=4)
    assert zone.asked == ["moving.test"]


async def test_a_name_server_that_is_silent() -> None:
    """The time that runs out in resolving is blamed on resolving, and the sentence names the host."""
    async with dns_server(Zone(silent=lambda _name: True)) as server, asker("tcp", server) as probe:
        result = await probe.ask(host="quiet.test", port=80, timeout=0.2)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.DNS_TIMEOUT)
    assert result.message.startswith("no answer from the name server in time (quiet.test:80, 2")
    assert list(result.phases) == ["dns"]


async def test_text_before_tls_is_not_taken_for_an_answer(certificates: Certificates) -> None:
    """What a man in the middle slips in before the handshake is refused (CVE-2011-0411)."""

    async def injecting(peer: Peer) -> None:
        await peer.ask("220 mail\r\n")
        await peer.ask("250-mail\r\n250 STARTTLS\r\n")
        await peer.say("220 go\r\n250 injected\r\n")
        await peer.until_gone()

    async with talker(injecting) as server, asker("smtp") as probe:
        result = await probe.ask(host="localhost", port=server.port, ca_file=str(certificates.ca_file))
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.PROTOCOL_ERROR)
    assert result.message.endswith("(it sent something before the TLS handshake)")


async def test_tls_files_that_broke_are_our_fault(tmp_path: Path) -> None:
    """A CA file without certificates, and a key that needs a passphrase, say nothing about the target."""
    ca_file, locked = tmp_path / "ca.pem", tmp_path / "locked.pem"
    ca_file.write_text("nothing in here")
    locked.write_bytes(_locked_key())
    async with talker(closing) as server, asker("tls") as probe:
        broken = await probe.ask(host="localhost", port=server.port, ca_file=str(ca_file))
        closed = await probe.ask(host="localhost", port=server.port, client_certificate=str(locked))
    for result in (broken, closed):
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, Reason.INTERNAL), result.message
        assert "the files for its TLS cannot be used" in result.message


def _locked_key() -> bytes:
    import trustme
    from cryptography.hazmat.primitives import serialization

    issued = trustme.CA().issue_cert("client")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")
    )
    return locked + issued.cert_chain_pems[0].bytes()


def test_contexts_are_shared_and_follow_their_files(certificates: Certificates, tmp_path: Path) -> None:
    """One context for one way to trust, a new one when a file has changed, and none is left behind."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(certificates.ca_file.read_bytes())
    contexts, options = Contexts(), TlsOptions(ca_file=ca_file)
    first = contexts.of(options)
    assert contexts.of(options) is first
    assert contexts.of(options, Offer(alpn=("h2",))) is not first
    ca_file.write_bytes(certificates.ca_file.read_bytes() * 2)
    assert contexts.of(options) is not first
    assert len(contexts._made) == 2


async def test_a_line_without_an_end_is_refused() -> None:
    """No line is read past its bound, and the sentence says the bound."""

    async def endless(peer: Peer) -> None:
        while True:
            await peer.say(b"x" * 65536)

    async with talker(endless) as server, asker("ssh") as probe:
        result = await probe.ask(host="127.0.0.1", port=server.port)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.PROTOCOL_ERROR)
    assert result.message == "the answer breaks the rules of its protocol (a line longer than 1024 bytes)"


async def test_the_last_words_before_a_reset_are_heard() -> None:
    """Who says why and hangs up without having read what we sent breaks off; the words arrive all the same."""

    async def busy(peer: Peer) -> None:
        await peer.reader.readexactly(1)
        await peer.say("-ERR too many connections\r\n")
        await asyncio.sleep(0.02)  # what we sent and nobody reads has arrived
        peer.reset()

    async with talker(busy) as server, asker("tcp") as probe:
        steps = [{"send": r"PING\r\nPING\r\n"}, {"expect": r"^\+PONG"}]
        result = await probe.ask(host="127.0.0.1", port=server.port, steps=steps)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.RESPONSE_MISMATCH)
    assert result.message == (
        r'step 2: expected ^\+PONG before the connection was broken off, got "-ERR too many connections\r\n"'
    )


async def test_every_read_hears_the_last_words() -> None:
    """Line, bytes and pieces alike; then it is told that the connection broke off."""
    reader = asyncio.StreamReader()
    reader.feed_data(b"one\r\ntwothree")
    reader.set_exception(ConnectionResetError())
    stream = Stream(reader, cast("asyncio.StreamWriter", None), "a.example", 1, "10.0.0.1")
    assert await stream.line() == b"one"
    assert await stream.exactly(3) == b"two"
    assert await stream.some() == b"three"
    for read in (stream.line, stream.some, partial(stream.exactly, 1)):
        with pytest.raises(Trouble, match=r"the connection was broken off \(a.example:1 at 10.0.0.1\)"):
            await read()


class Recorder:
    """A writer that keeps nothing."""

    def write(self, _data: bytes) -> None:
        """Take it."""

    async def drain(self) -> None:
        """At once."""

    def get_extra_info(self, _name: str, default: object) -> object:
        return default


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([
            b"220 a\r\n", b"250-a\r\n", b"250 STARTTLS\r\n", b"* OK\r\n", b"a OK\r\n", b"+OK\r\n", b"234 a\r\n",
            b"S", b"E", b"SSH-2.0-a\r\n", b"\x00\x00\x00\x0c\x04\x14", b"0\x0c\x02\x01\x01", b"\x78\x07\x0a\x01\x00",
            b"\x30\x82", b"<stream:features>", b"urn:ietf:params:xml:ns:xmpp-tls", b"</stream:features>", b"<proceed/>",
            b"\x4a\0\0\0\x0a10.1\0", bytes(80),
        ]),
    ),
    max_size=12,
)  # fmt: skip


@pytest.mark.parametrize("protocol", [*PORTS, "ssh"])
@given(pieces=PIECES)
async def test_any_bytes_end_in_a_verdict(protocol: Protocol | str, pieces: list[bytes]) -> None:
    """Whatever a server says before TLS or a key exchange, it is understood or told as trouble, and nothing else."""
    reader = asyncio.StreamReader()
    reader.feed_data(b"".join(pieces))
    reader.feed_eof()
    stream = Stream(reader, cast("asyncio.StreamWriter", Recorder()), "a.example", 1, "10.0.0.1")
    with contextlib.suppress(Trouble):
        if protocol == "ssh":
            await exchange(stream, await identify(stream), ("ssh-ed25519",))
        else:
            await negotiate(cast("Protocol", protocol), stream)


async def test_a_reset_is_told_as_one() -> None:
    """RST in the middle of a dialogue is a connection that was broken off."""

    async def resetting(peer: Peer) -> None:
        await peer.ask("220 mail\r\n")
        peer.reset()

    async with talker(resetting) as server, asker("smtp") as probe:
        result = await probe.ask(host="127.0.0.1", port=server.port)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CONNECTION_RESET)
    assert result.message == f"the connection was broken off (127.0.0.1:{server.port})"


HOSTS = [
    ("Api.ACME.example", "api.acme.example"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("[::1]", "::1"),
    ("2001:DB8::1", "2001:db8::1"),
    ("10.0.0.1", "10.0.0.1"),
    ("_dmarc.acme.example.", "_dmarc.acme.example."),
]


@pytest.mark.parametrize(("written", "meant"), HOSTS)
def test_hosts_as_they_go_over_the_wire(written: str, meant: str) -> None:
    """Lower case, IDNA, no brackets."""
    assert ascii_host(written) == meant


@pytest.mark.parametrize(
    "written", ["", "a b", "http://a", "a:25", "a..b", f"{'a' * 64}.example", "-a", "a/b", ":::", "a\n"]
)
def test_what_is_no_host(written: str) -> None:
    """It is refused when the file is read, not at every check."""
    with pytest.raises(ValueError, match="is not a host name"):
        ascii_host(written)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"address": "10.0.0.256"}, "'10.0.0.256' is not an IP address"),
        ({"nameservers": ["dns.example"]}, "'dns.example' is not the address of a name server"),
        ({"address": "::1", "ip_version": 4}, "address ::1 is not of ip_version 4"),
        ({"ip_version": 5}, "Input should be 'any', 4 or 6"),
    ],
)
def test_wrong_network_options_say_what_is_right(options: dict[str, object], sentence: str) -> None:
    """Each mistake has its sentence."""

    class Some(NetworkOptions):
        def target(self) -> str:
            return ""

    with pytest.raises(ValidationError, match=sentence):
        Some.model_validate(options)


def test_places_are_written_so_that_the_port_is_clear() -> None:
    """An IPv6 address stands in brackets."""
    assert (show_place("::1", 22), show_place("a.example", 22)) == ("[::1]:22", "a.example:22")


def test_openssl_speaks_plainly() -> None:
    """Its words in lower case; bytes that are no TLS are called so."""
    strange, old = ssl.SSLError(1, "x"), ssl.SSLError(1, "x")
    strange.reason, old.reason = "WRONG_VERSION_NUMBER", "TLSV1_ALERT_PROTOCOL_VERSION"
    assert openssl_words(strange) == "what answered is not TLS: wrong version number"
    assert openssl_words(old) == "tlsv1 alert protocol version"


async def test_nothing_of_a_check_outlives_it() -> None:
    """No task is left on the loop, whoever won the race for the connection."""
    zone = Zone(addresses={"two.test": ("127.0.0.2", "127.0.0.3")})
    before = asyncio.all_tasks()
    async with unanswering("127.0.0.2") as port, dns_server(zone) as server, asker("tcp", server) as probe:
        result = await probe.ask(host="two.test", port=port, timeout=0.4)
        assert asyncio.all_tasks() == before
    assert result.outcome is Outcome.DOWN


def test_a_trouble_is_its_own_sentence() -> None:
    """The reason's words, and what was seen."""
    assert Trouble(Reason.TLS_FAILED).sentence == "the TLS handshake failed"
    assert Trouble(Reason.TLS_FAILED, "no").sentence == "the TLS handshake failed (no)"
