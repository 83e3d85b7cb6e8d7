"""WhatsApp, against a server that behaves like Meta's Graph API, and misbehaves like it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from saasobs.alerting.channels import CHANNELS, Tools
from saasobs.alerting.channels.whatsapp import PASSING, RECIPIENT, RECIPIENT_PASSING, WhatsAppOptions, request
from saasobs.alerting.template import template_parameters
from saasobs.core.errors import DeliveryError, Refused
from saasobs.core.incident import Change
from saasobs.core.ports import Channel
from saasobs.core.receipts import Fate, Posted, TakesReceipts
from saasobs.core.values import SECOND
from support.briefings import INCIDENT, briefing, many, member, tools
from support.phones import APP_SECRET, TOKEN, WhatsAppDouble
from support.receiver import Reply

ANA = "+51987654321"
PLAIN: dict[str, Any] = {"phone_number_id": "106540352242922", "access_token": TOKEN, "to": ANA}
URL = "https://hooks.acme.example/receipts/whatsapp/0123456789abcdef0123456789abcdef"


@pytest.fixture
def meta() -> Iterator[WhatsAppDouble]:
    with WhatsAppDouble() as double:
        yield double


def build(meta: WhatsAppDouble | None = None, url: str = "", **options: Any) -> Channel:
    kind, made = CHANNELS["whatsapp"], tools()
    base = meta.url if meta is not None else "http://127.0.0.1:1"
    read = kind.options.model_validate({**PLAIN, "api_base": base, "timeout": "5s", **options})
    return kind.build(read, Tools(made.name, made.clock, made.count_sent, receipts_url=url))


@pytest.mark.parametrize(("language", "code"), [("en", "en"), ("es", "es"), ("pt", "pt_BR")])
async def test_a_template_arrives_in_the_readers_language(meta: WhatsAppDouble, language: str, code: str) -> None:
    """Four parameters, plain and not empty; the message's ID is the receipt."""
    told = briefing(recipient=ANA, language=language, answer_url="https://hooks.acme.example/a/x")
    receipt = await build(meta).send(told, "")
    [template] = meta.templates
    assert (template["name"], template["language"]) == ("saasobs_incident", {"code": code})
    [sent] = meta.sent
    assert sent.to == "51987654321"
    assert "#k3v9m2xa" in sent.body
    assert sent.body.endswith("https://hooks.acme.example/a/x")
    assert receipt.provider_id == sent.identity


async def test_a_group_is_a_template_too(meta: WhatsAppDouble) -> None:
    """Many incidents, one message."""
    group = many(*(member(number, Change.OPENED) for number in range(6)), recipient=ANA)
    channel = build(meta)
    assert not channel.edits
    await channel.send_group(group, "")
    assert "6 monitors are down" in meta.sent[0].body


def test_the_golden_request() -> None:
    """As the Cloud API has it."""
    options, told = WhatsAppOptions.model_validate({**PLAIN, "template": "outage"}), briefing(recipient=ANA)
    assert len(template_parameters(told)) == 4
    assert request(options, told) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "51987654321",
        "type": "template",
        "template": {
            "name": "outage",
            "language": {"code": "en"},
            "components": [
                {
                    "type": "body",
                    "parameters": [{"type": "text", "text": text} for text in template_parameters(told)],
                }
            ],
        },
        "biz_opaque_callback_data": told.delivery_id,
    }


async def test_another_template_for_one_language(meta: WhatsAppDouble) -> None:
    """As it was approved there."""
    channel = build(meta, templates={"es": {"name": "aviso", "language": "es_MX"}})
    await channel.send(briefing(recipient=ANA, language="es"), "")
    await channel.send(briefing(recipient=ANA), "")
    assert [(one["name"], one["language"]["code"]) for one in meta.templates] == [
        ("aviso", "es_MX"), ("saasobs_incident", "en"),
    ]  # fmt: skip


@pytest.mark.parametrize("code", sorted(PASSING | RECIPIENT_PASSING))
async def test_codes_that_pass(meta: WhatsAppDouble, code: int) -> None:
    """Too many messages, a fault of theirs: later, and for whom it concerns."""
    meta.error = meta.error_of(400, code, "later")
    with pytest.raises(DeliveryError, match=f"error {code}") as caught:
        await build(meta).send(briefing(recipient=ANA), "")
    assert (caught.value.permanent, caught.value.recipient_only) == (False, code in RECIPIENT_PASSING)


@pytest.mark.parametrize("code", [*sorted(RECIPIENT), 190, 10, 100, 131042, 132000, 132001, 132015, 133010, 368])
async def test_codes_that_no_second_try_helps(meta: WhatsAppDouble, code: int) -> None:
    """No WhatsApp there, or a token, a template, an account that does not work: at once to the fallback."""
    meta.error = meta.error_of(400, code, "no")
    with pytest.raises(DeliveryError, match=f"error {code}") as caught:
        await build(meta).send(briefing(recipient=ANA), "")
    assert (caught.value.permanent, caught.value.recipient_only) == (True, code in RECIPIENT)


@pytest.mark.parametrize("mode", ["500", "503", "429", "drop", "drop_after_accept", "garbage", "json_list", "charset"])
async def test_what_passes_is_worth_another_try(meta: WhatsAppDouble, mode: str) -> None:
    """Faults of theirs and of the network, with one request each."""
    meta.set(mode, retry_after=3)
    with pytest.raises(DeliveryError) as caught:
        await build(meta).send(briefing(recipient=ANA), "")
    assert not caught.value.permanent
    assert caught.value.retry_after == (3 * SECOND if mode.isdigit() else None)
    assert len(meta.requests) == 1


async def test_an_html_page_is_permanent_and_bounded(meta: WhatsAppDouble) -> None:
    """404 from something that is not Meta."""
    meta.error = Reply(404, "<html>" + "x" * 99_999, {"Content-Type": "text/html"})
    with pytest.raises(DeliveryError) as caught:
        await build(meta).send(briefing(recipient=ANA), "")
    assert caught.value.permanent
    assert len(str(caught.value)) < 400


async def test_hostile_names_stay_parameters(meta: WhatsAppDouble) -> None:
    """Line breaks, tabs and blanks that Meta refuses are gone, whatever a monitor is called."""
    incident = replace(INCIDENT, monitor="a\n\tb      c" * 30, message="x\r\ny" * 200)
    await build(meta).send(briefing(recipient=ANA, incident=incident), "")
    for one in meta.templates[0]["components"][0]["parameters"]:
        assert "    " not in one["text"]
        assert one["text"].isprintable()


# Receipts ----------------------------------------------------------------------------------------------------------


def desk(**options: Any) -> TakesReceipts:
    channel = build(url=URL, **options)
    assert isinstance(channel, TakesReceipts)
    return channel


def posted(*statuses: dict[str, Any], secret: str = APP_SECRET) -> Posted:
    body, headers = WhatsAppDouble.statuses(*statuses, secret=secret)
    return Posted(body, {name.lower(): value for name, value in headers.items()})


def test_statuses_are_read() -> None:
    """Sent is nothing final, delivered and read are, failed says why."""
    failed = {
        "id": "wamid.4", "status": "failed", "timestamp": "1795356200", "recipient_id": "51987654321",
        "errors": [{"code": 131026, "title": "Message undeliverable", "error_data": {"details": "no WhatsApp"}}],
    }  # fmt: skip
    found = desk(app_secret=APP_SECRET).read_receipts(
        posted(
            {"id": "wamid.1", "status": "sent", "timestamp": "1795356197"},
            {"id": "wamid.2", "status": "delivered", "timestamp": "1795356198"},
            {"id": "wamid.3", "status": "read", "timestamp": "nonsense"},
            failed,
        )
    )
    assert [(one.provider_id[-1], one.fate, one.at) for one in found] == [
        ("1", Fate.UNDER_WAY, 1_795_356_197 * SECOND),
        ("2", Fate.DELIVERED, 1_795_356_198 * SECOND),
        ("3", Fate.DELIVERED, 0),
        ("4", Fate.FAILED, 1_795_356_200 * SECOND),
    ]
    assert "error 131026, Message undeliverable: no WhatsApp" in found[3].detail


def test_only_meta_may_report() -> None:
    """Another signature, or none, is refused, once the app's secret is known."""
    status = {"id": "wamid.1", "status": "delivered"}
    with pytest.raises(PermissionError):
        desk(app_secret=APP_SECRET).read_receipts(posted(status, secret="other"))
    with pytest.raises(PermissionError):
        desk(app_secret=APP_SECRET).read_receipts(Posted(posted(status).body))
    assert desk().read_receipts(Posted(posted(status).body))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"7", b"\xff", b"[" * 100_000])
def test_nonsense_is_refused(body: bytes) -> None:
    """What WhatsApp does not send."""
    with pytest.raises(Refused):
        desk().read_receipts(Posted(body))


def test_what_people_write_to_us_is_passed_over() -> None:
    """A webhook with messages and no statuses reports nothing."""
    body = b'{"entry": [{"changes": [{"value": {"messages": [{"id": "wamid.1"}]}}, 7]}, "x"]}'
    assert list(desk().read_receipts(Posted(body))) == []


def test_the_question_whether_it_is_the_right_address() -> None:
    """Meta asks once; the word is the end of the address, and a stranger's is wrong."""
    ask = {"hub.mode": "subscribe", "hub.verify_token": "token", "hub.challenge": "1158201444"}
    assert desk().challenge(ask, "token") == "1158201444"
    assert desk().challenge({**ask, "hub.verify_token": "other"}, "token") is None
    assert desk().challenge({**ask, "hub.mode": "unsubscribe"}, "token") is None
    assert desk().challenge({**ask, "hub.challenge": "<script>"}, "token") is None
    assert desk().challenge({}, "token") is None


def test_silence_counts_where_receipts_can_come() -> None:
    """90 s by itself, once Meta's signature can be checked and we can be reached; else only when asked for."""
    assert desk(app_secret=APP_SECRET).undelivered_after == 90 * SECOND
    assert desk(app_secret=APP_SECRET, undelivered_after="5m").undelivered_after == 300 * SECOND
    assert desk().undelivered_after == 0
    unreachable = build(app_secret=APP_SECRET, undelivered_after="5m")
    assert isinstance(unreachable, TakesReceipts)
    assert unreachable.undelivered_after == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"phone_number_id": "+51987654321"}, "pattern"),
        ({"template": "My Template"}, "pattern"),
        ({"templates": {"fr": {"name": "a", "language": "fr"}}}, "'en', 'es' or 'pt'"),
        ({"api_version": "23"}, "pattern"),
        ({"to": "51987654321"}, "is not a phone number"),
    ],
)
def test_mistakes_in_the_options(options: dict[str, Any], words: str) -> None:
    """Each is told when the file is read."""
    with pytest.raises(ValidationError, match=words):
        WhatsAppOptions.model_validate({**PLAIN, **options})
