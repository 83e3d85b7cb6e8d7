"""Telegram: one message per incident, edited in place, with buttons that answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels.press import Listener
from saasobs.alerting.channels.telegram import TelegramOptions
from saasobs.core.answers import AnswerKind, Via
from saasobs.core.errors import DeliveryError, Refused
from saasobs.core.incident import Change
from saasobs.core.people import Contact
from saasobs.core.ports import Channel
from saasobs.core.values import MINUTE, SECOND
from support.answering import Desk, until
from support.briefings import INCIDENT, NOW, briefing, ended, many, member, tools
from support.telegram import CHAT, TOKEN, TelegramDouble


@pytest.fixture
def telegram() -> Iterator[TelegramDouble]:
    with TelegramDouble() as double:
        yield double


def options(telegram: TelegramDouble, **said: Any) -> TelegramOptions:
    wanted = {"token": TOKEN, "chat": CHAT, "base_url": telegram.url, "timeout": "5s", **said}
    return TelegramOptions.model_validate(wanted)


def build(telegram: TelegramDouble, **said: Any) -> Channel:
    return CHANNELS["telegram"].build(options(telegram, **said), tools())


async def test_an_incident_has_one_message_that_stays_true(telegram: TelegramDouble) -> None:
    """Sent with buttons, edited as it goes on, each change a reply to it; over, the buttons are gone."""
    channel = build(telegram)
    receipt = await channel.send(briefing(recipient=CHAT), "")
    first = telegram.messages[100]
    assert first.text.startswith("<b>🔴 api is down")
    assert first.buttons == [f"{kind}:{INCIDENT.id}" for kind in ("acknowledge", "snooze", "resolve")]
    taken = replace(INCIDENT, acknowledged_at=NOW, acknowledged_by="ana")
    receipt = await channel.send(briefing(Change.ACKNOWLEDGED, incident=taken, recipient=CHAT), receipt.reference)
    assert first.buttons == [f"{kind}:{INCIDENT.id}" for kind in ("unacknowledge", "resolve")]
    over = briefing(Change.RECOVERED, incident=ended(), now=NOW + 7 * MINUTE, recipient=CHAT)
    await channel.send(over, receipt.reference)
    assert (first.edits, first.buttons) == (2, [])
    assert [shown.reply_to for shown in telegram.messages.values()] == [0, 100, 100]
    await channel.send(over, receipt.reference)  # told again: the same edit is no error
    assert first.edits == 2


async def test_a_person_is_told_in_their_own_chat(telegram: TelegramDouble) -> None:
    """The recipient decides where it goes."""
    await build(telegram).send(briefing(recipient="42"), "")
    assert telegram.messages[100].chat == "42"


async def test_a_deleted_message_is_sent_anew(telegram: TelegramDouble) -> None:
    """And so is one whose reference is none of ours."""
    channel = build(telegram)
    for reference in ('{"chat": "-1", "message": 5}', "nonsense", '{"chat": 1}'):
        receipt = await channel.send(briefing(recipient=CHAT), reference)
        assert '"message"' in receipt.reference
    assert len(telegram.messages) == 3


async def test_whatever_is_said_can_be_sent(telegram: TelegramDouble) -> None:
    """Markup in names, endless words, three hundred incidents: all within what Telegram parses."""
    odd = replace(INCIDENT, monitor="<b>&m" * 500, message="</b> <a href='x'>half \ud800" * 2_000)
    channel = build(telegram)
    await channel.send(briefing(incident=odd, target="<t>" * 5_000, description="&" * 9_000, recipient=CHAT), "")
    await channel.send_group(many(*(member(number, Change.OPENED) for number in range(300)), recipient=CHAT), "")
    assert len(telegram.messages) == 2


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "Bad Request: chat not found"),
        (401, "Unauthorized"),
        (403, "Forbidden: bot was blocked by the user"),
        (403, "Forbidden: bot was kicked from the supergroup chat"),
    ],
)
async def test_a_no_for_good(telegram: TelegramDouble, status: int, said: str) -> None:
    """In Telegram's own words, and without the token."""
    telegram.refusal_of["sendMessage"] = (status, {"description": said})
    with pytest.raises(DeliveryError, match=said.partition(":")[0]) as caught:
        await build(telegram).send(briefing(recipient=CHAT), "")
    assert caught.value.permanent
    assert "fake-bot-token" not in str(caught.value)


@pytest.mark.parametrize("mode", ["429", "500", "refuse", "drop", "garbage", "json_list", "hang"])
async def test_a_no_for_now(telegram: TelegramDouble, mode: str) -> None:
    """Tried again, after as long as Telegram says."""
    telegram.set(mode)
    with pytest.raises(DeliveryError) as caught:
        await build(telegram, timeout="1s").send(briefing(recipient=CHAT), "")
    assert not caught.value.permanent
    assert caught.value.retry_after == (3 * SECOND if mode == "429" else None)


async def test_a_group_that_became_a_supergroup_is_found(telegram: TelegramDouble) -> None:
    """The first message fails with the new ID, and the next try goes there."""
    moved = {"description": "Bad Request: group chat was upgraded", "parameters": {"migrate_to_chat_id": -100999}}
    telegram.refusal_of["sendMessage"] = (400, moved)
    channel = build(telegram)
    with pytest.raises(DeliveryError, match="-100999") as caught:
        await channel.send(briefing(recipient=CHAT), "")
    assert not caught.value.permanent
    telegram.refusal_of.clear()
    await channel.send(briefing(recipient=CHAT), "")
    assert telegram.messages[100].chat == "-100999"


@pytest.mark.parametrize("token", ["987654", ":hidden", "98a:hidden", "987:hid/../den", "987:"])
def test_a_token_that_is_none(token: str) -> None:
    """Refused when the file is read, and not shown."""
    with pytest.raises(ValidationError, match="must be a bot's token") as caught:
        TelegramOptions.model_validate({"token": token, "chat": CHAT})
    assert token not in str(caught.value.errors()[0]["msg"])


# Answers ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def listening(telegram: TelegramDouble, desk: Desk, **said: Any) -> AsyncIterator[Listener]:
    """The listener of a bot, as the daemon runs it."""
    kind = CHANNELS["telegram"]
    assert kind.listen is not None
    listener = kind.listen(options(telegram, **said), desk.tools(Via.TELEGRAM, Contact.TELEGRAM, "42"))
    assert listener is not None
    task = asyncio.create_task(listener.run())
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_button_is_an_answer(telegram: TelegramDouble) -> None:
    """In the name of the person whose chat it is; whoever pressed sees that it was taken."""
    desk = Desk()
    async with listening(telegram, desk) as listener:
        await until(lambda: not listener.problem)
        telegram.press(f"acknowledge:{INCIDENT.id}")
        await until(lambda: telegram.toasts)
    assert [(one.kind, one.by, one.via) for one in desk.heard] == [(AnswerKind.ACKNOWLEDGE, "ana", Via.TELEGRAM)]
    assert telegram.toasts == ["✓"]


async def test_strangers_and_nonsense(telegram: TelegramDouble) -> None:
    """Somebody in another chat is told so; what is no button of ours is passed over; a refusal is told in its words."""
    desk = Desk()
    async with listening(telegram, desk) as listener:
        await until(lambda: not listener.problem)
        telegram.press(f"acknowledge:{INCIDENT.id}", user=7, chat="-5")
        for nonsense in ("", "acknowledge", "explode:k3v9m2xa", "acknowledge:../../x", "x" * 64):
            telegram.press(nonsense, user=7)
        desk.failure = Refused("incident k3v9m2xa is over")
        telegram.press(f"resolve:{INCIDENT.id}", user=7)
        await until(lambda: len(telegram.toasts) == 2)
    assert telegram.toasts == ["only people of the configuration can answer here", "incident k3v9m2xa is over"]
    assert desk.heard == []
    assert desk.counted == {"strange": 1, "refused": 1}


async def test_where_it_left_off_is_remembered(telegram: TelegramDouble) -> None:
    """The next run asks from there; a press that was confirmed is not answered again."""
    desk = Desk()
    async with listening(telegram, desk) as listener:
        await until(lambda: not listener.problem)
        number = telegram.press(f"acknowledge:{INCIDENT.id}")
        await until(lambda: telegram.toasts)
    assert desk.kept == {"offset": str(number + 1)}
    async with listening(telegram, desk) as listener:
        await until(lambda: not listener.problem)
    assert telegram.offsets[0] == 0
    assert telegram.offsets[-1] == number + 1
    assert len(desk.heard) == 1


async def test_it_comes_back_from_everything(telegram: TelegramDouble) -> None:
    """From errors, dropped lines and nonsense."""
    desk = Desk()
    telegram.set(schedule=["500", "drop", "garbage"])
    async with listening(telegram, desk) as listener:
        await until(lambda: not listener.problem, 60)
        telegram.press(f"acknowledge:{INCIDENT.id}")
        await until(lambda: desk.heard)


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [(409, "Conflict: terminated by other getUpdates", "one listener"), (401, "Unauthorized", "token")],
)
async def test_why_nothing_is_heard_is_said(telegram: TelegramDouble, status: int, said: str, words: str) -> None:
    """Another program with the same token; a token that is none."""
    telegram.refusal_of["getUpdates"] = (status, {"description": said})
    async with listening(telegram, Desk()) as listener:
        await until(lambda: words in listener.problem)
        assert "fake-bot-token" not in listener.problem


def test_without_buttons_nobody_listens(telegram: TelegramDouble) -> None:
    """A bot that another program listens with can still tell."""
    kind = CHANNELS["telegram"]
    assert kind.listen is not None
    assert kind.listen(options(telegram, buttons=False), Desk().tools(Via.TELEGRAM, Contact.TELEGRAM, "42")) is None
