"""Which of several providers to ask, and in what order. Pure: time is an argument.

1. In the order of the configuration, first those that are well.
2. One that failed rests, for longer each time, with a jitter (decorrelated back-off); it is asked again when its
   rest is over, or before, after all that are well: a message that nobody else takes is worth a try.
3. One that said when to come back (Retry-After) is not asked before that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from saasobs.alerting.retry import decorrelated
from saasobs.core.errors import DeliveryError
from saasobs.core.values import MINUTE, SECOND

FIRST_REST: Final = 30 * SECOND
LONGEST_REST: Final = 15 * MINUTE


@dataclass(frozen=True, slots=True)
class Standing:
    """How one provider has done lately."""

    rest: int = 0
    """The last pause (µs); 0: it is well."""
    until: int = 0
    not_before: int = 0
    """Its own word."""


class Standby:
    """What is remembered of a channel's providers, by their place in the configuration."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._standings = [Standing() for _ in names]

    def order(self, now: int) -> list[int]:
        """Rules 1 to 3; empty: every one of them has said to come back later."""
        allowed = [place for place, one in enumerate(self._standings) if one.not_before <= now]
        return sorted(allowed, key=lambda place: self._rank(place, now))

    def next_at(self) -> int:
        """When the first of them may be asked again by its own word."""
        return min(one.not_before for one in self._standings)

    def failed(self, place: int, error: DeliveryError, now: int) -> None:
        """It is not the recipient's fault."""
        before = self._standings[place]
        rest = decorrelated(before.rest, FIRST_REST, LONGEST_REST, self._names[place])
        not_before = now + error.retry_after if error.retry_after else 0
        self._standings[place] = Standing(rest, now + rest, not_before)

    def worked(self, place: int) -> None:
        """A message was accepted."""
        self._standings[place] = Standing()

    def set_back(self, now: int) -> None:
        """The clock was set back: no rest lies further ahead than it can."""
        self._standings = [
            replace(one, until=min(one.until, now + LONGEST_REST), not_before=min(one.not_before, now + LONGEST_REST))
            for one in self._standings
        ]

    def _rank(self, place: int, now: int) -> tuple[int, int]:
        until = self._standings[place].until
        return (until if until > now else 0, place)


def together(errors: Sequence[DeliveryError]) -> DeliveryError:
    """What the failures of all that were asked come to: worth another try when one of them is."""
    if len(errors) == 1:
        return errors[0]
    passing = [error for error in errors if not error.permanent]
    waits = [error.retry_after for error in passing]
    soonest = min((wait for wait in waits if wait), default=None) if passing and all(waits) else None
    return DeliveryError("; ".join(str(error) for error in errors), permanent=not passing, retry_after=soonest)
