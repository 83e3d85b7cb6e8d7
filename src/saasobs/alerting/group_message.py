"""The words of a message about many incidents; `message` has those about one. Pure.

It tells the state of its moment, like every message: how many fail and which, how many of them are up again. What is
critical is named first, then what is new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from saasobs.alerting import gsm7, message
from saasobs.alerting.hygiene import one_line
from saasobs.alerting.incidents import lasted
from saasobs.alerting.message import Detail
from saasobs.core.groups import GroupBriefing, GroupKind, Member
from saasobs.core.incident import Change, Status, Topic
from saasobs.core.monitor import Severity
from saasobs.core.result import REASONS
from saasobs.core.values import MINUTE, SECOND, format_duration

_NAMED: Final = 6
"""Names in a headline."""
_NAME: Final = 60
_SENTENCE: Final = 160
_REASONS: Final = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One incident in the list: how it is now, its ID for ``saasobs ack``, and what is the matter."""

    symbol: str
    incident_id: str
    text: str


def symbol(group: GroupBriefing) -> str:
    """🔴 something is down, 🟡 merely degraded, 🟢 all up again, ⚪ none is watched any more."""
    if any(one.incident.status is Status.DOWN for one in group.open):
        return "🔴"
    if group.open:
        return "🟡"
    return "⚪" if all(one.incident.ending is Change.WITHDRAWN for one in group.members) else "🟢"


def headline(group: GroupBriefing) -> str:
    """One plain line: ``🔴 12 monitors are down: api, checkout, search, mail, billing, login and 6 more``."""
    return f"{symbol(group)} {subject(group)}"


def subject(group: GroupBriefing) -> str:
    """The headline without its symbol."""
    total, still = len(group.members), group.open
    if not group.ended:
        return f"{_count(total)} {_are(total)} {_state(still)}: {names(still)}"
    if still:
        part = f"{len(group.ended)} of {_count(total)} {_are(len(group.ended))} {_over(group.ended)}"
        return f"{part}, still {_state(still)}: {names(still)}"
    over = f"{_are(total)} {_over(group.ended)}: {names(group.members)}"
    if all(one.ended_unheard for one in group.members):
        return f"{_count(total)} {_were(total)} {_state(group.members)} and {over}"
    every = "all " if group.kind is GroupKind.FAILURES and total > 1 else ""
    return f"{every}{_count(total)} {over}"


def news(group: GroupBriefing) -> tuple[str, ...]:
    """What is new since the message before: ``3 more are down: …``, ``9 are up again: …``."""
    fresh = [one for one in group.news if one.incident.open]
    ended = [one for one in group.news if not one.incident.open]
    more = " more" if not group.first else ""
    lines = []
    if fresh:
        count = f"{len(fresh)}{more} {_are(len(fresh))}"
        lines.append(f"{message.SYMBOLS[_worst(fresh)]} {count} {_state(fresh)}: {names(fresh)}")
    if ended:
        lines.append(f"🟢 {len(ended)} {_are(len(ended))} {_over(ended)}: {names(ended)}")
    return tuple(lines)


def names(members: Sequence[Member], limit: int = _NAMED) -> str:
    """``api, checkout and 10 more``."""
    shown = [one_line(one.incident.monitor, _NAME) for one in members[:limit]]
    left = len(members) - len(shown)
    return ", ".join(shown) + (f" and {left} more" if left else "")


def details(group: GroupBriefing) -> tuple[Detail, ...]:
    """What a person needs next; empty facts are left out."""
    return tuple(detail for detail in _details(group) if detail.text)


def rows(group: GroupBriefing, limit: int) -> tuple[Row, ...]:
    """A line for each incident: those that go on first, then those that have ended."""
    return tuple(_row(one, group.now) for one in (*group.open, *group.ended)[:limit])


def left_out(group: GroupBriefing, limit: int) -> str:
    """What stands below `rows` when there are more, or nothing."""
    left = len(group.members) - limit
    return f"… and {left} more: saasobs incidents" if left > 0 else ""


def late(group: GroupBriefing) -> str:
    """``told 7m late: it was due at 14:03 UTC``, or nothing when it is not late."""
    return message.told_late(group.due_at, group.now)


def sms(group: GroupBriefing) -> str:
    """One GSM-7 segment: ``DOWN 12 monitors: api, checkout, search +9 14:01 UTC #k3v9m2xa``.

    As many names as fit; the state, the numbers, the time and the group's ID never give way.
    """
    named = group.open or group.members
    word, tail = _word(group), f"{_tail(group)} #{group.group_id}"
    room = gsm7.SEGMENT - gsm7.septets(f"{word}: {tail}") - 1
    return f"{word}: {_fitting(named, room)} {tail}"


# The parts of a headline ------------------------------------------------------------------------------------------


def _count(number: int) -> str:
    return "1 monitor" if number == 1 else f"{number} monitors"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _worst(members: Sequence[Member]) -> Status:
    return Status.DOWN if any(one.incident.status is Status.DOWN for one in members) else Status.DEGRADED


def _state(members: Sequence[Member]) -> str:
    counts = Counter(one.incident.status for one in members)
    if all(one.incident.topic in message.ASIDE for one in members):
        return "in need of attention"  # nothing of it is down: a certificate, a budget
    if len(counts) == 1:
        return str(next(iter(counts)))
    return f"failing ({counts[Status.DOWN]} down, {counts[Status.DEGRADED]} degraded)"


def _over(members: Sequence[Member]) -> str:
    endings = {one.incident.ending for one in members}
    if endings == {Change.WITHDRAWN}:
        return "no longer watched"
    if all(one.incident.topic in message.ASIDE for one in members):
        return "in order again"
    return "up again or no longer watched" if Change.WITHDRAWN in endings else "up again"


def _details(group: GroupBriefing) -> Iterator[Detail]:
    began = min(one.incident.started_at for one in group.open or group.members)
    yield Detail("Late", late(group))
    if group.open:
        yield Detail("Since", f"{message.clock(began, group.now)}, for {_long(group.now - began)}")
    else:
        over = max(one.incident.ended_at for one in group.members)
        times = f"{message.clock(began, group.now)} to {message.clock(over, group.now)}, {_long(over - began)}"
        yield Detail("Lasted", times)
    yield Detail("Reasons", _reasons(group.open or group.members))
    yield Detail("Severity", _severities(group.open))
    yield Detail("Group", group.group_id)
    yield Detail("Page", one_line(f"{group.page_url.rstrip('/')}/incidents" if group.page_url else ""), url=True)
    if unclaimed := [one for one in group.open if not one.incident.acknowledged_at]:
        identity = unclaimed[0].incident.id if len(unclaimed) == 1 else "ID"
        yield Detail("Acknowledge", f"saasobs ack {identity}")


def _reasons(members: Sequence[Member]) -> str:
    """The commonest kinds of failure: many incidents with one cause mostly have one reason, too."""
    counts = Counter(REASONS[one.incident.reason] for one in members).most_common(_REASONS)
    return ", ".join(f"{words} ({count})" for words, count in counts)


def _severities(members: Sequence[Member]) -> str:
    critical = sum(one.incident.severity is Severity.CRITICAL for one in members)
    if not critical:
        return str(Severity.WARNING) if members else ""
    return f"{critical} critical, {len(members) - critical} warning" if critical < len(members) else ""


def _row(member: Member, now: int) -> Row:
    incident = member.incident
    name, end = one_line(incident.monitor, _NAME), incident.ending
    if incident.open or end is None:
        taken = f" (taken by {one_line(incident.acknowledged_by, _NAME)})" if incident.acknowledged_at else ""
        sentence = one_line(incident.message or REASONS[incident.reason], _SENTENCE)
        words = f"{name} is {message.condition(incident)}: {sentence}{taken}"
        return Row(message.SYMBOLS[incident.status], incident.id, words)
    words = f"up again after {lasted(incident, now)}" if end is Change.RECOVERED else "no longer watched"
    if incident.topic is Topic.FLAPPING:
        words = message.end_words(incident, end)
    return Row(message.SYMBOLS[end], incident.id, f"{name}: {words}")


# The parts of a text message --------------------------------------------------------------------------------------


def _word(group: GroupBriefing) -> str:
    """The state in capitals and the numbers, first of all: it is what the lock screen shows."""
    total = len(group.members)
    if not group.open:
        after = "CLOSED" if symbol(group) == "⚪" else "UP"
        if all(one.ended_unheard for one in group.members):
            return f"WAS {_capitals(group.members)}, {after} {_count(total)}"
        return f"{after} {'all ' if group.kind is GroupKind.FAILURES and total > 1 else ''}{_count(total)}"
    if group.ended:
        return f"UP {len(group.ended)} of {total}, still {_capitals(group.open)}"
    now = "" if group.first else "NOW "
    return f"{now}{_capitals(group.open)} {_count(total)}"


def _capitals(members: Sequence[Member]) -> str:
    statuses = {one.incident.status for one in members}
    return statuses.pop().upper() if len(statuses) == 1 else "FAILING"


def _tail(group: GroupBriefing) -> str:
    lateness = f" (told {_long(group.late_by)} late)" if group.late_by > MINUTE else ""
    if group.open:
        return f"{message.clock(min(one.incident.started_at for one in group.open), group.now)}{lateness}"
    return f"{message.clock(max(one.incident.ended_at for one in group.members), group.now)}{lateness}"


def _fitting(members: Sequence[Member], room: int) -> str:
    """As many names as there is room for, and how many are left: ``api, checkout +10``."""
    every = [gsm7.fold(one_line(one.incident.monitor, _NAME)) for one in members]
    for shown in range(min(len(every), room // 2), 1, -1):
        left = f" +{len(every) - shown}" if shown < len(every) else ""
        if gsm7.septets(text := ", ".join(every[:shown]) + left) <= room:
            return text
    left = f" +{len(every) - 1}" if len(every) > 1 else ""
    return gsm7.cut(every[0], room - len(left)) + left


def _long(micros: int) -> str:
    return format_duration(micros // SECOND * SECOND) if micros >= SECOND else "less than 1s"
