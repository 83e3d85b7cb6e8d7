"""For every person and channel: what was sent, when, why, or why not. From what is written down alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from saasobs.core.explanation import Explanation, Fate, Telling
from saasobs.core.incident import ENDINGS, Attempt, Change, Event, Incident, Notice, NoticeState, Suppression
from saasobs.core.values import MINUTE, SECOND, format_duration, isoformat

_NOTED: Final = frozenset({Change.REROUTED, Change.HELD, Change.RELEASED, Change.SNOOZED, Change.UNACKNOWLEDGED})
_FATES: Final = {NoticeState.SENT: Fate.TOLD, NoticeState.PENDING: Fate.WAITS}
_WHY_NOT: Final = {
    Suppression.ENDED: "it was over before this was due",
    Suppression.CHANNEL_REMOVED: "the channel is no longer configured",
    Suppression.REROUTED: "it got worse, and another policy took over",
    Suppression.ACKNOWLEDGED: "somebody had acknowledged it",
    Suppression.CAP: "the channel's cap was reached",
    Suppression.DEPENDENCY: "something that it depends on was down",
    Suppression.MAINTENANCE: "it was over before the maintenance window was",
    Suppression.FLAPPING: "the monitor was flapping, which was told once",
    Suppression.QUIET_HOURS: "quiet hours",
    Suppression.SILENCED: "a silence covers it",
    Suppression.HANDED_OVER: "somebody else was on call by then",
}
"""A sentence for each; a test holds the table against the enum."""


def explain(
    incident: Incident, events: Iterable[Event], notices: Iterable[Notice], attempts: Sequence[Attempt], now: int
) -> Explanation:
    """The whole story of who was told."""
    timeline = list(events)
    ordered = sorted(notices, key=lambda one: (one.due_at, one.occurrence, one.step, one.channel, one.recipient))
    rounds = {occurrence: number for number, occurrence in enumerate(sorted({one.occurrence for one in ordered}), 1)}
    tellings = (_telling(one, rounds[one.occurrence], timeline, attempts, now) for one in ordered)
    notes = tuple((event.at, f"{event.change}: {event.text}") for event in timeline if event.change in _NOTED)
    return Explanation(incident, tuple(tellings), notes)


def _telling(notice: Notice, turn: int, timeline: Sequence[Event], attempts: Sequence[Attempt], now: int) -> Telling:
    return Telling(
        notice_id=notice.id,
        person=notice.person,
        schedule=notice.schedule,
        channel=notice.channel,
        recipient=notice.recipient,
        change=notice.change,
        step=notice.step + 1,
        round=turn,
        due_at=notice.due_at,
        fate=_FATES.get(notice.state, Fate.NOT_TOLD),
        at=notice.sent_at if notice.state is NoticeState.SENT else 0,
        why=_why(notice, timeline, attempts, now),
        suppression=notice.suppression,
        tries=notice.attempts,
        delivered_at=notice.delivered_at,
        group_id=notice.group_id,
    )


def _why(notice: Notice, timeline: Sequence[Event], attempts: Sequence[Attempt], now: int) -> str:
    if notice.state is NoticeState.SENT:
        return _told(notice, attempts)
    if notice.state is NoticeState.PENDING:
        return _waits(notice, now)
    if notice.state is NoticeState.SUPPRESSED and notice.suppression is not None:
        return _suppressed(notice, notice.suppression, timeline)
    word = "gave up" if notice.state is NoticeState.EXPIRED else "failed for good"
    return f"{word} after {_tries(notice.attempts)}: {notice.detail or 'no reason is known'}"


def _told(notice: Notice, attempts: Sequence[Attempt]) -> str:
    parts = ["told those who knew" if notice.change in ENDINGS else _reason(notice)]
    late = notice.sent_at - notice.due_at
    if late > MINUTE:
        parts.append(f"{format_duration(late // SECOND * SECOND)} late")
    if notice.attempts > 1:
        parts.append(f"after {_tries(notice.attempts)}")
    if notice.group_id:
        parts.append(f"with others, in group {notice.group_id}")
    covered = next((one for one in attempts if notice.id in one.notice_ids and one.outcome == "sent"), None)
    if covered is not None and len(covered.notice_ids) > 1 and not notice.group_id:
        parts.append("in one message with what else was due")
    if notice.delivered_at:
        parts.append(f"arrived {isoformat(notice.delivered_at)}")
    return ", ".join(parts)


def _reason(notice: Notice) -> str:
    """Why it was owed to this recipient."""
    if notice.schedule:
        return f"step {notice.step + 1}: on call for {notice.schedule}"
    return f"step {notice.step + 1}"


def _waits(notice: Notice, now: int) -> str:
    if notice.suppression is not None:
        return f"held: {notice.detail or _WHY_NOT[notice.suppression]}"
    if notice.attempts:
        tried = f"{_tries(notice.attempts)} so far: {notice.detail or 'no answer is known'}"
        return f"{tried}; the next one is due {isoformat(notice.next_at)}"
    if notice.due_at > now:
        unless = ", unless somebody acknowledges it" if notice.unless_acknowledged else ""
        return f"{_reason(notice)} is due {isoformat(notice.due_at)}{unless}"
    if notice.group_id:
        return f"is told with others, in group {notice.group_id}, at {isoformat(notice.next_at)}"
    return "is being sent" if notice.lease_owner else f"is due since {isoformat(notice.due_at)}"


def _suppressed(notice: Notice, why: Suppression, timeline: Sequence[Event]) -> str:
    if why is Suppression.ACKNOWLEDGED:
        taken = [event for event in timeline if event.change in (Change.ACKNOWLEDGED, Change.SNOOZED, Change.ASSIGNED)]
        if taken:
            return f"{taken[0].actor or 'somebody'} had acknowledged it at {isoformat(taken[0].at)}"
    detail = f": {notice.detail}" if notice.detail else ""
    return f"{_WHY_NOT[why]}{detail}"


def _tries(count: int) -> str:
    return "1 try" if count == 1 else f"{count} tries"
