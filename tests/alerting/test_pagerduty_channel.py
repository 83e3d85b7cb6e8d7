"""PagerDuty: one incident there for each of ours, from its opening to its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from saasobs.alerting.channels import CHANNELS
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Change, Link
from saasobs.core.ports import Channel
from saasobs.core.values import MINUTE, SECOND
from support.briefings import INCIDENT, NOW, briefing, degraded, ended, many, member, tools
from support.pagerduty import ROUTING_KEY, PagerDutyDouble


@pytest.fixture
def pagerduty() -> Iterator[PagerDutyDouble]:
    with PagerDutyDouble() as double:
        yield double


def build(pagerduty: PagerDutyDouble, **options: Any) -> Channel:
    kind = CHANNELS["pagerduty"]
    said = {"routing_key": ROUTING_KEY, "api_base": pagerduty.url, "timeout": "5s", **options}
    return kind.build(kind.options.model_validate(said), tools())


async def test_an_incident_lives_there_as_it_does_here(pagerduty: PagerDutyDouble) -> None:
    """Opened, made worse, acknowledged and ended under one key, with what a person needs to know."""
    channel, key = build(pagerduty), INCIDENT.id
    links = (Link("Dashboard", "https://grafana.acme.example/d/1"),)
    slow = briefing(incident=degraded(), runbook="https://wiki.acme.example/api", links=links)
    receipt = await channel.send(slow, "")
    assert receipt.provider_id == key
    assert pagerduty.incidents[key].payload["severity"] == "warning"
    assert pagerduty.requests[0].json()["links"] == [
        {"href": "https://wiki.acme.example/api", "text": "Runbook"},
        {"href": "https://grafana.acme.example/d/1", "text": "Dashboard"},
    ]
    assert pagerduty.requests[0].json()["client_url"] == f"http://127.0.0.1:9110/incidents/{key}"
    await channel.send(briefing(Change.ESCALATED), receipt.reference)
    theirs = pagerduty.incidents[key]
    assert (theirs.payload["severity"], theirs.payload["component"]) == ("critical", "api")
    assert theirs.payload["timestamp"] == "2026-11-22T14:01:55.000Z"
    await channel.send(briefing(Change.ACKNOWLEDGED), "")
    assert theirs.status == "acknowledged"
    await channel.send(briefing(Change.NOTED), "")
    await channel.send(briefing(Change.RECOVERED, incident=ended(), now=NOW + 7 * MINUTE), "")
    assert theirs.status == "resolved"
    assert theirs.history == ["trigger", "trigger", "acknowledge", "resolve"]


async def test_a_failure_that_is_over_rings_nobody(pagerduty: PagerDutyDouble) -> None:
    """It is opened for the record, as information, and ended at once."""
    one = briefing(Change.OPENED, Change.RECOVERED, incident=ended(), now=NOW + 7 * MINUTE)
    await build(pagerduty).send(one, "")
    theirs = pagerduty.incidents[INCIDENT.id]
    assert (theirs.status, theirs.payload["severity"]) == ("resolved", "info")


async def test_a_group_is_one_incident_there(pagerduty: PagerDutyDouble) -> None:
    """A storm is brought up to date under the group's key, and ends with its last incident."""
    channel = build(pagerduty, group_over=5)
    storm = many(*(member(number, Change.OPENED) for number in range(300)))
    await channel.send_group(storm, "")
    theirs = pagerduty.incidents["g7q2m8zd"]
    assert theirs.payload["severity"] == "critical"
    assert len(theirs.payload["custom_details"]) == 100
    over = many(*(member(number, Change.RECOVERED, incident=ended()) for number in range(300)), first=False)
    await channel.send_group(over, "")
    assert theirs.status == "resolved"


async def test_a_wrong_key_is_a_no_for_good(pagerduty: PagerDutyDouble) -> None:
    """PagerDuty's own words say why; the key is not among them."""
    with pytest.raises(DeliveryError, match="'routing_key' is invalid") as caught:
        await build(pagerduty, routing_key="some-other-key").send(briefing(), "")
    assert caught.value.permanent
    assert "some-other-key" not in str(caught.value)


@pytest.mark.parametrize("mode", ["429", "500", "503", "refuse", "drop", "drop_after_accept", "garbage", "json_list"])
async def test_a_no_for_now(pagerduty: PagerDutyDouble, mode: str) -> None:
    """Tried again; a 429 waits minutes, since PagerDuty does not say how long; a repeat is the same incident."""
    channel = build(pagerduty)
    pagerduty.set(schedule=[mode])
    with pytest.raises(DeliveryError) as caught:
        await channel.send(briefing(), "")
    assert not caught.value.permanent
    assert caught.value.retry_after == (120 * SECOND if mode == "429" else None)
    await channel.send(briefing(), "")
    assert len(pagerduty.incidents) == 1


async def test_hostile_words_fit(pagerduty: PagerDutyDouble) -> None:
    """Whatever a monitor or a server is called or says, the event is one that PagerDuty takes."""
    odd = replace(INCIDENT, monitor="m\n" * 3_000, message="half \ud800 " * 5_000)
    await build(pagerduty).send(briefing(incident=odd, target="t" * 9_000), "")
    assert len(pagerduty.incidents) == 1
