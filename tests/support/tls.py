"""Certificates for tests, good and bad, made in memory by a CA of their own and written to a folder."""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Identity:
    """A certificate chain and its key (PEM, in one file), and the CA file that a client may trust it by."""

    pem: Path
    ca_file: Path

    def split(self, folder: Path) -> tuple[Path, Path]:
        """The certificates and the key, in a file each."""
        pem = self.pem.read_text()
        first = pem.index("-----BEGIN CERTIFICATE")
        certificates, key = folder / f"{self.pem.stem}-certificates.pem", folder / f"{self.pem.stem}-key.pem"
        certificates.write_text(pem[first:])
        key.write_text(pem[:first])
        return certificates, key

    def context(self) -> ssl.SSLContext:
        """A server's context."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        return context


class Certificates:
    """Makes identities below one folder: `good`, and one for each way of being bad."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))

    def good(self) -> Identity:
        return self._issued("good", days=90)

    def expiring(self, days: float = 3) -> Identity:
        return self._issued(f"expiring-{days:g}", days=days)  # each its own file: servers read it when they like

    def expired(self) -> Identity:
        return self._issued("expired", days=-2, since=-30)

    def not_yet_valid(self) -> Identity:
        return self._issued("not-yet-valid", days=90, since=5)

    def wrong_host(self) -> Identity:
        return self._issued("wrong-host", "other.example", days=90)

    def untrusted(self) -> Identity:
        """Good in itself, from a CA that the client does not know."""
        leaf = trustme.CA().issue_cert("localhost", "127.0.0.1", "good.test")
        return self._written("untrusted", leaf.private_key_and_cert_chain_pem.bytes())

    def client(self, name: str = "client") -> Identity:
        """A client's, which `wanting_clients` lets in."""
        leaf = self._ca.issue_cert(f"{name}.test", common_name=name)
        return self._written(name, leaf.private_key_and_cert_chain_pem.bytes())

    def wanting_clients(self) -> ssl.SSLContext:
        """A server's context that lets nobody in without a certificate of this CA."""
        context = self.good().context()
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.ca_file)
        return context

    def self_signed(self) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "self-signed.example")])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=90))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return self._written("self-signed", private + certificate.public_bytes(serialization.Encoding.PEM))

    def _issued(self, name: str, *hosts: str, days: float, since: float = -1) -> Identity:
        now = dt.datetime.now(dt.UTC)
        leaf = self._ca.issue_cert(
            *(hosts or ("localhost", "127.0.0.1", "good.test")),
            not_before=now + dt.timedelta(days=since),
            not_after=now + dt.timedelta(days=days),
        )
        return self._written(name, leaf.private_key_and_cert_chain_pem.bytes())

    def _written(self, name: str, pem: bytes) -> Identity:
        path = self._folder / f"{name}.pem"
        path.write_bytes(pem)
        return Identity(path, self.ca_file)
