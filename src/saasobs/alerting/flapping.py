"""Flapping: a monitor that goes up and down all the time is told so once, and then when it is stable again. Pure.

1. More than `outages` outages that began within `within`: it flaps, from the last of them on.
2. It is stable again once it has been up for `stable_after`, or not up without a break for `down_after`, which is an
   outage like any other. Counting then begins anew.

Outages that something else explains (a dependency, a maintenance window) are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from saasobs.core.incident import MonitorState, Status
from saasobs.core.monitor import Flapping
from saasobs.core.result import Outcome
from saasobs.core.values import SECOND, format_duration


@dataclass(frozen=True, slots=True)
class Flaps:
    """What is remembered of a monitor's outages."""

    openings: tuple[int, ...] = ()
    """When the last ones began, oldest first."""
    since: int = 0
    """When the first of those began that made it flap; 0: it does not."""
    incident_id: str = ""
    """The incident that tells of the flapping."""
    outages: int = 0
    """How many there were since then."""
    last: str = ""
    """The incident of the last one, unless that was taken out of the count again."""


def opened(flaps: Flaps, incident: str, at: int, rule: Flapping) -> Flaps:
    """One more outage. Moments ahead were written by a clock that was set back since: they are forgotten."""
    openings = (*(one for one in flaps.openings if at - rule.within < one < at), at)[-rule.outages - 1 :]
    if flaps.since:
        return replace(flaps, openings=openings, outages=flaps.outages + 1, last=incident)
    since = openings[0] if len(openings) > rule.outages else 0
    return Flaps(openings, since, "", len(openings), incident)


def explained(flaps: Flaps, rule: Flapping) -> Flaps:
    """The last outage has turned out to be another's: without it. If it was the one too many, nothing flaps."""
    fewer = replace(flaps, openings=flaps.openings[:-1], outages=flaps.outages - 1, last="")
    return fewer if fewer.outages > rule.outages else replace(fewer, since=0, incident_id="")


def settled(state: MonitorState, unchanged: int, rule: Flapping) -> Status | None:
    """What a flapping monitor has become, once it is stable.

    :param unchanged: for how long it has been up, or not up, µs.
    """
    if state.status is Status.UP:
        return Status.UP if unchanged >= rule.stable_after and state.last_outcome is Outcome.UP else None
    if state.status in (Status.DOWN, Status.DEGRADED) and state.last_outcome is not Outcome.UP:
        return state.status if unchanged >= rule.down_after else None
    return None


def sentence(flaps: Flaps, now: int) -> str:
    """``5 outages in 20m``."""
    lasted = max(SECOND, now - flaps.since) // SECOND * SECOND
    return f"{flaps.outages} outages in {format_duration(lasted)}"
