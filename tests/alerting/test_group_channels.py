"""Groups of incidents over every channel: what is posted, edited and repeated."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels.console import ConsoleChannel, ConsoleOptions
from saasobs.alerting.channels.press import read_press
from saasobs.alerting.channels.slack_blocks import group_head
from saasobs.alerting.channels.telegram import group_keyboard
from saasobs.core.answers import AnswerKind
from saasobs.core.errors import DeliveryError
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Change
from saasobs.core.ports import Channel
from saasobs.core.values import MINUTE, SECOND, Secret
from saasobs.core.webhook_signature import verify
from support.briefings import NOW, briefing, ended, many, member, tools
from support.receiver import Receiver
from support.slack import TOKEN, SlackDouble
from support.smtp import MailServer
from support.twilio import ACCOUNT, AUTH_TOKEN, TwilioDouble

OPENED = Change.OPENED
FIRST = many(*(member(number, OPENED) for number in range(6)))
GROWN = many(*(member(number, OPENED) for number in range(6, 9)), *(member(n) for n in range(6)), first=False)
OVER = many(*(member(n, Change.RECOVERED, incident=ended()) for n in range(9)), first=False, now=NOW + 6 * MINUTE)
SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"


def build(kind: str, **options: Any) -> Channel:
    return CHANNELS[kind].build(CHANNELS[kind].options.model_validate({"timeout": "5s", **options}), tools())


def bot(slack: SlackDouble) -> Channel:
    return build("slack", token=TOKEN, channel="#alerts", base_url=slack.base_url)


async def test_slack_edits_one_message_as_the_group_grows() -> None:
    """Grown, then over: one message in the channel, each change in its thread, and nobody is called again."""
    with SlackDouble() as slack:
        channel = bot(slack)
        assert channel.edits
        first = await channel.send_group(FIRST, "")
        second = await channel.send_group(GROWN, first.reference)
        await channel.send_group(OVER, second.reference)
        [message] = slack.seen
        assert message.text.startswith("🟢 all 9 monitors are up again")
        assert [text.partition(":")[0] for text in message.edits] == [
            "🔴 6 monitors are down",
            "🔴 9 monitors are down",
        ]
        assert [(reply.text.partition(":")[0], reply.broadcast) for reply in message.thread] == [
            ("🔴 3 more are down", False),
            ("🟢 9 are up again", False),
        ]
        assert message.metadata["event_payload"] == {
            "delivery_id": OVER.delivery_id, "group_id": OVER.group_id, "notices": 9,
        }  # fmt: skip


async def test_slack_calls_when_a_group_turns_critical() -> None:
    """An edit rings nobody's phone: the first critical one among warnings is also shown in the channel."""
    with SlackDouble() as slack:
        channel = bot(slack)
        first = await channel.send_group(FIRST, "")
        await channel.send_group(replace(GROWN, graver=True), first.reference)
        assert [reply.broadcast for reply in slack.seen[0].thread] == [True]


async def test_slack_brings_single_messages_up_to_date() -> None:
    """An incident with a message of its own turns green there, too, when its group's message tells the end."""
    with SlackDouble() as slack:
        channel = bot(slack)
        own = await channel.send(briefing(), "")
        told = replace(OVER.members[0], alone=briefing(Change.RECOVERED, incident=ended()), reference=own.reference)
        await channel.send_group(replace(OVER, members=(told, *OVER.members[1:])), "")
        single, group = slack.seen
        assert single.text == "🟢 api is up again after 7m"
        assert single.thread == []
        assert group.text.startswith("🟢 all 9 monitors are up again")


async def test_a_single_message_that_cannot_be_edited_repeats_no_news() -> None:
    """The group's message is out: whatever becomes of the rest, it is not sent again."""
    with SlackDouble() as slack:
        channel = bot(slack)
        own = await channel.send(briefing(), "")
        slack.set("ok", schedule=["ok", "500"])
        told = replace(OVER.members[0], alone=briefing(Change.RECOVERED, incident=ended()), reference=own.reference)
        receipt = await channel.send_group(replace(OVER, members=(told,)), "")
        assert receipt.reference
        assert len(slack.seen) == 2
        slack.set("500")
        with pytest.raises(DeliveryError):
            await channel.send_group(OVER, receipt.reference)


async def test_slack_posts_anew_where_its_message_has_gone() -> None:
    """Somebody deleted it in the midst of the storm."""
    with SlackDouble() as slack:
        channel = bot(slack)
        first = await channel.send_group(FIRST, "")
        slack.messages.clear()
        second = await channel.send_group(GROWN, first.reference)
        assert second.reference != first.reference
        assert [message.text.partition(":")[0] for message in slack.seen] == ["🔴 9 monitors are down"]


async def test_a_slack_webhook_posts_each_time() -> None:
    """It cannot edit, and so it is told as seldom as a phone."""
    with SlackDouble() as slack:
        channel = build("slack", webhook_url=slack.webhook_url)
        assert not channel.edits
        assert (await channel.send_group(FIRST, "")).reference == ""
        assert slack.by_webhook[0]["text"].startswith("🔴 6 monitors are down")


async def test_the_first_text_about_a_group_does_not_wait() -> None:
    """Five single texts have filled the measure: the one about all the others goes out, its follow-ups wait."""

    async def five_lately(since: int, recipient: str) -> int:
        return 5

    options = {"provider": "twilio", "account_sid": ACCOUNT, "auth_token": AUTH_TOKEN, "from": "+15005550006"}
    with TwilioDouble() as twilio:
        read = CHANNELS["sms"].options.model_validate(
            {**options, "to": "+51987654321", "api_base": twilio.url, "monthly_cap": 6}
        )
        channel = CHANNELS["sms"].build(read, tools(five_lately))
        assert not channel.edits
        receipt = await channel.send_group(replace(FIRST, recipient="+51987654321"), "")
        [text] = twilio.texts
        assert text.body.startswith("DOWN 6 monitors: api, checkout")
        assert receipt.provider_id == f"SM{1:032x}"
        with pytest.raises(DeliveryError, match="has had 5 text messages lately"):
            await channel.send_group(replace(GROWN, recipient="+51987654321"), "")

        async def six(since: int, recipient: str) -> int:
            return 6

        capped = CHANNELS["sms"].build(read, tools(six))
        with pytest.raises(DeliveryError, match="cap of 6"):
            await capped.send_group(replace(FIRST, recipient="+51987654321"), "")


async def test_a_groups_mails_stand_together() -> None:
    """One thread for the group, each message under its delivery's ID, with every incident in it."""
    async with MailServer() as server:
        channel = build(
            "email",
            host="127.0.0.1",
            port=server.port,
            security="none",
            **{"from": "a@acme.example"},
            to="t@acme.example",
        )
        assert not channel.edits
        for group in (FIRST, OVER):
            await channel.send_group(replace(group, recipient="t@acme.example"), "")
        first, over = (mail.message for mail in server.mails)
        assert first["Subject"].startswith("[saasobs] 🔴 6 monitors are down: api, checkout")
        assert first["References"] == over["References"] == f"<group-{FIRST.group_id}@acme.example>"
        assert first["Message-ID"] == f"<{FIRST.delivery_id}@acme.example>"
        body = first.get_body(("plain",))
        assert body is not None
        assert all(one.incident.id in body.get_content() for one in FIRST.members)


async def test_a_webhook_signs_what_is_new() -> None:
    """Its idempotency key is the delivery's ID, and every notice is under its incident."""
    with Receiver() as receiver:
        channel = build("webhook", url=f"{receiver.url}/in", secret=SECRET)
        assert channel.edits
        await channel.send_group(GROWN, "")
        [request] = receiver.accepted()
        assert verify([Secret(SECRET)], request.headers, request.body, NOW // SECOND)
        assert request.headers["webhook-id"] == GROWN.delivery_id
        said = request.json()
        assert (said["type"], said["group"]["total"], len(said["incidents"])) == ("group.updated", 9, 3)
        assert said["incidents"][0]["notice_ids"] == list(GROWN.members[0].notice_ids)


async def test_the_console_prints_a_line_more() -> None:
    """Each time with the group's ID, which says what it belongs to."""
    stream = io.StringIO()
    channel = ConsoleChannel(ConsoleOptions(), stream, colours=False)
    for group in (FIRST, GROWN):
        await channel.send_group(group, "")
    text = stream.getvalue()
    assert text.count(f"Group:       {FIRST.group_id}") == 2
    assert "14:03 UTC  🔴 9 monitors are down" in text


@pytest.mark.parametrize("group", [FIRST, GROWN, OVER], ids=["first", "grown", "over"])
async def test_a_refusal_is_a_delivery_error(group: GroupBriefing) -> None:
    """Groups go through the same door as everything else."""
    with Receiver() as receiver:
        receiver.set("503")
        with pytest.raises(DeliveryError) as caught:
            await build("webhook", url=f"{receiver.url}/in", secret=SECRET).send_group(group, "")
        assert not caught.value.permanent


# Buttons ----------------------------------------------------------------------------------------------------------

TAKEN = many(
    *(replace(one, incident=replace(one.incident, acknowledged_at=NOW, acknowledged_by="ana")) for one in FIRST.members)
)


@pytest.mark.parametrize(
    ("group", "kinds"), [(FIRST, ["acknowledge", "snooze"]), (TAKEN, ["unacknowledge"]), (OVER, [])]
)
def test_one_press_answers_for_all(group: GroupBriefing, kinds: list[str]) -> None:
    """Slack's and Telegram's message about many have buttons for all that is open, in the reader's words."""
    spoken = replace(group, language="es")
    rows = [block for block in group_head(spoken, buttons=True)["blocks"] if block["type"] == "actions"]
    buttons = [button for row in rows for button in row["elements"]]
    assert [(one["action_id"], one["value"]) for one in buttons] == [
        (f"saasobs_{kind}", group.group_id) for kind in kinds
    ]
    keyboard = group_keyboard(spoken)
    pressed = [one for row in keyboard["inline_keyboard"] for one in row] if keyboard else []
    assert [one["callback_data"] for one in pressed] == [f"{kind}:{group.group_id}" for kind in kinds]
    assert [one["text"] for one in pressed] == [one["text"]["text"] for one in buttons]
    assert [read_press(*one["callback_data"].split(":")) for one in pressed] == [
        (AnswerKind(kind), group.group_id) for kind in kinds
    ]


def test_without_buttons_it_says_the_command() -> None:
    """Where no answer can come back, the message says what to type; with buttons it does not say both."""
    assert f"saasobs ack {FIRST.group_id}" in str(group_head(FIRST))
    assert "saasobs ack" not in str(group_head(FIRST, buttons=True))
