"""The servers that tests run in their own loop leave nothing open: whatever is, fails another test."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings
from contextlib import ExitStack

import pytest

from support.serving import port_of, serving


@pytest.mark.parametrize("rounds", range(6))
async def test_a_crowd_at_the_door_when_it_closes(rounds: int) -> None:
    """However far connections have come when the server ends, each of them is closed."""

    async def wait(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    with warnings.catch_warnings(record=True) as told, ExitStack() as clients:
        warnings.simplefilter("always")
        async with serving(wait, backlog=20) as listener:
            for _ in range(9):
                client = clients.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port_of(listener)))
            for _ in range(rounds):
                await asyncio.sleep(0)
        gc.collect()
    assert [str(one.message) for one in told] == []
