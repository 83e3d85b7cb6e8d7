"""When everything fails at once: which incidents share a message, and when that message goes out. Pure.

For each recipient of each channel:

1. Incidents are counted over the last `window`, by the time at which they are told. Up to `over` of them get a message
   of their own, at once. From the next one on, what is new is told in one message for all: a group.
2. Failures are counted with failures and ends with ends. A critical failure is counted among the critical ones only:
   no pile of warnings takes its own message from it.
3. An incident stays with its group: its end, and whatever else happens to it, is told there. The one exception is a
   failure that is critical now and rare enough for a message of its own (rule 1).
4. Whoever was told on their own just before the group came about, and still fails, is counted in by it, so that one
   message speaks of the whole storm and of its end.
5. Where a message can be edited (or goes to a machine) the group is told at once and again as it grows, `BREATH` apart.
   Elsewhere it waits until nothing came for a `BREATH`, for a `window` at most, and then for a `window` between two
   messages. What is critical waits for what is critical only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from saasobs.core.groups import GroupKind, Recent, Untold
from saasobs.core.incident import ENDINGS, Change
from saasobs.core.values import SECOND

BREATH: Final = 3 * SECOND


@dataclass(frozen=True, slots=True)
class Rule:
    """One channel's settings."""

    over: int
    """So many incidents get a message of their own; 0: always, however many."""
    window: int
    """µs."""


@dataclass(frozen=True, slots=True)
class News:
    """What has to be told of one incident."""

    incident_id: str
    changes: tuple[Change, ...]
    critical: bool
    home: str = ""
    """The group that it belongs to."""
    assigned: bool = False
    """Some of it was promised to that group's message before."""

    @property
    def ended(self) -> bool:
        return not ENDINGS.isdisjoint(self.changes)

    @property
    def kind(self) -> GroupKind:
        return GroupKind.ENDINGS if self.ended else GroupKind.FAILURES


def alone(news: Sequence[News], recent: Sequence[Recent], rule: Rule) -> set[str]:
    """The incidents that get a message of their own; all others are told in groups (rules 1 to 3)."""
    strangers = [one for one in news if not one.assigned and not (one.home and (one.ended or not one.critical))]
    if not rule.over:
        return {one.incident_id for one in strangers}
    told = [one for one in recent if one.group is not GroupKind.DIGEST]  # one message, about what is hours old
    failed = {one.incident_id for one in told if one.change not in ENDINGS}
    critical = {one.incident_id for one in told if one.change not in ENDINGS and one.critical}
    # The ends that a group of failures tells are no messages more, so they do not count.
    ended = {one.incident_id for one in told if one.change in ENDINGS and one.group is not GroupKind.FAILURES}
    failed |= {one.incident_id for one in news if not one.ended and (one.assigned or not one.home)}
    critical |= {one.incident_id for one in news if not one.ended and one.critical}
    ended |= {one.incident_id for one in news if one.ended and not one.home}

    def is_alone(one: News) -> bool:
        counted = ended if one.ended else critical if one.critical else failed
        return len(counted) <= rule.over

    return {one.incident_id for one in strangers if is_alone(one)}


def counted_in(joining: Iterable[News], recent: Iterable[Recent]) -> set[str]:
    """The incidents that were told on their own just before, and that a group of failures takes in (rule 4).

    :param joining: what the group is founded or grows with: it takes in what that was counted with.
    """
    newcomers = list(joining)
    critical = any(one.critical for one in newcomers)
    return {
        one.incident_id
        for one in recent
        if newcomers and one.group is None and one.change not in ENDINGS and (critical or not one.critical)
    }


@dataclass(frozen=True, slots=True)
class Told:
    """When a group's message was last sent, and when one with something critical in it; 0: never."""

    at: int
    critical_at: int


def send_at(untold: Untold, told: Told, rule: Rule, *, edits: bool, now: int) -> int:
    """When a group's news are to be told (rule 5), never later than a window from now.

    :param edits: whether the channel's messages can be edited, or are read by a machine.
    """
    due = _due((untold.first, untold.last), told.at, rule, edits, now)
    if untold.last_critical:
        due = min(due, _due((untold.first_critical, untold.last_critical), told.critical_at, rule, edits, now))
    return due


def _due(waiting: tuple[int, int], told_at: int, rule: Rule, edits: bool, now: int) -> int:  # noqa: FBT001
    # A moment ahead was written by a clock that has been set back since.
    first, last, before = min(waiting[0], now), min(waiting[1], now), told_at if told_at <= now else 0
    if edits:
        return max(first, before + BREATH)
    return max(min(last + BREATH, first + rule.window), before + rule.window)
