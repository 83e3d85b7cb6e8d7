"""Grafana's signature of a webhook: checked. Pure.

``X-Grafana-Alerting-Signature`` is the hexadecimal HMAC-SHA256 of the body, or of ``timestamp:body`` where a header
for the timestamp (seconds since the epoch) is configured.
https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/#hmac-signature
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from saasobs.core.values import SECOND, Secret

HEADER: Final = "x-grafana-alerting-signature"
TOLERANCE: Final = 300 * SECOND


def sign(secret: Secret, body: bytes, timestamp: str = "") -> str:
    """What the header must hold."""
    signed = f"{timestamp}:".encode() + body if timestamp else body
    return hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest()


def verify(secret: Secret, headers: Mapping[str, str], body: bytes, timestamp_header: str, now: int) -> bool:
    """Whether the body was signed with this secret, and, where a timestamp is signed, within five minutes of `now`.

    :param headers: with names in lower case. :param timestamp_header: empty: no timestamp is signed. :param now: µs.
    """
    timestamp = ""
    if timestamp_header:
        timestamp = headers.get(timestamp_header, "")
        if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > 12:
            return False
        if abs(now - int(timestamp) * SECOND) > TOLERANCE:
            return False
    given = headers.get(HEADER, "").strip().lower()
    return hmac.compare_digest(given.encode("utf-8", "replace"), sign(secret, body, timestamp).encode())
