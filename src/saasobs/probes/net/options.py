"""The options that every kind shares which connects to a host, and those of its TLS."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from saasobs.options import KindOptions, Options

_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.-])?", re.IGNORECASE)


def ascii_host(host: str) -> str:
    """A host as it goes over the wire: lower case, IDNA, an IPv6 address without brackets. :raises ValueError:"""
    bare = host.strip("[]")
    if ":" in bare:
        try:
            return str(ipaddress.IPv6Address(bare))
        except ValueError as error:
            raise ValueError(f"{host[:80]!r} is not a host name: write it without scheme and port") from error
    if not bare.isascii():
        try:
            bare = bare.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise ValueError(f"{host!r} is not a host name: {error}") from error
    labels = bare.removesuffix(".").split(".")
    if not _HOST.fullmatch(bare) or len(bare) > 254 or not all(1 <= len(label) <= 63 for label in labels):
        raise ValueError(f"{host[:80]!r} is not a host name")
    return bare.lower()


def _nameserver(value: str) -> str:
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([0-9.]+)):(\d{1,5})", value)
    try:
        ipaddress.ip_address((found[1] or found[2]) if found else value)
    except ValueError as error:
        raise ValueError(f"{value!r} is not the address of a name server: write 10.0.0.2 or 10.0.0.2:53") from error
    return value


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError as error:
        raise ValueError(f"{value!r} is not an IP address") from error


def _port(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a port number")  # noqa: TRY004 - pydantic catches this one
    return value


Host = Annotated[str, AfterValidator(ascii_host)]
"""A host name or an IP address."""
Port = Annotated[int, BeforeValidator(_port), Field(ge=1, le=65535)]
Nameserver = Annotated[str, AfterValidator(_nameserver)]
"""``10.0.0.2`` or ``10.0.0.2:53``."""
Address = Annotated[str, AfterValidator(_address)]
"""A literal IP address."""
IpVersion = Literal["any", 4, 6]


class NetworkOptions(KindOptions):
    """How a target's host is found and reached."""

    ip_version: IpVersion = "any"
    """4 or 6 to use only that version of IP; `any` tries the addresses in turn, a little apart (RFC 8305)."""
    address: Address | None = None
    """Connect to this address instead of asking for the name; names in TLS and headers stay the host's."""
    nameservers: tuple[Nameserver, ...] = ()
    """The name servers to ask for this monitor, as in 10.0.0.2 or 10.0.0.2:53. Default: the daemon's."""

    @model_validator(mode="after")
    def _one_version(self) -> Self:
        if self.address is not None and self.ip_version not in ("any", ipaddress.ip_address(self.address).version):
            raise ValueError(f"address {self.address} is not of ip_version {self.ip_version}")
        return self


def _version(value: object) -> object:
    return str(value) if isinstance(value, float) else value  # YAML reads an unquoted 1.2 as a number


TlsVersion = Annotated[Literal["1.0", "1.1", "1.2", "1.3"], BeforeValidator(_version)]
TLS_VERSIONS: Final[dict[str, ssl.TLSVersion]] = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


def _ciphers(value: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers(value)
    except ssl.SSLError as error:
        raise ValueError(f"{value!r} is no OpenSSL cipher list") from error
    return value


Ciphers = Annotated[str, AfterValidator(_ciphers)]
"""An OpenSSL cipher list, as in ``ECDHE+AESGCM``."""


class TrustOptions(Options):
    """Whom a connection by TLS trusts, and as whom it presents itself."""

    verify: bool = True
    """Verify the certificate and the host's name in it. Without, anyone on the way may answer."""
    ca_file: Path | None = None
    """A file of CA certificates (PEM) to trust instead of the system's."""
    client_certificate: Path | None = None
    """A file with our own certificate and its chain (PEM), for servers that ask for one (mTLS)."""
    client_key: Path | None = None
    """The file of its private key (PEM, without passphrase). Default: it stands in `client_certificate`."""

    @model_validator(mode="after")
    def _files(self) -> Self:
        for key in ("ca_file", "client_certificate", "client_key"):
            path = getattr(self, key)
            if path is not None and not path.is_file():
                raise ValueError(f"{key}: {path} is not a file")
        if self.client_key is not None and self.client_certificate is None:
            raise ValueError("client_key needs client_certificate beside it")
        return self


class TlsOptions(TrustOptions):
    """A connection by TLS."""

    server_name: Host | None = None
    """The name to ask for (SNI) and to find in the certificate. Default: the host."""


CONNECTING: Final[Mapping[str, str]] = MappingProxyType({
    "dns": "asking for the host's addresses",
    "connect": "the TCP connection",
})  # fmt: skip
"""The phases that every kind begins with which connects by itself, for its documentation."""
ADDRESS_SEEN: Final[Mapping[str, str]] = MappingProxyType({"address": "the address that was connected to"})
TLS_SEEN: Final[Mapping[str, str]] = MappingProxyType({
    "tls_version": "the version of TLS that was agreed on, or would be if anything were allowed",
    "tls_cipher": "its cipher, likewise",
    "certificate": "the certificate that was shown, also when it was refused: names, dates, key, fingerprint",
})  # fmt: skip
"""What is noted of a TLS handshake, for a kind's documentation."""


def show_place(host: str, port: int) -> str:
    """``host:port``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
