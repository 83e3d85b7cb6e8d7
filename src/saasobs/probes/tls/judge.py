"""Whether what a handshake agreed on, and the certificate that it showed, are the ones that were expected. Pure."""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from saasobs.core.result import Failure, Reason
from saasobs.probes.net.certificate import Certificate, is_for
from saasobs.probes.net.contact import Handshake
from saasobs.probes.tls.options import TlsExpect, TlsKindOptions
from saasobs.probes.verdict import Unmet, short


def version_of(handshake: Handshake) -> str:
    """As in the file: OpenSSL's TLSv1 is 1.0."""
    version = handshake.version.removeprefix("TLSv")
    return "1.0" if version == "1" else version


def not_offered(options: TlsKindOptions, seen: Handshake) -> bool:
    """Whether what a server agrees on is something that we did not offer, and not a mishap."""
    if not options.minimum_version <= version_of(seen) <= options.maximum_version:
        return True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if options.ciphers:
        context.set_ciphers(options.ciphers)
    return seen.cipher not in {str(cipher["name"]) for cipher in context.get_ciphers()}


def disagreement(options: TlsKindOptions, seen: Handshake) -> str:
    """What was offered, and what the server wants instead, in words."""
    offered = " to ".join(sorted({options.minimum_version, options.maximum_version}))
    ciphers = f" with {options.ciphers}" if options.ciphers else ""
    agreed = f"TLS {version_of(seen)} with {seen.cipher}"
    return f"offered was TLS {offered}{ciphers}; allowed anything, the server agrees on {agreed}"


@dataclass(frozen=True, slots=True)
class Leaf:
    """The server's own certificate, and what it is known by."""

    certificate: Certificate
    fingerprint: str
    """SHA-256 of it, hexadecimal."""
    pin: str
    """SHA-256 of its public key (SubjectPublicKeyInfo), base64; empty when the key cannot be read."""


def read_leaf(handshake: Handshake) -> Leaf | None:
    """None when the certificate cannot be read."""
    from cryptography import x509  # noqa: PLC0415 - 10 ms that other kinds never need
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    if not handshake.chain:
        return None
    der = handshake.der[0]
    try:
        key = x509.load_der_x509_certificate(der).public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # noqa: BLE001 - a stranger's bytes
        spki = b""
    pin = base64.b64encode(hashlib.sha256(spki).digest()).decode() if spki else ""
    return Leaf(handshake.chain[0], hashlib.sha256(der).hexdigest(), pin)


def judge_agreement(expect: TlsExpect, handshake: Handshake) -> Iterator[Unmet]:
    """Version, cipher and ALPN."""
    version = version_of(handshake)
    if expect.versions and version not in expect.versions:
        wanted = " or ".join(expect.versions)
        yield mismatch("versions", wanted, version, f"TLS {version} was agreed on, expected {wanted}")
    if expect.ciphers and not any(pattern.search(handshake.cipher) for pattern in expect.ciphers):
        wanted = " or ".join(pattern.pattern for pattern in expect.ciphers)
        sentence = f"the cipher {handshake.cipher} was agreed on, expected a match of {wanted}"
        yield mismatch("ciphers", wanted, handshake.cipher, sentence)
    if expect.alpn is not None and handshake.alpn != expect.alpn:
        seen = handshake.alpn or "nothing"
        yield mismatch("alpn", expect.alpn, seen, f"ALPN agreed on {seen}, expected {expect.alpn}")


def mismatch(key: str, expected: str, seen: str, sentence: str) -> Unmet:
    """A failure of what was agreed on."""
    return Unmet(Failure(key, expected, seen, Reason.TLS_MISMATCH), sentence)


def judge_identity(expect: TlsExpect, leaf: Leaf) -> Iterator[Unmet]:
    """Whether it is the certificate that was expected."""
    shown = leaf.certificate
    subject = f"the certificate {short(shown.subject)}"
    if expect.fingerprints and leaf.fingerprint not in expect.fingerprints:
        sentence = f"{subject} has the fingerprint {leaf.fingerprint}, which is not expected"
        yield _other("fingerprints", ", ".join(expect.fingerprints), leaf.fingerprint, sentence)
    if expect.public_keys and leaf.pin not in expect.public_keys:
        sentence = f"{subject} has the public key sha256/{leaf.pin}, which is not expected"
        yield _other("public_keys", ", ".join(expect.public_keys), leaf.pin, sentence)
    if expect.issuer is not None and not expect.issuer.search(shown.issuer):
        sentence = f"the certificate was issued by {short(shown.issuer)}, expected to match {expect.issuer.pattern}"
        yield _other("issuer", expect.issuer.pattern, short(shown.issuer), sentence)
    missing = [name for name in expect.names if not _is_for(shown, name)]
    if missing:
        seen = short(", ".join(shown.names)) or "nobody"
        sentence = f"the certificate is not for {', '.join(missing)}: it names {seen}"
        yield _other("names", ", ".join(missing), seen, sentence)


def _is_for(certificate: Certificate, name: str) -> bool:
    if name.startswith("*."):
        return name in (held.lower() for held in certificate.names)
    return is_for(certificate, name)


def _other(key: str, expected: str, seen: str, sentence: str) -> Unmet:
    return Unmet(Failure(key, short(expected), seen, Reason.CERTIFICATE_MISMATCH), sentence)


def judge(expect: TlsExpect, handshake: Handshake) -> Sequence[Unmet]:
    """Agreement and identity; called within a budget, for it runs patterns."""
    leaf = read_leaf(handshake)
    if leaf is None:
        failure = Failure("certificate", "a certificate", "one that cannot be read", Reason.CERTIFICATE_INVALID)
        return (*judge_agreement(expect, handshake), Unmet(failure, "the certificate cannot be read"))
    return (*judge_agreement(expect, handshake), *judge_identity(expect, leaf))
