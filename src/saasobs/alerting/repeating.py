"""When a policy's steps are gone through once more. Pure.

1. Round k begins at k times `every` after the incident opened, all steps counted from then.
2. It begins only while the incident goes on and nobody has acknowledged it; what could not begin then, because of an
   acknowledgement or because this daemon was away, is not made up for: the next one to begin is the first whose moment
   comes after the last round, or after the acknowledgement ended. One that came while the daemon was away begins when
   it is back, once.
3. There are at most `times` rounds, not counting the first.
4. A critical incident that nobody has heard of, for every channel has failed for good, begins anew each hour: what is
   broken now may be mended then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from saasobs.alerting.policy import STEPPED
from saasobs.alerting.steps import Repeat
from saasobs.core.incident import Change, Event, Incident
from saasobs.core.values import HOUR

UNHEARD_EVERY: Final = HOUR
_FRESH: Final = frozenset({Change.REMINDED, Change.UNACKNOWLEDGED})


def may_repeat(incident: Incident, repeat: Repeat, now: int) -> bool:
    """Whether a round may be due: what can be said without the timeline."""
    open_and_unclaimed = incident.open and not incident.acknowledged_at
    first = incident.opened_at + (incident.rounds + 1) * repeat.every
    return open_and_unclaimed and incident.rounds < repeat.times and now >= first


def is_due(incident: Incident, repeat: Repeat, timeline: Iterable[Event], now: int) -> bool:
    """Whether a round begins now."""
    if not may_repeat(incident, repeat, now):
        return False
    last = max((event.at for event in timeline if event.change in _FRESH), default=incident.opened_at)
    return now >= following(incident, repeat, max(last, incident.opened_at))


def begins_anew(incident: Incident, timeline: Iterable[Event], now: int) -> bool:
    """Whether a round begins for an incident that nobody has heard of (rule 4)."""
    last = max((event.at for event in timeline if event.change in STEPPED), default=incident.opened_at)
    return incident.open and not incident.acknowledged_at and now >= last + UNHEARD_EVERY


def following(incident: Incident, repeat: Repeat, after: int) -> int:
    """The first moment of a round after another moment (µs)."""
    return incident.opened_at + ((after - incident.opened_at) // repeat.every + 1) * repeat.every
