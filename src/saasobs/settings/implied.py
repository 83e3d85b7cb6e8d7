"""What stands where nothing is configured: a channel, and policies. Pure.

Without people: every channel that is nobody's fallback is told at once.

With people, for a small team:

1. critical: the team's channels at once; after 5 minutes whoever is on call (the first schedule, else the first
   person) by telephone, after 10 the second one, after 20 everyone; each only while nobody has acknowledged;
2. warnings: the team's channels only, and in quiet hours they wait for the morning. Where none are configured, these
   are 22:00 to 07:00 in the time zone that most of the people are in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import time
from typing import Final

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.steps import EVERYONE, Match, Policy, Step
from saasobs.core.monitor import Severity
from saasobs.core.people import Contact, Person, QuietHours
from saasobs.core.values import MINUTE
from saasobs.settings.facts import ChannelSettings
from saasobs.settings.references import DEFAULT_POLICY, IMPLIED_CHANNEL

WARNINGS: Final = "warnings"
NIGHT: Final = (time(22), time(7))
_ESCALATION: Final = (5 * MINUTE, 10 * MINUTE)
_EVERYONE_AFTER: Final = 20 * MINUTE


def channels() -> dict[str, ChannelSettings]:
    """The console, so that something is always told."""
    return {IMPLIED_CHANNEL: ChannelSettings(IMPLIED_CHANNEL, IMPLIED_CHANNEL, CHANNELS[IMPLIED_CHANNEL].options())}


def policies(
    told: Mapping[str, ChannelSettings], people: Mapping[str, Person], schedules: Sequence[str]
) -> dict[str, Policy]:
    """For these channels, people and names of on-call schedules."""
    if not people:
        steps = (Step(_first_told(told), 0, unless_acknowledged=False),)
        return {DEFAULT_POLICY: Policy(DEFAULT_POLICY, steps)}
    team = _team(told)
    phones = tuple(name for name, one in told.items() if CHANNELS[one.kind].contact is Contact.PHONE)
    by_telephone = phones if all(person.phone for person in people.values()) else ()
    at_once = (Step(team, 0, unless_acknowledged=False),) if team else ()
    ladder = _ladder(list(people), schedules)
    afters = _ESCALATION if team else (0, *_ESCALATION)
    on_call = (
        Step((name,), after, unless_acknowledged=bool(after), over=by_telephone)
        for name, after in zip(ladder, afters, strict=False)
    )
    everyone = Step((EVERYONE,), _EVERYONE_AFTER, unless_acknowledged=True)
    warnings = at_once or (Step((ladder[0],), 0, unless_acknowledged=False),)
    return {
        WARNINGS: Policy(WARNINGS, warnings, Match(severity=Severity.WARNING)),
        DEFAULT_POLICY: Policy(DEFAULT_POLICY, (*at_once, *on_call, everyone)),
    }


def _ladder(people: Sequence[str], schedules: Sequence[str]) -> list[str]:
    """Who is told after whom."""
    second = people[1:2] if schedules else people[:2]
    return [*schedules, *second][: len(_ESCALATION)]


def quiet_hours(people: Mapping[str, Person]) -> QuietHours | None:
    """The night, where most of them are."""
    zones = Counter(person.timezone for person in people.values()).most_common(1)
    return QuietHours(*NIGHT, zones[0][0]) if zones else None


def is_reached(channel: ChannelSettings) -> bool:
    """Whether a channel has recipients of its own: one that takes a `to`, and has none, serves people by name only."""
    return getattr(channel.options, "to", None) != ()


def _first_told(told: Mapping[str, ChannelSettings]) -> tuple[str, ...]:
    fallbacks = {channel.options.fallback for channel in told.values()}
    own = tuple(name for name, channel in told.items() if is_reached(channel))
    return tuple(name for name in own if name not in fallbacks) or own


def _team(told: Mapping[str, ChannelSettings]) -> tuple[str, ...]:
    """Where the team reads along: chats and machines; where there is none, its mailbox."""
    own = _first_told({name: one for name, one in told.items() if is_reached(one)})
    contacts = {name: CHANNELS[told[name].kind].contact for name in own}
    chats = tuple(name for name in own if contacts[name] not in (Contact.PHONE, Contact.EMAIL))
    return chats or tuple(name for name in own if contacts[name] is Contact.EMAIL)
