"""What a kind of monitor is to the rest of the daemon, and what the daemon hands to every probe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from saasobs._version import __version__
from saasobs.core.monitor import Monitor
from saasobs.core.ports import Clock, Heartbeats, Probe, States
from saasobs.core.result import REASONS, Check, Outcome, Reason, Result
from saasobs.options import KindOptions


@dataclass(frozen=True, slots=True)
class Tools:
    """What the daemon hands to every probe."""

    clock: Clock
    heartbeats: Heartbeats
    states: States
    user_agent: str = f"saasobs/{__version__}"
    nameservers: tuple[str, ...] = ()
    """``address`` or ``address:port``; empty: the system's (resolv.conf)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of monitor: the keys it adds to the file, and how it checks."""

    name: str
    options: type[KindOptions]
    probe: Callable[[Tools], Probe]
    summary: str
    """One line for the documentation and the editor."""
    next_deadline: Callable[[Monitor, Heartbeats, int], int | None] | None = None
    """For kinds whose verdict can change by time alone: when it next may (µs); None when it cannot."""


def broken(check: Check, error: Exception, duration: int) -> Result:
    """The check failed inside this daemon: it says nothing about the target."""
    sentence = f"{REASONS[Reason.INTERNAL]}: {type(error).__name__}"
    return Result(check, Outcome.UNKNOWN, duration, Reason.INTERNAL, sentence)
