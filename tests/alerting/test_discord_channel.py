"""Discord: one message per incident, edited in place, and nobody is called but by the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels.discord import DiscordOptions
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Change
from saasobs.core.ports import Channel
from saasobs.core.values import MINUTE, SECOND
from support.briefings import INCIDENT, NOW, briefing, degraded, ended, many, member, tools
from support.discord import TOKEN, DiscordDouble


@pytest.fixture
def discord() -> Iterator[DiscordDouble]:
    with DiscordDouble() as double:
        yield double


def build(discord: DiscordDouble, **options: Any) -> Channel:
    kind = CHANNELS["discord"]
    said = {"url": discord.webhook, "timeout": "5s", **options}
    return kind.build(kind.options.model_validate(said), tools())


async def test_an_incident_has_one_message_that_stays_true(discord: DiscordDouble) -> None:
    """Its first message is edited, and each change has a line below it."""
    channel = build(discord, thread="998877665544")
    receipt = await channel.send(briefing(), "")
    first = discord.posts[receipt.reference]
    assert first.said["embeds"][0]["title"].startswith("🔴 api is down")
    over = briefing(Change.RECOVERED, incident=ended(), now=NOW + 7 * MINUTE)
    again = await channel.send(over, receipt.reference)
    assert again.reference == receipt.reference
    assert (first.edits, first.said["embeds"][0]["title"]) == (1, "🟢 api is up again after 7m")
    assert [post.thread for post in discord.posts.values()] == ["998877665544"] * 2
    assert discord.posts[again.provider_id].said["content"] == "🟢 api is up again after 7m"


async def test_a_deleted_message_is_posted_anew(discord: DiscordDouble) -> None:
    """What cannot be edited any more is told again, and kept from then on."""
    receipt = await build(discord).send(briefing(Change.ESCALATED), "4711")
    assert receipt.reference in discord.posts


async def test_only_the_configuration_calls_people(discord: DiscordDouble) -> None:
    """A critical opening calls whom it may; a name that looks like a mention calls nobody; neither does a warning."""
    channel = build(discord, mention="<@&1234567>")
    nasty = replace(INCIDENT, monitor="@everyone [x](http://evil.example)")
    await channel.send(briefing(incident=nasty), "")
    await channel.send(briefing(incident=degraded()), "")
    loud, quiet = (post.said for post in discord.posts.values())
    assert loud["content"] == "<@&1234567>"
    assert loud["allowed_mentions"] == {"parse": [], "roles": ["1234567"]}
    assert quiet["allowed_mentions"] == {"parse": []}
    assert "content" not in quiet
    await build(discord, mention="@here").send(briefing(), "")
    assert list(discord.posts.values())[-1].said["allowed_mentions"] == {"parse": ["everyone"]}


async def test_a_storm_fits(discord: DiscordDouble) -> None:
    """Three hundred incidents, or one with endless words, stay within Discord's limits."""
    channel = build(discord)
    group = many(*(member(number, Change.OPENED) for number in range(300)))
    receipt = await channel.send_group(group, "")
    assert "and 260 more" in discord.posts[receipt.reference].said["embeds"][0]["description"]
    odd = replace(INCIDENT, monitor="m" * 3_000, message="half \ud800 *_`" * 5_000)
    await channel.send(briefing(incident=odd, target="t" * 9_000, description="d" * 9_000), "")
    assert len(discord.posts) == 2


@pytest.mark.parametrize(
    ("mode", "wait"), [("429", 2.5), ("500", None), ("refuse", None), ("drop", None), ("garbage", None)]
)
async def test_a_no_for_now(discord: DiscordDouble, mode: str, wait: float | None) -> None:
    """Tried again, after as long as Discord says."""
    discord.set(mode)
    with pytest.raises(DeliveryError) as caught:
        await build(discord).send(briefing(), "")
    assert not caught.value.permanent
    assert caught.value.retry_after == (wait and wait * SECOND)
    assert TOKEN not in str(caught.value)


async def test_a_webhook_that_is_gone_is_a_no_for_good(discord: DiscordDouble) -> None:
    """Somebody deleted it: the fallback takes over at once."""
    with pytest.raises(DeliveryError, match="Unknown Webhook") as caught:
        await build(discord, url=f"{discord.url}/api/webhooks/1/gone").send(briefing(), "")
    assert caught.value.permanent


@pytest.mark.parametrize("mention", ["everyone", "<@me>", "@channel", "<#123456>"])
def test_a_mention_that_is_none(mention: str) -> None:
    """Refused when the file is read."""
    with pytest.raises(ValidationError, match="mention"):
        DiscordOptions.model_validate({"url": "https://discord.com/api/webhooks/1/x", "mention": mention})
