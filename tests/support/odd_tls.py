"""TLS servers that are wrong in ways that need more than a date: weak keys, missing links, old versions, mTLS."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
import subprocess
import threading
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from support.needs import require_binary
from support.tls import Identity


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(key: Any) -> bytes:
    plain = serialization.NoEncryption()
    return bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))


def _certificate(
    common: str, key: Any, issuer: str, signer: Any, *, authority: bool = False
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.DNSName("good.test")]
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not authority:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(usage, critical=False)
    return builder


def _signed(builder: x509.CertificateBuilder, signer: Any) -> bytes:
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True)
class Chain:
    """A root, an intermediate and a leaf."""

    whole: Identity
    """The server sends the intermediate."""
    broken: Identity
    """It does not."""


def chain(folder: Path) -> Chain:
    root, middle, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    ca = folder / "chain-ca.pem"
    ca.write_bytes(_signed(_certificate("Root", root, "Root", root, authority=True), root))
    intermediate = _signed(_certificate("Intermediate", middle, "Root", root, authority=True), root)
    own = _signed(_certificate("leaf.example", leaf, "Intermediate", middle), middle)
    whole, broken = folder / "chain-whole.pem", folder / "chain-broken.pem"
    whole.write_bytes(_pem(leaf) + own + intermediate)
    broken.write_bytes(_pem(leaf) + own)
    return Chain(Identity(whole, ca), Identity(broken, ca))


def small_key(folder: Path) -> Identity:
    """RSA with 1024 bits, from a good authority."""
    root = ec.generate_private_key(ec.SECP256R1())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        leaf = rsa.generate_private_key(65537, 1024)
    ca, pem = folder / "small-ca.pem", folder / "small.pem"
    ca.write_bytes(_signed(_certificate("Root", root, "Root", root, authority=True), root))
    pem.write_bytes(_pem(leaf) + _signed(_certificate("small.example", leaf, "Root", root), root))
    return Identity(pem, ca)


def sha1(folder: Path) -> Identity:
    """Signed with SHA-1, which only OpenSSL's command line still does."""
    root, leaf = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    ca, pem, csr = folder / "sha1-ca.pem", folder / "sha1.pem", folder / "sha1.csr"
    ca.write_bytes(_pem(root) + _signed(_certificate("Root", root, "Root", root, authority=True), root))
    pem.write_bytes(_pem(leaf))
    openssl = require_binary("openssl", "openssl")
    asked = ("-subj", "/CN=sha1.example", "-addext", "subjectAltName=DNS:localhost", "-out", csr)
    subprocess.run([openssl, "req", "-new", "-key", pem, *asked], check=True, capture_output=True)
    signed = ("-CA", ca, "-CAkey", ca, "-sha1", "-days", "90", "-copy_extensions", "copyall")
    made = subprocess.run([openssl, "x509", "-req", "-in", csr, *signed], check=True, capture_output=True)
    pem.write_bytes(_pem(leaf) + made.stdout)
    return Identity(pem, ca)


def lax(identity: Identity, **limits: ssl.TLSVersion) -> ssl.SSLContext:
    """A server's context that takes weak keys and old versions; `lowest` and `highest` limit the versions."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = limits.get("lowest", ssl.TLSVersion.TLSv1)
        context.maximum_version = limits.get("highest", ssl.TLSVersion.TLSv1_3)
    context.load_cert_chain(identity.pem)
    return context


@dataclass(frozen=True)
class Mutual:
    """A server that asks for a certificate, and what a client may show."""

    server: ssl.SSLContext
    ca_file: Path
    client: Path


def mutual(folder: Path) -> Mutual:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    ca_file, client = folder / "mutual-ca.pem", folder / "client.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    client.write_bytes(ca.issue_cert("client@acme.example").private_key_and_cert_chain_pem.bytes())
    return Mutual(context, ca_file, client)


Before = Callable[[socket.socket], None]


@asynccontextmanager
async def plain_server(context: ssl.SSLContext, before: Before = lambda _connection: None) -> AsyncIterator[int]:
    """A TLS server on blocking sockets, as most are: unlike asyncio's it says in an alert why it refuses.

    :param before: what it says before TLS.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(20)

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(20)
            before(connection)
            with context.wrap_socket(connection, server_side=True) as secured:
                while secured.recv(1024):
                    pass

    def accept() -> None:
        with suppress(OSError):
            while True:
                threads.append(threading.Thread(target=serve, args=(listening.accept()[0],)))
                threads[-1].start()

    threads = [threading.Thread(target=accept)]
    threads[0].start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for thread in threads:
            await asyncio.to_thread(thread.join)
