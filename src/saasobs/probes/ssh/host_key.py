"""Host keys: what a server signs the key exchange with, read from its own form and checked. Pure.

ssh-ed25519 RFC 8709, ecdsa-sha2-* RFC 5656, RSA with SHA-2 RFC 8332. Signatures with SHA-1 are not taken.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from saasobs.probes.ssh.wire import Fields, Malformed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "ed25519": ("ssh-ed25519",),
    "ecdsa": ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    "rsa": ("rsa-sha2-512", "rsa-sha2-256"),
})  # fmt: skip
"""The algorithms to ask for, by type of key."""

_LARGEST_RSA: Final = 16_384
"""Bits; checking a signature of a larger key would hold up everything else."""


class Unproven(Exception):
    """The signature is not by this key, or one of the two cannot be read."""


def fingerprint(blob: bytes) -> str:
    """As ssh-keygen -l shows it: ``SHA256:`` and base64 without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def type_of(blob: bytes) -> str:
    """The key's own type, as in ``ssh-ed25519``; empty when it cannot be read."""
    try:
        return Fields(blob).string().decode("ascii", "replace")
    except Malformed:
        return ""


def prove(algorithm: str, blob: bytes, signature: bytes, signed: bytes) -> None:
    """:raises Unproven: whatever is wrong."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415 - a heavy import

    wanted = "ssh-rsa" if algorithm.startswith("rsa-") else algorithm
    try:
        key, form = Fields(blob), Fields(signature)
        if key.string().decode("ascii", "replace") != wanted or form.string() != algorithm.encode():
            raise Unproven
        _check(algorithm, key, form.string(), signed)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, OverflowError) as error:
        raise Unproven from error


def _check(algorithm: str, key: Fields, signature: bytes, signed: bytes) -> None:
    if algorithm == "ssh-ed25519":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

        Ed25519PublicKey.from_public_bytes(key.string()).verify(signature, signed)
    elif algorithm.startswith("ecdsa-"):
        _check_ecdsa(algorithm, key, signature, signed)
    elif algorithm.startswith("rsa-"):
        _check_rsa(algorithm, key, signature, signed)
    else:
        raise Unproven


def _check_ecdsa(algorithm: str, key: Fields, signature: bytes, signed: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature  # noqa: PLC0415

    key.string()  # the curve's name again
    curve, digest = _curve(algorithm)
    numbers = Fields(signature)
    encoded = encode_dss_signature(numbers.number(), numbers.number())
    ec.EllipticCurvePublicKey.from_encoded_point(curve, key.string()).verify(encoded, signed, ec.ECDSA(digest))


def _curve(algorithm: str) -> tuple[ec.EllipticCurve, HashAlgorithm]:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    size = algorithm.rpartition("p")[2]
    if size == "256":
        return ec.SECP256R1(), hashes.SHA256()
    return (ec.SECP384R1(), hashes.SHA384()) if size == "384" else (ec.SECP521R1(), hashes.SHA512())


def _check_rsa(algorithm: str, key: Fields, signature: bytes, signed: bytes) -> None:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415

    exponent, modulus = key.number(), key.number()
    if exponent.bit_length() > 64 or modulus.bit_length() > _LARGEST_RSA:
        raise Unproven
    digest = hashes.SHA512() if algorithm == "rsa-sha2-512" else hashes.SHA256()
    public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    public.verify(signature, signed, padding.PKCS1v15(), digest)
