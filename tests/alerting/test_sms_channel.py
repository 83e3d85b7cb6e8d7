"""Text messages, against a server that behaves like Twilio, and misbehaves like it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from saasobs.alerting import gsm7
from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels.sms import SmsOptions
from saasobs.alerting.channels.twilio import ACCOUNT as ACCOUNT_CODES
from saasobs.alerting.channels.twilio import PASSING as PASSING_CODES
from saasobs.alerting.channels.twilio import RECIPIENT as RECIPIENT_CODES
from saasobs.core.errors import DeliveryError, StorageError
from saasobs.core.incident import Briefing
from saasobs.core.ports import Channel
from saasobs.core.values import DAY, MINUTE, SECOND, from_datetime, to_datetime
from support.briefings import INCIDENT, NOW, HandClock, briefing, tools
from support.twilio import ACCOUNT, AUTH_TOKEN, TwilioDouble

ANA, LUIS = "+51987654321", "+5511987654321"
PLAIN: dict[str, Any] = {
    "provider": "twilio",
    "account_sid": ACCOUNT,
    "auth_token": AUTH_TOKEN,
    "from": "+15005550006",
    "to": [ANA, LUIS],
}


class Sent:
    """What the outbox would know of accepted deliveries."""

    def __init__(self) -> None:
        self.log: list[tuple[int, str]] = []
        self.error: StorageError | None = None

    async def count(self, since: int, recipient: str) -> int:
        if self.error is not None:
            raise self.error
        return sum(1 for at, to in self.log if at >= since and recipient in ("", to))


@pytest.fixture
def twilio() -> Iterator[TwilioDouble]:
    with TwilioDouble() as double:
        yield double


def build(twilio: TwilioDouble, sent: Sent | None = None, clock: HandClock | None = None, **options: Any) -> Channel:
    kind = CHANNELS["sms"]
    read = kind.options.model_validate({**PLAIN, "api_base": twilio.url, "timeout": "5s", **options})
    return kind.build(read, tools((sent or Sent()).count, clock))


def to(number: str = ANA) -> Briefing:
    return briefing(recipient=number)


async def test_a_text_arrives(twilio: TwilioDouble) -> None:
    """One segment, to the notice's recipient, from our number, valid for ten minutes; Twilio's ID is the receipt."""
    channel = build(twilio)
    assert channel.recipients == (ANA, LUIS)
    receipt = await channel.send(to(LUIS), "")
    [text] = twilio.texts
    assert (text.to, text.sender, text.validity) == (LUIS, "+15005550006", 600)
    assert text.body == "DOWN api: expected status 200-299, got 500 14:01 UTC #k3v9m2xa"
    assert receipt.provider_id == f"SM{1:032x}"


async def test_any_language_is_one_segment(twilio: TwilioDouble) -> None:
    """Portuguese, Japanese and emoji go out in the phone's own alphabet, within 160."""
    incident = replace(INCIDENT, monitor="Cobrança à vista 🔥", message="não há conexão “agora” – 日本 " * 9)
    await build(twilio).send(briefing(recipient=ANA, incident=incident), "")
    body = twilio.texts[0].body
    assert body.startswith('DOWN Cobranca à vista ?: nao ha conexao "agora" - ??')
    assert body.endswith("#k3v9m2xa")
    assert 150 < gsm7.septets(body) <= 160


async def test_a_messaging_service_picks_the_sender(twilio: TwilioDouble) -> None:
    """In place of a number of ours."""
    options = {**PLAIN, "messaging_service_sid": "MG0123", "api_base": twilio.url}
    del options["from"]
    await CHANNELS["sms"].build(SmsOptions.model_validate(options), tools()).send(to(), "")
    assert twilio.texts[0].sender == "MG0123"


@pytest.mark.parametrize("code", sorted(RECIPIENT_CODES | ACCOUNT_CODES))
@pytest.mark.parametrize("status", [201, 400])
async def test_codes_that_no_second_try_helps(twilio: TwilioDouble, status: int, code: int) -> None:
    """An unknown number, a country not allowed, a filtered text: at once to the next channel. The number's own troubles
    say nothing of the channel."""
    twilio.error = (status, code)
    with pytest.raises(DeliveryError, match=str(code)) as caught:
        await build(twilio).send(to(), "")
    assert caught.value.permanent
    assert caught.value.recipient_only == (code in RECIPIENT_CODES)


@pytest.mark.parametrize("code", sorted(PASSING_CODES))
@pytest.mark.parametrize("status", [201, 400])
async def test_codes_that_pass(twilio: TwilioDouble, status: int, code: int) -> None:
    """Queues that are full empty again."""
    twilio.error = (status, code)
    with pytest.raises(DeliveryError, match=str(code)) as caught:
        await build(twilio).send(to(), "")
    assert not caught.value.permanent


async def test_an_unknown_code_goes_by_its_status(twilio: TwilioDouble) -> None:
    """400 is ours and stays, 500 is theirs and passes, 201 with a failure is tried again."""
    outcomes = []
    for status in (400, 500, 201):
        twilio.error = (status, 99_999)
        with pytest.raises(DeliveryError, match="99999") as caught:
            await build(twilio).send(to(), "")
        outcomes.append(caught.value.permanent)
    assert outcomes == [True, False, False]


@pytest.mark.parametrize(
    "mode",
    ["500", "503", "refuse", "drop", "drop_after_accept", "garbage", "json_list", "charset"],
)
async def test_what_passes_is_worth_another_try(twilio: TwilioDouble, mode: str) -> None:
    """Faults of theirs and of the network, with one request each."""
    twilio.set(mode)
    with pytest.raises(DeliveryError) as caught:
        await build(twilio).send(to(), "")
    assert not caught.value.permanent
    assert len(twilio.requests) == (0 if mode == "refuse" else 1)


@pytest.mark.parametrize("mode", ["hang", "hang_after_accept", "trickle"])
async def test_a_hanging_provider_is_given_up(twilio: TwilioDouble, mode: str) -> None:
    """The text may have gone: it is tried again, and its reader sees the same incident's ID."""
    twilio.set(mode)
    with pytest.raises(DeliveryError, match="it may have taken the message") as caught:
        await build(twilio, timeout="1s").send(to(), "")
    assert not caught.value.permanent


async def test_a_rate_limit_of_theirs_holds_for_all(twilio: TwilioDouble) -> None:
    """429 with Retry-After: nobody gets a text over this channel before."""
    twilio.set("429", retry_after=3)
    with pytest.raises(DeliveryError) as caught:
        await build(twilio).send(to(), "")
    assert (caught.value.permanent, caught.value.retry_after, caught.value.recipient_only) == (False, 3 * SECOND, False)


async def test_a_redirect_is_not_followed(twilio: TwilioDouble) -> None:
    """Credentials go nowhere but where they were meant to go."""
    twilio.set("redirect")
    with pytest.raises(DeliveryError, match="redirects are not followed") as caught:
        await build(twilio).send(to(), "")
    assert caught.value.permanent
    assert len(twilio.requests) == 1


async def test_nobody_is_flooded(twilio: TwilioDouble) -> None:
    """After five texts in ten minutes the sixth to that number waits; another number gets its own at once."""
    sent = Sent()
    sent.log = [(NOW - number * MINUTE, ANA) for number in range(5)]
    channel = build(twilio, sent)
    with pytest.raises(DeliveryError, match="has had 5 text messages") as caught:
        await channel.send(to(ANA), "")
    assert (caught.value.permanent, caught.value.recipient_only) == (False, True)
    assert caught.value.retry_after == 2 * MINUTE
    await channel.send(to(LUIS), "")
    sent.log = [(NOW - 11 * MINUTE, ANA)] * 5
    await channel.send(to(ANA), "")
    assert [text.to for text in twilio.texts] == [LUIS, ANA]


async def test_texts_under_way_count(twilio: TwilioDouble) -> None:
    """Ten at once are not ten past the limit: those being sent just now count as sent."""
    channel = build(twilio, per_recipient=3)
    outcomes = await asyncio.gather(*(channel.send(to(), "") for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(outcome, DeliveryError) for outcome in outcomes) >= 7
    assert 1 <= len(twilio.texts) <= 3
    await channel.send(to(), "")


async def test_the_month_has_a_cap(twilio: TwilioDouble) -> None:
    """Beyond the cap of a calendar month (UTC) nothing is sent, and the fallback takes over; the next month is new."""
    sent, clock = Sent(), HandClock()
    first = from_datetime(to_datetime(NOW).replace(day=1, hour=0, minute=0, second=0))
    sent.log = [(first + number, LUIS) for number in range(3)] + [(first - 1, LUIS)]
    await build(twilio, sent, clock, monthly_cap=4).send(to(), "")
    with pytest.raises(DeliveryError, match="cap of 3 text messages a month") as caught:
        await build(twilio, sent, clock, monthly_cap=3).send(to(), "")
    assert caught.value.cap
    assert caught.value.permanent
    clock.at = first + 30 * DAY
    await build(twilio, sent, clock, monthly_cap=3).send(to(), "")
    assert len(twilio.texts) == 2


async def test_a_broken_database_is_no_reason_to_send_without_limit(twilio: TwilioDouble) -> None:
    """When our own count cannot be read the text waits."""
    sent = Sent()
    sent.error = StorageError("the database is locked", kind="locked")
    with pytest.raises(DeliveryError, match="our own database") as caught:
        await build(twilio, sent).send(to(), "")
    assert not caught.value.permanent
    assert twilio.requests == []


async def test_a_wrong_login_is_permanent_and_not_shown(twilio: TwilioDouble) -> None:
    """Neither token nor account is in the error."""
    with pytest.raises(DeliveryError, match="20003") as caught:
        await build(twilio, auth_token="other-secret").send(to(), "")
    assert caught.value.permanent
    assert "other-secret" not in f"{caught.value}{caught.value.__cause__}"


@pytest.mark.parametrize(
    "number", ["51987654321", "+0123456789", "+51 987", "+12345", "+1234567890123456", "+٣٣٣٣٣٣٣", ""]
)
def test_a_number_that_is_none(number: str) -> None:
    """Only E.164 is taken, and the message shows how to write it."""
    with pytest.raises(ValidationError, match="is not a phone number") as caught:
        SmsOptions.model_validate({**PLAIN, "to": number})
    assert caught.value.error_count() == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"from": ""}, "needs a sender"),
        ({"messaging_service_sid": "MG01"}, "needs a sender"),
        ({"account_sid": "12"}, "pattern"),
        ({"to": []}, "must not be empty"),
        ({"provider": "pigeon"}, "'twilio'"),
        ({"per": "0s"}, "longer than zero"),
        ({"per_recipient": 0}, "greater than or equal"),
        ({"auth_token": ""}, "at least 1 character"),
    ],
)
def test_mistakes_in_the_options(options: dict[str, Any], words: str) -> None:
    """Each mistake is told when the file is read, not when it burns."""
    with pytest.raises(ValidationError, match=words):
        SmsOptions.model_validate({**PLAIN, **options})


def test_one_number_may_stand_alone_and_counts_once() -> None:
    """`to: "+51…"` is a list of one; the same number twice is one recipient."""
    assert SmsOptions.model_validate({**PLAIN, "to": ANA}).to == (ANA,)
    assert SmsOptions.model_validate({**PLAIN, "to": [ANA, LUIS, ANA]}).to == (ANA, LUIS)
