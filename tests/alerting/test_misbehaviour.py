"""Every channel against a provider that misbehaves: one contract over all kinds, so that a new one cannot lack it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from saasobs.alerting.channels import CHANNELS, Tools
from saasobs.core.errors import DeliveryError
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Change, Receipt
from saasobs.core.ports import Channel
from saasobs.core.values import SECOND
from support.briefings import briefing, many, member, tools
from support.receiver import Double, Receiver
from support.slack import TOKEN as SLACK_TOKEN
from support.sms_providers import CASES, Case
from support.twilio import ACCOUNT, AUTH_TOKEN

ANA = "+51987654321"
Options = Callable[[Double], Mapping[str, Any]]


def texting(case: Case) -> tuple[str, Options]:
    """One of the providers of text messages."""
    return "sms", lambda double: {**case.options, "api_base": double.url, "to": ANA}


OVER_HTTP: Mapping[str, tuple[str, Options]] = {
    **{f"sms-{name}": texting(case) for name, case in CASES.items()},
    "slack": ("slack", lambda double: {"token": SLACK_TOKEN, "channel": "C1", "base_url": double.url}),
    "slack-webhook": ("slack", lambda double: {"webhook_url": f"{double.url}/services/T/B/X"}),
    "telegram": ("telegram", lambda double: {"token": "123456:abc", "chat": "-100123", "base_url": double.url}),
    "whatsapp": (
        "whatsapp",
        lambda double: {"phone_number_id": "106540352242922", "access_token": "t", "to": ANA, "api_base": double.url},
    ),
    "voice": (
        "voice",
        lambda double: {
            "account_sid": ACCOUNT, "auth_token": AUTH_TOKEN, "from": "+15005550006", "to": ANA, "api_base": double.url,
        },
    ),
    "pagerduty": ("pagerduty", lambda double: {"routing_key": "k", "api_base": double.url}),
    "teams": ("teams", lambda double: {"url": f"{double.url}/workflows/x"}),
    "discord": ("discord", lambda double: {"url": f"{double.url}/api/webhooks/1/x"}),
    "apprise": ("apprise", lambda double: {"url": f"json://127.0.0.1:{double.port}/in"}),
    "webhook": (
        "webhook",
        lambda double: {"url": double.url, "secret": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
    ),
}  # fmt: skip
"""By a name of this test's: the kind, and how it is led to the double."""
ELSEWHERE = {"console": "it speaks to nobody else", "email": "SMTP: test_email_channel.py"}
TAKES_ANY_YES = {"apprise", "teams", "webhook"}
"""Whatever body comes with a 2xx, it is a yes there."""
KEEPS_NO_HEADERS = {"apprise"}
"""Apprise answers yes or no, and nothing of why."""

NETWORK = ("refuse", "drop", "drop_after_accept")
SILENT = ("hang", "hang_after_accept", "trickle")
STRANGE = ("garbage", "json_list", "charset", "redirect")


def build(name: str, double: Double, timeout: str) -> Channel:
    kind, options = OVER_HTTP[name]
    made = tools()
    read = CHANNELS[kind].options.model_validate({"timeout": timeout, **options(double)})
    return CHANNELS[kind].build(read, Tools(made.name, made.clock, made.count_sent))


async def send(name: str, double: Double, timeout: str, told: Briefing | GroupBriefing) -> Receipt | DeliveryError:
    """What came of one message; any other exception is the test's failure."""
    channel = build(name, double, timeout)
    try:
        if isinstance(told, Briefing):
            return await channel.send(told, "")
        return await channel.send_group(told, "")
    except DeliveryError as error:
        return error
    finally:
        await channel.close()


def test_no_kind_is_left_out() -> None:
    """A kind that is new stands above, or says where else it is proved."""
    assert {kind for kind, _ in OVER_HTTP.values()} | ELSEWHERE.keys() == CHANNELS.keys()


@pytest.mark.parametrize("mode", ["500", "503", *NETWORK])
@pytest.mark.parametrize("name", OVER_HTTP)
async def test_a_provider_that_fails_is_asked_again(name: str, mode: str) -> None:
    """Its own fault, or the network's: an error that is worth another try, of one message and of many."""
    for told in (briefing(recipient=ANA), many(*(member(number, Change.OPENED) for number in range(6)), recipient=ANA)):
        with Receiver() as double:
            double.set(mode)
            came = await send(name, double, "20s", told)
        assert isinstance(came, DeliveryError)
        assert (came.permanent, came.cap) == (False, False)


@pytest.mark.parametrize("mode", SILENT)
async def test_a_provider_that_hangs_is_given_up(mode: str) -> None:
    """The time-out holds for the whole answer, also where it comes byte by byte: for every channel at once."""
    with Receiver() as double:
        double.set(mode)
        all_ = await asyncio.gather(*(send(name, double, "1s", briefing(recipient=ANA)) for name in OVER_HTTP))
    came = dict(zip(OVER_HTTP, all_, strict=True))
    assert {name for name, one in came.items() if not isinstance(one, DeliveryError) or one.permanent} == set()


@pytest.mark.parametrize("name", OVER_HTTP)
async def test_how_long_to_wait_is_the_providers_word(name: str) -> None:
    """429 with Retry-After."""
    with Receiver() as double:
        double.set("429", retry_after=7)
        came = await send(name, double, "20s", briefing(recipient=ANA))
    assert isinstance(came, DeliveryError)
    assert not came.permanent
    assert came.retry_after == 7 * SECOND or name in KEEPS_NO_HEADERS


@pytest.mark.parametrize("mode", STRANGE)
@pytest.mark.parametrize("name", OVER_HTTP)
async def test_an_answer_that_is_not_the_providers(name: str, mode: str) -> None:
    """A guest network's page, JSON of another shape, an unknown encoding, a redirect: no yes, and no traceback."""
    with Receiver() as double:
        double.set(mode)
        came = await send(name, double, "20s", briefing(recipient=ANA))
    if name in TAKES_ANY_YES and mode != "redirect":
        assert isinstance(came, Receipt)
    else:
        assert isinstance(came, DeliveryError)


@pytest.mark.parametrize("status", ["401", "403"])
@pytest.mark.parametrize("name", OVER_HTTP)
async def test_a_revoked_secret_is_final(name: str, status: str) -> None:
    """Nobody waits for what cannot succeed: the fallback takes over at once."""
    with Receiver() as double:
        double.set(status)
        came = await send(name, double, "20s", briefing(recipient=ANA))
    assert isinstance(came, DeliveryError)
    assert came.permanent or name in KEEPS_NO_HEADERS
