"""What a policy is made of, as the configuration says it. What follows from it is policy.py's and routing.py's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from saasobs.alerting.oncall import Hours
from saasobs.core.monitor import Severity

EVERYONE: Final = "everyone"
"""Stands in `notify` for all of the people; no channel, person or schedule can be called so."""


@dataclass(frozen=True, slots=True)
class Step:
    """Whom to tell, how long after the change (µs), and whether an acknowledgement makes it needless."""

    notify: tuple[str, ...]
    """Names of channels, people and on-call schedules, or `everyone`."""
    after: int
    unless_acknowledged: bool
    over: tuple[str, ...] = ()
    """The channels over which people are reached; none: those of their own."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The steps are gone through again every so often (µs), at most so many times, while nobody acknowledges."""

    every: int
    times: int


@dataclass(frozen=True, slots=True)
class Match:
    """Which incidents a policy takes; of what is empty it takes all."""

    tags: frozenset[str] = frozenset()
    """The monitor has one of these."""
    severity: Severity | None = None
    monitors: tuple[str, ...] = ()
    """Names, with `*`, `?` and `[…]` as a shell has them."""
    tenants: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Of an alert that others reported: each of these labels fits its pattern."""
    hours: Hours | None = None
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Policy:
    """Steps that all count from the change itself, not from each other."""

    name: str
    steps: tuple[Step, ...]
    match: Match | None = None
    """None: only a monitor that names it takes it, or whatever no other policy fits."""
    repeat: Repeat | None = None
    fallback: tuple[str, ...] = ()
    """The channels that are told when nothing of a step can be."""
