"""When to say that a certificate runs out: at 30, 14, 7, 3 and 1 days, each once for each certificate. Pure.

1. The mark that counts is the nearest one that the days left have come down to; it is told once, however often it is
   seen and whatever happened between (a daemon that was away for a fortnight tells one mark, not three).
2. Where the check itself finds the certificate too old, the monitor's own incident speaks for it: its opening and its
   escalation count as the mark that they fall on, and a mark that falls between reminds of that incident.
3. Otherwise it is an incident of its own (Topic.CERTIFICATE): a warning, opened by the first mark and reminded of by
   the next ones. It is over when only certificates with more time have been seen for a while, or none at all.
4. Several servers may stand behind one name, each with a certificate of its own: what was told is known of each. A
   certificate that is news is not told within a day of another one that was as urgent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from saasobs.core.values import DAY

MARKS: Final = (30, 14, 7, 3, 1)
"""Days left."""
SAME: Final = DAY
"""Certificates that expire within so much of each other count as one: they were renewed together (µs)."""
SHORT_LIVED: Final = 10 * DAY
"""A certificate that lives no longer is a machine's to renew (µs)."""
_SHORT_MARKS: Final = 0.4
"""Of a short-lived one only the marks below so much of its life count: it was born with the others."""
_WRONG_CLOCK: Final = 2
"""A certificate that has so many more days left than were told of was told of by a clock that was wrong."""
_KEPT: Final = 32


@dataclass(frozen=True, slots=True)
class Told:
    """What has been told of one monitor's certificates."""

    marks: tuple[tuple[int, int], ...] = ()
    """(when the certificate expires, its last mark), in the order in which they were told."""
    told_at: int = 0
    incident_id: str = ""
    """The incident of its own, while it is open."""

    def mark(self, not_after: int, now: int) -> int:
        """The last mark that was told of this certificate; 0: none, or by a clock that was wrong."""
        told = min((mark for expires, mark in self.marks if abs(expires - not_after) <= SAME), default=0)
        return told if not_after - now <= (told + _WRONG_CLOCK) * DAY else 0

    def has_spoken(self, mark: int, now: int) -> bool:
        """Whether something as urgent was told within a day."""
        return bool(self.marks) and self.marks[-1][1] <= mark and 0 <= now - self.told_at < DAY

    def plus(self, not_after: int, mark: int, now: int) -> Told:
        """With one more mark told."""
        others = tuple(pair for pair in self.marks if abs(pair[0] - not_after) > SAME)
        return replace(self, marks=(*others, (not_after, mark))[-_KEPT:], told_at=now)


class Step(StrEnum):
    """What follows from one look at a certificate."""

    NOTHING = "nothing"
    OPEN = "open"
    REMIND = "remind"
    """Of the certificate's own incident."""
    REMIND_HEALTH = "remind_health"
    """Of the monitor's incident, which is about this certificate."""
    COUNT = "count"
    """The monitor's incident has just told it: nothing to say, but never again."""


@dataclass(frozen=True, slots=True)
class Health:
    """What the monitor's own incident says."""

    is_about_certificate: bool = False
    """It is open, and expiry is its reason."""
    changed_at: int = 0
    confirming: bool = False
    """The check found the certificate too old, or older than the incident says, and nothing came of it yet."""


def due_mark(not_after: int, now: int, life: int = 0) -> int:
    """The mark that the days left have come down to; 0 when there is more time than that.

    :param life: from when on to when the certificate is valid, µs; 0: not known.
    """
    left = not_after - now
    longest = _SHORT_MARKS * life if 0 < life <= SHORT_LIVED else MARKS[0] * DAY
    return next((mark for mark in reversed(MARKS) if left <= mark * DAY <= longest), 0)


def next_step(told: Told, not_after: int, mark: int, health: Health, now: int) -> Step:
    """What to do about a certificate that expires at `not_after` (µs) and has come down to a mark."""
    known = told.mark(not_after, now)
    if not mark or 0 < known <= mark or (not known and told.has_spoken(mark, now)):
        return Step.NOTHING
    if health.confirming:
        return Step.NOTHING
    if health.is_about_certificate:
        return Step.COUNT if now - health.changed_at < DAY else Step.REMIND_HEALTH
    return Step.REMIND if told.incident_id else Step.OPEN
