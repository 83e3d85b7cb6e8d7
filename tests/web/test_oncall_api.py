"""On-call schedules over the API, and the feed that calendars subscribe to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import icalendar
import pytest

from saasobs.core.values import HOUR, to_datetime
from saasobs.web import ingest_app, operator_app
from saasobs.web.calendar import calendar
from support.operator import NOW, FakeOperator
from support.rotas import HOLIDAY, VIEW


def events_of(feed: bytes) -> list[Any]:
    """As a calendar reads them."""
    return list(icalendar.Calendar.from_ical(feed).walk("VEVENT"))


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(operator_app(FakeOperator(schedules=[VIEW]), hosts=["test"]))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as found:
        yield found


async def test_every_schedule_is_shown_with_its_turns(client: httpx.AsyncClient) -> None:
    """Who has it now, each turn without a gap, and who stands in for whom."""
    [schedule] = (await client.get("/oncall?days=7")).json()["schedules"]
    assert (schedule["name"], schedule["now"], schedule["timezone"]) == ("primary", ["ana"], "America/Lima")
    assert [(shift["people"], shift["override"]) for shift in schedule["shifts"]] == [
        (["ana"], None),
        (["carla"], "w4k2mx"),
        ([], None),
    ]
    assert schedule["overrides"][0]["by"] == "ana"
    assert (await client.get("/oncall/nobody")).json() == {"schedules": []}
    assert (await client.get("/oncall?days=0")).status_code == 400


async def test_an_override_is_entered_and_ended(client: httpx.AsyncClient) -> None:
    """Without a beginning it begins now; what is missing or unknown is said."""
    wanted = {"person": "carla", "end": "2026-12-26T09:00:00-05:00", "reason": "feriado", "by": "ana"}
    entered = await client.post("/oncall/primary/override", json=wanted)
    assert entered.status_code == 201
    assert (entered.json()["person"], entered.json()["end"]) == ("carla", "2026-12-26T14:00:00.000000Z")
    ended = await client.post("/oncall/overrides/w4k2/end", json={"by": "ana"})
    assert ended.json()["id"] == "w4k2"
    for wrong in ({}, {"end": "tomorrow"}, {"end": "2026-12-26T09:00:00"}, {**wanted, "who": "x"}):
        answer = await client.post("/oncall/primary/override", json=wrong)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]


async def test_a_calendar_takes_the_feed() -> None:
    """An event for each turn that somebody has, at its moment, under an ID that stays; nothing for a guessed token."""
    transport = httpx.ASGITransport(ingest_app(FakeOperator(schedules=[VIEW])))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/oncall/0123abcd.ics")
        assert (await client.get("/oncall/0123abce.ics")).status_code == 404
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    events = events_of(answer.content)
    assert [str(event["summary"]) for event in events] == [
        "ana: on call (primary)",
        "carla: on call (primary)",
    ]
    assert [event["dtstart"].dt for event in events] == [
        to_datetime(shift.start).replace(microsecond=0) for shift in VIEW.shifts[:2]
    ]
    assert "feriado; São José, día 2" in str(events[1]["description"])
    assert len({str(event["uid"]) for event in events}) == 2


def test_a_feed_keeps_the_rules_of_its_format() -> None:
    """No line is longer than 75 octets, none is broken inside a character, and names cannot add lines of their own."""
    nasty = "x\r\nATTENDEE:mailto:evil@example.com\\;, " + "ñandú " * 40
    view = replace(VIEW, name=nasty, overrides=(replace(HOLIDAY, reason=nasty),))
    feed = calendar(view, NOW)
    for line in feed.split(b"\r\n"):
        assert len(line) <= 75
        line.decode()
        assert b"\n" not in line
        assert not line.startswith(b"ATTENDEE")
    events = events_of(feed)
    assert str(events[0]["summary"]) == f"ana: on call ({nasty.replace(chr(13), '')})"
    moved = calendar(replace(view, shifts=(replace(VIEW.shifts[0], end=NOW + HOUR),)), NOW + HOUR)
    [event] = events_of(moved)
    assert str(event["uid"]) == str(events[0]["uid"])
