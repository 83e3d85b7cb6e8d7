"""Running single checks in tests: monitors from plain options, a probe on a real clock, a clock that a test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic, time_ns
from typing import Any

from saasobs.core.heartbeat import HeartbeatState
from saasobs.core.incident import MonitorState
from saasobs.core.monitor import Monitor
from saasobs.core.ports import Clock, Probe, States
from saasobs.core.result import Check, Result
from saasobs.core.values import SECOND
from saasobs.probes import KINDS, Tools
from saasobs.probes.http.probe import HttpProbe


class WallClock:
    """core.ports.Clock of this machine."""

    def now(self) -> int:
        return time_ns() // 1000

    def monotonic(self) -> float:
        return monotonic()


@dataclass
class SteppedClock(WallClock):
    """This machine's clock, whose wall time a test can step."""

    offset: int = 0

    def now(self) -> int:
        return super().now() + self.offset

    def step(self, micros: int) -> None:
        self.offset += micros


@dataclass
class SetClock:
    """core.ports.Clock that stands where a test puts it."""

    at: int = 0

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.at / SECOND


@dataclass
class Pings:
    """core.ports.Heartbeats that a test fills."""

    states: dict[str, HeartbeatState] = field(default_factory=dict)
    away: list[tuple[int, int]] = field(default_factory=list)

    def heartbeat(self, monitor: str) -> HeartbeatState | None:
        return self.states.get(monitor)

    def absences(self) -> Sequence[tuple[int, int]]:
        return self.away


@dataclass
class Others:
    """core.ports.States that a test fills."""

    states: dict[str, MonitorState] = field(default_factory=dict)

    def state(self, monitor: str) -> MonitorState | None:
        return self.states.get(monitor)


def monitor(kind: str = "http", timeout: float = 5.0, public_only: bool = False, **options: Any) -> Monitor:
    """A monitor from the options as they stand in the file; `timeout` in seconds."""
    read = KINDS[kind].options.model_validate(options)
    lasting = round(timeout * SECOND)
    return Monitor("probe-test", kind, read, read.target(), read.host(), timeout=lasting, public_only=public_only)


def check(correlation_id: str = "") -> Check:
    now = WallClock().now()
    return Check("probe-test", now, now, correlation_id=correlation_id)


@dataclass
class Prober:
    """One http probe and a short way to use it."""

    probe: HttpProbe

    async def get(self, url: str, timeout: float = 5.0, correlation_id: str = "", **options: Any) -> Result:
        return await self.probe.check(monitor(url=url, timeout=timeout, **options), check(correlation_id))


@asynccontextmanager
async def prober(*nameservers: str) -> AsyncIterator[Prober]:
    """An http probe that is closed at the end."""
    probe = HttpProbe(Tools(WallClock(), Pings(), Others(), nameservers=nameservers))
    try:
        yield Prober(probe)
    finally:
        await probe.close()


@dataclass
class Asker:
    """One probe of any kind and a short way to use it."""

    kind: str
    probe: Probe

    async def ask(self, timeout: float = 5.0, public_only: bool = False, **options: Any) -> Result:
        asked = monitor(self.kind, timeout, public_only, **options)
        return await self.probe.check(asked, check())


@asynccontextmanager
async def asker(
    kind: str, *nameservers: str, clock: Clock | None = None, states: States | None = None
) -> AsyncIterator[Asker]:
    """A probe of a kind that is closed at the end."""
    tools = Tools(clock or WallClock(), Pings(), states or Others(), nameservers=nameservers)
    probe = KINDS[kind].probe(tools)
    try:
        yield Asker(kind, probe)
    finally:
        await probe.close()
