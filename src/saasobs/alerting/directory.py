"""Who can be told, and how: the part of the configuration that notices are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from saasobs.alerting.steps import Policy
from saasobs.core.people import Contact, Person, QuietHours

OnCall = Callable[[str, int], Sequence[str]]
"""(schedule, moment µs) → the names of the people who have it then."""

DEFAULT: Final = "default"
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def nobody_on_call(_schedule: str, _at: int) -> Sequence[str]:
    """Where there are no schedules."""
    return ()


@dataclass(frozen=True, slots=True)
class Directory:
    """Mappings are in the order of the file; all but `policies` and `people` are by channel."""

    policies: Mapping[str, Policy]
    recipients: Mapping[str, Sequence[str]]
    """The channel's own."""
    max_age: Mapping[str, int]
    """A notice expires so long after it was due (µs). A channel that is not here cannot tell anybody."""
    contacts: Mapping[str, Contact] = field(default_factory=lambda: _NOTHING)
    """How a channel reaches people; one that is not here does not."""
    people: Mapping[str, Person] = field(default_factory=lambda: _NOTHING)
    readers: Mapping[str, Person] = field(default_factory=lambda: _NOTHING)
    """Whoever reads a channel and is nobody in particular: a language and a time zone, without a name."""
    schedules: frozenset[str] = frozenset()
    on_call: OnCall = nobody_on_call
    quiet_hours: QuietHours | None = None
    """Everybody's; a person's own come first."""
    never_quiet: frozenset[str] = frozenset()
    """Channels over which nothing waits for the morning: machines read them."""
    listening: frozenset[str] = frozenset()
    """Channels over which it is told what people answer: a message more costs nobody anything there (`answers`)."""
    default: str = DEFAULT
    """The policy that takes what no other does."""

    def address(self, person: str, channel: str) -> str:
        """Where a channel reaches a person; empty: it does not."""
        found, contact = self.people.get(person), self.contacts.get(channel)
        reaches = found is not None and contact is not None and channel in self.max_age
        return found.address(contact) if reaches and found is not None and contact is not None else ""

    def without(self, channel: str) -> Directory:
        """The same as if a channel could tell nobody: what is wrong with it is told over the others."""
        return replace(self, max_age={name: age for name, age in self.max_age.items() if name != channel})

    def person_at(self, channel: str, recipient: str) -> str:
        """Whose address a recipient is; empty: nobody's that is known."""
        if channel not in self.contacts:
            return ""
        return next((name for name in self.people if self.address(name, channel) == recipient), "")

    def channels_of(self, person: str) -> tuple[str, ...]:
        """Over which a person is told when a step does not say: those of `contact`, else every one that can."""
        found = self.people.get(person)
        wanted = (found.contact if found is not None else ()) or tuple(self.contacts)
        return tuple(name for name in wanted if self.address(person, name))

    def quiet_for(self, channel: str, person: str) -> QuietHours | None:
        """The quiet hours that count for what is told over a channel; None: there are none."""
        if channel in self.never_quiet:
            return None
        found = self.people.get(person)
        return (found.quiet_hours if found is not None else None) or self.quiet_hours
