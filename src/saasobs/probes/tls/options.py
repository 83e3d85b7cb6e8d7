"""What a person may write for a monitor of kind tls. The docstrings are the documentation."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from saasobs.options import Regex
from saasobs.probes.net.options import (
    ADDRESS_SEEN,
    CONNECTING,
    TLS_SEEN,
    TLS_VERSIONS,
    Ciphers,
    Host,
    NetworkOptions,
    Port,
    TlsOptions,
    TlsVersion,
    ascii_host,
    show_place,
)
from saasobs.probes.net.starttls import PORTS, Protocol
from saasobs.probes.net.tls import Offer
from saasobs.probes.verdict import Certified, Timed


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | float | re.Pattern) else value


def _fingerprint(value: str) -> str:
    plain = re.sub(r"^sha-?256[:=]", "", value.strip().lower()).replace(":", "")
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise ValueError(f"{value!r} is not a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons")
    return plain


def _pin(value: str) -> str:
    plain = re.sub(r"^sha256/+", "", value.strip())
    try:
        size = len(base64.b64decode(plain, validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if size != 32:
        raise ValueError(f"{value!r} is not the pin of a public key: sha256/ and 44 characters of base64")
    return plain


def _certificate_name(value: str) -> str:
    star = "*." if value.startswith("*.") else ""
    return star + ascii_host(value.removeprefix("*."))


def _one_or_more(inner: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [inner, {"type": "array", "items": inner}]})


_TEXT: Final[dict[str, Any]] = {"type": "string", "minLength": 1}
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
Pin = Annotated[str, AfterValidator(_pin)]
Fingerprints = Annotated[tuple[Fingerprint, ...], BeforeValidator(_listed), _one_or_more(_TEXT)]
Pins = Annotated[tuple[Pin, ...], BeforeValidator(_listed), _one_or_more(_TEXT)]
Names = Annotated[
    tuple[Annotated[str, AfterValidator(_certificate_name)], ...], BeforeValidator(_listed), _one_or_more(_TEXT)
]
Patterns = Annotated[tuple[Regex, ...], BeforeValidator(_listed), _one_or_more({"type": "string", "format": "regex"})]
_VERSION_SCHEMA: Final[dict[str, Any]] = {"enum": list(TLS_VERSIONS)}
Versions = Annotated[tuple[TlsVersion, ...], BeforeValidator(_listed), _one_or_more(_VERSION_SCHEMA)]
Protocols = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[!-~]{1,64}$")], ...], BeforeValidator(_listed), _one_or_more(_TEXT)
]


class TlsExpect(Timed, Certified):
    """What the handshake must show. Every expectation is judged."""

    versions: Versions = ()
    """The version agreed on must be one of these, as in 1.3. Default: any that is offered."""
    refused_versions: Versions = ()
    """Versions that the server must refuse, as in 1.0 and 1.1; each costs one more connection."""
    ciphers: Patterns = ()
    """The cipher agreed on must match one of these regular expressions, as in GCM or ^TLS_AES_256."""
    alpn: str | None = None
    """The protocol agreed on by ALPN, as in h2."""
    issuer: Regex | None = None
    """A regular expression that the issuer of the server's own certificate must match, as in O=Let's Encrypt."""
    names: Names = ()
    """Hosts that the certificate must be for besides the server's own; `*.acme.example` asks for that very
    wildcard."""
    fingerprints: Fingerprints = ()
    """SHA-256 fingerprints (hexadecimal): the server's certificate must have one of them."""
    public_keys: Pins = ()
    """SHA-256 pins of public keys (base64, as in HPKP): the key of the server's certificate must have one of them."""


class TlsKindOptions(NetworkOptions, TlsOptions):
    """Shakes hands by TLS and judges what was agreed on and the certificates shown; asks nothing of the service."""

    example: ClassVar[str] = """\
name: mail-certificate
kind: tls
host: mail.acme.example
port: 25
starttls: smtp
expect:
  versions: ["1.2", "1.3"]
  certificate_days: 21
"""
    phases: ClassVar[Mapping[str, str]] = {
        **CONNECTING,
        "starttls": "the words before TLS",
        "tls": "the TLS handshake, and with a client certificate the waiting for its refusal",
        "refusals": "the connections by versions that must be refused",
    }
    observations: ClassVar[Mapping[str, str]] = {
        **ADDRESS_SEEN,
        **TLS_SEEN,
        "alpn": "the protocol that ALPN agreed on",
        "public_key_sha256": "the pin of the certificate's public key, for `public_keys`",
        "certificates": "every certificate that was sent, the server's own first, when there are several",
    }

    host_: Annotated[Host, Field(alias="host")]
    """The host to connect to."""
    port: Port | None = None
    """Its port. Default: 443, or the usual port of `starttls`."""
    starttls: Protocol | None = None
    """The protocol to begin in the clear before TLS. Default: TLS from the first byte."""
    minimum_version: TlsVersion = "1.2"
    """The lowest version that is offered. With 1.0 or 1.1 weak keys and signatures are no longer refused."""
    maximum_version: TlsVersion = "1.3"
    """The highest version that is offered."""
    ciphers: Ciphers | None = None
    """The ciphers that are offered up to TLS 1.2, as an OpenSSL list. Default: those that OpenSSL finds safe."""
    alpn: Protocols = ()
    """The protocols that are offered by ALPN, as in h2, http/1.1."""
    expect: TlsExpect = TlsExpect()
    """What the handshake must show."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.minimum_version > self.maximum_version:
            raise ValueError("minimum_version is higher than maximum_version")
        outside = [one for one in self.expect.versions if not self.minimum_version <= one <= self.maximum_version]
        if outside:
            raise ValueError(f"expect.versions: {outside[0]} is not offered: see minimum_version and maximum_version")
        if self.expect.alpn is not None and self.expect.alpn not in self.alpn:
            raise ValueError(f"expect.alpn: {self.expect.alpn!r} is not offered: add it to alpn")
        return self

    @property
    def reached_at(self) -> int:
        """The port in force."""
        return self.port or (PORTS[self.starttls] if self.starttls else 443)

    @property
    def offer(self) -> Offer:
        """What the handshake offers."""
        versions = TLS_VERSIONS[self.minimum_version], TLS_VERSIONS[self.maximum_version]
        return Offer(self.alpn, versions, self.ciphers or "")

    def target(self) -> str:
        return show_place(self.host_, self.reached_at)

    def host(self) -> str:
        return self.host_
