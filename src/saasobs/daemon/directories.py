"""The directory of a configuration: who can be told over the channels as they are built."""

from __future__ import annotations

from collections.abc import Mapping

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.directory import Directory, OnCall
from saasobs.core.people import Person
from saasobs.daemon.delivery import Route
from saasobs.settings import Settings


def directory_of(settings: Settings, routes: Mapping[str, Route], on_call: OnCall) -> Directory:
    """:param routes: the channels of these settings, built."""
    kinds = {name: CHANNELS[channel.kind] for name, channel in settings.channels.items()}
    return Directory(
        policies=settings.policies,
        recipients={name: tuple(route.channel.recipients) for name, route in routes.items()},
        max_age={name: route.max_age for name, route in routes.items()},
        contacts={name: kind.contact for name, kind in kinds.items() if kind.contact is not None},
        people=settings.people,
        readers={
            name: Person("", language=one.options.language, timezone=one.options.timezone)
            for name, one in settings.channels.items()
        },
        schedules=frozenset(settings.schedules),
        on_call=on_call,
        quiet_hours=settings.quiet_hours,
        never_quiet=frozenset(name for name, one in settings.channels.items() if not one.options.quiet_hours),
        listening=frozenset(name for name, kind in kinds.items() if kind.is_chat or routes[name].channel.edits),
        default=settings.default_policy,
    )
