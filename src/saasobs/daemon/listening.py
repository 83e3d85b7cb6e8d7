"""Hears what people answer in the services through which they are told: a listener for each channel that can.

A listener lives as long as its channel's options stay the same; one whose token changed is the only one that is started
anew. What it hears goes to `answering`, like an answer by any other way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels.press import Listener, ListenerTools
from saasobs.alerting.directory import Directory
from saasobs.core.answers import TakesAnswers, Via
from saasobs.core.people import Contact
from saasobs.core.ports import Transaction
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.telemetry import Telemetry
from saasobs.settings.facts import ChannelSettings

FACT: Final = "listener:"
"""The facts' prefix; the channel's name and the listener's own key follow."""
_VIA: Final[Mapping[str, Via]] = {"slack": Via.SLACK, "telegram": Via.TELEGRAM}
_AGAIN_SECONDS: Final = 30.0

log = structlog.get_logger("saasobs.answers")


class Listening:
    """The listeners, one for each channel that has one. Only the event loop's thread calls it."""

    def __init__(
        self, ledger: Ledger, directory: Callable[[], Directory], answers: TakesAnswers, telemetry: Telemetry
    ) -> None:
        self._ledger = ledger
        self._directory = directory
        self._answers = answers
        self._telemetry = telemetry
        self._channels: dict[str, ChannelSettings] = {}
        self._listeners: dict[str, Listener] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def configure(self, channels: Mapping[str, ChannelSettings]) -> None:
        """Start what is new, stop what is gone or has changed; the rest goes on."""
        gone = [name for name, before in self._channels.items() if channels.get(name) != before]
        await self._stop(gone)
        for name, channel in channels.items():
            if name not in self._channels:
                self._start(name, channel)
        self._channels = dict(channels)

    async def close(self) -> None:
        await self._stop(list(self._channels))

    def problems(self) -> list[str]:
        """In sentences; empty while everything can be heard."""
        found = ((name, one.problem) for name, one in self._listeners.items())
        return [f"no answers are heard from {name}: {problem}" for name, problem in found if problem]

    async def pressed(self, channel: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """A request from outside that says what was pressed; whether it is genuine."""
        listener = self._listeners.get(channel)
        return listener is not None and await listener.pressed(body, headers)

    def _start(self, name: str, channel: ChannelSettings) -> None:
        listen = CHANNELS[channel.kind].listen
        listener = listen(channel.options, self._tools(name, _VIA[channel.kind])) if listen is not None else None
        if listener is None:
            return
        self._listeners[name] = listener
        self._tasks[name] = asyncio.create_task(self._run(name, listener), name=f"listener {name}")
        self._telemetry.listener_connected.labels(name).set_function(lambda: float(not listener.problem))

    async def _run(self, name: str, listener: Listener) -> None:
        while True:
            try:
                await listener.run()
            except Exception:
                log.exception("answers.listener_broken", channel=name)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _stop(self, names: list[str]) -> None:
        tasks = []
        for name in names:
            self._channels.pop(name, None)
            if self._listeners.pop(name, None) is not None:
                self._telemetry.listener_connected.remove(name)
                tasks.append(self._tasks.pop(name))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tools(self, name: str, via: Via) -> ListenerTools:
        async def remember(key: str, value: str) -> None:
            await self._ledger.run(lambda transaction: transaction.set_fact(f"{FACT}{name}:{key}", value))

        async def recall(key: str) -> str:
            def work(transaction: Transaction) -> str:
                return transaction.fact(f"{FACT}{name}:{key}") or ""

            return await self._ledger.read(work)

        def person_at(contact: Contact, address: str) -> str:
            people = self._directory().people.values()
            return next((one.name for one in people if address and one.address(contact) == address), "")

        def count(outcome: str) -> None:
            self._telemetry.presses.labels(name, outcome).inc()

        return ListenerTools(name, via, self._answers, person_at, remember, recall, count)
