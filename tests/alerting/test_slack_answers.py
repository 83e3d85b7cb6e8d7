"""What people press in Slack: by a real WebSocket that breaks in every way, and by signed HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels.press import Listener
from saasobs.alerting.channels.slack_answers import presses, read_signed
from saasobs.core.answers import Answer, AnswerKind, Via
from saasobs.core.errors import Refused, StorageError
from saasobs.core.people import Contact
from saasobs.core.values import MINUTE, Secret
from support.answering import Desk, until
from support.briefings import INCIDENT
from support.slack import APP_TOKEN, TOKEN, SlackDouble
from support.slack_socket import SlackSocket, payload

SIGNING = "8f742231b10e8888abcd99yyyzzz85a5"
ANA = "U012AB3CD"


@pytest.fixture
def slack() -> Iterator[SlackDouble]:
    with SlackDouble() as double:
        yield double


@pytest.fixture
def socket(slack: SlackDouble) -> Iterator[SlackSocket]:
    with SlackSocket(slack) as server:
        yield server


@asynccontextmanager
async def listening(slack: SlackDouble, desk: Desk, **options: Any) -> AsyncIterator[Listener]:
    """The listener of a bot, as the daemon runs it."""
    kind = CHANNELS["slack"]
    said = {"token": TOKEN, "channel": "#alerts", "app_token": APP_TOKEN, "base_url": slack.base_url, **options}
    assert kind.listen is not None
    listener = kind.listen(kind.options.model_validate(said), desk.tools(Via.SLACK, Contact.SLACK, ANA))
    assert listener is not None
    task = asyncio.create_task(listener.run())
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_button_is_an_answer(slack: SlackDouble, socket: SlackSocket) -> None:
    """In the name of the person whose member ID it is; confirmed to Slack; a snooze is for half an hour."""
    desk = Desk()
    async with listening(slack, desk) as listener:
        await until(lambda: not listener.problem)
        envelope = socket.press("acknowledge", INCIDENT.id)
        await until(lambda: desk.heard)
        assert desk.heard == [Answer(AnswerKind.ACKNOWLEDGE, "ana", Via.SLACK)]
        await until(lambda: envelope in socket.confirmed)
        socket.press("snooze", INCIDENT.id, user="U999")
        await until(lambda: len(desk.heard) == 2)
        assert desk.heard[1] == Answer(AnswerKind.SNOOZE, "someone", Via.SLACK, lasting=30 * MINUTE)
        assert desk.counted == {"taken": 2}
        assert slack.whispers == []


async def test_what_cannot_be_done_is_told_where_only_they_see_it(slack: SlackDouble, socket: SlackSocket) -> None:
    """An unknown incident, one that is over, one that somebody has, a store that is broken, a stranger."""
    desk = Desk()
    async with listening(slack, desk) as listener:
        await until(lambda: not listener.problem)
        socket.press("acknowledge", "zzz", user="U1")
        await until(lambda: len(slack.whispers) == 1)
        for failure in (Refused("incident k3v9m2xa is over"), StorageError("locked", kind="locked")):
            desk.failure = failure
            told = len(slack.whispers)
            socket.press("acknowledge", INCIDENT.id, user="U1")
            await until(lambda told=told: len(slack.whispers) > told)  # type: ignore[misc]
        desk.failure = None
        desk.incident = replace(INCIDENT, acknowledged_at=1, acknowledged_by="bruno")
        socket.press("acknowledge", INCIDENT.id, user="U1")
        await until(lambda: len(slack.whispers) == 4)
        socket.press("acknowledge", INCIDENT.id, user="U1", team="T-elsewhere")
        await until(lambda: len(slack.whispers) == 5)
    texts = [whisper["text"] for whisper in slack.whispers]
    assert [whisper["user"] for whisper in slack.whispers] == ["U1"] * 5
    assert "no incident's ID" in texts[0]
    assert "is over" in texts[1]
    assert "press it again" in texts[2]
    assert texts[3] == "bruno has it already"
    assert "only members of this workspace" in texts[4]


async def test_an_envelope_that_comes_twice_counts_once(slack: SlackDouble, socket: SlackSocket) -> None:
    """Slack sends anew what was not confirmed in time; it is confirmed again and not answered again."""
    desk = Desk()
    async with listening(slack, desk) as listener:
        await until(lambda: not listener.problem)
        envelope = socket.press("acknowledge", INCIDENT.id)
        socket.press("acknowledge", INCIDENT.id, envelope=envelope)
        await until(lambda: socket.confirmed.count(envelope) == 2)
        assert len(desk.heard) == 1


async def test_it_comes_back_from_everything(slack: SlackDouble, socket: SlackSocket) -> None:
    """Garbage is passed over; a request for a new connection, a dropped line and a refusing API end in a new one."""
    desk = Desk()
    async with listening(slack, desk) as listener:
        await until(lambda: not listener.problem)
        for garbage in (
            "not json",
            "[]",
            '{"type": 7}',
            '{"envelope_id": {}}',
            '{"type": "events_api", "envelope_id": "e"}',
        ):
            socket.send(garbage)
        socket.send({"type": "disconnect", "reason": "refresh_requested"})
        await until(lambda: socket.connections == 2 and socket.connected)
        slack.set(schedule=["500", "429", "garbage", "drop"])
        socket.drop()
        await until(lambda: socket.connections == 3 and socket.connected and not listener.problem, 60)
        socket.press("acknowledge", INCIDENT.id)
        await until(lambda: desk.heard)


async def test_a_refused_token_is_said(slack: SlackDouble, socket: SlackSocket) -> None:
    """Slack's word for it, without the token; and Slack is left in peace for minutes."""
    async with listening(slack, Desk(), app_token="xapp-wrong") as listener:
        await until(lambda: "invalid_auth" in listener.problem)
        assert "xapp" not in listener.problem
        await asyncio.sleep(0.2)
    assert len(slack.requests) == 1
    assert socket.connections == 0


def signed(body: bytes, *, secret: str = SIGNING, at: int | None = None) -> dict[str, str]:
    moment = str(int(time.time()) if at is None else at)
    digest = hmac.new(secret.encode(), f"v0:{moment}:".encode() + body, hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": moment, "x-slack-signature": f"v0={digest}"}


async def test_a_signed_request_is_an_answer(slack: SlackDouble) -> None:
    """And one that is not signed, signed by another, or older than five minutes is none."""
    desk = Desk()
    body = urlencode({"payload": json.dumps(payload("acknowledge", INCIDENT.id))}).encode()
    async with listening(slack, desk, app_token=None, signing_secret=SIGNING) as listener:
        assert listener.problem == ""
        assert not await listener.pressed(body, {})
        assert not await listener.pressed(body, signed(body, secret="another"))
        assert not await listener.pressed(body, signed(body, at=int(time.time()) - 400))
        assert not await listener.pressed(body + b" ", signed(body))
        assert desk.heard == []
        assert await listener.pressed(body, signed(body))
        await until(lambda: desk.heard)
    assert slack.requests == []


@given(st.binary(max_size=200), st.text(max_size=20), st.text(max_size=20))
def test_no_request_of_a_stranger_breaks_it(body: bytes, timestamp: str, signature: str) -> None:
    """Whatever is sent is simply not genuine."""
    headers = {"x-slack-request-timestamp": timestamp, "x-slack-signature": signature}
    assert read_signed(Secret(SIGNING), body, headers) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_any_payload_is_read(said: Any) -> None:
    """What is not a button of ours is nothing; no shape of it raises."""
    known = payload("acknowledge", INCIDENT.id)
    assert presses(said) == ()
    for key in known:
        presses({**known, key: said})
    assert len(presses(known)) == 1
    assert presses(payload("delete-everything", INCIDENT.id)) == ()
    assert presses(payload("acknowledge", "../../x")) == ()


def test_buttons_need_a_bot() -> None:
    """A webhook's messages cannot be edited, so its buttons would lie."""
    options = CHANNELS["slack"].options
    with pytest.raises(ValueError, match="buttons need a bot"):
        options.model_validate({"webhook_url": "https://hooks.slack.com/services/x", "signing_secret": SIGNING})
