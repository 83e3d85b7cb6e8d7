"""A rehearsal from a configuration alone: no daemon runs, and nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from saasobs.alerting.channels import CHANNELS, Tools
from saasobs.alerting.directory import OnCall
from saasobs.alerting.grouping import Rule
from saasobs.alerting.oncall import on_call
from saasobs.alerting.rehearsal import Rehearsal, rehearse
from saasobs.alerting.routing import Subject
from saasobs.core.monitor import Severity
from saasobs.core.ports import Clock
from saasobs.daemon.delivery import Route
from saasobs.daemon.directories import directory_of
from saasobs.settings import Settings


def subject_of(settings: Settings, wanted: Subject, severity: Severity | None) -> Subject:
    """What is asked about, with what is known of its monitor: its tags, and its severity where none is named."""
    monitor = settings.monitors.get(wanted.monitor)
    if monitor is None:
        return replace(wanted, severity=severity or Severity.CRITICAL)
    tags = tuple(dict.fromkeys((*monitor.tags, *wanted.tags)))
    return replace(wanted, severity=severity or monitor.severity, tags=tags)


def rehearse_settings(settings: Settings, clock: Clock, subject: Subject, at: int) -> Rehearsal:
    """For an incident that opens at a moment (µs)."""
    monitor = settings.monitors.get(subject.monitor)
    routes = _routes(settings, clock)
    try:
        directory = directory_of(settings, routes, _rota(settings))
        return rehearse(directory, subject, monitor.policy if monitor is not None else "", at, settings.maintenance)
    finally:
        asyncio.run(_close(routes))


def _rota(settings: Settings) -> OnCall:
    """Who is on call by the file: overrides entered by hand are the running daemon's."""

    def people(schedule: str, at: int) -> Sequence[str]:
        found = settings.schedules.get(schedule)
        return () if found is None else [name for name in on_call(found, at) if name in settings.people]

    return people


def _routes(settings: Settings, clock: Clock) -> dict[str, Route]:
    async def nothing_sent(_since: int, _recipient: str) -> int:
        return 0

    return {
        name: Route(
            name,
            CHANNELS[channel.kind].build(channel.options, Tools(name, clock, nothing_sent)),
            channel.options.max_age,
            channel.options.fallback,
            Rule(channel.options.group_over, channel.options.group_window),
        )
        for name, channel in settings.channels.items()
    }


async def _close(routes: Mapping[str, Route]) -> None:
    for route in routes.values():
        await route.channel.close()
