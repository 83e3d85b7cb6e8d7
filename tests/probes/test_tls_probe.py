"""tls: what a handshake shows, every bad certificate described, versions and ciphers, pins, STARTTLS, mTLS."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.core.result import Outcome, Reason, Result
from saasobs.probes.net.certificate import explain, read_der
from saasobs.probes.net.contact import Handshake
from saasobs.probes.tls.judge import judge_agreement, read_leaf
from saasobs.probes.tls.options import TlsExpect, TlsKindOptions
from support.badhttp import closed_port
from support.dialogue import Peer, Script, closing, garbage, silent, talker, unanswering
from support.needs import require_binary
from support.odd_tls import chain, lax, mutual, plain_server, sha1, small_key
from support.probing import asker
from support.smtp import MailServer
from support.tls import Certificates, Identity


async def ask(identity: Identity, context: ssl.SSLContext | None = None, **options: Any) -> Result:
    """A check of a server with this identity, which the client trusts by its CA unless told otherwise."""
    asked: dict[str, Any] = {"host": "localhost", "ca_file": str(identity.ca_file)} | options
    async with plain_server(context or identity.context()) as port, asker("tls") as probe:
        return await probe.ask(port=port, **asked)


async def test_a_good_server(certificates: Certificates) -> None:
    """Up, with version, cipher, certificate and how to pin it; the handshake is the last phase."""
    identity = certificates.good()
    result = await ask(identity)
    assert result.outcome is Outcome.UP, result.message
    assert list(result.phases) == ["dns", "connect", "tls"]
    leaf = x509.load_pem_x509_certificates(identity.pem.read_bytes())[0]
    der = leaf.public_bytes(Encoding.DER)
    spki = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    seen = result.observations
    assert (seen["tls_version"], seen["tls_cipher"][:7]) == ("TLSv1.3", "TLS_AES")
    assert seen["certificate"]["fingerprint_sha256"] == hashlib.sha256(der).hexdigest()
    assert seen["public_key_sha256"] == base64.b64encode(hashlib.sha256(spki).digest()).decode()
    assert (seen["certificate"]["key"], seen["certificate"]["signature"]) == ("EC secp256r1", "sha256")
    assert set(seen["certificate"]["names"]) == {"localhost", "127.0.0.1", "good.test"}


BAD: list[tuple[Callable[[Certificates], Identity], Reason, str]] = [
    (Certificates.expired, Reason.CERTIFICATE_EXPIRED, "the certificate has expired (O=trustme v"),
    (Certificates.not_yet_valid, Reason.CERTIFICATE_NOT_YET_VALID, "the certificate is not valid yet (O=trustme v"),
    (Certificates.wrong_host, Reason.CERTIFICATE_WRONG_HOST,
     "the certificate is for another host (it names other.example, not localhost)"),
    (Certificates.untrusted, Reason.CERTIFICATE_UNTRUSTED, "the certificate's issuer is not trusted (O=trustme v"),
    (Certificates.self_signed, Reason.CERTIFICATE_UNTRUSTED,
     "the certificate's issuer is not trusted (CN=self-signed.example, issued by CN=self-signed.example)"),
]  # fmt: skip


@pytest.mark.parametrize(("pick", "reason", "sentence"), BAD, ids=[case[0].__name__ for case in BAD])
async def test_a_bad_certificate_is_described(
    certificates: Certificates, pick: Callable[[Certificates], Identity], reason: Reason, sentence: str
) -> None:
    """It is down by its own reason, and shown with names, dates, fingerprint and key all the same."""
    result = await ask(pick(certificates))
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.message.startswith(sentence)
    described = result.observations["certificate"]
    assert {"subject", "issuer", "names", "not_before", "not_after", "fingerprint_sha256", "key"} <= set(described)
    assert result.observations["public_key_sha256"]
    assert list(result.phases) == ["dns", "connect", "tls"]


async def test_a_missing_intermediate(tmp_path: Path) -> None:
    """A server that does not send its intermediate is told apart in words; with it, the whole chain is shown."""
    links = chain(tmp_path)
    whole, broken = await ask(links.whole), await ask(links.broken)
    assert whole.outcome is Outcome.UP, whole.message
    assert [one["subject"] for one in whole.observations["certificates"]] == ["CN=leaf.example", "CN=Intermediate"]
    assert (broken.outcome, broken.reason) == (Outcome.DOWN, Reason.CERTIFICATE_UNTRUSTED)
    assert broken.message == (
        "the certificate's issuer is not trusted (CN=leaf.example, issued by CN=Intermediate, "
        "whose certificate was not sent along and is not known here)"
    )


WEAK: list[tuple[Callable[[Path], Identity], str]] = [
    (small_key, "CN=small.example, issued by CN=Root, RSA 1024, sha256"),
    (sha1, "CN=sha1.example, issued by CN=Root, EC secp256r1, sha1"),
]


@pytest.mark.parametrize(("make", "described"), WEAK, ids=["rsa-1024", "sha-1"])
async def test_weak_certificates_are_described(
    make: Callable[[Path], Identity], described: str, tmp_path: Path
) -> None:
    """What OpenSSL refuses before it can be read is read by the second look, and named with its key and digest."""
    identity = make(tmp_path)
    result = await ask(identity, lax(identity))
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CERTIFICATE_INVALID), result.message
    assert result.message.startswith("the certificate is not valid (")
    assert "too weak" in result.message
    assert result.message.endswith(f": {described})")


async def test_days_left(certificates: Certificates) -> None:
    """Two thresholds: degraded, then down; both can be moved."""
    identity = certificates.expiring(5)
    degraded = await ask(identity)
    down = await ask(identity, expect={"certificate_days_down": 6})
    fine = await ask(identity, expect={"certificate_days": 4})
    assert (degraded.outcome, degraded.reason) == (Outcome.DEGRADED, Reason.CERTIFICATE_EXPIRING)
    assert "expires in 5.0 days, expected at least 14 days (degraded)" in degraded.message
    assert (down.outcome, fine.outcome) == (Outcome.DOWN, Outcome.UP)


async def test_an_old_server_is_told_what_it_speaks(certificates: Certificates) -> None:
    """A server that only speaks TLS 1.1 is down, with the version it would have agreed on."""
    identity = certificates.good()
    result = await ask(identity, lax(identity, highest=ssl.TLSVersion.TLSv1_1))
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.TLS_MISMATCH)
    assert result.message.startswith(
        "unexpected TLS version or cipher (offered was TLS 1.2 to 1.3; allowed anything, the server agrees on TLS 1.1 "
    )
    assert result.observations["tls_version"] == "TLSv1.1"
    assert result.observations["certificate"]["days_left"] > 80


async def test_old_versions_can_be_allowed(certificates: Certificates) -> None:
    """Where the file says 1.0, TLS 1.0 is spoken, and the certificate is still verified."""
    identity = certificates.good()
    old = lax(identity, highest=ssl.TLSVersion.TLSv1)
    allowed = await ask(identity, old, minimum_version=1.0)
    untrusted = await ask(identity, old, minimum_version="1.0", ca_file=None)
    assert allowed.outcome is Outcome.UP, allowed.message
    assert allowed.observations["tls_version"] == "TLSv1"
    assert untrusted.reason is Reason.CERTIFICATE_UNTRUSTED


async def test_the_version_agreed_on(certificates: Certificates) -> None:
    """`versions` and `maximum_version` hold the server to what it must speak."""
    identity = certificates.good()
    wrong = await ask(identity, lax(identity, highest=ssl.TLSVersion.TLSv1_2), expect={"versions": 1.3})
    capped = await ask(identity, maximum_version="1.2", expect={"versions": ["1.2"]})
    assert (wrong.outcome, wrong.reason) == (Outcome.DOWN, Reason.TLS_MISMATCH)
    assert wrong.message == "TLS 1.2 was agreed on, expected 1.3"
    assert (wrong.failures[0].expected, wrong.failures[0].seen) == ("1.3", "1.2")
    assert (capped.outcome, capped.observations["tls_version"]) == (Outcome.UP, "TLSv1.2")


async def test_versions_that_must_be_refused(certificates: Certificates) -> None:
    """A server that still speaks an old version to those who ask for it is found out."""
    identity = certificates.good()
    strict = await ask(identity, expect={"refused_versions": ["1.0", "1.1"]})
    lenient = await ask(identity, lax(identity), expect={"refused_versions": [1.0, 1.1]})
    assert strict.outcome is Outcome.UP, strict.message
    assert (lenient.outcome, lenient.reason) == (Outcome.DOWN, Reason.TLS_MISMATCH)
    assert lenient.message.startswith("the server still speaks TLS 1.0 (with ")
    assert lenient.message.endswith("which it must refuse (and 1 more)")


async def test_ciphers(certificates: Certificates) -> None:
    """The cipher agreed on is held against patterns; a list that the server knows none of fails with what it knows."""
    identity = certificates.good()
    good = await ask(identity, expect={"ciphers": ["CHACHA20", "GCM"]})
    wrong = await ask(identity, expect={"ciphers": "^DES"})
    server = identity.context()
    server.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    none = await ask(identity, server, maximum_version="1.2", ciphers="ECDHE-ECDSA-CHACHA20-POLY1305")
    assert good.outcome is Outcome.UP, good.message
    assert wrong.message == f"the cipher {wrong.observations['tls_cipher']} was agreed on, expected a match of ^DES"
    assert (none.outcome, none.reason) == (Outcome.DOWN, Reason.TLS_MISMATCH)
    assert (
        "offered was TLS 1.2 with ECDHE-ECDSA-CHACHA20-POLY1305; allowed anything, the server agrees on" in none.message
    )


async def test_alpn(certificates: Certificates) -> None:
    """What ALPN agrees on is observed and judged."""
    identity = certificates.good()
    context = identity.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    good = await ask(identity, context, alpn=["h2"], expect={"alpn": "h2"})
    other = await ask(identity, context, alpn=["imap", "http/1.1"], expect={"alpn": "imap"})
    nothing = await ask(identity, alpn="h2", expect={"alpn": "h2"})
    assert (good.outcome, good.observations["alpn"]) == (Outcome.UP, "h2")
    assert (other.reason, other.message) == (Reason.TLS_MISMATCH, "ALPN agreed on http/1.1, expected imap")
    assert nothing.message == "ALPN agreed on nothing, expected h2"


async def test_the_certificate_must_be_the_one(certificates: Certificates) -> None:
    """Fingerprints, public keys, issuer and names: another certificate is told by what it is."""
    identity = certificates.good()
    seen = (await ask(identity)).observations
    mark, pin = seen["certificate"]["fingerprint_sha256"], seen["public_key_sha256"]
    colons = ":".join(mark[at : at + 2] for at in range(0, 64, 2)).upper()
    well = await ask(identity, expect={
        "fingerprints": ["0" * 64, colons], "public_keys": f"sha256//{pin}", "issuer": "^O=trustme",
        "names": ["GOOD.test", "127.0.0.1"],
    })  # fmt: skip
    assert well.outcome is Outcome.UP, well.message
    wrong = await ask(identity, expect={
        "fingerprints": "0" * 64, "public_keys": ["A" * 43 + "="], "issuer": "Let's Encrypt",
        "names": ["*.good.test", "www.test"],
    })  # fmt: skip
    assert {failure.reason for failure in wrong.failures} == {Reason.CERTIFICATE_MISMATCH}
    assert [failure.expectation for failure in wrong.failures] == ["fingerprints", "public_keys", "issuer", "names"]
    assert f"has the fingerprint {mark}, which is not expected (and 3 more)" in wrong.message
    assert wrong.failures[3].expected == "*.good.test, www.test"
    assert "localhost" in wrong.failures[3].seen


async def test_a_pin_instead_of_a_chain(certificates: Certificates) -> None:
    """Without verification a self-signed certificate can be held by its fingerprint."""
    identity = certificates.self_signed()
    refused = await ask(identity)
    mark = refused.observations["certificate"]["fingerprint_sha256"]
    pinned = await ask(identity, verify=False, expect={"fingerprints": mark})
    other = await ask(certificates.good(), verify=False, expect={"fingerprints": mark})
    assert (refused.outcome, pinned.outcome) == (Outcome.DOWN, Outcome.UP)
    assert (other.outcome, other.reason) == (Outcome.DOWN, Reason.CERTIFICATE_MISMATCH)


async def test_another_name_in_the_hello(certificates: Certificates) -> None:
    """`server_name` is what is asked for and verified, wherever the connection goes."""
    identity = certificates.good()
    named = await ask(identity, host="127.0.0.2", server_name="good.test", address="127.0.0.1")
    wrong = await ask(identity, server_name="other.test")
    assert named.outcome is Outcome.UP, named.message
    assert wrong.message.endswith("not other.test)")


async def test_mutual_tls(tmp_path: Path) -> None:
    """With a client certificate the server lets us in; without a good one its refusal is heard, after TLS 1.3 too."""
    server = mutual(tmp_path)
    stranger = Certificates(tmp_path).untrusted()
    identity = Identity(server.client, server.ca_file)
    for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        server.server.maximum_version = newest
        good = await ask(identity, server.server, client_certificate=str(server.client))
        bad = await ask(identity, server.server, client_certificate=str(stranger.pem))
        assert good.outcome is Outcome.UP, good.message
        assert (bad.outcome, bad.reason) == (Outcome.DOWN, Reason.TLS_FAILED), bad.message
        assert "alert" in bad.message


@asynccontextmanager
async def s_server(identity: Identity, *arguments: str) -> AsyncIterator[int]:
    """OpenSSL's own server."""
    program = require_binary("openssl", "openssl")
    command = (program, "s_server", "-accept", "127.0.0.1:0", "-cert", str(identity.pem), "-key", str(identity.pem))
    process = await asyncio.create_subprocess_exec(
        *command, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        line = b""
        while not line.startswith(b"ACCEPT"):
            line = await process.stdout.readline()
            assert line, "s_server ended"
        yield int(line.rpartition(b":")[2])
    finally:
        process.terminate()
        await process.communicate()


async def test_openssl_s_server(certificates: Certificates) -> None:
    """Against OpenSSL's own server: healthy, and with versions that it was told to leave out."""
    identity = certificates.good()
    async with asker("tls") as probe:
        asked: dict[str, Any] = {"host": "localhost", "ca_file": str(identity.ca_file)}
        async with s_server(identity) as port:
            well = await probe.ask(port=port, **asked, expect={"refused_versions": ["1.0", "1.1"], "versions": "1.3"})
        async with s_server(identity, "-no_tls1_3", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384") as port:
            wrong = await probe.ask(port=port, **asked, expect={"versions": "1.3", "ciphers": "AES128"})
    assert well.outcome is Outcome.UP, well.message
    assert wrong.message == "TLS 1.2 was agreed on, expected 1.3 (and 1 more)"
    assert wrong.failures[1].seen == "ECDHE-ECDSA-AES256-GCM-SHA384"


async def test_nobody_there(certificates: Certificates) -> None:
    """Refused and unanswered connections have their own reasons."""
    async with closed_port() as port, asker("tls") as probe:
        refused = await probe.ask(host="127.0.0.1", port=port)
    async with unanswering() as port, asker("tls") as probe:
        unanswered = await probe.ask(host="127.0.0.2", port=port, timeout=0.2)
    assert (refused.reason, unanswered.reason) == (Reason.CONNECT_REFUSED, Reason.CONNECT_TIMEOUT)


async def cut_off(peer: Peer) -> None:
    """Read the hello, answer with the beginning of a record, and close."""
    await peer.reader.read(4096)
    await peer.say(b"\x16\x03\x03\x00\x7a\x02\x00")


async def test_a_server_that_refuses_our_certificate_without_a_word(tmp_path: Path) -> None:
    """asyncio's servers only hang up when they refuse a client's certificate: that is heard as well."""
    server, stranger = mutual(tmp_path), Certificates(tmp_path).untrusted()
    async with talker(silent, server.server) as running, asker("tls") as probe:
        asked: dict[str, Any] = {"host": "localhost", "port": running.port, "ca_file": str(server.ca_file)}
        good = await probe.ask(**asked, client_certificate=str(server.client))
        bad = await probe.ask(**asked, client_certificate=str(stranger.pem))
    assert good.outcome is Outcome.UP, good.message
    assert (bad.outcome, bad.reason) == (Outcome.DOWN, Reason.TLS_FAILED), bad.message
    assert bad.message.endswith("(the server closed the connection when it had seen our certificate)")


async def reset(peer: Peer) -> None:
    await peer.reader.read(4096)
    peer.reset()


async def alert(peer: Peer) -> None:
    await peer.reader.read(4096)
    await peer.say(b"\x15\x03\x03\x00\x02\x02\x70")  # fatal, unrecognized_name


FAULTS = {
    "silent": (silent, Reason.TLS_TIMEOUT, "the TLS handshake did not finish in time (127.0.0.1:{port}, "),
    "closing": (closing, Reason.TLS_FAILED, "the TLS handshake failed ("),
    "garbage": (
        garbage,
        Reason.TLS_FAILED,
        "the TLS handshake failed (what answered is not TLS: ",
    ),
    "cut off": (cut_off, Reason.TLS_FAILED, "the TLS handshake failed ("),
    "reset": (reset, Reason.TLS_FAILED, "the TLS handshake failed (the connection was broken off)"),
    "alert": (alert, Reason.TLS_FAILED, "the TLS handshake failed (tlsv1 unrecognized name)"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_servers_that_do_not_finish_the_handshake(fault: str) -> None:
    """Silence is a time-out of TLS, and every other end a handshake that failed, in words."""
    script, reason, sentence = FAULTS[fault]
    async with talker(script) as server, asker("tls") as probe:
        result = await probe.ask(host="127.0.0.1", port=server.port, timeout=0.5)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.message.startswith(sentence.format(port=server.port))
    assert list(result.phases) == ["dns", "connect", "tls"]


async def test_a_second_look_that_hangs_costs_no_verdict(certificates: Certificates) -> None:
    """A server that answers the first connection only: its certificate is refused in time, without a description."""
    identity = certificates.expired()
    context, seen = identity.context(), []

    async def once(peer: Peer) -> None:
        seen.append(1)
        if len(seen) == 1:
            await peer.secure(context)
        await peer.until_gone()

    async with talker(once) as server, asker("tls") as probe:
        result = await probe.ask(host="localhost", port=server.port, ca_file=str(identity.ca_file), timeout=0.6)
    assert (result.outcome, result.reason) == (Outcome.DOWN, Reason.CERTIFICATE_EXPIRED), result.message
    assert result.message == "the certificate has expired (localhost)"


def smtp(context: ssl.SSLContext) -> Script:
    async def script(peer: Peer) -> None:
        assert (await peer.ask("220-mail\r\n220 ready\r\n")).startswith(b"EHLO [127.0.0.1]")
        assert await peer.ask("250-mail\r\n250-SIZE 1\r\n250 STARTTLS\r\n") == b"STARTTLS"
        await peer.say("220 go\r\n")
        await peer.secure(context)
        await peer.until_gone()

    return script


def lines(greeting: str, wanted: bytes, answer: str) -> Callable[[ssl.SSLContext], Script]:
    def make(context: ssl.SSLContext) -> Script:
        async def script(peer: Peer) -> None:
            assert await peer.ask(greeting) == wanted
            await peer.say(answer)
            await peer.secure(context)
            await peer.until_gone()

        return script

    return make


def binary(greeting: bytes, wanted: int, answer: bytes) -> Callable[[ssl.SSLContext], Script]:
    def make(context: ssl.SSLContext) -> Script:
        async def script(peer: Peer) -> None:
            await peer.say(greeting)
            await peer.reader.readexactly(wanted)
            await peer.say(answer)
            await peer.secure(context)
            await peer.until_gone()

        return script

    return make


def xmpp(context: ssl.SSLContext) -> Script:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"version='1.0'>")
        starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
        await peer.say(f"<?xml version='1.0'?><stream:stream><stream:features>{starttls}</stream:features>")
        await peer.reader.readuntil(b"/>")
        await peer.say("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        await peer.secure(context)
        await peer.until_gone()

    return script


def mysql_greeting(flags: int) -> bytes:
    body = b"\x0a10.11.6-MariaDB\0" + bytes(4) + b"scramble" + b"\0" + flags.to_bytes(2, "little") + bytes(30)
    return len(body).to_bytes(3, "little") + b"\0" + body


LDAP_WELL = bytes.fromhex("300c 0201 01 7807 0a0100 0400 0400")
PROTOCOLS: dict[str, Callable[[ssl.SSLContext], Script]] = {
    "smtp": smtp,
    "imap": lines("* OK ready\r\n", b"a STARTTLS", "* CAPABILITY x\r\na OK go\r\n"),
    "pop3": lines("+OK ready\r\n", b"STLS", "+OK go\r\n"),
    "ftp": lines("220-ftp\r\n free text\r\n220 ready\r\n", b"AUTH TLS", "234 go\r\n"),
    "postgres": binary(b"", 8, b"S"),
    "ldap": binary(b"", 31, LDAP_WELL),
    "xmpp": xmpp,
}


async def test_starttls_of_mysql(certificates: Certificates) -> None:
    """MySQL's client does not wait for an answer before it turns to TLS."""
    identity, asked = certificates.good(), []

    def before(connection: socket.socket) -> None:
        connection.sendall(mysql_greeting(0xFFFF))
        asked.append(connection.recv(36))

    async with plain_server(identity.context(), before) as port, asker("tls") as probe:
        result = await probe.ask(host="localhost", port=port, starttls="mysql", ca_file=str(identity.ca_file))
    assert result.outcome is Outcome.UP, result.message
    assert asked[0][:4] == b"\x20\0\0\1"
    assert int.from_bytes(asked[0][4:8], "little") & 0x0800, "it asks for TLS"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_starttls(protocol: str, certificates: Certificates) -> None:
    """Protocols that begin in the clear; their words are a phase, and a bad certificate is described."""
    good, bad = certificates.good(), certificates.wrong_host()
    results = []
    for identity in (good, bad):
        async with talker(PROTOCOLS[protocol](identity.context())) as server, asker("tls") as probe:
            asked: dict[str, Any] = {
                "host": "localhost",
                "port": server.port,
                "starttls": protocol,
                "ca_file": str(good.ca_file),
            }
            results.append(await probe.ask(**asked))
    assert results[0].outcome is Outcome.UP, results[0].message
    assert list(results[0].phases) == ["dns", "connect", "starttls", "tls"]
    assert results[1].reason is Reason.CERTIFICATE_WRONG_HOST, results[1].message
    assert "it names other.example, not localhost" in results[1].message


async def test_starttls_of_a_real_mail_server(certificates: Certificates) -> None:
    """Against aiosmtpd."""
    identity = certificates.good()
    async with MailServer(starttls=identity.context()) as server, asker("tls") as probe:
        result = await probe.ask(host="localhost", port=server.port, starttls="smtp", ca_file=str(identity.ca_file))
    assert result.outcome is Outcome.UP, result.message


NOT_OFFERED = "the TLS handshake failed (the server does not offer it here: "
REFUSALS: list[tuple[str, bytes, Reason, str]] = [
    ("smtp", b"220 mail\r\n250 mail\r\n", Reason.TLS_FAILED, f"{NOT_OFFERED}STARTTLS is not among its extensions)"),
    ("smtp", b"220 m\r\n250-m\r\n250 STARTTLS\r\n454 not now\r\n", Reason.TLS_FAILED, f"{NOT_OFFERED}454 not now)"),
    ("smtp", b"554 go away\r\n", Reason.NOT_SERVING,
     'the service says that it is not serving (expected 220, it greets with "554 go away")'),
    ("smtp", b"SSH-2.0-x\r\n", Reason.PROTOCOL_ERROR,
     'the answer breaks the rules of its protocol (no reply code but "SSH-2.0-x")'),
    ("smtp", b"220-\r\n" * 200, Reason.PROTOCOL_ERROR,
     "the answer breaks the rules of its protocol (a reply of more than 100 lines)"),
    ("imap", b"* BYE full\r\n", Reason.NOT_SERVING, "the service says that it is not serving (* BYE full)"),
    ("imap", b"* OK\r\na BAD what\r\n", Reason.TLS_FAILED, f"{NOT_OFFERED}a BAD what)"),
    ("imap", b"+OK\r\n", Reason.PROTOCOL_ERROR,
     'the answer breaks the rules of its protocol (expected an IMAP greeting, got "+OK")'),
    ("imap", b"* OK\r\n" * 200, Reason.PROTOCOL_ERROR,
     "the answer breaks the rules of its protocol (more than 100 lines without an answer)"),
    ("pop3", b"-ERR busy\r\n", Reason.NOT_SERVING, "the service says that it is not serving (-ERR busy)"),
    ("pop3", b"+OK\r\n-ERR what\r\n", Reason.TLS_FAILED, f"{NOT_OFFERED}-ERR what)"),
    ("ftp", b"220 ftp\r\n500 what\r\n", Reason.TLS_FAILED, f"{NOT_OFFERED}500 what)"),
    ("postgres", b"N", Reason.TLS_FAILED, f"{NOT_OFFERED}it answered N to the request for TLS)"),
    ("postgres", b"EFATAL too many", Reason.PROTOCOL_ERROR,
     'the answer breaks the rules of its protocol (expected S or N, got "EFATAL too many")'),
    ("mysql", mysql_greeting(0), Reason.TLS_FAILED, f"{NOT_OFFERED}MySQL 10.11.6-MariaDB without TLS)"),
    ("mysql", b"\x0c\0\0\0\xff\x6a\x04Host gone", Reason.NOT_SERVING,
     "the service says that it is not serving (Host gone)"),
    ("mysql", b"SSH-2.0-x\r\n", Reason.PROTOCOL_ERROR,
     'the answer breaks the rules of its protocol (expected a MySQL greeting, got "SSH-")'),
    ("ldap", bytes.fromhex("300c 0201 01 7807 0a0102 0400 0400"), Reason.TLS_FAILED, f"{NOT_OFFERED}LDAP result 2)"),
    ("ldap", b"HTTP/1.1 400", Reason.PROTOCOL_ERROR,
     'the answer breaks the rules of its protocol (expected an LDAP message, got "HT")'),
    ("xmpp", b"<stream:features></stream:features>", Reason.TLS_FAILED,
     f"{NOT_OFFERED}starttls is not among its features)"),
    ("xmpp", b"x" * 20_000, Reason.PROTOCOL_ERROR,
     "the answer breaks the rules of its protocol (more than 16384 bytes without an end)"),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "said", "reason", "sentence"), REFUSALS)
async def test_servers_that_do_not_come_to_tls(protocol: str, said: bytes, reason: Reason, sentence: str) -> None:
    """TLS that is not offered, servers that turn everybody away, and those that speak something else."""

    async def script(peer: Peer) -> None:
        await peer.say(said)
        await peer.until_gone()

    async with talker(script) as server, asker("tls") as probe:
        result = await probe.ask(host="127.0.0.1", port=server.port, starttls=protocol)
    assert (result.outcome, result.reason) == (Outcome.DOWN, reason), result.message
    assert result.message == sentence


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "mysql"])
@pytest.mark.parametrize("script", [closing, garbage])
async def test_hostile_servers_before_tls(protocol: str, script: Script) -> None:
    """Nothing that a server says or leaves unsaid breaks the check."""
    async with talker(script) as server, asker("tls") as probe:
        result = await probe.ask(host="127.0.0.1", port=server.port, starttls=protocol, timeout=0.3)
    assert result.outcome is Outcome.DOWN, result.message


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"minimum_version": "1.3", "maximum_version": "1.2"}, "minimum_version is higher than maximum_version"),
    ({"expect": {"versions": "1.1"}}, "expect.versions: 1.1 is not offered"),
    ({"expect": {"alpn": "h2"}}, "expect.alpn: 'h2' is not offered: add it to alpn"),
    ({"expect": {"fingerprints": "ab"}}, "is not a SHA-256 fingerprint"),
    ({"expect": {"public_keys": "ab"}}, "is not the pin of a public key"),
    ({"expect": {"names": "a b"}}, "is not a host name"),
    ({"expect": {"versions": [1.4]}}, "Input should be '1.0', '1.1', '1.2' or '1.3'"),
    ({"ciphers": "NONSENSE"}, "is no OpenSSL cipher list"),
    ({"ca_file": "/nowhere.pem"}, "ca_file: /nowhere.pem is not a file"),
    ({"client_key": "/nowhere.pem"}, "client_key: /nowhere.pem is not a file"),
    ({"starttls": "gopher"}, "Input should be 'smtp'"),
]


@pytest.mark.parametrize(("options", "sentence"), WRONG)
def test_wrong_options_say_what_is_right(options: dict[str, Any], sentence: str) -> None:
    """Each mistake has its sentence."""
    with pytest.raises(ValidationError, match=sentence):
        TlsKindOptions.model_validate({"host": "a.example"} | options)


def test_ports_by_protocol() -> None:
    """443, or the usual port of what begins in the clear; one's own comes first."""
    ports = {
        (protocol, port): TlsKindOptions.model_validate({"host": "a", "starttls": protocol, "port": port}).target()
        for protocol, port in ((None, None), ("smtp", None), ("postgres", None), ("imap", 1143))
    }
    assert list(ports.values()) == ["a:443", "a:25", "a:5432", "a:1143"]


def test_the_example() -> None:
    """The documentation's monitor reads as it stands."""
    options = yaml.safe_load(TlsKindOptions.example)
    assert (options.pop("name"), options.pop("kind")) == ("mail-certificate", "tls")
    read = TlsKindOptions.model_validate(options)
    assert (read.target(), read.host()) == ("mail.acme.example:25", "mail.acme.example")
    assert TlsKindOptions.model_json_schema()


def test_what_der_shows(certificates: Certificates) -> None:
    """Names, addresses, key and digest are the ones that cryptography reads; what cannot be read is left out."""
    leaf = x509.load_pem_x509_certificates(certificates.good().pem.read_bytes())[0]
    der = leaf.public_bytes(Encoding.DER)
    (read,) = read_der([der, b"", b"\x30\x80", der[:100]])
    assert read.names == ("localhost", "good.test", "127.0.0.1")
    assert read.not_after == round(leaf.not_valid_after_utc.timestamp()) * 1_000_000
    assert read.subject.startswith("O=trustme v")
    assert (read.key, read.signature) == ("EC secp256r1", "sha256")


DER = base64.b64decode(
    "MIIBVTCB/KADAgECAgEFMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAXgwHhcNMjYwMTAxMDAwMDAwWhcNMjcwMTAxMDAwMDAwWjAMMQowCAYDVQQD"
)


@given(st.data())
def test_hostile_certificates_describe_nothing_and_break_nothing(data: st.DataObject) -> None:
    """Any bytes in place of a certificate are read or left out."""
    cut = data.draw(st.integers(0, len(DER)))
    noise = data.draw(st.binary(max_size=60))
    for one in read_der([noise, DER[:cut] + noise, noise + DER]):
        assert isinstance(one.subject, str)
    assert read_leaf(Handshake("", "", "", (), (noise,))) is None


def test_the_words_for_what_is_not_described() -> None:
    """Without a certificate the host is named, with OpenSSL's words where there are any."""
    assert explain(Reason.CERTIFICATE_INVALID, "a.example", (), "EE certificate key too weak") == (
        "a.example: EE certificate key too weak"
    )
    assert explain(Reason.CERTIFICATE_UNTRUSTED, "a.example", ()) == "a.example"


def test_versions_are_called_as_in_the_file() -> None:
    """OpenSSL's TLSv1 is the file's 1.0."""
    expect = TlsExpect.model_validate({"versions": ["1.0"]})
    assert not list(judge_agreement(expect, Handshake("TLSv1", "x", "", (), ())))
    (unmet,) = judge_agreement(expect, Handshake("TLSv1.2", "x", "", (), ()))
    assert unmet.failure.seen == "1.2"
