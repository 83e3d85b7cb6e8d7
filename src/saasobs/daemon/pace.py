"""How many messages about something new one person gets in a minute, over all channels together.

1. At most three, and of those each channel that reaches the person has its share. What comes after waits until the
   minute is over, for a minute at most, and is then told in one message.
2. Critical ones are counted among critical ones only: warnings take neither the message nor the time from them.
3. How an incident goes on that had a message of its own is no news of a storm, and does not wait.

Kept in memory: a restart begins a new minute. The writer's thread only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from saasobs.alerting.directory import Directory
from saasobs.core.values import MINUTE

PER_MINUTE: Final = 3


@dataclass(frozen=True, slots=True)
class Handed:
    """One message that was handed to a provider."""

    delivery_id: str
    channel: str
    critical: bool
    at: int


@dataclass(frozen=True, slots=True)
class Reader:
    """One person, as one channel reaches them."""

    name: str
    channel: str
    channels: int
    """How many reach this person."""


class Pace:
    """Remembers what was handed out in the last minute."""

    def __init__(self) -> None:
        self._handed: dict[str, list[Handed]] = {}

    def room(self, reader: Reader, now: int, *, critical: bool) -> int:
        """How many more messages this channel may bring the person now."""
        counted = [
            one
            for one in self._handed.get(reader.name, ())
            if now - MINUTE < one.at <= now and (one.critical or not critical)
        ]
        share = max(1, PER_MINUTE // max(1, reader.channels))
        mine = sum(one.channel == reader.channel for one in counted)
        return max(0, min(PER_MINUTE - len(counted), share - mine))

    def free_at(self, reader: Reader, now: int, *, critical: bool) -> int:
        """When there is room again (µs), at the latest a minute from now."""
        ends = sorted(one.at + MINUTE for one in self._handed.get(reader.name, ()) if now < one.at + MINUTE)
        return next((end for end in ends if self.room(reader, end, critical=critical)), now)

    def note(self, reader: Reader, delivery_id: str, now: int, *, critical: bool) -> None:
        kept = [one for one in self._handed.get(reader.name, ()) if now - MINUTE < one.at <= now]
        self._handed[reader.name] = [*kept, Handed(delivery_id, reader.channel, critical, now)]

    def give_back(self, delivery_id: str) -> None:
        """The provider did not take it: the person got nothing."""
        for name, handed in self._handed.items():
            if any(one.delivery_id == delivery_id for one in handed):
                self._handed[name] = [one for one in handed if one.delivery_id != delivery_id]
                return


class Turnstile:
    """The pace of whoever is reached over one channel, at one moment. Who is nobody in particular has none."""

    def __init__(self, pace: Pace, directory: Directory, channel: str, now: int) -> None:
        self._pace = pace
        self._directory = directory
        self._channel = channel
        self._now = now

    def room(self, person: str, *, critical: bool) -> int:
        return self._pace.room(self._reader(person), self._now, critical=critical) if person else PER_MINUTE

    def free_at(self, person: str, *, critical: bool) -> int:
        return self._pace.free_at(self._reader(person), self._now, critical=critical) if person else self._now

    def note(self, person: str, delivery_id: str, *, critical: bool) -> None:
        if person:
            self._pace.note(self._reader(person), delivery_id, self._now, critical=critical)

    def _reader(self, person: str) -> Reader:
        return Reader(person, self._channel, len(self._directory.channels_of(person)))
