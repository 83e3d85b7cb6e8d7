"""Calls, against a server that behaves like Twilio: what is said, what a key does, what becomes of a call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from pydantic import ValidationError

from saasobs.alerting import spoken
from saasobs.alerting.channels import CHANNELS, Tools
from saasobs.alerting.channels.twilio import ACCOUNT as ACCOUNT_CODES
from saasobs.alerting.channels.twilio import PASSING, RECIPIENT
from saasobs.alerting.channels.voice import VoiceOptions, twiml
from saasobs.core.errors import DeliveryError, Refused
from saasobs.core.incident import Change
from saasobs.core.ports import Channel
from saasobs.core.receipts import Fate, Posted, Price, TakesKeys, TakesReceipts
from saasobs.core.values import SECOND
from support.briefings import INCIDENT, briefing, many, member, tools
from support.twilio import ACCOUNT, AUTH_TOKEN, TwilioDouble, signed

ANA = "+51987654321"
PLAIN: dict[str, Any] = {"account_sid": ACCOUNT, "auth_token": AUTH_TOKEN, "from": "+15005550006", "to": ANA}
URL = "https://hooks.acme.example/receipts/calls/0123456789abcdef0123456789abcdef"
LINK = "https://hooks.acme.example/a/4gXyZ09"


@pytest.fixture
def twilio() -> Iterator[TwilioDouble]:
    with TwilioDouble() as double:
        yield double


def build(twilio: TwilioDouble | None = None, url: str = URL, **options: Any) -> Channel:
    kind, made = CHANNELS["voice"], tools()
    base = twilio.url if twilio is not None else "http://127.0.0.1:1"
    read = kind.options.model_validate({**PLAIN, "api_base": base, "timeout": "5s", **options})
    return kind.build(read, Tools(made.name, made.clock, made.count_sent, receipts_url=url))


def said(text: str) -> list[tuple[str, str]]:
    """(language, sentence) of all that is said."""
    return [(one.get("language", ""), one.text or "") for one in ET.fromstring(text).iter("Say")]


async def test_a_call_is_made(twilio: TwilioDouble) -> None:
    """To the notice's recipient, with what is said in it; the call's ID is the receipt."""
    receipt = await build(twilio).send(briefing(recipient=ANA), "")
    [call] = twilio.calls
    assert (call.to, call.callback, call.sid) == (ANA, URL, receipt.provider_id)
    form = twilio.requests[0].body.decode()
    assert "Timeout=30" in form
    assert "From=%2B15005550006" in form


@pytest.mark.parametrize(("language", "voice"), [("en", "en-US"), ("es", "es-MX"), ("pt", "pt-BR")])
def test_it_is_said_twice_in_the_language_of_whoever_is_called(language: str, voice: str) -> None:
    """By a voice that speaks it."""
    sentences = said(twiml(briefing(recipient=ANA, language=language), ""))
    assert len(sentences) == 2
    assert sentences[0] == sentences[1]
    assert sentences[0][0] == voice
    assert "api" in sentences[0][1]


def test_a_key_takes_it_on_where_it_can_reach_us() -> None:
    """One digit, back to our address, with the answer link's token; without link or address there is no such word."""
    told = briefing(recipient=ANA, answer_url=LINK)
    root = ET.fromstring(twiml(told, URL))
    [gather] = root.iter("Gather")
    assert gather.get("action") == f"{URL}/keys/4gXyZ09"
    assert (gather.get("numDigits"), gather.get("method")) == ("1", "POST")
    assert [text for _, text in said(twiml(told, URL))][1::2] == [spoken.press(told, "1")] * 2
    for text in (twiml(told, ""), twiml(briefing(recipient=ANA), URL)):
        assert "Gather" not in text
        assert "Press 1" not in text


def test_hostile_names_are_no_markup() -> None:
    """Nothing that others wrote becomes an element, and the whole stays within Twilio's 4000 characters."""
    incident = replace(INCIDENT, monitor='</Say><Dial>+1900"&', message="<Play>x</Play>" * 99)
    text = twiml(briefing(recipient=ANA, incident=incident, answer_url=f'{LINK}"><x'), URL)
    assert {one.tag for one in ET.fromstring(text).iter()} <= {"Response", "Say", "Pause", "Gather"}
    assert len(text) < 4000


async def test_a_group_is_one_call(twilio: TwilioDouble) -> None:
    """However many are down."""
    channel = build(twilio)
    assert not channel.edits
    await channel.send_group(many(*(member(number, Change.OPENED) for number in range(6)), recipient=ANA), "")
    assert "6 monitors are down" in said(twilio.calls[0].twiml)[0][1]


@pytest.mark.parametrize("code", sorted(PASSING | RECIPIENT | ACCOUNT_CODES))
async def test_twilios_codes(twilio: TwilioDouble, code: int) -> None:
    """What passes, what is the account's, and what is the number's."""
    twilio.error = (400, code)
    with pytest.raises(DeliveryError, match=str(code)) as caught:
        await build(twilio).send(briefing(recipient=ANA), "")
    assert (caught.value.permanent, caught.value.recipient_only) == (code not in PASSING, code in RECIPIENT)


@pytest.mark.parametrize("mode", ["500", "503", "drop", "drop_after_accept", "garbage", "json_list", "charset"])
async def test_what_passes_is_worth_another_try(twilio: TwilioDouble, mode: str) -> None:
    """Faults of theirs and of the network, with one request each."""
    twilio.set(mode)
    with pytest.raises(DeliveryError) as caught:
        await build(twilio).send(briefing(recipient=ANA), "")
    assert not caught.value.permanent
    assert len(twilio.requests) == 1


async def test_a_price_is_asked_for(twilio: TwilioDouble) -> None:
    """Twilio knows it some time after the call."""
    channel: Any = build(twilio)
    sid = (await channel.send(briefing(recipient=ANA), "")).provider_id
    assert await channel.price(sid) is None
    twilio.prices[sid] = ("-0.01300", "USD")
    assert await channel.price(sid) == Price(13_000, "USD")
    assert await channel.price("../Messages") is None


# Receipts and keys -------------------------------------------------------------------------------------------------


def posted(url: str = URL, below: str = "", token: str = AUTH_TOKEN, **fields: str) -> Posted:
    body, headers = signed(f"{url}/{below}" if below else url, token, **fields)
    return Posted(body, {name.lower(): value for name, value in headers.items()}, below)


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        ("completed", Fate.DELIVERED), ("busy", Fate.FAILED), ("no-answer", Fate.FAILED), ("failed", Fate.FAILED),
        ("canceled", Fate.FAILED), ("ringing", Fate.UNDER_WAY), ("", Fate.UNDER_WAY),
    ],
)  # fmt: skip
def test_how_a_call_ended(status: str, fate: Fate) -> None:
    """A call that nobody answers was not delivered."""
    channel = build()
    assert isinstance(channel, TakesReceipts)
    [found] = channel.read_receipts(posted(CallSid="CA1", CallStatus=status))
    assert (found.provider_id, found.fate) == ("CA1", fate)


def test_only_twilio_may_report_and_press() -> None:
    """A wrong signature, one for another address, one field more: refused."""
    channel = build()
    assert isinstance(channel, TakesReceipts)
    assert isinstance(channel, TakesKeys)
    with pytest.raises(PermissionError):
        channel.read_receipts(posted(token="other", CallSid="CA1", CallStatus="completed"))
    with pytest.raises(PermissionError):
        channel.read_receipts(posted(url="https://evil.example/x", CallSid="CA1", CallStatus="completed"))
    good = posted(CallSid="CA1", CallStatus="completed")
    with pytest.raises(PermissionError):
        channel.read_receipts(replace(good, body=good.body + b"&Extra=1"))
    with pytest.raises(Refused):
        channel.read_receipts(replace(good, body=good.body + b"&CallSid=CA2"))
    with pytest.raises(PermissionError):
        channel.pressed(posted(below="keys/abc", token="other", Digits="1"))
    with pytest.raises(PermissionError):
        channel.pressed(replace(posted(below="keys/abc", Digits="1"), below="keys/abd"))


@pytest.mark.parametrize(("digits", "token"), [("1", "abc"), ("2", None), ("", None), ("11", None)])
def test_which_key_takes_it_on(digits: str, token: str | None) -> None:
    """Only 1; whoever presses another one has not answered."""
    channel = build()
    assert isinstance(channel, TakesKeys)
    assert channel.pressed(posted(below="keys/abc", CallSid="CA1", Digits=digits)) == token


def test_what_is_said_after_a_key() -> None:
    """The sentence in its language, and then the line is closed."""
    channel = build()
    assert isinstance(channel, TakesKeys)
    text, media_type = channel.spoken("es", "Listo, es tuyo <3.")
    assert media_type == "application/xml"
    assert said(text) == [("es-MX", "Listo, es tuyo 3")]
    assert "<Hangup/>" in text
    assert said(channel.spoken("en", "")[0]) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [({"ring": "3s"}, "at least 5s"), ({"from": "ACME"}, "is not a phone number"), ({"provider": "x"}, "'twilio'")],
)
def test_mistakes_in_the_options(options: dict[str, Any], words: str) -> None:
    """Each is told when the file is read."""
    with pytest.raises(ValidationError, match=words):
        VoiceOptions.model_validate({**PLAIN, **options})
    assert VoiceOptions.model_validate(PLAIN).ring == 30 * SECOND
