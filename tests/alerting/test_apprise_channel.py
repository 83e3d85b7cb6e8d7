"""The bridge to Apprise, with Apprise itself and a server that misbehaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels.apprise import AppriseOptions
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Change
from saasobs.core.ports import Channel
from saasobs.core.values import MINUTE
from support.briefings import NOW, briefing, ended, many, member, tools
from support.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as double:
        yield double


def build(*urls: str, timeout: str = "10s") -> Channel:
    kind = CHANNELS["apprise"]
    return kind.build(kind.options.model_validate({"url": list(urls), "timeout": timeout}), tools())


async def test_what_apprise_knows_is_told(receiver: Receiver) -> None:
    """Failure, recovery and storm as Apprise's own kinds of notification."""
    channel = build(f"json://user:secret-word@127.0.0.1:{receiver.port}/in")
    await channel.send(briefing(), "")
    await channel.send(briefing(Change.RECOVERED, incident=ended(), now=NOW + 7 * MINUTE), "")
    await channel.send_group(many(*(member(number, Change.OPENED) for number in range(30))), "")
    told = [request.json() for request in receiver.accepted()]
    assert [one["type"] for one in told] == ["failure", "success", "failure"]
    assert told[0]["title"].startswith("🔴 api is down")
    assert "k3v9m2xa" in told[0]["message"]
    assert "and 10 more" in told[2]["message"]


@pytest.mark.parametrize("mode", ["429", "500", "refuse", "drop"])
async def test_any_failure_is_tried_again(receiver: Receiver, mode: str) -> None:
    """Apprise does not say whether that can help; no secret is told."""
    receiver.set(mode)
    with pytest.raises(DeliveryError) as caught:
        await build(f"json://user:secret-word@127.0.0.1:{receiver.port}/in").send(briefing(), "")
    assert not caught.value.permanent
    assert "secret-word" not in str(caught.value)


async def test_one_url_of_two_that_fails_is_a_failure(receiver: Receiver) -> None:
    """Rather twice than not at all."""
    with Receiver() as broken:
        broken.set("500")
        with pytest.raises(DeliveryError):
            await build(f"json://127.0.0.1:{receiver.port}", f"json://127.0.0.1:{broken.port}").send(briefing(), "")
    assert len(receiver.accepted()) == 1


def test_a_url_that_apprise_does_not_know() -> None:
    """Refused when the file is read, and not shown."""
    with pytest.raises(ValidationError, match="`url` 2 is none that Apprise knows") as caught:
        AppriseOptions.model_validate({"url": ["json://127.0.0.1", "nonsense://secret-word"]})
    assert "secret-word" not in str(caught.value.errors()[0]["msg"])
