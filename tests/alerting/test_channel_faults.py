"""The one door: whatever a provider or its library does comes out as DeliveryError."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator

import aiosmtplib.errors
import httpx
import pytest
import slack_sdk.errors
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting.channels.faults import FOREIGN, door, excerpt, refused, retry_after, translated
from saasobs.alerting.retry import RETRY_AFTER_LIMIT
from saasobs.core.errors import DeliveryError, StorageError
from saasobs.core.values import MILLISECOND, SECOND
from support.briefings import NOW


def family(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for child in root.__subclasses__():
        yield from family(child)


def raised_by(module: object) -> list[type[Exception]]:
    """Every exception that a library exports."""
    names = (getattr(module, name) for name in dir(module))
    return [one for one in names if isinstance(one, type) and issubclass(one, Exception)]


@pytest.mark.parametrize("module", [httpx, aiosmtplib.errors, slack_sdk.errors], ids=lambda module: module.__name__)
def test_the_table_is_complete(module: object) -> None:
    """No exception that a library under the channels defines passes the door as it is."""
    ours = [kind for root in raised_by(module) for kind in family(root)]
    missing = {kind.__name__ for kind in ours if not issubclass(kind, FOREIGN)}
    assert len(ours) >= 5
    assert missing <= {"CookieConflict"}, "nobody asks for a cookie here; everything else must have its way"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectError("[Errno 111] refused"), "cannot be reached"),
        (httpx.ReadTimeout(""), "did not answer in time (it may have taken the message)"),
        (httpx.RemoteProtocolError("peer closed"), "it may have taken the message"),
        (ssl.SSLCertVerificationError("self-signed"), "certificate that is not trusted"),
        (ConnectionResetError("reset"), "broke off (it may have taken the message)"),
        (StorageError("locked", kind="locked"), "our own database cannot be read"),
        (TypeError("'list' object"), "failed"),
    ],
)
async def test_foreign_errors_become_ours_in_words(error: Exception, words: str) -> None:
    """Each is worth another try, says what happened, and keeps its cause."""
    with pytest.raises(DeliveryError, match="Provider") as caught:
        async with door("Provider", SECOND):
            raise error
    assert words in str(caught.value)
    assert caught.value.permanent is False
    assert caught.value.__cause__ is error


async def test_all_of_it_has_one_time_limit() -> None:
    """What never ends is given up, and counts as perhaps sent."""
    with pytest.raises(DeliveryError, match="did not answer within 20ms") as caught:
        async with door("Provider", 20 * MILLISECOND):
            await asyncio.sleep(60)
    assert caught.value.permanent is False


async def test_cancelling_is_not_an_error_of_the_provider() -> None:
    """A daemon that stops is not told that its provider failed."""

    async def send() -> None:
        async with door("Provider", 60 * SECOND):
            await asyncio.sleep(60)

    task = asyncio.create_task(send())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("status", [301, 400, 401, 404, 408, 410, 413, 422, 425, 429, 500, 502, 503, 504, 599])
def test_a_status_says_whether_to_try_again(status: int) -> None:
    """Our mistake is permanent, theirs passes; only what passes has a time to wait for."""
    permanent = status in (301, 400, 401, 404, 410, 413, 422)
    error = refused("Provider", status, "words", 5 * SECOND)
    assert error.permanent is permanent
    assert error.retry_after == (None if permanent else 5 * SECOND)
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("2", 2 * SECOND),
        ("0", 0),
        ("1.5", 1_500_000),
        (" 30 ", 30 * SECOND),
        ("Sun, 22 Nov 2026 14:03:30 GMT", 30 * SECOND),
        ("Sun, 22 Nov 2026 14:03:30 -0000", 30 * SECOND),
        ("Sun, 22 Nov 2026 13:00:00 GMT", 0),
        ("Sat, 22 Nov 2036 13:00:00 GMT", RETRY_AFTER_LIMIT),
        ("999999999", RETRY_AFTER_LIMIT),
        ("9" * 5000, None),
        ("-3", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(header: str | None, wait: int | None) -> None:
    """Seconds or an HTTP date, an hour at most; nonsense counts for nothing."""
    assert retry_after(header, NOW) == wait


@given(st.text())
def test_no_retry_after_raises(header: str) -> None:
    """Whatever stands in the header, it is a wait within bounds or none."""
    wait = retry_after(header, NOW)
    assert wait is None or 0 <= wait <= RETRY_AFTER_LIMIT


def test_what_a_provider_says_is_bounded_and_scrubbed() -> None:
    """An answer that repeats our credentials, or a megabyte of HTML, is kept as a short line without them."""
    said = excerpt("Authorization: Bearer abcdef123456\r\n" + "<p>" * 100_000)
    assert "abcdef123456" not in said
    assert len(said) <= 200
    assert "\n" not in said


def test_ours_stays_ours() -> None:
    """What is a DeliveryError already passes unchanged."""
    error = DeliveryError("no", permanent=True)
    assert translated(error, "Provider") is error
