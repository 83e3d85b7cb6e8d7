"""The console."""

from __future__ import annotations

import asyncio
import io
import os
import pty

import pytest

from saasobs.alerting.channels.console import ConsoleChannel, ConsoleOptions, wants_colours
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Change
from support.briefings import INCIDENT, briefing, ended


def channel(stream: io.TextIOBase | None, *, timeout: str = "5s", colours: bool = False) -> ConsoleChannel:
    options = ConsoleOptions.model_validate({"timeout": timeout})
    return ConsoleChannel(options, stream, colours=colours)  # type: ignore[arg-type]


async def test_it_prints() -> None:
    """A message is a headline with its time, and what a person needs first below it."""
    stream = io.StringIO()
    await channel(stream).send(briefing(), "")
    await channel(stream).send(briefing(Change.RECOVERED, incident=ended()), "")
    first, *rest = stream.getvalue().splitlines()
    assert first == "14:03 UTC  🔴 api is down: expected status 200-299, got 500"
    assert "14:03 UTC  🟢 api is up again after 7m" in rest
    assert f"           Acknowledge: saasobs ack {INCIDENT.id}" in rest


async def test_it_writes_to_a_real_descriptor() -> None:
    """A file or pipe gets the same text, encoded for it, and nothing is left in a buffer."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="ascii") as stream:
        await channel(stream).send(briefing(), "")
        assert os.read(reader, 65536).decode().startswith("14:03 UTC  ? api is down")
    os.close(reader)


def test_colours_only_on_a_terminal() -> None:
    """A pipe, NO_COLOR and a dumb terminal get plain text."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal:
        assert wants_colours(terminal, {})
        assert not wants_colours(terminal, {"NO_COLOR": "1"})
        assert not wants_colours(terminal, {"TERM": "dumb"})
    os.close(leader)
    assert not wants_colours(io.StringIO(), {})
    assert not wants_colours(None, {})


async def test_colours_are_around_the_headline_only() -> None:
    """A failing monitor's line is red on a terminal."""
    stream = io.StringIO()
    await channel(stream, colours=True).send(briefing(), "")
    first, second = stream.getvalue().splitlines()[:2]
    assert first.startswith("\x1b[1;31m14:03 UTC")
    assert first.endswith("\x1b[0m")
    assert "\x1b" not in second


async def test_a_blocked_reader_stops_nothing() -> None:
    """Nobody reads the pipe: the message fails in time, the next one at once, and the loop goes on meanwhile."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while os.write(writer, b"x" * 65536):
            pass
    except BlockingIOError:
        os.set_blocking(writer, True)
    stream = os.fdopen(writer, "w")
    blocked = channel(stream, timeout="1s")
    ticks = asyncio.create_task(_ticks())
    with pytest.raises(DeliveryError, match="did not answer within 1s"):
        await blocked.send(briefing(), "")
    with pytest.raises(DeliveryError, match="still stuck"):
        await blocked.send(briefing(), "")
    assert await ticks > 10
    os.set_blocking(reader, False)
    for _ in range(40):
        try:
            os.read(reader, 65536)
        except BlockingIOError:
            break
        await asyncio.sleep(0.01)
    stream.close()
    os.close(reader)


async def _ticks() -> int:
    count = 0
    async with asyncio.timeout(20):
        while count < 20:
            await asyncio.sleep(0.02)
            count += 1
    return count


async def test_a_reader_that_has_gone_is_for_good() -> None:
    """A closed pipe never opens again: the fallback takes over."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    with pytest.raises(DeliveryError, match="has gone") as caught:
        await channel(stream).send(briefing(), "")
    assert caught.value.permanent
    stream.close()
    for closed in (stream, None):
        with pytest.raises(DeliveryError, match="is closed") as caught:
            await channel(closed).send(briefing(), "")
        assert caught.value.permanent
