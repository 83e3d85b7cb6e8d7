"""Values derived from the instance's secret, so that they need not be stored. No key is made or kept here."""

from __future__ import annotations

import hashlib
import hmac
import uuid

_HEARTBEAT = b"saasobs heartbeat v1\x00"


def heartbeat_token(secret: bytes, monitor: str) -> str:
    """The ping token of a heartbeat monitor: a UUID (RFC 9562 version 8), a pure function of both arguments.

    The same secret and name give the same token on every start; without the secret it cannot be guessed.
    """
    digest = bytearray(hmac.new(secret, _HEARTBEAT + monitor.encode(), hashlib.sha256).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80  # version 8: the content is the maker's own
    digest[8] = digest[8] & 0x3F | 0x80  # the RFC's variant
    return str(uuid.UUID(bytes=bytes(digest)))
