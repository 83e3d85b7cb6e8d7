"""Microsoft Teams: a card for each message, within what a workflow takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels.teams import TeamsOptions
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Change, Event
from saasobs.core.ports import Channel
from saasobs.core.values import MINUTE, SECOND
from support.briefings import INCIDENT, NOW, briefing, ended, many, member, tools
from support.receiver import Receiver


@pytest.fixture
def workflow() -> Iterator[Receiver]:
    with Receiver() as double:
        yield double


def build(workflow: Receiver, **options: Any) -> Channel:
    kind = CHANNELS["teams"]
    said = {"url": f"{workflow.url}/workflows/0123?sig=secret-signature", "timeout": "5s", **options}
    return kind.build(kind.options.model_validate(said), tools())


def card(workflow: Receiver) -> dict[str, Any]:
    """The newest one."""
    [attachment] = workflow.accepted()[-1].json()["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    found: dict[str, Any] = attachment["content"]
    return found


async def test_a_card_says_what_a_person_needs(workflow: Receiver) -> None:
    """The headline, the facts, and a button for each place to look."""
    await build(workflow).send(briefing(runbook="https://wiki.acme.example/api"), "")
    shown = card(workflow)
    assert (shown["type"], shown["version"]) == ("AdaptiveCard", "1.4")
    assert shown["body"][0]["text"].startswith("🔴 api is down")
    assert {"title": "Incident", "value": "k3v9m2xa"} in shown["body"][1]["facts"]
    assert [action["url"] for action in shown["actions"]] == [
        "http://127.0.0.1:9110/incidents/k3v9m2xa",
        "https://wiki.acme.example/api",
    ]
    await build(workflow).send(briefing(Change.RECOVERED, incident=ended(), now=NOW + 7 * MINUTE), "")
    assert card(workflow)["body"][0]["text"] == "🟢 api is up again after 7m"


async def test_every_card_fits(workflow: Receiver) -> None:
    """28 KB is all that a workflow takes: the oldest lines give way, never the headline or the facts."""
    channel = build(workflow)
    await channel.send_group(many(*(member(number, Change.OPENED) for number in range(300))), "")
    odd = replace(INCIDENT, monitor="ñ" * 3_000, message="half \ud800 [x](http://evil.example)" * 5_000)
    story = tuple(Event(INCIDENT.id, NOW, Change.NOTED, "é" * 4_000) for _ in range(30))
    await channel.send(briefing(incident=odd, timeline=story, target="t" * 9_000, description="d" * 9_000), "")
    for request in workflow.accepted():
        assert len(request.body) <= 28 * 1024
    assert "](http" not in json.dumps(card(workflow)["body"])


@pytest.mark.parametrize("mode", ["429", "500", "refuse", "drop", "hang"])
async def test_a_no_for_now(workflow: Receiver, mode: str) -> None:
    """Tried again, after Retry-After where there is one; the address is not shown."""
    workflow.set(mode, retry_after=3)
    with pytest.raises(DeliveryError) as caught:
        await build(workflow, timeout="1s").send(briefing(), "")
    assert not caught.value.permanent
    assert caught.value.retry_after == (3 * SECOND if mode.isdigit() else None)
    assert "secret-signature" not in str(caught.value)


@pytest.mark.parametrize("mode", ["400", "401", "404", "410"])
async def test_a_no_for_good(workflow: Receiver, mode: str) -> None:
    """The workflow is gone or switched off."""
    workflow.set(mode)
    with pytest.raises(DeliveryError) as caught:
        await build(workflow).send(briefing(), "")
    assert caught.value.permanent


def test_a_retired_connector_is_refused() -> None:
    """Office 365 connectors are dead: better to hear it when the file is read than at the first outage."""
    with pytest.raises(ValidationError, match="make a workflow"):
        TeamsOptions.model_validate({"url": "https://acme.webhook.office.com/webhookb2/x"})
