"""What a kind of monitor is to the rest of the daemon, and what the daemon hands to every probe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

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
    """One kind of monitor: the keys it adds to the file, and how it checks.

    Its parts are named as ``module:name`` and loaded when they are first asked for: twenty kinds and what they are made
    of take a second to load, and a daemon has monitors of three.
    """

    name: str
    options_at: str
    probe_at: str
    summary: str
    """One line for the documentation and the editor."""
    wake_at: str = ""
    """For kinds whose verdict can change by time alone: the function that says when."""

    @property
    def options(self) -> type[KindOptions]:
        found: type[KindOptions] = _load(self.options_at)
        return found

    @property
    def probe(self) -> Callable[[Tools], Probe]:
        found: Callable[[Tools], Probe] = _load(self.probe_at)
        return found

    @property
    def next_deadline(self) -> Callable[[Monitor, Heartbeats, int], int | None] | None:
        """When the verdict may next change by time alone (µs), or None when it cannot."""
        return _load(self.wake_at) if self.wake_at else None


@cache
def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"saasobs.probes.{module}"), name)


def broken(check: Check, error: Exception, duration: int) -> Result:
    """The check failed inside this daemon: it says nothing about the target."""
    sentence = f"{REASONS[Reason.INTERNAL]}: {type(error).__name__}"
    return Result(check, Outcome.UNKNOWN, duration, Reason.INTERNAL, sentence)
