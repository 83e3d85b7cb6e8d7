"""Which policy takes an incident. Pure.

1. The policy that its monitor names, if it names one.
2. Else the first in the order of the file whose `match` fits. A policy without a `match` is never chosen so.
3. Else the file's default.

It is asked when an incident opens and when it gets worse, at the moment of that change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from saasobs.alerting.steps import Match, Policy
from saasobs.core.monitor import Severity
from saasobs.core.values import to_datetime

NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Subject:
    """What a policy is chosen by."""

    monitor: str
    severity: Severity
    tags: tuple[str, ...] = ()
    tenant: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS)


def choose(policies: Mapping[str, Policy], subject: Subject, own: str, default: str, at: int) -> Policy | None:
    """The policy that takes it at a moment (µs); None: there is no such default.

    :param own: the policy that the monitor names; empty, or one that is gone: it names none.
    """
    if own in policies:
        return policies[own]
    found = (one for one in policies.values() if one.match is not None and not misfit(one.match, subject, at))
    return next(found, policies.get(default))


def misfit(match: Match, subject: Subject, at: int) -> str:
    """The first condition that does not hold, in words; empty: it fits."""
    if match.severity is not None and match.severity is not subject.severity:
        return f"is for {match.severity} incidents"
    if match.monitors and not any(fnmatchcase(subject.monitor, pattern) for pattern in match.monitors):
        return f"is for monitors called {', '.join(match.monitors)}"
    if match.tags and match.tags.isdisjoint(subject.tags):
        return f"is for monitors with the tag {' or '.join(sorted(match.tags))}"
    return _other_misfit(match, subject, at)


def _other_misfit(match: Match, subject: Subject, at: int) -> str:
    """The tenant, the labels, the hours."""
    if match.tenants and subject.tenant not in match.tenants:
        return f"is for the tenant {' or '.join(sorted(match.tenants))}"
    for name, pattern in match.labels.items():
        if not fnmatchcase(subject.labels.get(name, ""), pattern):
            return f"is for alerts with {name}={pattern}"
    if match.hours is not None and to_datetime(at).astimezone(ZoneInfo(match.timezone)) not in match.hours:
        span = f"{match.hours.begin:%H:%M} to {match.hours.end:%H:%M}"
        return f"is for {span} ({match.timezone}) on its days"
    return ""
