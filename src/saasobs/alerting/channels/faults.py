"""The one door for what goes wrong at a provider: foreign errors and HTTP answers become DeliveryError.

What is not known to be permanent is worth another try: a message too many is better than one too few. Sentences are
bounded and scrubbed: they are stored with the notice and shown.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Final

import httpx
from aiosmtplib.errors import SMTPException
from slack_sdk.errors import SlackClientError

from saasobs.alerting.hygiene import one_line
from saasobs.alerting.retry import RETRY_AFTER_LIMIT
from saasobs.core.errors import DeliveryError, StorageError
from saasobs.core.redact import redact_text
from saasobs.core.values import SECOND, format_duration, from_datetime

FOREIGN: Final[tuple[type[Exception], ...]] = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    SMTPException,
    SlackClientError,
    HTTPException,
    StorageError,  # the caps are counted in our own database
    OSError,  # the network, names, TLS, time-outs and the terminal
    ValueError,  # texts that cannot be encoded or decoded
    LookupError,  # an answer in an encoding that does not exist
    TypeError,  # an answer of another shape than its library expects …
    AttributeError,  # … which then fails inside that library
)
"""Everything that the libraries under the channels raise; a test holds their whole trees against it."""

_SENTENCES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (httpx.ConnectTimeout, "could not be reached in time"),
    (httpx.TimeoutException, "did not answer in time (it may have taken the message)"),
    (TimeoutError, "did not answer in time (it may have taken the message)"),
    (httpx.ConnectError, "cannot be reached"),
    (httpx.RemoteProtocolError, "broke off or did not answer in HTTP (it may have taken the message)"),
    (httpx.ReadError, "broke off (it may have taken the message)"),
    (ssl.SSLCertVerificationError, "has a certificate that is not trusted"),
    (ConnectionRefusedError, "refused the connection"),
    (ConnectionError, "broke off (it may have taken the message)"),
    (StorageError, "was not asked: our own database cannot be read"),
)
_RETRYABLE_STATUS: Final = frozenset({408, 425, 429})
_DETAIL: Final = 200


def translated(error: Exception, provider: str) -> DeliveryError:
    """A foreign error as ours: worth another try, and says so in words."""
    if isinstance(error, DeliveryError):
        return error
    words = next((words for kind, words in _SENTENCES if isinstance(error, kind)), "failed")
    return DeliveryError(f"{provider} {words}{_because(error)}")


def refused(provider: str, status: int, said: str, retry_after: int | None = None) -> DeliveryError:
    """What an HTTP status that is no success means.

    :param said: what the answer said of itself; only a bounded, scrubbed piece is kept.
    """
    permanent = status < 500 and status not in _RETRYABLE_STATUS
    redirect = ": redirects are not followed, configure the new address" if 300 <= status < 400 else ""
    detail = f": {excerpt(said)}" if said.strip() and not redirect else ""
    sentence = f"{provider} answered {status}{redirect}{detail}"
    return DeliveryError(sentence, permanent=permanent, retry_after=None if permanent else retry_after)


def retry_after(value: str | None, now: int) -> int | None:
    """Microseconds from a Retry-After header (RFC 9110, 10.2.3): seconds or an HTTP date; None when it is neither."""
    text = (value or "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        return min(int(float(text) * SECOND), RETRY_AFTER_LIMIT)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0, from_datetime(aware) - now), RETRY_AFTER_LIMIT)


def excerpt(text: str) -> str:
    """A piece of what somebody else wrote that may be stored and shown."""
    return one_line(redact_text(text[: 8 * _DETAIL]), _DETAIL)


@asynccontextmanager
async def door(provider: str, timeout: int) -> AsyncIterator[None]:
    """Everything foreign that is raised inside comes out as DeliveryError, and none of it takes longer than `timeout`.

    :param timeout: microseconds for all of it together.
    """
    try:
        async with asyncio.timeout(timeout / SECOND) as whole:
            yield
    except DeliveryError:
        raise
    except FOREIGN as error:
        if whole.expired():
            limit = format_duration(timeout)
            sentence = f"{provider} did not answer within {limit} (it may have taken the message)"
            raise DeliveryError(sentence) from error
        raise translated(error, provider) from error


def _because(error: Exception) -> str:
    text = excerpt(str(error))
    return f": {text}" if text else f": {type(error).__name__}"
