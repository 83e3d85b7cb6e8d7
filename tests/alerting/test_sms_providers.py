"""Every provider of text messages: one contract, one golden request, one reading of its errors each."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.alerting import gsm7
from saasobs.alerting.channels import CHANNELS, Tools
from saasobs.alerting.channels.http import Answer
from saasobs.alerting.channels.sms import SmsOptions, infobip, sns, vonage, zenvia
from saasobs.alerting.channels.sms.options import _MODELS
from saasobs.alerting.channels.sms.provider import Text
from saasobs.core.errors import DeliveryError
from saasobs.core.ports import Channel
from saasobs.core.values import SECOND
from support.briefings import HandClock, briefing, tools
from support.daemon import free_port, wait_until
from support.phones import TOKEN, InfobipDouble, SnsDouble, VonageDouble
from support.receiver import Double, Reply
from support.sms_providers import ANA, CASES, Case, refuse

CALLBACK = "https://hooks.acme.example/receipts/oncall/0123456789abcdef0123456789abcdef"
TEXT = Text(ANA, "DOWN api: status 500 14:01 UTC #k3v9m2xa", "delivery-1")


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def double(case: Case) -> Iterator[Double]:
    with case.double() as running:
        yield running


def build(case: Case, double: Double, receipts_url: str = "", **options: Any) -> Channel:
    kind = CHANNELS["sms"]
    given = {**case.options, "api_base": double.url, "timeout": "5s", "to": ANA, **options}
    made = tools()
    return kind.build(
        kind.options.model_validate(given), Tools(made.name, made.clock, made.count_sent, receipts_url=receipts_url)
    )


async def send(channel: Channel) -> Any:
    return await channel.send(briefing(recipient=ANA), "")


# The contract ----------------------------------------------------------------------------------------------------


async def test_a_text_arrives(case: Case, double: Double) -> None:
    """One segment, in one request; the provider's ID is the receipt."""
    receipt = await send(build(case, double))
    [body] = case.texts(double)
    assert body == "DOWN api: expected status 200-299, got 500 14:01 UTC #k3v9m2xa"
    assert gsm7.septets(body) <= gsm7.SEGMENT
    assert receipt.provider_id
    assert receipt.note == ""
    assert len(double.requests) == 1


@pytest.mark.parametrize(
    "mode", ["500", "503", "refuse", "drop", "drop_after_accept", "garbage", "json_list", "charset"]
)
async def test_what_passes_is_worth_another_try(case: Case, double: Double, mode: str) -> None:
    """Faults of theirs and of the network, with one request each: never permanent, never the recipient's."""
    double.set(mode)
    with pytest.raises(DeliveryError) as caught:
        await send(build(case, double))
    assert (caught.value.permanent, caught.value.recipient_only) == (False, False)
    assert len(double.requests) == (0 if mode == "refuse" else 1)


@pytest.mark.parametrize("mode", ["hang", "hang_after_accept"])
async def test_a_hanging_provider_is_given_up(case: Case, double: Double, mode: str) -> None:
    """The text may have gone, and the error says so."""
    double.set(mode)
    with pytest.raises(DeliveryError, match="it may have taken the message"):
        await send(build(case, double, timeout="1s"))


async def test_a_rate_limit_holds_for_all(case: Case, double: Double) -> None:
    """429 with Retry-After: nobody gets a text over this provider before."""
    double.set("429", retry_after=3)
    with pytest.raises(DeliveryError) as caught:
        await send(build(case, double))
    assert (caught.value.permanent, caught.value.retry_after) == (False, 3 * SECOND)


async def test_a_revoked_login_is_permanent_and_not_shown(case: Case, double: Double) -> None:
    """It is the account's trouble, not the number's; no secret is in the error."""
    with pytest.raises(DeliveryError) as caught:
        await send(build(case, double, **case.wrong_login))
    assert (caught.value.permanent, caught.value.recipient_only) == (True, False)
    assert TOKEN not in f"{caught.value}{caught.value.__cause__}"
    assert "another" not in str(caught.value)


async def test_a_bad_number_is_the_recipients(case: Case, double: Double) -> None:
    """Permanent for this recipient, and it says nothing of the channel."""
    refuse(double, case.bad_number)
    with pytest.raises(DeliveryError) as caught:
        await send(build(case, double))
    assert (caught.value.permanent, caught.value.recipient_only) == (True, True)


@pytest.mark.parametrize("status", [400, 403, 404, 422])
async def test_a_page_of_somebody_elses(
    case: Case, double: Double, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An HTML error page in place of the provider's JSON or XML: bounded, and the account's trouble."""
    page = Reply(status, "<html><h1>Access denied</h1>" + "x" * 100_000, {"Content-Type": "text/html"})
    monkeypatch.setattr(double, "check", lambda _request: page)
    with pytest.raises(DeliveryError, match="Access denied") as caught:
        await send(build(case, double))
    assert (caught.value.permanent, caught.value.recipient_only) == (True, False)
    assert len(str(caught.value)) < 400


async def test_another_sender_for_another_country(case: Case, double: Double) -> None:
    """The longest beginning of the recipient's number counts."""
    await send(build(case, double, senders={"+5": "11111", "+519": "22222", "+5198": "33333", "+55": "44444"}))
    shown = double.texts[0].sender if hasattr(double, "texts") else double.sent[0].sender  # type: ignore[attr-defined]
    assert shown == "33333"


@given(status=st.integers(200, 599), body=st.binary(max_size=300) | st.sampled_from([
    b'{"messages": [[]]}', b'{"messages": [{"status": 7}]}', b'{"details": [{"path": "to"}]}', b"<Code></Code>",
    b'{"requestError": {"serviceException": []}}', b'{"invalid_parameters": [7]}', b'{"id": 7, "message_uuid": []}',
]))  # fmt: skip
def test_any_answer_is_read_or_refused(status: int, body: bytes) -> None:
    """Whatever a provider says is an ID or a DeliveryError, and never anything else."""
    answer = Answer(status, {}, body.decode(errors="replace"))
    for read in (zenvia.read, infobip.read, sns.read, vonage.read):
        told = _told(read, answer)
        assert told
        assert len(told) < 600


def _told(read: Callable[[Answer, int], str], answer: Answer) -> str:
    try:
        return read(answer, 0)
    except DeliveryError as error:
        return str(error)


# Golden requests -------------------------------------------------------------------------------------------------


def options(provider: str, **more: Any) -> Any:
    base = {"api_base": "https://x.api.infobip.com"} if provider == "infobip" else {}
    return _MODELS[provider].model_validate({**CASES[provider].options, **base, **more})


def test_the_golden_request_of_zenvia() -> None:
    """As https://zenvia.github.io/zenvia-openapi-spec has it."""
    assert zenvia.request(options("zenvia"), TEXT) == {
        "from": "acme",
        "to": "51987654321",
        "contents": [{"type": "text", "text": TEXT.body}],
        "externalId": "delivery-1",
    }


def test_the_golden_request_of_infobip() -> None:
    """As /sms/3/messages has it: valid for ten minutes, and reported to us where we can be reached."""
    message: dict[str, Any] = {
        "sender": "acme",
        "destinations": [{"to": "51987654321"}],
        "content": {"text": TEXT.body},
        "options": {"validityPeriod": {"amount": 10, "timeUnit": "MINUTES"}},
    }
    assert infobip.request(options("infobip"), TEXT, "") == {"messages": [message]}
    message["webhooks"] = {
        "delivery": {"url": CALLBACK, "intermediateReport": False},
        "contentType": "application/json",
    }
    assert infobip.request(options("infobip"), TEXT, CALLBACK) == {"messages": [message]}


def test_the_golden_request_of_vonage() -> None:
    """As POST /v1/messages has it."""
    golden = {
        "message_type": "text", "channel": "sms", "to": "51987654321", "from": "acme", "text": TEXT.body,
        "ttl": 600, "client_ref": "delivery-1", "sms": {"encoding_type": "text"},
    }  # fmt: skip
    assert vonage.request(options("vonage"), TEXT, "") == golden
    reported = {**golden, "webhook_url": CALLBACK, "webhook_version": "v1"}
    assert vonage.request(options("vonage"), TEXT, CALLBACK) == reported


def test_the_golden_request_of_sns() -> None:
    """Transactional; a number of ours goes as the origination number, a name as the sender's ID."""
    plain = dict(parse_qsl(urlencode(sns.request(options("sns"), TEXT))))
    assert plain == {
        "Action": "Publish", "Version": "2010-03-31", "PhoneNumber": ANA, "Message": TEXT.body,
        "MessageAttributes.entry.1.Name": "AWS.SNS.SMS.SMSType",
        "MessageAttributes.entry.1.Value.DataType": "String",
        "MessageAttributes.entry.1.Value.StringValue": "Transactional",
    }  # fmt: skip
    for sender, attribute in (("ACME", "AWS.SNS.SMS.SenderID"), ("+15005550006", "AWS.MM.SMS.OriginationNumber")):
        form = sns.request(options("sns", **{"from": sender}), TEXT)
        assert form["MessageAttributes.entry.2.Name"] == attribute
        assert form["MessageAttributes.entry.2.Value.StringValue"] == sender


# Errors, one by one ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "name", "permanent", "recipient"),
    [
        (5, "REJECTED_PREFIX_MISSING", True, True),
        (5, "REJECTED_NOT_ENOUGH_CREDITS", True, False),
        (5, "REJECTED_SYSTEM_ERROR", False, False),
        (2, "UNDELIVERABLE_REJECTED_OPERATOR", True, False),
        (4, "EXPIRED_EXPIRED", True, False),
    ],
)
async def test_infobip_refuses_in_a_200(group: int, name: str, permanent: bool, recipient: bool) -> None:
    """Its statuses say more than its HTTP status."""
    with InfobipDouble() as double:
        double.status = (group, name)
        with pytest.raises(DeliveryError, match=name) as caught:
            await send(build(CASES["infobip"], double))
    assert (caught.value.permanent, caught.value.recipient_only) == (permanent, recipient)


@pytest.mark.parametrize(
    ("status", "code", "permanent", "recipient"),
    [
        (403, "1050", True, True),
        (402, "low-balance", True, False),
        (403, "1030", False, False),
        (422, "1120", True, False),
    ],
)
async def test_vonage_says_it_in_the_type(status: int, code: str, permanent: bool, recipient: bool) -> None:
    """The code stands behind the # of its problem type."""
    with VonageDouble() as double:
        double.error = VonageDouble.problem(status, code)
        with pytest.raises(DeliveryError, match=f"Vonage answered {status}|503") as caught:
            await send(build(CASES["vonage"], double))
    assert (caught.value.permanent, caught.value.recipient_only) == (permanent, recipient)


@pytest.mark.parametrize(
    ("status", "code", "words", "permanent", "recipient"),
    [
        (400, "OptedOut", "opted out", True, True),
        (400, "Throttling", "Rate exceeded", False, False),
        (403, "AuthorizationError", "not authorized", True, False),
        (400, "InvalidParameter", "Invalid parameter: Message Reason: too long", True, False),
    ],
)
async def test_sns_says_it_in_the_code(status: int, code: str, words: str, permanent: bool, recipient: bool) -> None:
    """What passes there is a 400, too."""
    with SnsDouble() as double:
        double.error = SnsDouble.error_of(status, code, words)
        with pytest.raises(DeliveryError) as caught:
            await send(build(CASES["sns"], double))
    assert (caught.value.permanent, caught.value.recipient_only) == (permanent, recipient)


# SNS against AWS's own code --------------------------------------------------------------------------------------


@given(
    message=st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=200),
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001 - made aware below
    token=st.none() | st.text("abc/+=", min_size=1, max_size=40),
    endpoint=st.sampled_from([None, "http://127.0.0.1:8080", "https://vpce-1.sns.sa-east-1.vpce.amazonaws.com/"]),
)
def test_the_signature_is_amazons(message: str, moment: datetime, token: str | None, endpoint: str | None) -> None:
    """The same request signed by botocore has the same signature."""
    at = moment.replace(microsecond=0, tzinfo=UTC)
    more = {"session_token": token} if token else {}
    chosen = options("sns", **({"api_base": endpoint} if endpoint else {}), **more)
    body = urlencode(sns.request(chosen, Text(ANA, message, ""))).encode()
    ours = sns.signed_headers(chosen, body, at)
    named = {key: value for key, value in ours.items() if key in ("content-type", "host")}
    theirs = botocore.awsrequest.AWSRequest("POST", chosen.endpoint, data=body, headers=named)
    credentials = botocore.credentials.Credentials("AKIA0123456789ABCDEF", TOKEN, token)
    signer = botocore.auth.SigV4Auth(credentials, "sns", "sa-east-1")
    theirs.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
    signer._modify_request_before_signing(theirs)
    canonical = signer.canonical_request(theirs)
    signature = signer.signature(signer.string_to_sign(theirs, canonical), theirs)
    assert ours["authorization"].endswith(f"Signature={signature}")


def test_a_published_text_is_seen_by_moto(tmp_path: Path) -> None:
    """A server that speaks SNS takes the request as AWS's own client would send it."""
    port = free_port()
    environment = {**os.environ, "MOTO_PORT": str(port)}
    with (tmp_path / "moto.log").open("wb") as log:
        server = subprocess.Popen(
            [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
            stdout=log, stderr=log, env=environment,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(f"{url}/moto-api/data.json"), 60, "moto to answer")
        receipt = _published(url)
        shown = json.dumps(httpx.get(f"{url}/moto-api/data.json", timeout=20).json()["sns"])
        assert receipt in shown
        assert "k3v9m2xa" in shown
    finally:
        server.kill()
        server.wait(10)


def _published(url: str) -> str:
    clock = HandClock(time.time_ns() // 1000)
    made = tools(clock=clock)
    kind = CHANNELS["sms"]
    channel = kind.build(
        kind.options.model_validate({**CASES["sns"].options, "api_base": url, "timeout": "30s", "to": ANA}), made
    )
    return str(asyncio.run(channel.send(briefing(recipient=ANA), "")).provider_id)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


# Options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", sorted(CASES))
def test_every_key_of_a_provider_is_documented(provider: str) -> None:
    """Each has a sentence, and so has the group."""
    schema = _MODELS[provider].model_json_schema(by_alias=True)
    assert schema["description"]
    for key, field in schema["properties"].items():
        assert field.get("description"), key


@pytest.mark.parametrize("provider", sorted(CASES))
def test_one_provider_in_place_is_a_list_of_one(provider: str) -> None:
    """Both ways of writing it come to the same, and each is shown as it was written."""
    given = {**CASES[provider].options, "api_base": "https://x.example"}
    common = {"to": ANA, "monthly_cap": 7}
    beside = SmsOptions.model_validate({**given, **common})
    listed = SmsOptions.model_validate({"providers": [given], **common})
    assert beside.providers == listed.providers
    shown = beside.model_dump(mode="json", by_alias=True)
    assert shown["provider"] == provider
    assert "providers" not in shown
    assert listed.model_dump(mode="json", by_alias=True)["providers"][0]["provider"] == provider
    assert TOKEN not in repr(beside) + json.dumps(shown)
    assert SmsOptions.model_validate({**given, **common}) == beside


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"provider": None}, "needs a `provider`"),
        ({"providers": []}, "either one `provider`"),
        ({"senders": {"51": "1234"}}, "beginning of phone numbers"),
        ({"timeout": "2m"}, "less than 1m"),
        ({"undelivered_after": "2d"}, "at most 1d"),
        ({"monthly_budget": {"amount": 0, "currency": "USD"}}, "greater than 0"),
        ({"monthly_budget": {"amount": True, "currency": "USD"}}, "must be a number"),
        ({"monthly_budget": {"amount": 20, "currency": "dollars"}}, "three letters"),
        ({"region": "sa-east-1"}, "Extra inputs"),
    ],
)
def test_mistakes_in_the_options(changes: dict[str, Any], words: str) -> None:
    """Each is told when the file is read."""
    with pytest.raises(ValidationError, match=re.escape(words)):
        SmsOptions.model_validate({**CASES["zenvia"].options, **changes})


def test_mistakes_of_several_providers() -> None:
    """Time-outs that do not fit into one delivery; receipts that one of them never sends."""
    many = [{**CASES["zenvia"].options} for _ in range(4)]
    with pytest.raises(ValidationError, match="less than 1m together, not 1m"):
        SmsOptions.model_validate({"providers": many})
    with pytest.raises(ValidationError, match="sns sends none"):
        SmsOptions.model_validate({**CASES["sns"].options, "undelivered_after": "5m"})
