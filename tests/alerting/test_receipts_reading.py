"""What providers report of text messages: read with care, and only from whom it may come. Oracles: Twilio's own
validator, PyJWT."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from saasobs.alerting.channels import CHANNELS, Tools
from saasobs.alerting.channels.phone import read_price
from saasobs.alerting.channels.receipts import moment
from saasobs.alerting.channels.twilio import signature, signed_form
from saasobs.alerting.channels.web_token import is_signed
from saasobs.alerting.receipts import after, unheard
from saasobs.core.errors import Refused
from saasobs.core.incident import Change, Notice, NoticeState
from saasobs.core.receipts import DeliveryReport, Fate, Posted, Price, TakesReceipts
from saasobs.core.values import MINUTE, SECOND, Secret
from support.briefings import INCIDENT, NOW, tools
from support.sms_providers import ANA, CASES
from support.twilio import AUTH_TOKEN, signed

URL = "https://hooks.acme.example/receipts/oncall/0123456789abcdef0123456789abcdef"
SECRET = "vonage-signature-secret-" + "x" * 64
AT = "2026-11-22T14:03:20Z"


def desk(*providers: str, **more: Any) -> TakesReceipts:
    kind, made = CHANNELS["sms"], tools()
    listed = [{**CASES[name].options, "timeout": "5s", "api_base": "https://x.example", **more} for name in providers]
    channel = kind.build(
        kind.options.model_validate({"providers": listed, "to": ANA}),
        Tools(made.name, made.clock, made.count_sent, receipts_url=URL),
    )
    assert isinstance(channel, TakesReceipts)
    return channel


def by_twilio(url: str = URL, token: str = AUTH_TOKEN, **fields: str) -> Posted:
    body, headers = signed(url, token, **fields)
    return Posted(body, {name.lower(): value for name, value in headers.items()})


def as_json(value: object, **headers: str) -> Posted:
    return Posted(json.dumps(value).encode(), headers)


INFOBIP = {
    "results": [
        {
            "bulkId": "b", "messageId": "infobip-1", "to": "51987654321", "doneAt": "2026-11-22T14:03:20.000+0000",
            "price": {"pricePerMessage": 0.0125, "currency": "EUR"},
            "status": {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"},
            "error": {"groupId": 0, "name": "NO_ERROR"},
        },
        {"messageId": "infobip-2", "status": {"groupId": 2, "name": "UNDELIVERABLE_NOT_DELIVERED"},
         "error": {"description": "Absent subscriber"}},
        {"messageId": "infobip-3", "status": {"groupId": 3, "name": "DELIVERED_TO_OPERATOR"}},
        {"messageId": "infobip-4", "status": {"groupId": 1, "name": "PENDING_ENROUTE"}},
    ]
}  # fmt: skip
ZENVIA = {
    "id": "e", "type": "MESSAGE_STATUS", "channel": "sms", "messageId": "zenvia-1", "contentIndex": 0,
    "messageStatus": {"timestamp": AT, "code": "NOT_DELIVERED", "description": "The message was not delivered",
                      "causes": [{"reason": "Invalid number", "channelErrorCode": "7"}]},
}  # fmt: skip
VONAGE = {
    "message_uuid": "vonage-1", "to": "51987654321", "timestamp": AT, "status": "delivered", "channel": "sms",
    "usage": {"currency": "EUR", "price": "0.0333"},
}  # fmt: skip


# Each provider ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        ("delivered", Fate.DELIVERED), ("undelivered", Fate.FAILED), ("failed", Fate.FAILED),
        ("sent", Fate.UNDER_WAY), ("queued", Fate.UNDER_WAY), ("something new", Fate.UNDER_WAY),
    ],
)  # fmt: skip
def test_twilio(status: str, fate: Fate) -> None:
    """A signed form; why it failed is Twilio's code."""
    posted = by_twilio(MessageSid="SM1", MessageStatus=status, ErrorCode="30003", To=ANA)
    [found] = desk("twilio").read_receipts(posted)
    assert (found.provider_id, found.fate) == ("SM1", fate)
    assert "30003" in found.detail


def test_infobip() -> None:
    """Many at once, with prices; handed to the carrier is not delivered."""
    found = desk("infobip").read_receipts(as_json(INFOBIP))
    assert [(one.provider_id, one.fate) for one in found] == [
        ("infobip-1", Fate.DELIVERED), ("infobip-2", Fate.FAILED), ("infobip-3", Fate.UNDER_WAY),
        ("infobip-4", Fate.UNDER_WAY),
    ]  # fmt: skip
    assert found[0].price == Price(12_500, "EUR")
    assert found[0].at == moment(AT)
    assert found[1].detail == "Infobip: UNDELIVERABLE_NOT_DELIVERED, Absent subscriber"


def test_zenvia() -> None:
    """One event, with its causes."""
    [found] = desk("zenvia").read_receipts(as_json(ZENVIA))
    assert (found.provider_id, found.fate, found.at) == ("zenvia-1", Fate.FAILED, moment(AT))
    assert found.detail == "Zenvia: NOT_DELIVERED, Invalid number"


def test_vonage() -> None:
    """One status, with its price."""
    [found] = desk("vonage").read_receipts(as_json(VONAGE))
    assert (found.provider_id, found.fate, found.price) == ("vonage-1", Fate.DELIVERED, Price(33_300, "EUR"))


def test_several_providers_share_an_address() -> None:
    """Each report is read by the provider that it comes from; one of two Twilio accounts has signed."""
    shared = desk("twilio", "zenvia", "infobip")
    assert [one.provider_id for one in shared.read_receipts(as_json(ZENVIA))] == ["zenvia-1"]
    assert len(shared.read_receipts(as_json(INFOBIP))) == 4
    kind, made = CHANNELS["sms"], tools()
    base = {**CASES["twilio"].options, "timeout": "5s"}
    two = kind.build(
        kind.options.model_validate({"providers": [{**base, "auth_token": "other"}, base], "to": ANA}),
        Tools(made.name, made.clock, made.count_sent, receipts_url=URL),
    )
    assert isinstance(two, TakesReceipts)
    assert two.read_receipts(by_twilio(MessageSid="SM1", MessageStatus="delivered"))
    with pytest.raises(PermissionError):
        two.read_receipts(by_twilio(token="third", MessageSid="SM1", MessageStatus="delivered"))


@pytest.mark.parametrize("provider", ["twilio", "zenvia", "infobip", "vonage", "sns"])
@given(body=st.binary(max_size=200) | st.sampled_from([
    b"[]", b"{}", b"7", b'"x"', b"null", b'{"results": 7}', b'{"results": [7, null]}', b"[" * 50_000,
    b'{"type": "MESSAGE_STATUS", "messageStatus": []}', b'{"message_uuid": 7, "status": {}}',
]))  # fmt: skip
def test_nonsense_is_refused_or_reports_nothing(provider: str, body: bytes) -> None:
    """Whatever arrives: reports, or Refused, or PermissionError; never anything else."""
    try:
        found = desk(provider).read_receipts(Posted(body))
    except (Refused, PermissionError):
        return
    assert len(found) <= 1_000


# Signatures ------------------------------------------------------------------------------------------------------


@given(
    url=st.sampled_from([URL, "http://127.0.0.1:9110/receipts/a%20b/0", "https://x.example:8443/a", "https://[::1]/a"]),
    fields=st.dictionaries(st.from_regex(r"[A-Z][A-Za-z]{0,12}", fullmatch=True), st.text(max_size=20), max_size=6),
)
def test_the_signature_is_twilios(url: str, fields: dict[str, str]) -> None:
    """Twilio's own validator takes what we make, and we take what it makes."""
    theirs = RequestValidator(AUTH_TOKEN)
    assert theirs.validate(url, fields, signature(Secret(AUTH_TOKEN), url, fields))
    made = theirs.compute_signature(url, fields)
    body, headers = signed(url, AUTH_TOKEN, **fields)
    assert headers["X-Twilio-Signature"] == made
    assert signed_form(Posted(body, {"x-twilio-signature": made}), url, Secret(AUTH_TOKEN)) == fields


@pytest.mark.parametrize("public", [URL.replace("example/", "example:443/"), URL])
def test_a_port_in_the_address_is_no_forgery(public: str) -> None:
    """Twilio signs some addresses with the port, and some without."""
    assert desk("twilio").read_receipts(by_twilio(public, MessageSid="SM1", MessageStatus="delivered"))


def test_a_forged_report_is_refused() -> None:
    """Another token, another address, another field: and none without a signature."""
    good = by_twilio(MessageSid="SM1", MessageStatus="delivered")
    for bad in (
        by_twilio(token="other", MessageSid="SM1", MessageStatus="delivered"),
        by_twilio("https://evil.example/", MessageSid="SM1", MessageStatus="delivered"),
        replace(good, body=good.body.replace(b"delivered", b"failed")),
        replace(good, headers={"x-twilio-signature": ""}),
        replace(good, headers={"x-twilio-signature": "é" * 40}),
    ):
        with pytest.raises(PermissionError):
            desk("twilio").read_receipts(bad)
    with pytest.raises(Refused):
        desk("twilio").read_receipts(replace(good, headers={}))


def token(body: bytes, secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> dict[str, str]:
    told = {"iat": NOW // SECOND, "jti": "1", "iss": "Vonage", "payload_hash": hashlib.sha256(body).hexdigest()}
    return {"authorization": f"Bearer {jwt.encode({**told, **claims}, secret, algorithm=algorithm)}"}


def test_a_signed_report_of_vonage() -> None:
    """A token as PyJWT makes it: of our secret, for this body, not too old."""
    posted = as_json(VONAGE)
    signing = desk("vonage", signature_secret=SECRET)
    assert signing.read_receipts(replace(posted, headers=token(posted.body)))
    bad: list[dict[str, str]] = [
        {},
        {"authorization": "Bearer a.b.c"},
        {"authorization": "Bearer " + "x" * 10_000},
        {"authorization": token(posted.body)["authorization"].replace("Bearer", "Basic")},
        token(posted.body, secret="another-secret" + "y" * 64),
        token(posted.body, algorithm="HS512"),
        token(b"another body"),
        token(posted.body, iat=NOW // SECOND - 3_600),
        token(posted.body, iat="now"),
        token(posted.body, exp=NOW // SECOND - 1) | {},
    ]
    for headers in bad:
        with pytest.raises(PermissionError):
            signing.read_receipts(replace(posted, headers=headers))


def test_a_token_without_a_signature_is_none() -> None:
    """`alg: none`, as forgers have tried since 2015."""
    naked = jwt.encode({"iat": NOW // SECOND, "payload_hash": hashlib.sha256(b"").hexdigest()}, "", algorithm="none")
    assert not is_signed(Secret(SECRET), f"Bearer {naked}", b"", NOW // SECOND)


# Prices, moments and what follows ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "price"),
    [
        ("-0.00750", "USD", Price(7_500, "USD")), (0.0125, "eur", Price(12_500, "EUR")), ("0", "USD", Price(0, "USD")),
        (None, "USD", None), ("", "USD", None), ("x", "USD", None), (0.1, None, None), (0.1, "dollars", None),
        (True, "USD", None), ("nan", "USD", None), ("inf", "USD", None), ("1e99", "USD", None), ([], "USD", None),
    ],
)  # fmt: skip
def test_prices(amount: object, currency: object, price: Price | None) -> None:
    """As a number or a text, with or without the minus sign of a bill; anything else is not known."""
    assert read_price(amount, currency) == price


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (AT, 1_795_356_200 * SECOND), ("2026-11-22T14:03:20", 1_795_356_200 * SECOND),
        ("2026-11-22T14:03:20.000+0000", 1_795_356_200 * SECOND), ("1795356200", 1_795_356_200 * SECOND),
        ("yesterday", 0), (None, 0), (7, 0), ("9" * 30, 0), ([], 0),
    ],
)  # fmt: skip
def test_moments(text: object, at: int) -> None:
    """ISO 8601 or seconds; anything else is not known."""
    assert moment(text) == at


NOTICE = Notice(
    "n1", INCIDENT.id, 0, 0, "sms", ANA, Change.OPENED, NOW, NOW + MINUTE, state=NoticeState.SENT, sent_at=NOW,
    provider_id="SM1",
)  # fmt: skip
LATER = NOW + 10 * SECOND


def test_delivered_is_written_down_once() -> None:
    """At the provider's moment, never before it was accepted nor in the future."""
    report = DeliveryReport("SM1", Fate.DELIVERED, NOW + 4 * SECOND)
    told = after(NOTICE, report, LATER)
    assert told is not None
    assert (told.state, told.delivered_at) == (NoticeState.SENT, NOW + 4 * SECOND)
    assert after(told, report, LATER) is None
    for at, kept in ((0, LATER), (NOW - MINUTE, NOW), (LATER + MINUTE, LATER)):
        changed = after(NOTICE, replace(report, at=at), LATER)
        assert changed is not None
        assert changed.delivered_at == kept


def test_failed_counts_once_and_never_after_delivered() -> None:
    """The second report of a failure changes nothing; one that arrives all the same was told."""
    report = DeliveryReport("SM1", Fate.FAILED, detail="error 30003")
    failed = after(NOTICE, report, LATER)
    assert failed is not None
    assert (failed.state, failed.detail) == (NoticeState.FAILED, "error 30003")
    assert after(failed, report, LATER) is None
    late = after(failed, DeliveryReport("SM1", Fate.DELIVERED), LATER)
    assert late is not None
    assert (late.state, late.detail) == (NoticeState.SENT, "SM1")
    assert after(late, report, LATER) is None
    assert after(NOTICE, DeliveryReport("SM1", Fate.UNDER_WAY), LATER) is None
    assert after(replace(NOTICE, state=NoticeState.SUPPRESSED), report, LATER) is None


def test_silence_counts_while_it_matters() -> None:
    """An open incident that nobody is on; not one that is over, acknowledged or gone, nor what tells an end."""
    failed = unheard(NOTICE, INCIDENT, 90 * SECOND)
    assert failed is not None
    assert (failed.state, failed.detail) == (NoticeState.FAILED, "accepted, but not delivered within 1m30s")
    assert unheard(NOTICE, None, MINUTE) is None
    assert unheard(NOTICE, replace(INCIDENT, acknowledged_at=NOW), MINUTE) is None
    assert unheard(NOTICE, replace(INCIDENT, ended_at=NOW), MINUTE) is None
    assert unheard(replace(NOTICE, change=Change.RECOVERED), INCIDENT, MINUTE) is None
