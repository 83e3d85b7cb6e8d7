"""Slack, against a server that behaves like it, and misbehaves like it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels.slack import PERMANENT, Head, SlackOptions
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Change
from saasobs.core.ports import Channel
from saasobs.core.values import MINUTE, SECOND
from support.briefings import NOW, briefing, degraded, ended, tools
from support.receiver import Reply
from support.slack import TOKEN, SlackDouble


@pytest.fixture
def slack() -> Iterator[SlackDouble]:
    with SlackDouble() as double:
        yield double


def build(**options: Any) -> Channel:
    kind = CHANNELS["slack"]
    return kind.build(kind.options.model_validate(options), tools())


def bot(slack: SlackDouble, **options: Any) -> Channel:
    return build(**{"token": TOKEN, "channel": "#alerts", "base_url": slack.base_url, "timeout": "5s", **options})


def hook(slack: SlackDouble, **options: Any) -> Channel:
    return build(**{"webhook_url": slack.webhook_url, "timeout": "5s", **options})


async def test_one_message_per_incident(slack: SlackDouble) -> None:
    """Opened, escalated, recovered: one message in the channel, edited each time, its history in its thread."""
    channel = bot(slack)
    first = await channel.send(briefing(incident=degraded()), "")
    second = await channel.send(briefing(Change.ESCALATED), first.reference)
    await channel.send(briefing(Change.RECOVERED, incident=ended()), second.reference)
    [message] = slack.seen
    assert message.text == "🟢 api is up again after 7m"
    assert message.edits == [
        "🟡 api is degraded: took 1.4s, more than 1s",
        "🔴 api is now down (it was degraded): expected status 200-299, got 500",
    ]
    assert [(reply.text, reply.broadcast) for reply in message.thread] == [
        ("🔴 api is now down (it was degraded): expected status 200-299, got 500 · 14:03 UTC", True),
        ("🟢 api is up again after 7m · 14:03 UTC", False),
    ]
    assert first.provider_id == message.ts
    assert Head.parse(second.reference) == Head(message.channel, message.ts)


async def test_a_message_carries_its_ids(slack: SlackDouble) -> None:
    """A repeat can be recognised: the delivery's and the notices' IDs are in the message's metadata."""
    one = briefing(Change.OPENED, Change.RECOVERED, incident=ended())
    await bot(slack).send(one, "")
    assert slack.seen[0].metadata["event_payload"] == {
        "delivery_id": one.delivery_id,
        "notice_ids": list(one.notice_ids),
        "incident_id": one.incident.id,
    }


@pytest.mark.parametrize("error", ["message_not_found", "channel_not_found", "is_archived", "edit_window_closed"])
async def test_a_message_that_cannot_be_edited_is_posted_anew(slack: SlackDouble, error: str) -> None:
    """Somebody deleted the first message: the change is told in a new one, which the next change edits."""
    channel = bot(slack)
    first = await channel.send(briefing(), "")
    slack.refusals["chat.update"] = error
    second = await channel.send(briefing(Change.RECOVERED, incident=ended()), first.reference)
    assert [message.text for message in slack.seen][1:] == ["🟢 api is up again after 7m"]
    assert Head.parse(second.reference) == Head(slack.seen[1].channel, slack.seen[1].ts)


@pytest.mark.parametrize(("error", "permanent"), [("internal_error", False), ("token_revoked", True)])
async def test_an_edit_that_fails_otherwise_posts_nothing(slack: SlackDouble, error: str, permanent: bool) -> None:
    """A fault that has nothing to do with the message is told as it is: no second message in the channel."""
    channel = bot(slack)
    first = await channel.send(briefing(), "")
    slack.refusals["chat.update"] = error
    with pytest.raises(DeliveryError, match=error) as caught:
        await channel.send(briefing(Change.RECOVERED, incident=ended()), first.reference)
    assert caught.value.permanent is permanent
    assert len(slack.seen) == 1


async def test_an_answer_without_a_ts_is_none_of_slack(slack: SlackDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ok` alone is not enough: without channel and ts the next change could not be told in its place."""
    monkeypatch.setattr(slack, "accept", lambda _request: Reply(200, '{"ok": true, "channel": "C1"}'))
    with pytest.raises(DeliveryError, match="it has no ts") as caught:
        await bot(slack).send(briefing(), "")
    assert not caught.value.permanent


@pytest.mark.parametrize("reference", ["{", "[]", '{"ts": 1}', "1763.1", '"x"'])
async def test_a_reference_of_another_time_is_no_harm(slack: SlackDouble, reference: str) -> None:
    """A reference that is not ours counts as none."""
    await bot(slack).send(briefing(), reference)
    assert len(slack.seen) == 1


async def test_a_repeat_after_half_a_change_is_harmless(slack: SlackDouble) -> None:
    """Edited, but the reply failed: the same message again edits to the same words and adds the reply once."""
    channel = bot(slack)
    first = await channel.send(briefing(), "")
    slack.set(schedule=["ok", "500"])
    recovered = briefing(Change.RECOVERED, incident=ended())
    with pytest.raises(DeliveryError) as caught:
        await channel.send(recovered, first.reference)
    assert not caught.value.permanent
    await channel.send(recovered, first.reference)
    [message] = slack.seen
    assert message.text == "🟢 api is up again after 7m"
    assert len(message.thread) == 1


@pytest.mark.parametrize("way", [bot, hook])
@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("500", "Slack answered 500"),
        ("503", "Slack answered 503"),
        ("refuse", "broke off"),
        ("drop", "broke off"),
        ("drop_after_accept", "it may have taken the message"),
        ("garbage", "Slack"),
        ("json_list", "Slack"),
        ("charset", "no-such-encoding"),
    ],
)
async def test_what_passes_is_worth_another_try(slack: SlackDouble, way: Any, mode: str, words: str) -> None:
    """Faults of theirs and of the network come out as retryable, after exactly one request: the SDK repeats nothing."""
    slack.set(mode)
    with pytest.raises(DeliveryError) as caught:
        await way(slack).send(briefing(), "")
    assert caught.value.permanent is False
    assert words in str(caught.value)
    assert len(slack.requests) == (0 if mode == "refuse" else 1)
    slack.set("ok")
    await way(slack).send(briefing(), "")


@pytest.mark.parametrize("way", [bot, hook])
@pytest.mark.parametrize("header", ["7", "Sun, 22 Nov 2026 14:03:07 GMT"])
async def test_a_rate_limit_says_how_long(slack: SlackDouble, way: Any, header: str) -> None:
    """429 with Retry-After in seconds or as a date: not before then, and no second request."""
    slack.set("429", retry_after=header)
    with pytest.raises(DeliveryError) as caught:
        await way(slack).send(briefing(), "")
    assert (caught.value.permanent, caught.value.retry_after) == (False, 7 * SECOND)
    assert len(slack.requests) == 1


@pytest.mark.parametrize(
    "error", ["invalid_auth", "token_revoked", "account_inactive", "not_in_channel", "is_archived"]
)
async def test_what_stays_goes_to_the_fallback(slack: SlackDouble, error: str) -> None:
    """A revoked token or a channel that is gone will not mend itself."""
    slack.refusals["chat.postMessage"] = error
    with pytest.raises(DeliveryError, match=error) as caught:
        await bot(slack).send(briefing(), "")
    assert caught.value.permanent
    assert error in PERMANENT


@pytest.mark.parametrize("error", ["internal_error", "fatal_error", "ratelimited", "something_new"])
async def test_an_unknown_refusal_is_tried_again(slack: SlackDouble, error: str) -> None:
    """What nobody has heard of yet is not taken for the end."""
    slack.refusals["chat.postMessage"] = error
    with pytest.raises(DeliveryError, match=error) as caught:
        await bot(slack).send(briefing(), "")
    assert not caught.value.permanent


async def test_a_wrong_token_is_permanent_and_not_shown(slack: SlackDouble) -> None:
    """The token is in no error."""
    with pytest.raises(DeliveryError, match="invalid_auth") as caught:
        await bot(slack, token="xoxb-other-secret").send(briefing(), "")
    assert caught.value.permanent
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("status", "permanent"), [("400", True), ("403", True), ("404", True), ("410", True)])
async def test_a_dead_webhook_is_permanent(slack: SlackDouble, status: str, permanent: bool) -> None:
    """`no_service`, `channel_is_archived`: a webhook that is gone stays gone; its URL is not shown."""
    slack.set(status)
    with pytest.raises(DeliveryError, match=status) as caught:
        await hook(slack).send(briefing(), "")
    assert caught.value.permanent is permanent
    assert "/services/" not in str(caught.value)


async def test_a_webhook_tells_each_change_anew(slack: SlackDouble) -> None:
    """The simple form has no memory: two changes are two messages, each with its plain text."""
    channel = hook(slack)
    assert (await channel.send(briefing(), "")).reference == ""
    await channel.send(briefing(Change.RECOVERED, incident=ended()), "")
    assert [said["text"] for said in slack.by_webhook] == [
        "🔴 api is down: expected status 200-299, got 500",
        "🟢 api is up again after 7m",
    ]


@pytest.mark.parametrize("mode", ["hang", "hang_after_accept", "trickle"])
async def test_a_hanging_slack_is_given_up(slack: SlackDouble, mode: str) -> None:
    """However it hangs, the message fails within its time, and the loop was free meanwhile."""
    slack.set(mode)
    ticks = 0

    async def count() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    counting = asyncio.create_task(count())
    with pytest.raises(DeliveryError, match="it may have taken the message") as caught:
        await bot(slack, timeout="1s").send(briefing(), "")
    counting.cancel()
    assert not caught.value.permanent
    assert ticks > 20


async def test_messages_that_hang_do_not_gather(slack: SlackDouble) -> None:
    """Eight threads at most wait for a Slack that never answers; the ninth message is refused at once."""
    slack.set("trickle")
    channel = bot(slack, timeout="1s")
    tries = [channel.send(briefing(now=NOW + number * MINUTE), "") for number in range(9)]
    errors = await asyncio.gather(*tries, return_exceptions=True)
    assert all(isinstance(error, DeliveryError) for error in errors)
    assert sum("still stuck" in str(error) for error in errors) == 1


async def test_the_sdk_logs_nothing(slack: SlackDouble, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the text nor the webhook's URL gets into a log, even when everything is logged."""
    slack.set("drop")
    with caplog.at_level(logging.DEBUG), pytest.raises(DeliveryError):
        await hook(slack).send(briefing(), "")
    assert not [record for record in caplog.records if "slack" in record.name]


async def test_limits_of_slack_are_kept(slack: SlackDouble) -> None:
    """The longest name and message still fit Slack's blocks, which the double checks as Slack does."""
    long = briefing(
        incident=degraded(), description="d" * 5_000, target="t" * 5_000, runbook="https://x/" + "r" * 5_000
    )
    await bot(slack).send(long, "")
    assert len(json.dumps(slack.seen[0].blocks)) < 10_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs either `token` and `channel`"),
        ({"token": "x", "channel": "#a", "webhook_url": "https://hooks.slack.com/x"}, "needs either"),
        ({"token": "x"}, "`token` needs a `channel`"),
        ({"webhook_url": "https://hooks.slack.com/x", "channel": "#a"}, "`channel` goes with `token`"),
        ({"webhook_url": "hooks.slack.com/secret-path"}, "must be a URL"),
        ({"token": "x", "channel": "#a b"}, "pattern"),
        ({"token": "x", "channel": "#a", "timeout": "2m"}, "less than 1m"),
        ({"token": "x", "channel": "#a", "chanel": "#b"}, "Extra inputs"),
    ],
)
def test_mistakes_in_the_options(options: dict[str, str], words: str) -> None:
    """Exactly one way to speak, whole, and nothing else; a secret is not in the message."""
    with pytest.raises(ValidationError, match=words) as caught:
        SlackOptions.model_validate(options)
    assert "secret-path" not in "".join(error["msg"] for error in caught.value.errors())
