"""Signatures of webhooks in the form of Standard Webhooks, version 1: made and checked. Pure.

Signed is ``{id}.{timestamp}.{body}`` with HMAC-SHA256; the header is ``v1,<base64>``, several of them parted by blanks
while a secret is being changed. A secret is ``whsec_`` and the base64 of 24 to 64 bytes.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from saasobs.core.values import Secret

PREFIX: Final = "whsec_"
TOLERANCE_SECONDS: Final = 300
ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
_VERSION: Final = "v1"


def decode_secret(secret: Secret) -> bytes:
    """The key in a secret's text. :raises ValueError: with what it must look like, never with the secret."""
    text = secret.reveal()
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError(f"a signing secret is `{PREFIX}` and the base64 of 24 to 64 random bytes")
    return key


def sign(secret: Secret, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, ``v1,…``. :param timestamp: seconds since the epoch."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(decode_secret(secret), signed, hashlib.sha256).digest()
    return f"{_VERSION},{base64.b64encode(digest).decode()}"


def signed_headers(secret: Secret, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of one message. The same message tried again keeps its ID and gets a new timestamp."""
    return {ID: message_id, TIMESTAMP: str(timestamp), SIGNATURE: sign(secret, message_id, timestamp, body)}


def verify(secrets: Iterable[Secret], headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """Whether one of the secrets has signed this body, within five minutes of `now` (seconds).

    :param headers: with names in lower case.
    """
    message_id, moment = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not message_id or not (moment.isascii() and moment.isdigit()) or len(moment) > 12:
        return False
    timestamp = int(moment)
    if str(timestamp) != moment or abs(now - timestamp) > TOLERANCE_SECONDS:
        return False
    given = [signature.encode() for signature in headers.get(SIGNATURE, "").split()]
    known = [sign(secret, message_id, timestamp, body).encode() for secret in secrets]
    return any(hmac.compare_digest(one, other) for one in given for other in known)
