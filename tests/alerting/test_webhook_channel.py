"""Signed webhooks, against a receiver that checks them, and one that misbehaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels.webhook import WebhookOptions
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Change
from saasobs.core.ports import Channel
from saasobs.core.values import MINUTE, SECOND, Secret
from saasobs.core.webhook_signature import verify
from support.briefings import INCIDENT, NOW, briefing, ended, tools
from support.receiver import Receiver, Reply

SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as double:
        yield double


def build(receiver: Receiver, **options: Any) -> Channel:
    kind = CHANNELS["webhook"]
    url = f"{receiver.url}/in/token-in-path?key=value"
    read = kind.options.model_validate({"url": url, "secret": SECRET, "timeout": "5s", **options})
    return kind.build(read, tools())


async def test_a_message_is_signed_and_whole(receiver: Receiver) -> None:
    """The receiver can check who sent it, and finds every fact by its documented name."""
    one = briefing(late=90 * SECOND, tags=("critical",))
    receipt = await build(receiver).send(one, "")
    [request] = receiver.accepted()
    assert verify([Secret(SECRET)], request.headers, request.body, NOW // SECOND)
    assert not verify([Secret(SECRET)], request.headers, request.body + b" ", NOW // SECOND)
    assert request.path == "/in/token-in-path?key=value"
    assert request.headers["webhook-id"] == one.delivery_id == receipt.provider_id
    assert request.headers["content-type"] == "application/json"
    assert request.json() == {
        "version": 1,
        "type": "incident.opened",
        "timestamp": "2026-11-22T14:03:00.000Z",
        "delivery_id": one.delivery_id,
        "notice_ids": list(one.notice_ids),
        "changes": ["opened"],
        "text": "api is down: expected status 200-299, got 500",
        "late_by_seconds": 90.0,
        "incident": {
            "id": "k3v9m2xa",
            "open": True,
            "status": "down",
            "severity": "critical",
            "reason": "status_mismatch",
            "message": "expected status 200-299, got 500",
            "correlation_id": "7f3a9c0d",
            "started_at": "2026-11-22T14:01:55.000Z",
            "opened_at": "2026-11-22T14:03:00.000Z",
            "ended_at": None,
            "ending": None,
            "acknowledged_at": None,
            "acknowledged_by": None,
            "url": "http://127.0.0.1:9110/incidents/k3v9m2xa",
        },
        "monitor": {
            "name": "api",
            "target": "https://api.acme.example/health",
            "description": None,
            "runbook": None,
            "tags": ["critical"],
        },
        "timeline": [
            {
                "at": "2026-11-22T14:03:00.000Z",
                "change": "opened",
                "text": "down: expected status 200-299, got 500",
                "actor": None,
            }
        ],
    }


async def test_a_combined_message_says_all_that_it_tells(receiver: Receiver) -> None:
    """Its type is the newest change; the notices and changes that it covers are all there."""
    one = briefing(Change.OPENED, Change.RECOVERED, incident=ended(), now=NOW + 7 * MINUTE)
    await build(receiver).send(one, "")
    said = receiver.accepted()[0].json()
    assert (said["type"], said["changes"]) == ("incident.recovered", ["opened", "recovered"])
    assert said["notice_ids"] == list(one.notice_ids)
    assert said["delivery_id"] not in said["notice_ids"]
    assert (said["incident"]["ending"], said["incident"]["ended_at"]) == ("recovered", "2026-11-22T14:08:55.000Z")


async def test_a_repeat_carries_the_same_id(receiver: Receiver) -> None:
    """Accepted, but the answer was lost: the second time has the same `webhook-id`, for the receiver to see."""
    receiver.set(schedule=["drop_after_accept"])
    channel = build(receiver)
    with pytest.raises(DeliveryError, match="it may have taken the message"):
        await channel.send(briefing(), "")
    await channel.send(briefing(), "")
    first, second = receiver.accepted()
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "405", "410", "413", "422"])
async def test_a_no_for_good(receiver: Receiver, status: str) -> None:
    """410 above all, and every other 4xx that waiting does not change."""
    receiver.set(status)
    with pytest.raises(DeliveryError, match=status) as caught:
        await build(receiver).send(briefing(), "")
    assert caught.value.permanent
    assert "token-in-path" not in str(caught.value)


@pytest.mark.parametrize("mode", ["408", "425", "429", "500", "502", "503", "refuse", "drop"])
async def test_a_no_for_now(receiver: Receiver, mode: str) -> None:
    """What waiting changes is tried again, after Retry-After when there is one."""
    receiver.set(mode, retry_after=4)
    with pytest.raises(DeliveryError) as caught:
        await build(receiver).send(briefing(), "")
    assert not caught.value.permanent
    assert caught.value.retry_after == (4 * SECOND if mode.isdigit() else None)
    assert "token-in-path" not in str(caught.value)


async def test_redirects_are_not_followed(receiver: Receiver) -> None:
    """A signed message goes where it was configured to go, nowhere else."""
    receiver.set("redirect")
    with pytest.raises(DeliveryError, match="configure the new address") as caught:
        await build(receiver).send(briefing(), "")
    assert caught.value.permanent
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("mode", ["hang", "hang_after_accept", "trickle"])
async def test_a_hanging_receiver_is_given_up(receiver: Receiver, mode: str) -> None:
    """Within the time that was allowed, and to be tried again."""
    receiver.set(mode)
    with pytest.raises(DeliveryError, match="did not answer within 1s") as caught:
        await build(receiver, timeout="1s").send(briefing(), "")
    assert not caught.value.permanent


async def test_nobody_listens(receiver: Receiver) -> None:
    """A refused connection, a name that does not exist: worth another try."""
    with Receiver() as gone:
        url = gone.url
    for address in (url, "http://no-such-host.invalid/"):
        with pytest.raises(DeliveryError, match="cannot be reached") as caught:
            await build(receiver, url=address).send(briefing(), "")
        assert not caught.value.permanent


async def test_a_large_answer_is_not_read_to_its_end(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that answers ten megabytes costs 64 KiB."""
    monkeypatch.setattr(receiver, "accept", lambda _request: Reply(200, "x" * 10_000_000))
    await build(receiver).send(briefing(), "")


async def test_half_a_surrogate_pair_is_no_obstacle(receiver: Receiver) -> None:
    """Whatever a server answered, the message about it can be encoded."""
    await build(receiver).send(briefing(incident=replace(INCIDENT, message="half \ud800")), "")
    assert receiver.accepted()[0].json()["incident"]["message"] == "half"


def test_the_recipient_is_the_host() -> None:
    """That much is shown; the rest of the URL counts as a secret."""
    kind = CHANNELS["webhook"]
    options = kind.options.model_validate({"url": "https://hooks.example.com:8443/catch/123/abc", "secret": SECRET})
    assert kind.build(options, tools()).recipients == ("hooks.example.com",)
    assert "catch" not in repr(options) + str(options.model_dump(mode="json"))


@pytest.mark.parametrize("secret", ["secret", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!!", "whsec_" + "QUFB" * 23])
def test_a_weak_secret_is_refused(secret: str) -> None:
    """24 to 64 bytes in base64 behind `whsec_`, or the file is faulty; the message does not show it."""
    with pytest.raises(ValidationError, match="24 to 64 random bytes") as caught:
        WebhookOptions.model_validate({"url": "https://x.example/", "secret": secret})
    assert "input_value" not in str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize("url", ["ftp://x.example/", "x.example/in", "https://", "https://x:99999/", "https://x/a b"])
def test_a_url_that_is_none(url: str) -> None:
    """Refused when the file is read."""
    with pytest.raises(ValidationError, match="must be a URL"):
        WebhookOptions.model_validate({"url": url, "secret": SECRET})
