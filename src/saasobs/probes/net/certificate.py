"""Reading the certificates that a server presented, and naming what is wrong with them. Pure.

They come from libcurl as text (`read_chain`) or from Python's ssl as DER (`read_der`).
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from saasobs.core.result import Reason
from saasobs.core.values import DAY, SECOND, from_datetime, isoformat
from saasobs.probes.excerpt import visible

if TYPE_CHECKING:
    from cryptography import x509

_MAX_NAMES: Final = 50
_MAX_TEXT: Final = 200
_SHOWN_NAMES: Final = 160

VERIFY_REASONS: Final[Mapping[int, Reason]] = MappingProxyType({
    2: Reason.CERTIFICATE_UNTRUSTED,  # unable to get issuer certificate
    9: Reason.CERTIFICATE_NOT_YET_VALID,
    10: Reason.CERTIFICATE_EXPIRED,
    18: Reason.CERTIFICATE_UNTRUSTED,  # self-signed
    19: Reason.CERTIFICATE_UNTRUSTED,  # self-signed in the chain
    20: Reason.CERTIFICATE_UNTRUSTED,  # unable to get local issuer certificate
    21: Reason.CERTIFICATE_UNTRUSTED,  # unable to verify the first certificate
    27: Reason.CERTIFICATE_UNTRUSTED,
    28: Reason.CERTIFICATE_UNTRUSTED,  # rejected
    62: Reason.CERTIFICATE_WRONG_HOST,
    64: Reason.CERTIFICATE_WRONG_HOST,  # IP address mismatch
})  # fmt: skip
"""OpenSSL's X509_V_ERR numbers (x509_vfy.h); every other one is CERTIFICATE_INVALID."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate. Moments are µs since the epoch; names are the host names and addresses it is for."""

    subject: str
    issuer: str
    not_before: int
    not_after: int
    names: tuple[str, ...]
    key: str = ""
    """Kind and size of its public key, as in ``RSA 2048``; empty when it came as text."""
    signature: str = ""
    """The digest that its issuer signed, as in ``sha256``; empty when it came as text."""


def read_chain(chain: Sequence[Sequence[tuple[str, str]]]) -> tuple[Certificate, ...]:
    """The certificates presented, leaf first; those whose dates cannot be read are left out."""
    found = (_read(dict(fields)) for fields in chain)
    return tuple(certificate for certificate in found if certificate is not None)


def _read(fields: Mapping[str, str]) -> Certificate | None:
    try:
        begin, end = _moment(fields["Start date"]), _moment(fields["Expire date"])
    except (KeyError, ValueError):
        return None
    names = fields.get("X509v3 Subject Alternative Name", "").split(", ")
    pairs = [name.partition(":") for name in names]
    kept = [value for kind, _, value in pairs if kind in ("DNS", "IP Address")]
    return Certificate(_name(fields.get("Subject", "")), _name(fields.get("Issuer", "")), begin, end, tuple(kept))


def read_der(chain: Sequence[bytes]) -> tuple[Certificate, ...]:
    """The same from DER; those that cannot be read are left out."""
    found = (_read_der(der) for der in chain)
    return tuple(certificate for certificate in found if certificate is not None)


def _read_der(der: bytes) -> Certificate | None:
    from cryptography import x509  # noqa: PLC0415 - 10 ms that plain HTTP never needs

    try:
        read = x509.load_der_x509_certificate(der)
        names = _alternative_names(read)
        begin, end = read.not_valid_before_utc, read.not_valid_after_utc
        subject, issuer = _words(read.subject), _words(read.issuer)
        key, signature = _key(read), _signature(read)
    except Exception:  # noqa: BLE001 - somebody else's bytes: whatever is odd about them, they describe nothing
        return None
    return Certificate(subject, issuer, from_datetime(begin), from_datetime(end), names, key, signature)


def _key(read: x509.Certificate) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa  # noqa: PLC0415

    try:
        key = read.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return ""
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        return f"{'RSA' if isinstance(key, rsa.RSAPublicKey) else 'DSA'} {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removeprefix("_").removesuffix("PublicKey")


def _signature(read: x509.Certificate) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415

    try:
        digest = read.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return digest.name if digest is not None else ""


def _alternative_names(read: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509  # noqa: PLC0415

    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    hosts = names.get_values_for_type(x509.DNSName)
    return (*hosts, *(str(address) for address in names.get_values_for_type(x509.IPAddress)))


def _words(name: x509.Name) -> str:
    parts = (f"{one.rfc4514_attribute_name}={_text(one.value)}" for one in name)
    return ", ".join(parts)[:_MAX_TEXT]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.hex()


def _moment(text: str) -> int:
    return int(ssl.cert_time_to_seconds(text)) * SECOND


def _name(text: str) -> str:
    return text.replace(" = ", "=")[:_MAX_TEXT]


def earliest(chain: Sequence[Certificate]) -> Certificate:
    """The certificate of a chain that expires first."""
    return min(chain, key=lambda certificate: certificate.not_after)


def days_left(chain: Sequence[Certificate], now: int) -> float:
    """Until the first certificate of the chain expires; negative when one has."""
    return (earliest(chain).not_after - now) / DAY


def describe(chain: Sequence[Certificate], now: int) -> dict[str, Any]:
    """JSON-ready: the leaf's names, and when the first certificate of the chain expires."""
    leaf, first = chain[0], earliest(chain)
    described = {
        "subject": leaf.subject,
        "issuer": leaf.issuer,
        "names": list(leaf.names[:_MAX_NAMES]),
        "not_before": isoformat(leaf.not_before),
        "not_after": isoformat(first.not_after),
        "not_after_us": first.not_after,
        "days_left": round(days_left(chain, now), 3),
        "expires_first": first.subject,
        "chain_length": len(chain),
    }
    return described | {"key": leaf.key, "signature": leaf.signature} if leaf.key else described


def explain(reason: Reason, host: str, chain: Sequence[Certificate], words: str = "") -> str:
    """What is wrong with a refused certificate, in words.

    :param host: the name that was asked for.
    :param words: OpenSSL's own, where the reason alone does not say it.
    """
    if not chain:
        return f"{host}: {visible(words)}" if words else host
    first = earliest(chain)
    if reason is Reason.CERTIFICATE_EXPIRED:
        return f"{visible(first.subject)} expired at {isoformat(first.not_after)}"
    if reason is Reason.CERTIFICATE_NOT_YET_VALID:
        latest = max(chain, key=lambda certificate: certificate.not_before)
        return f"{visible(latest.subject)} is valid from {isoformat(latest.not_before)}"
    if reason is Reason.CERTIFICATE_WRONG_HOST:
        names = visible(", ".join(chain[0].names))[:_SHOWN_NAMES]
        return f"it names {names or 'nobody'}, not {host}"
    return _issued(reason, chain, words)


def _issued(reason: Reason, chain: Sequence[Certificate], words: str) -> str:
    leaf = chain[0]
    issued = f"{visible(leaf.subject)}, issued by {visible(leaf.issuer)}"
    if words:
        return f"{visible(words)}: {issued}" + (f", {leaf.key}, {leaf.signature}" if leaf.key else "")
    if reason is Reason.CERTIFICATE_UNTRUSTED and len(chain) == 1 and leaf.subject != leaf.issuer:
        return f"{issued}, whose certificate was not sent along and is not known here"
    return issued


def what_is_wrong(chain: Sequence[Certificate], host: str, verify_result: int, now: int) -> Reason:
    """Why verification failed: what the certificates themselves show first, then OpenSSL's number.

    An expired certificate is called expired though its issuer is unknown as well: that is what must be mended.
    """
    if any(certificate.not_after <= now for certificate in chain):
        return Reason.CERTIFICATE_EXPIRED
    if any(certificate.not_before > now for certificate in chain):
        return Reason.CERTIFICATE_NOT_YET_VALID
    if verify_result in VERIFY_REASONS:
        return VERIFY_REASONS[verify_result]
    # libcurl compares the host's name itself and leaves 0 or 1 (unspecified) as the number.
    if verify_result in (0, 1) and chain and not is_for(chain[0], host):
        return Reason.CERTIFICATE_WRONG_HOST
    return Reason.CERTIFICATE_INVALID


def is_for(certificate: Certificate, host: str) -> bool:
    """Whether a certificate names this host (RFC 9525: a wildcard is the whole leftmost label)."""
    return any(_covers(name.lower(), host.rstrip(".")) for name in certificate.names)


def _covers(name: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(host)
    except ValueError:
        pass  # at least one of them is a name
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:] != ""
    return name == host
