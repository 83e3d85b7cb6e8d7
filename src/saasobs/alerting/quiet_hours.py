"""When what can wait waits until the morning. Pure.

1. Only warnings wait. Whoever was told of an incident as a critical one hears at once how it goes on.
2. A person's own quiet hours count for what is meant for that person, else everybody's.
3. What waits is marked on the notice, as `Suppression.QUIET_HOURS`, and comes up again when the quiet ends. It is
   looked at anew then, so a restart or a clock that was set changes nothing; and it is looked at anew when a
   configuration is applied by which its quiet ends at another moment, or is over.
4. It counts as under way all the time: it will be told, so the end of its incident is owed, too, and waits beside it.
   All that waited for one recipient is told in one message: a digest.

Hours are by the clock on the wall. One that a change of the clock skips or doubles is quiet in full.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from saasobs.alerting.hold import is_quiet
from saasobs.core.incident import Notice, NoticeState, Suppression
from saasobs.core.monitor import Severity
from saasobs.core.people import QuietHours
from saasobs.core.values import from_datetime, to_datetime

__all__ = ["can_wait", "is_quiet", "kept_otherwise", "put_off", "quiet_until", "rouse"]


def quiet_until(quiet: QuietHours, at: int) -> int:
    """When the quiet ends in which a moment lies (µs); 0: it lies in none."""
    zone = ZoneInfo(quiet.timezone)
    today = to_datetime(at).astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        end_day = day if quiet.begin < quiet.end else day + timedelta(days=1)
        begins = min(_instants(day, quiet.begin, zone))
        ends = max(_instants(end_day, quiet.end, zone))
        if day.weekday() in quiet.days and begins <= at < ends:
            return ends
    return 0


def can_wait(notices: Iterable[Notice], existing: Iterable[Notice]) -> bool:
    """Whether these, all for one recipient of one incident, may wait for the morning.

    :param existing: every notice of the incident.
    """
    mine = list(notices)
    tried = any(one.attempts or one.delivery_id or one.severity is Severity.CRITICAL for one in mine)
    return bool(mine) and not tried and not any(_woke(one, mine[0]) for one in existing)


def put_off(notice: Notice, until: int, detail: str) -> Notice:
    """It waits until then (µs), in nobody's hands. When it was due stays."""
    return replace(
        notice,
        suppression=Suppression.QUIET_HOURS,
        detail=detail,
        next_at=until,
        lease_owner="",
        lease_until=0,
        group_id="",
    )


def kept_otherwise(notice: Notice, quiet: QuietHours | None, now: int) -> bool:
    """Whether what waits for the morning would not wait until then by these quiet hours, of its channel and person."""
    return is_quiet(notice) and now < notice.next_at != (quiet_until(quiet, now) if quiet is not None else 0)


def rouse(notice: Notice, now: int) -> Notice:
    """The quiet is over, or can no longer be kept: due when it ended, at the latest now."""
    late = max(0, min(now, notice.next_at) - notice.due_at)
    return replace(
        notice,
        suppression=None,
        detail="",
        due_at=notice.due_at + late,
        next_at=min(now, notice.next_at),
        expires_at=notice.expires_at + late,
    )


def _woke(told: Notice, about: Notice) -> bool:
    """Whether the same recipient heard of it, or will, while it was critical."""
    same = (told.channel, told.recipient) == (about.channel, about.recipient)
    heard = told.state is NoticeState.SENT or (told.state is NoticeState.PENDING and told.due_at <= about.due_at)
    return same and heard and told.severity is Severity.CRITICAL


def _instants(day: date, clock: time, zone: ZoneInfo) -> tuple[int, int]:
    """When a clock on the wall shows this: twice the same, but where the clock is changed."""
    wall = datetime.combine(day, clock, zone)
    return from_datetime(wall), from_datetime(wall.replace(fold=1))
