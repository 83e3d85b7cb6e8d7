"""What to watch. A monitor is configuration only; what is known about it lives in MonitorState."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from saasobs.core.values import MINUTE, SECOND


class Severity(StrEnum):
    """How much a person must care. `critical` wakes somebody; `warning` waits for the morning."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many consecutive results change a state, and how fast a failure is confirmed (µs)."""

    fail_after: int = 2
    recover_after: int = 2
    retry_interval: int = 5 * SECOND


@dataclass(frozen=True, slots=True)
class Flapping:
    """From when on a monitor counts as flapping, and from when on it no longer does (µs)."""

    outages: int = 4
    """More than so many …"""
    within: int = 30 * MINUTE
    stable_after: int = 15 * MINUTE
    """Up for so long: stable."""
    down_after: int = 5 * MINUTE
    """Not up for so long: a real outage."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A service level objective: the share of time (as counted by checks) that a monitor is to be up."""

    target: float
    """Percent, as in 99.9."""
    days: int
    """Length of the rolling window."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """One thing to watch. Its `name` is its identity: state, history and heartbeat URL follow the name."""

    name: str
    kind: str
    options: Any
    """The kind's own typed options (probes/<kind>), such as URL and expectations."""
    target: str
    """What a person reads as the target: a URL without credentials, a schedule."""
    host: str = ""
    """Checks of one host are limited together; empty when the kind touches no host."""
    interval: int = 60 * SECOND
    timeout: int = 10 * SECOND
    thresholds: Thresholds = field(default_factory=Thresholds)
    severity: Severity = Severity.CRITICAL
    tags: tuple[str, ...] = ()
    policy: str = ""
    """The policy that it names; empty: whichever fits (alerting.routing)."""
    description: str = ""
    runbook: str = ""
    depends_on: tuple[str, ...] = ()
    """Monitors whose outage explains this one's: its alerts wait while one of them is down."""
    public_only: bool = False
    """Never connect to a private, loopback, link-local or metadata address (core.addresses)."""
    network_guard: bool = True
    """False: judged also while our own network is cut off, as a target on our own LAN can be."""
    slo: Objective | None = None
    flapping: Flapping | None = field(default_factory=Flapping)
    """None: every outage is told, however many there are."""
