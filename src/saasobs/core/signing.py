"""Values derived from the instance's secret, so that they need not be stored. No key is made or kept here."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from dataclasses import dataclass

from saasobs.core.values import base32_number, base32_text

_HEARTBEAT = b"saasobs heartbeat v1\x00"


def heartbeat_token(secret: bytes, monitor: str) -> str:
    """The ping token of a heartbeat monitor: a UUID (RFC 9562 version 8), a pure function of both arguments.

    The same secret and name give the same token on every start; without the secret it cannot be guessed.
    """
    digest = bytearray(hmac.new(secret, _HEARTBEAT + monitor.encode(), hashlib.sha256).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80  # version 8: the content is the maker's own
    digest[8] = digest[8] & 0x3F | 0x80  # the RFC's variant
    return str(uuid.UUID(bytes=bytes(digest)))


_CALENDAR = b"saasobs calendar v1\x00"


def calendar_token(secret: bytes, schedule: str) -> str:
    """What stands in the address of a schedule's calendar feed: 32 hexadecimal digits, a pure function of both."""
    return hmac.new(secret, _CALENDAR + schedule.encode(), hashlib.sha256).hexdigest()[:32]


_RECEIPTS = b"saasobs receipts v1\x00"


def receipts_token(secret: bytes, channel: str) -> str:
    """What stands in the address that a channel's provider reports to: 32 hexadecimal digits, made of both."""
    return hmac.new(secret, _RECEIPTS + channel.encode(), hashlib.sha256).hexdigest()[:32]


_ANSWER = b"saasobs answer v1\x00"
_IDENTITY_BYTES = 5
_EXPIRY_BYTES = 4
_MAC_BYTES = 10
_TOKEN_BYTES = _IDENTITY_BYTES + _EXPIRY_BYTES + _MAC_BYTES
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = {letter: value for value, letter in enumerate(_BASE62)}
ANSWER_TOKEN_LENGTH = 26
"""62**26 > 256**19."""


@dataclass(frozen=True, slots=True)
class AnswerToken:
    """What a link's token says; nothing of it is to be believed before `is_for` has."""

    identity: str
    """Of an incident or a group: 8 letters of Crockford's base 32."""
    expires_at: int
    """µs; whole seconds."""
    _signed: bytes
    _mac: bytes

    def is_for(self, secret: bytes, who: str) -> bool:
        """Whether we made it, for this person or recipient. Takes the same time whatever the answer."""
        return hmac.compare_digest(_answer_mac(secret, self._signed, who), self._mac)


def answer_token(secret: bytes, identity: str, who: str, expires_at: int) -> str:
    """What stands in a link by which one tap answers: 26 letters and digits, a pure function of all arguments.

    80 of its bits are an HMAC over the rest and over whom it is for, who is not named in it: a text message has no
    room.

    :param expires_at: µs, rounded down to the second.
    :returns: empty for an ID that is none of ours, and for a moment beyond 2106.
    """
    number = base32_number(identity) if len(identity) == _IDENTITY_BYTES * 8 // 5 else None
    seconds = expires_at // 1_000_000
    if number is None or not 0 <= seconds < 2 ** (8 * _EXPIRY_BYTES):
        return ""
    signed = number.to_bytes(_IDENTITY_BYTES, "big") + seconds.to_bytes(_EXPIRY_BYTES, "big")
    value = int.from_bytes(signed + _answer_mac(secret, signed, who), "big")
    letters = []
    for _ in range(ANSWER_TOKEN_LENGTH):
        value, digit = divmod(value, 62)
        letters.append(_BASE62[digit])
    return "".join(reversed(letters))


def read_answer_token(token: str) -> AnswerToken | None:
    """Take one apart; None: no token looks like this."""
    if len(token) != ANSWER_TOKEN_LENGTH or not all(letter in _DIGITS for letter in token):
        return None
    value = 0
    for letter in token:
        value = value * 62 + _DIGITS[letter]
    if value >= 256**_TOKEN_BYTES:
        return None
    raw = value.to_bytes(_TOKEN_BYTES, "big")
    signed, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    identity = base32_text(int.from_bytes(signed[:_IDENTITY_BYTES], "big"), _IDENTITY_BYTES * 8 // 5)
    return AnswerToken(identity, int.from_bytes(signed[_IDENTITY_BYTES:], "big") * 1_000_000, signed, mac)


def _answer_mac(secret: bytes, signed: bytes, who: str) -> bytes:
    whole = _ANSWER + signed + who.encode("utf-8", "surrogatepass")
    return hmac.new(secret, whole, hashlib.sha256).digest()[:_MAC_BYTES]
