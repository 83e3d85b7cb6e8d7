"""Reading the certificates that a server presented, as libcurl describes them, and naming what is wrong. Pure."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from saasobs.core.result import Reason
from saasobs.core.values import DAY, SECOND, isoformat

_MAX_NAMES: Final = 50
_MAX_TEXT: Final = 200

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
    return {
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
