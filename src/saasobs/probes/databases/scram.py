"""Logging in by SCRAM (RFC 5802, RFC 7677), the client's side, without channel binding: PostgreSQL and MongoDB. Pure.

1. We send our name and a nonce.
2. The server answers with a longer nonce, a salt, and how many rounds of hashing make the salted password.
3. We send a proof that we know the password; the server's answer proves that it knows it as well.

The rounds are the server's to choose and ours to compute, so they are bounded, and their result is kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata
from typing import Final, Literal

from saasobs.core.result import Reason
from saasobs.probes.inquiry import Trouble

MOST_ROUNDS: Final = 100_000
"""45 ms of hashing; servers ask for 4096 to 15000."""
_KEPT: Final = 64
_FIRST: Final = re.compile(rb"r=([!-+\--~]{1,500}),s=([A-Za-z0-9+/=]{1,500}),i=([0-9]{1,9})(?:,.*)?")

Digest = Literal["sha1", "sha256"]


class SaltedPasswords:
    """What was computed lately: the salt stays the same until a password is changed."""

    def __init__(self) -> None:
        self._made: dict[tuple[Digest, str, bytes, int], bytes] = {}

    def of(self, digest: Digest, password: str, salt: bytes, rounds: int) -> bytes:
        key = (digest, password, salt, rounds)
        if key not in self._made:
            while len(self._made) >= _KEPT:  # a hostile server has a new salt each time
                del self._made[next(iter(self._made))]
            self._made[key] = hashlib.pbkdf2_hmac(digest, password.encode(), salt, rounds)
        return self._made[key]


class Scram:
    """One login."""

    def __init__(self, digest: Digest, user: str, password: str, salted: SaltedPasswords, nonce: str = "") -> None:
        """:param password: as the server's kind wants it: `prepared`, or a digest. :param nonce: for tests."""
        self._digest = digest
        self._password = password
        self._salted = salted
        self._nonce = nonce or secrets.token_urlsafe(24)
        name = user.replace("=", "=3D").replace(",", "=2C")
        self._first = f"n={name},r={self._nonce}".encode()
        self._signature = b""

    def first(self) -> bytes:
        """The first message, with the header that says "no channel binding"."""
        return b"n,," + self._first

    def answer(self, challenge: bytes) -> bytes:
        """The final message, to the server's first. :raises Trouble: that is no such message, or asks too much."""
        found = _FIRST.fullmatch(challenge)
        if found is None or not found[1].startswith(self._nonce.encode()):
            raise Trouble(Reason.PROTOCOL_ERROR, "what it answered to the login is no SCRAM")
        rounds = int(found[3])
        if not 1 <= rounds <= MOST_ROUNDS:
            raise Trouble(Reason.PROTOCOL_ERROR, f"it asks for {rounds} rounds of hashing, more than {MOST_ROUNDS}")
        salted = self._salted.of(self._digest, self._password, _decoded(found[2]), rounds)
        without_proof = b"c=biws,r=" + found[1]
        whole = b",".join((self._first, challenge, without_proof))
        key = self._hmac(salted, b"Client Key")
        signature = self._hmac(hashlib.new(self._digest, key).digest(), whole)
        self._signature = self._hmac(self._hmac(salted, b"Server Key"), whole)
        proof = bytes(left ^ right for left, right in zip(key, signature, strict=True))
        return without_proof + b",p=" + base64.b64encode(proof)

    def verify(self, final: bytes) -> None:
        """The server's last message. :raises Trouble: it does not know the password itself."""
        told = _decoded(final.removeprefix(b"v=").partition(b",")[0]) if final.startswith(b"v=") else b""
        if not self._signature or not hmac.compare_digest(told, self._signature):
            raise Trouble(Reason.AUTHENTICATION_FAILED, "the server itself does not know the password")

    def _hmac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, self._digest)


def prepared(password: str) -> str:
    """SASLprep (RFC 4013), as far as it changes anything; a password that it forbids stays as it is."""
    if password.isascii():
        return password
    spaced = "".join(
        " " if stringprep.in_table_c12(letter) else letter for letter in password if not stringprep.in_table_b1(letter)
    )
    return unicodedata.normalize("NFKC", spaced)


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Trouble(Reason.PROTOCOL_ERROR, "what it answered to the login is no SCRAM") from error
