"""The first round trips of SSH: identification, KEXINIT, and an elliptic-curve key exchange (RFC 4253, 5656, 8731).

The server signs a hash over all that was said, our random numbers among it, so that the host key is proven to be its
own. Then the connection ends: nothing is ever encrypted, and nobody logs in.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from saasobs._version import __version__
from saasobs.core.result import Reason
from saasobs.probes.inquiry import Trouble
from saasobs.probes.net.stream import Stream
from saasobs.probes.ssh.host_key import Unproven, prove
from saasobs.probes.ssh.wire import (
    KEX_ECDH_INIT,
    KEX_ECDH_REPLY,
    KEXINIT,
    Fields,
    Malformed,
    mpint,
    names,
    packed,
    read_packet,
    string,
)
from saasobs.probes.verdict import short

OURS: Final = f"SSH-2.0-saasobs_{__version__}".encode()
_MOST_LINES: Final = 50
"""Lines before the identification string, which RFC 4253, 4.2 allows."""
_LINE: Final = 1024
"""Bytes of one of them; the string itself may have 255."""

_KEX: Final[dict[str, str]] = {
    "curve25519-sha256": "sha256",
    "curve25519-sha256@libssh.org": "sha256",
    "ecdh-sha2-nistp256": "sha256",
    "ecdh-sha2-nistp384": "sha384",
    "ecdh-sha2-nistp521": "sha512",
}
"""The exchanges that we know, and the hash of each."""
_CIPHERS: Final = ("chacha20-poly1305@openssh.com", "aes128-ctr", "aes256-ctr", "aes128-gcm@openssh.com",
                   "aes256-gcm@openssh.com", "aes128-cbc", "aes256-cbc", "3des-cbc")  # fmt: skip
_MACS: Final = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512",
                "umac-128-etm@openssh.com", "umac-128@openssh.com", "hmac-sha1")  # fmt: skip
"""Offered so that the server goes on; none is ever used."""


@dataclass(frozen=True, slots=True)
class Identification:
    """The line by which the server introduces itself, and what it said before."""

    raw: bytes
    """Without its end of line, which is what the server signs."""
    before: tuple[str, ...]

    @property
    def line(self) -> str:
        return _text(self.raw)

    @property
    def version(self) -> str:
        """``2.0`` of ``SSH-2.0-OpenSSH_9.2``."""
        return self.line.split("-", 2)[1] if self.line.count("-") >= 2 else ""


@dataclass(frozen=True, slots=True)
class Proven:
    """A host key that the server showed to hold."""

    blob: bytes
    algorithm: str
    exchange: str


async def identify(stream: Stream) -> Identification:
    """Exchange identification strings; the server's comes first, or what it says in place of one.

    :raises Trouble: it is no SSH server.
    """
    before: list[str] = []
    while len(before) < _MOST_LINES:
        try:
            line = await stream.line(_LINE)
        except Trouble as trouble:
            if before and trouble.reason is Reason.CONNECTION_RESET:
                # "Exceeded MaxStartups" and the like: a server that sends everybody away says why.
                raise Trouble(Reason.NOT_SERVING, f'"{short(before[-1])}"') from trouble
            raise
        if line.startswith(b"SSH-"):
            await stream.send(OURS + b"\r\n")
            return Identification(line, tuple(before))
        before.append(_text(line))
    raise Trouble(Reason.PROTOCOL_ERROR, f'no SSH identification but "{short(before[0])}"')


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")


async def exchange(stream: Stream, theirs: Identification, algorithms: Sequence[str]) -> Proven:
    """Have the server prove a host key of one of these algorithms. :raises Trouble:"""
    ours = packed_offer(tuple(algorithms))
    await stream.send(packed(ours))
    offer = await read_packet(stream)
    try:
        kex, algorithm, skip = _agree(offer, tuple(algorithms))
        public, shared = _half(kex)
        await stream.send(packed(bytes([KEX_ECDH_INIT]) + string(public)))
        if skip:
            await read_packet(stream)
        blob, point, signature = _reply(await read_packet(stream))
        said = b"".join(map(string, (OURS, theirs.raw, ours, offer, blob, public, point)))
        digest = hashlib.new(_KEX[kex], said + mpint(shared(point))).digest()
    except Malformed as error:
        raise Trouble(Reason.PROTOCOL_ERROR, "a message of the key exchange cannot be read") from error
    try:
        prove(algorithm, blob, signature, digest)
    except Unproven as error:
        raise Trouble(Reason.PROTOCOL_ERROR, "the server could not prove that the host key is its own") from error
    return Proven(blob, algorithm, kex)


def packed_offer(algorithms: tuple[str, ...]) -> bytes:
    """Our KEXINIT (RFC 4253, 7.1)."""
    ways = (_CIPHERS, _CIPHERS, _MACS, _MACS, ("none",), ("none",), (), ())
    lists = b"".join(names(one) for one in (tuple(_KEX), algorithms, *ways))
    return bytes([KEXINIT]) + os.urandom(16) + lists + bytes(5)


def _agree(offer: bytes, algorithms: tuple[str, ...]) -> tuple[str, str, bool]:
    """Exchange, host key algorithm, and whether the server's next packet is a wrong guess (RFC 4253, 7)."""
    fields = Fields(offer)
    if fields.take(1)[0] != KEXINIT:
        raise Malformed
    fields.take(16)
    kex, keys = fields.names(), fields.names()
    for _ in range(8):
        fields.names()
    guessed = fields.flag()
    agreed = _first(tuple(_KEX), kex, "key exchange"), _first(algorithms, keys, "host key")
    right = (kex[0], keys[0]) == (next(iter(_KEX)), algorithms[0])
    return *agreed, guessed and not right


def _reply(payload: bytes) -> tuple[bytes, bytes, bytes]:
    """The host key, the server's public half and the signature (RFC 5656, 4)."""
    fields = Fields(payload)
    if fields.take(1)[0] != KEX_ECDH_REPLY:
        raise Malformed
    return fields.string(), fields.string(), fields.string()


def _first(ours: tuple[str, ...], theirs: tuple[str, ...], what: str) -> str:
    for one in ours:
        if one in theirs:
            return one
    offered = short(", ".join(theirs)) or "nothing"
    raise Trouble(Reason.VERSION_MISMATCH, f"no {what} in common: it offers {offered}, expected {', '.join(ours)}")


def _half(kex: str) -> tuple[bytes, Callable[[bytes], int]]:
    """Our public half, and what makes the shared secret of the server's."""
    return _curve25519() if kex.startswith("curve25519") else _nist(kex)


def _curve25519() -> tuple[bytes, Callable[[bytes], int]]:
    from cryptography.hazmat.primitives.asymmetric.x25519 import (  # noqa: PLC0415 - a heavy import
        X25519PrivateKey,
        X25519PublicKey,
    )

    private = X25519PrivateKey.generate()

    def shared(point: bytes) -> int:
        try:
            return int.from_bytes(private.exchange(X25519PublicKey.from_public_bytes(point)), "big")
        except ValueError as error:
            raise Malformed from error  # also a point that would make the secret zero (RFC 8731, 3)

    return private.public_key().public_bytes_raw(), shared


def _nist(kex: str) -> tuple[bytes, Callable[[bytes], int]]:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    curve: ec.EllipticCurve = {"256": ec.SECP256R1(), "384": ec.SECP384R1(), "521": ec.SECP521R1()}[kex[-3:]]
    private = ec.generate_private_key(curve)

    def shared(point: bytes) -> int:
        try:
            theirs = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
            return int.from_bytes(private.exchange(ec.ECDH(), theirs), "big")
        except (ValueError, TypeError) as error:
            raise Malformed from error

    public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return public, shared
