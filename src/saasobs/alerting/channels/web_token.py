"""JSON Web Tokens with a shared secret (RFC 7519, HS256), as some providers sign what they report. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any, Final

from saasobs.core.values import Secret

TOLERANCE_SECONDS: Final = 600
"""A report may have been tried again some minutes; an older one is somebody's copy."""
_LONGEST: Final = 4_096


def is_signed(secret: Secret, authorization: str, body: bytes, now: int) -> bool:
    """Whether an Authorization header holds a token of this secret, for this body and not too old.

    :param now: seconds since 1970.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or len(token) > _LONGEST or token.count(".") != 2:
        return False
    signed, _, given = token.strip().rpartition(".")
    header, claims = (_object(piece) for piece in signed.split("."))
    expected = hmac.new(secret.reveal().encode(), signed.encode("utf-8", "replace"), hashlib.sha256).digest()
    right = hmac.compare_digest(_bytes(given), expected)
    return right and header.get("alg") == "HS256" and _holds(claims, body, now)


def _holds(claims: dict[str, Any], body: bytes, now: int) -> bool:
    issued, ends = claims.get("iat"), claims.get("exp")
    fresh = isinstance(issued, int | float) and abs(now - issued) <= TOLERANCE_SECONDS
    lasting = ends is None or (isinstance(ends, int | float) and now < ends)
    digest = claims.get("payload_hash")
    whole = isinstance(digest, str) and hmac.compare_digest(
        digest.lower().encode("utf-8", "replace"), hashlib.sha256(body).hexdigest().encode()
    )
    return fresh and lasting and whole


def _object(piece: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(piece))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _bytes(piece: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(piece.encode("ascii") + b"=" * (-len(piece) % 4))
    except (binascii.Error, ValueError):
        return b""
