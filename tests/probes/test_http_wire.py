"""How the bytes go: versions of HTTP, compression, client certificates, versions of IP, name servers, addresses."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.result import Outcome, Reason
from saasobs.probes.http import wire
from saasobs.probes.http.expect import Answer, compression, judge_wire
from saasobs.probes.http.options import HttpExpect, HttpOptions
from support.badhttp import BadServer, bad_server
from support.dns import Zone, dns_server
from support.http3 import http3_server
from support.needs import missing
from support.odd_tls import plain_server
from support.probing import Prober, prober
from support.tls import Certificates


@pytest.mark.parametrize(("spoken", "protocol"), [("any", "HTTP/1.1"), (1.0, "HTTP/1.0"), ("1.1", "HTTP/1.1")])
async def test_versions_in_plain(probe: Prober, bad: BadServer, spoken: object, protocol: str) -> None:
    """The version asked for is the one that goes out; YAML's number is as good as its text."""
    result = await probe.get(bad.url("/echo"), http_version=spoken)
    assert result.outcome is Outcome.UP, result.message
    assert bad.asked[0].protocol == protocol


async def test_version_2_without_tls_is_asked_for(probe: Prober, bad: BadServer) -> None:
    """By an Upgrade that a server may pass over; with prior knowledge nothing else is spoken."""
    asked = await probe.get(bad.url("/echo"), http_version=2)
    assert (asked.outcome, asked.observations["http_version"]) == (Outcome.UP, "1.1")
    assert bad.asked[0].headers["upgrade"] == "h2c"
    known = await probe.get(bad.url("/echo"), http_version="2-prior-knowledge", timeout=1.0)
    assert known.outcome is Outcome.DOWN


async def test_the_version_of_the_answer_is_judged(probe: Prober, bad: BadServer) -> None:
    """What came by another version than expected is down, with both named."""
    result = await probe.get(bad.url("/status/200"), expect={"http_version": [2, "3"]})
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.VERSION_MISMATCH)
    assert result.message == "answered by HTTP 1.1, expected 2 or 3"
    assert (result.failures[0].expected, result.failures[0].seen) == ("2 or 3", "1.1")
    assert (await probe.get(bad.url("/status/200"), expect={"http_version": 1.1})).outcome is Outcome.UP


async def test_http3(probe: Prober, certificates: Certificates, tmp_path: Path) -> None:
    """Over QUIC, certificate and phases included; a port where nobody speaks it is down."""
    if reason := wire.unable("3"):
        missing(reason)
    identity = certificates.good()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        async with http3_server(identity, tmp_path) as port:
            url = f"https://localhost:{port}/over-udp"
            more: dict[str, Any] = {"http_version": 3, "ca_file": str(identity.ca_file), "ip_version": 4}
            result = await probe.get(url, expect={"http_version": 3, "body_contains": "by udp: /over-udp"}, **more)
            untrusted = await probe.get(url, http_version=3, ip_version=4)
    nobody = await probe.get("https://localhost:1/", timeout=0.5, **more)
    assert result.outcome is Outcome.UP, result.message
    assert list(result.phases) == ["dns", "connect", "tls", "first_byte", "transfer"]
    assert sum(result.phases.values()) == result.duration
    assert result.observations["certificate"]["days_left"] > 80
    assert untrusted.reason is Reason.CERTIFICATE_UNTRUSTED, untrusted.message
    assert nobody.reason in (Reason.CONNECT_FAILED, Reason.CONNECT_TIMEOUT, Reason.CONNECT_REFUSED), nobody.message


def test_a_libcurl_without_http3_is_a_clear_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a libcurl is not at hand, so that its word is put in place."""
    monkeypatch.setattr("saasobs.probes.http.wire.pycurl.version_info", lambda: (11, "7.88.1", 0, "Linux", 0))
    with pytest.raises(ValueError, match=r"http_version: the libcurl of this machine \(7\.88\.1\) was built without"):
        HttpOptions.model_validate({"url": "https://a.example/", "http_version": 3})


COMPRESSION: list[tuple[str, object, str]] = [
    ("/encoded?as=gzip", "required", ""),
    ("/encoded?as=br", ["br", "gzip"], ""),
    ("/encoded?as=deflate", "deflate", ""),
    ("/status/200", "forbidden", ""),
    ("/encoded?as=identity", "forbidden", ""),
    ("/status/200", "required", "the answer's compression is none, expected any"),
    ("/encoded?as=gzip", "forbidden", "the answer's compression is gzip, expected none"),
    ("/encoded?as=deflate", ["br", "gzip"], "the answer's compression is deflate, expected br or gzip"),
    ("/status/200", "gzip", "the answer's compression is none, expected gzip"),
]


@pytest.mark.parametrize(("path", "expected", "sentence"), COMPRESSION, ids=[f"{c[0]} {c[1]}" for c in COMPRESSION])
async def test_compression_is_judged(probe: Prober, bad: BadServer, path: str, expected: object, sentence: str) -> None:
    """Required, forbidden, or one out of a list."""
    result = await probe.get(bad.url(path), expect={"compression": expected})
    assert result.message == sentence
    if sentence:
        assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.COMPRESSION_MISMATCH)
    else:
        assert result.outcome is Outcome.UP


async def test_what_is_offered(probe: Prober, bad: BadServer) -> None:
    """The encodings of the file go out; none with an empty list, and what comes compressed all the same is read."""
    for offered in (None, ["br", "gzip"], "identity", []):
        await probe.get(bad.url("/echo"), accept_encoding=offered)
    sent = [asked.headers.get("accept-encoding") for asked in bad.asked]
    assert sent == ["deflate, gzip, br", "br, gzip", "identity", None]
    pushed = await probe.get(bad.url("/encoded?as=gzip"), accept_encoding=[], expect={"body_contains": "hello"})
    assert pushed.outcome is Outcome.UP
    assert pushed.observations["compression"] == "gzip"


@given(st.text(max_size=40), st.sampled_from(["required", "forbidden", ["gzip"], ["gzip", "br"]]))
def test_any_content_encoding_is_judged(said: str, expected: object) -> None:
    """Whatever a header says, there is a verdict, and required and forbidden are each other's contrary."""
    answer = Answer(200, (("Content-Encoding", said),), b"", 1)
    judged = judge_wire(HttpExpect.model_validate({"compression": expected}), answer)
    assert len(judged) <= 1
    if expected in ("required", "forbidden"):
        assert bool(judged) == (bool(compression(answer)) == (expected == "forbidden"))


# mTLS --------------------------------------------------------------------------------------------------------------


async def test_a_client_certificate(probe: Prober, certificates: Certificates, tmp_path: Path) -> None:
    """From one file or from two; without one, or with a stranger's, the handshake fails and says so."""
    client = certificates.client()
    trust: dict[str, Any] = {"ca_file": str(certificates.ca_file)}
    certificate, key = client.split(tmp_path)
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(trustme.CA().issue_cert("x.test").private_key_and_cert_chain_pem.bytes())
    async with bad_server(certificates.wanting_clients()) as server:
        url = server.url("/status/200")
        one = await probe.get(url, client_certificate=str(client.pem), **trust)
        two = await probe.get(url, client_certificate=str(certificate), client_key=str(key), **trust)
    assert (one.outcome, two.outcome) == (Outcome.UP, Outcome.UP), (one.message, two.message)
    old = certificates.wanting_clients()
    old.maximum_version = ssl.TLSVersion.TLSv1_2  # says no within the handshake
    for context, reasons in ((old, [Reason.TLS_FAILED]), (certificates.wanting_clients(), BY_TLS_1_3)):
        async with plain_server(context) as port:
            for mine in NOBODY, {"client_certificate": str(stranger)}:
                result = await probe.get(f"https://127.0.0.1:{port}/", **trust, **mine)
                assert result.outcome is Outcome.DOWN
                assert result.reason in reasons, result.message
                assert ("alert" in result.message) == (result.reason is Reason.TLS_FAILED)


NOBODY: dict[str, Any] = {}
BY_TLS_1_3 = [Reason.TLS_FAILED, Reason.CONNECTION_RESET]
"""It says no after the handshake, and the reset that follows may be quicker than its word."""


def locked_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    lock = serialization.BestAvailableEncryption(b"passphrase")
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


async def test_a_new_client_certificate_is_used_from_the_next_check_on(
    probe: Prober, certificates: Certificates, tmp_path: Path
) -> None:
    """Its file is read for every connection; one that is broken or locked is our own fault, and asks nobody."""
    mine = tmp_path / "mine.pem"
    mine.write_bytes(trustme.CA().issue_cert("x.test").private_key_and_cert_chain_pem.bytes())
    async with bad_server(certificates.wanting_clients()) as server:

        async def ask() -> Any:
            return await probe.get(
                server.url("/status/200"), client_certificate=str(mine), ca_file=str(certificates.ca_file)
            )

        assert (await ask()).outcome is Outcome.DOWN
        mine.write_bytes(certificates.client().pem.read_bytes())
        assert (await ask()).outcome is Outcome.UP
        mine.write_text("no certificate at all")
        broken = await ask()
        mine.write_bytes(locked_key() + certificates.client().split(tmp_path)[0].read_bytes())
        locked = await ask()
    assert (broken.outcome, broken.reason) == (Outcome.UNKNOWN, Reason.INTERNAL), broken.message
    assert (locked.outcome, locked.reason) == (Outcome.UNKNOWN, Reason.INTERNAL), locked.message


async def test_a_client_certificate_is_for_its_host_alone(
    probe: Prober, certificates: Certificates, bad: BadServer
) -> None:
    """Redirects to the same host keep it, to another they do not."""
    client, context = certificates.client(), certificates.wanting_clients()
    mine: dict[str, Any] = {"client_certificate": str(client.pem), "ca_file": str(certificates.ca_file)}
    async with bad_server(context) as server:
        same = await probe.get(bad.url(f"/redirect?to={server.url('/status/200')}"), **mine)
        other = await probe.get(bad.url(f"/redirect?to={server.url('/status/200', 'localhost')}"), **mine)
    assert same.outcome is Outcome.UP, same.message
    assert (other.outcome, len(server.asked)) == (Outcome.DOWN, 1)


# Addresses ---------------------------------------------------------------------------------------------------------


async def test_a_pinned_address_keeps_host_and_sni(certificates: Certificates) -> None:
    """No name server is asked, the certificate is that of the name, and redirects elsewhere are not pinned."""
    zone = Zone(addresses={"other.test": ("127.0.0.1",)})
    identity = certificates.good()
    context = identity.context()
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    async with dns_server(zone) as address, prober(address) as probe, bad_server(context) as server:
        trust: dict[str, Any] = {"ca_file": str(identity.ca_file)}
        pinned = await probe.get(server.url("/echo", "good.test"), address="127.0.0.1", **trust)
        wrong = await probe.get(server.url("/echo", "good.test"), address="127.0.0.2", **trust)
        async with bad_server() as plain:
            to = plain.url("/echo", "other.test")
            led = await probe.get(server.url(f"/redirect?to={to}", "good.test"), address="127.0.0.1", **trust)
    assert pinned.outcome is Outcome.UP, pinned.message
    assert pinned.observations["address"] == "127.0.0.1"
    assert server.asked[0].headers["host"] == f"good.test:{server.port}"
    assert names[0] == "good.test"
    assert (wrong.reason, "at 127.0.0.2" in wrong.message) == (Reason.CONNECT_REFUSED, True)
    assert led.outcome is Outcome.UP, led.message
    assert set(zone.asked) == {"other.test"}


async def test_a_literal_host_can_be_pinned_too(probe: Prober, bad: BadServer) -> None:
    """The Host header keeps the address of the URL."""
    result = await probe.get(bad.url("/echo", "192.0.2.7"), address="127.0.0.1")
    assert result.outcome is Outcome.UP, result.message
    assert bad.asked[0].headers["host"] == f"192.0.2.7:{bad.port}"


async def test_one_version_of_ip(bad: BadServer) -> None:
    """Only its addresses are asked for and tried; a name or an address without one is told."""
    zone = Zone(addresses={"both.test": ("::1", "127.0.0.1"), "six.test": ("::1",)})
    async with dns_server(zone) as address, prober() as probe:
        by: dict[str, Any] = {"nameservers": [address]}
        four = await probe.get(bad.url("/status/200", "both.test"), ip_version=4, **by)
        six = await probe.get(bad.url("/status/200", "both.test"), ip_version=6, **by)
        none = await probe.get(bad.url("/status/200", "six.test"), ip_version=4, **by)
        local = await probe.get(bad.url("/status/200", "localhost"), ip_version=6)
        literal = await probe.get(bad.url("/status/200"), ip_version=6)
    assert four.outcome is Outcome.UP, four.message
    assert (six.reason, six.message.endswith("at ::1)")) == (Reason.CONNECT_REFUSED, True)
    assert none.reason is literal.reason is Reason.DNS_NOT_FOUND
    assert literal.message == "the name does not exist (127.0.0.1 has no IPv6 address)"
    assert local.message.endswith("at ::1)")


async def test_name_servers_of_the_monitors_own(bad: BadServer) -> None:
    """Two monitors may ask two servers for one name."""
    here, there = Zone(addresses={"a.test": ("127.0.0.1",)}), Zone(addresses={"a.test": ("127.0.0.9",)})
    async with dns_server(here) as one, dns_server(there) as two, prober(two) as probe:
        url = bad.url("/status/200", "a.test")
        own, daemons = await asyncio.gather(probe.get(url, nameservers=[one]), probe.get(url))
    assert (own.outcome, daemons.reason) == (Outcome.UP, Reason.CONNECT_REFUSED)
