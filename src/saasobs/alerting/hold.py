"""An alert may be held: it waits, and who is owed what is decided again when the hold ends. Pure.

Three things hold an incident's alerts: an outage that explains it (`dependencies`), a maintenance window (`windows`)
and flapping (`flapping`). What follows from that is the same for all of them:

1. A notice is held when it is due and untried, and does not tell an end. It stays pending, with the reason beside it.
   What was tried may have been heard, so it goes on; an end is owed only to those who heard, so it is never held.
2. The incident ends while a notice is held: the notice is suppressed, for that reason, and its recipient has heard
   nothing by it (`policy`).
3. The hold ends while the incident goes on: the notice is due now, and whatever else of the same change waited for its
   time waits as long from now as it would have waited from then.

So a hold is nothing but a mark on a pending notice. It is found again at every look, by whoever looks: after a restart,
a reload or a clock that was set, the next look is right whatever the last one was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from saasobs.core.incident import ENDINGS, Notice, NoticeState, Suppression


@dataclass(frozen=True, slots=True)
class Hold:
    """Why an incident's alerts wait now."""

    why: Suppression
    detail: str
    """In words, for people: ``gateway is down``."""
    passing: bool = False
    """It is not known yet whether there is a reason: a check is under way that will say."""
    until: int = 0
    """When it ends, where that is known (µs)."""


def is_free(notice: Notice, now: int) -> bool:
    """Pending, and in nobody's hands."""
    return notice.state is NoticeState.PENDING and not (notice.lease_owner and notice.lease_until > now)


def is_quiet(notice: Notice) -> bool:
    """Waits for the morning and no longer: it will be told, whatever comes (`quiet_hours`)."""
    return notice.state is NoticeState.PENDING and notice.suppression is Suppression.QUIET_HOURS


def is_held(notice: Notice) -> bool:
    """Waits for something to be over, and is told only if its incident goes on then."""
    return notice.held and not is_quiet(notice)


def waits(notice: Notice, now: int) -> bool:
    """Pending and untried, and not due yet or held: nobody has heard of it, nor will before something changes."""
    return is_free(notice, now) and not notice.attempts and (is_held(notice) or notice.due_at > now)


def can_be_held(notice: Notice, now: int) -> bool:
    """Rule 1."""
    untried = is_free(notice, now) and not notice.attempts and not notice.delivery_id
    return untried and not is_quiet(notice) and notice.due_at <= now and notice.change not in ENDINGS


def hold_back(notices: Iterable[Notice], hold: Hold, look_at: int, now: int) -> tuple[Notice, ...]:
    """What a hold makes of the notices that it concerns; the others are left out.

    :param look_at: when to look again at the latest (µs), should nobody do so before.
    """
    return tuple(
        replace(notice, suppression=hold.why, detail=hold.detail, next_at=look_at, group_id="")
        for notice in notices
        if can_be_held(notice, now)
    )


def let_go(notices: Iterable[Notice], now: int) -> tuple[Notice, ...]:
    """Rule 3: what is due now that was held, and what waits on with it, at its new time."""
    everything = list(notices)
    held_from: dict[int, int] = {}
    for notice in everything:
        if is_held(notice):
            held_from[notice.occurrence] = min(notice.due_at, held_from.get(notice.occurrence, notice.due_at))
    return tuple(
        _later(notice, max(0, now - held_from[notice.occurrence]))
        for notice in everything
        if notice.occurrence in held_from and (is_held(notice) or waits(notice, now))
    )


def _later(notice: Notice, micros: int) -> Notice:
    due_at = notice.due_at + micros
    detail = "" if notice.held else notice.detail
    return replace(
        notice,
        suppression=None,
        detail=detail,
        due_at=due_at,
        next_at=due_at,
        expires_at=notice.expires_at + micros,
        lease_owner="",
        lease_until=0,
    )
